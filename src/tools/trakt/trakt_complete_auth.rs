use super::user::UserRow;
use crate::{
    guard::{Plan, Service, Write},
    tools::{Tool, call::Call, error::ToolError},
    trakt::{auth::Progress, http::Trakt},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Finish signing in to Trakt, after `trakt_authenticate`: waits until the person has entered the code. Where the answer says
/// that it still waits, call again. The sign-in is kept on this machine and never shown.
#[derive(JsonSchema)]
pub(super) struct TraktCompleteAuth;

/// How to finish.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The code that Trakt showed at the end of the flow with a page of its own. Not needed after `trakt_authenticate`.
    #[schemars(length(min = 1, max = 500))]
    code: Option<String>,
    /// The most seconds to wait in this call.
    #[serde(default = "default_wait")]
    #[schemars(range(min = 0, max = 50))]
    wait_seconds: u64,
}

fn default_wait() -> u64 {
    45
}

/// Where the sign-in stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether somebody is signed in now.
    success: bool,
    /// done, or waiting: call again then.
    status: &'static str,
    /// Who is signed in; absent where Trakt did not say just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserRow>,
    /// The code to enter, while it is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code: Option<String>,
    /// The address to enter it at.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_url: Option<String>,
    /// Seconds until the code runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
    /// What that means.
    summary: String,
    /// What to do now.
    next_steps: Vec<&'static str>,
}

impl Tool for TraktCompleteAuth {
    const NAME: &'static str = "trakt_complete_auth";
    const TITLE: &'static str = "Finish signing in to Trakt";
    const SERVICE: Service = Service::Trakt;
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let trakt = call.trakt().await?;
        let plan = Plan { summary: "Keep a sign-in to Trakt on this machine".into(), ..Plan::default() };
        call.clear(plan).await?;
        let pending = trakt.account().kept()?.pending;
        // The code that the person enters is often given here, too; Trakt has it from the page.
        let is_entered = |code: &&String| {
            pending.as_ref().is_some_and(|pending| pending.user_code.eq_ignore_ascii_case(code.trim()))
        };
        if let Some(code) = args.code.as_ref().filter(|code| !is_entered(code)) {
            trakt.account().exchange(&trakt, code.trim()).await?;
            return Ok(done(&trakt).await);
        }
        match trakt.account().complete(&trakt, Duration::from_secs(args.wait_seconds)).await? {
            Progress::Done => Ok(done(&trakt).await),
            Progress::Waiting(pending) => Ok(Out {
                success: false,
                status: "waiting",
                user: None,
                expires_in: Some((pending.expires_at - Timestamp::now().as_second()).max(0)),
                user_code: Some(pending.user_code),
                auth_url: Some(pending.verification_url),
                summary: "The code was not entered yet.".into(),
                next_steps: vec!["Enter the code at the address", "Call trakt_complete_auth again"],
            }),
        }
    }
}

async fn done(trakt: &Trakt) -> Out {
    // Somebody is signed in, whether Trakt says who or not.
    let user = trakt.user().await.inspect_err(|error| tracing::warn!(%error, "Trakt does not say who signed in")).ok();
    Out {
        success: true,
        status: "done",
        summary: match user.as_ref().and_then(|user| user.username.as_deref()) {
            Some(name) => {
                format!("{name} is signed in to Trakt. The sign-in is kept on this machine and renewed by itself.")
            }
            None => "Signed in to Trakt. The sign-in is kept on this machine and renewed by itself.".into(),
        },
        user: user.map(UserRow::from),
        user_code: None,
        auth_url: None,
        expires_in: None,
        next_steps: vec![
            "trakt_sync_to_trakt shows which plays Trakt lacks",
            "trakt_get_user_stats shows what Trakt has",
        ],
    }
}
