use crate::{
    guard::{Plan, Service, Write},
    tools::{Tool, call::Call, error::ToolError, public_keys::PublicKey},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Begin to sign in to Trakt. The answer holds a code and an address: show both to the person whose account it is, who
/// opens the address, enters the code there and agrees. Then call `trakt_complete_auth`.
#[derive(JsonSchema)]
pub(super) struct TraktAuthenticate;

/// What to begin with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Not needed; taken because clients of the flow without a code send it.
    #[serde(rename = "state")]
    #[schemars(length(max = 500))]
    _state: Option<String>,
}

/// What the person needs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The address to open.
    auth_url: String,
    /// The code to enter there.
    user_code: String,
    /// Seconds until the code runs out.
    expires_in: i64,
    /// What to do with them.
    instructions: String,
    /// What was done.
    summary: String,
}

impl Tool for TraktAuthenticate {
    const NAME: &'static str = "trakt_authenticate";
    const TITLE: &'static str = "Begin to sign in to Trakt";
    const SERVICE: Service = Service::Trakt;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, _: Args) -> Result<Out, ToolError> {
        let trakt = call.trakt().await?;
        let plan = Plan { summary: "Ask Trakt for a sign-in code".into(), ..Plan::default() };
        call.clear(plan).await?;
        let pending = trakt.account().begin(&trakt).await?;
        let expires_in = (pending.expires_at - Timestamp::now().as_second()).max(0);
        Ok(Out {
            instructions: format!(
                "Open {} and enter the code {} within {} minutes. Then call trakt_complete_auth.",
                pending.verification_url,
                pending.user_code,
                expires_in / 60
            ),
            auth_url: pending.verification_url,
            user_code: pending.user_code,
            expires_in,
            summary: "Trakt waits for the code to be entered. Nobody is signed in yet by this.".into(),
        })
    }
}
