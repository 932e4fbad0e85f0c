use super::{Radarr, Sonarr, Twin};
use crate::{
    arr::{Arr, records::Health},
    guard::{Read, Service},
    tools::{Tool, call::Call, error::ToolError, public_keys::PublicKey, text::shorten},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Say whether Sonarr and Radarr are set up and answer, which versions they are, and what they complain of.
#[derive(JsonSchema)]
pub(super) struct ArrGetStatus;

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// How both are.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// Whether at least one is set up, and each that is set up answers.
    ok: bool,
    /// The two.
    services: Services,
}

/// The two services.
#[derive(Serialize, JsonSchema)]
struct Services {
    /// Sonarr, for series.
    sonarr: Status,
    /// Radarr, for films.
    radarr: Status,
}

/// How one service is.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// Whether it is set up here.
    configured: bool,
    /// Whether it answers.
    available: bool,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_name: Option<String>,
    /// The name that its owner gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_name: Option<String>,
    /// What it complains of; empty if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Vec<Complaint>>,
    /// What keeps it from being used: `not_configured`, unreachable, unauthorized, `wrong_address`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    /// The same in words, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A complaint of a service about itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    /// notice, warning or error.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Which of its checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Where more is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    wiki_url: Option<String>,
}

/// As many complaints as are passed on, and characters of each.
const COMPLAINTS: usize = 30;
const COMPLAINT_CHARS: usize = 400;

impl Tool for ArrGetStatus {
    const NAME: &'static str = "arr_get_status";
    const TITLE: &'static str = "Show how Sonarr and Radarr are";
    const SERVICE: Service = Service::Arr;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, Args {}: Args) -> Result<Out, ToolError> {
        let (sonarr, radarr) = tokio::join!(status::<Sonarr>(call), status::<Radarr>(call));
        let both = [&sonarr, &radarr];
        let ok = both.iter().any(|one| one.configured) && both.iter().all(|one| one.available || !one.configured);
        Ok(Out { ok, services: Services { sonarr, radarr } })
    }
}

async fn status<T: Twin>(call: &Call<'_, Read>) -> Status {
    let client = match T::client(call).await {
        Ok(client) => client,
        Err(error) => return Status { configured: !is_unset(&error), ..failed(&error) },
    };
    match ask(&client).await {
        Ok(status) => status,
        Err(error) => Status { configured: true, ..failed(&error) },
    }
}

async fn ask(client: &Arr) -> Result<Status, ToolError> {
    let status = client.status().await?;
    let health = client.health().await;
    if let Err(error) = &health {
        tracing::warn!(service = client.dialect.name, %error, "its health can't be asked for");
    }
    let complaint = |health: Health| Complaint {
        kind: health.kind,
        source: health.source,
        message: health.message.map(|text| shorten(text, COMPLAINT_CHARS)),
        wiki_url: health.wiki_url,
    };
    Ok(Status {
        configured: true,
        available: true,
        version: status.version,
        app_name: status.app_name,
        instance_name: status.instance_name,
        health: health.ok().map(|all| all.into_iter().take(COMPLAINTS).map(complaint).collect()),
        ..Status::default()
    })
}

/// Whether the service is not set up at all, rather than wrongly.
fn is_unset(error: &ToolError) -> bool {
    matches!(error, ToolError::Setting(error) if error.is_unset_address())
}

fn failed(error: &ToolError) -> Status {
    Status { error_code: Some(error.code()), error: Some(error.to_string()), ..Status::default() }
}
