use super::user::UserRow;
use crate::{
    guard::{Read, Service},
    tools::{Tool, call::Call, error::ToolError},
    trakt::error::TraktError,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Say whether somebody is signed in to Trakt, and who.
#[derive(JsonSchema)]
pub(super) struct TraktGetAuthStatus;

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// Where the sign-in stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether somebody is signed in, as Trakt says just now.
    authenticated: bool,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserRow>,
    /// Seconds until the access token runs out; it is renewed before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
    /// Whether a code of `trakt_authenticate` waits to be entered.
    sign_in_pending: bool,
    /// What Trakt is reached by.
    config: Config,
    /// What that means, and what to do.
    summary: String,
}

/// What Trakt is reached by.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Config {
    /// Address of the API.
    base_url: String,
}

impl Tool for TraktGetAuthStatus {
    const NAME: &'static str = "trakt_get_auth_status";
    const TITLE: &'static str = "Trakt sign-in status";
    const SERVICE: Service = Service::Trakt;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, Args {}: Args) -> Result<Out, ToolError> {
        let trakt = call.trakt().await?;
        let user = match trakt.user().await {
            Ok(user) => Ok(UserRow::from(user)),
            Err(error @ (TraktError::NotSignedIn | TraktError::SignInAgain)) => Err(error.to_string()),
            // Whether somebody is signed in can't be told then.
            Err(error) => return Err(error.into()),
        };
        let now = Timestamp::now().as_second();
        let kept = trakt.account().kept()?;
        let expires_in = kept.tokens.filter(|_| user.is_ok()).map(|tokens| (tokens.expires_at() - now).max(0));
        let sign_in_pending = kept.pending.is_some_and(|pending| pending.expires_at > now);
        let config = Config { base_url: trakt.address() };
        let (authenticated, user, summary) = match user {
            Ok(user) => (true, Some(user), "Signed in to Trakt.".to_owned()),
            Err(summary) => (false, None, summary),
        };
        Ok(Out { authenticated, user, expires_in, sign_in_pending, config, summary })
    }
}
