use crate::{
    guard::{Affected, Read},
    plex::{
        items::{Media, Window},
        sessions::{Connection, Player, Session, Transcode, User},
    },
    tools::{
        Tool,
        call::Call,
        error::ToolError,
        listing::{Fields, IDENTITY, ListedItem, Paging, Pick, Row},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List what is being played now: what, by whom, on which player, how far, over which connection, and what the server
/// transcodes for it. Only the server's owner may see this.
#[derive(JsonSchema)]
pub(super) struct GetActiveSessions;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The most sessions to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first session to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// The keys of each row, such as title, user, transcode; without it all.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    50
}

/// What is being played.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// How many sessions there are.
    session_count: u64,
    /// How many of them the server transcodes video or audio for.
    transcode_count: u64,
    /// What all of them take together, in kilobits a second, as far as the server says.
    total_bandwidth: i64,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The sessions.
    active_sessions: Vec<Row<SessionRow>>,
}

/// A play that is under way.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SessionRow {
    /// The session's number while the server runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_key: Option<String>,
    #[serde(flatten)]
    item: ListedItem,
    /// Who plays it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserRow>,
    /// What plays it.
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<PlayerRow>,
    /// How it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<ConnectionRow>,
    /// directplay: the file as it is; copy: its streams in another container; transcode: video or audio are made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    /// What the server does to the file; absent where it is played as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcode: Option<TranscodeRow>,
    /// The version that is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<MediaRow>,
}

/// An account.
#[derive(Serialize, JsonSchema)]
struct UserRow {
    /// The account's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

/// A player. Its network address is left out.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PlayerRow {
    /// The player's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// playing, paused or buffering.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The system that it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// The player's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_identifier: Option<String>,
    /// Whether it is in the server's network.
    local: bool,
    /// Whether it goes through Plex's relay, which is slow.
    relayed: bool,
    /// Whether the connection is encrypted.
    secure: bool,
}

/// A connection.
#[derive(Serialize, JsonSchema)]
struct ConnectionRow {
    /// The session's id, which stopping it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Kilobits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<i64>,
    /// lan or wan.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// Work of the server's for a session.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TranscodeRow {
    /// transcode or copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_decision: Option<String>,
    /// transcode or copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_decision: Option<String>,
    /// burn, transcode or copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle_decision: Option<String>,
    /// How it is sent: hls, dash, http.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// The container that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// The video codec that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_codec: Option<String>,
    /// The audio codec that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_codec: Option<String>,
    /// Whether the work rests because it is far enough ahead.
    throttled: bool,
    /// Whether the whole file is done.
    complete: bool,
    /// How much of the file is done, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    /// How many times faster than the play the work is; below 1 the play stops now and then.
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
}

/// A version of an item.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MediaRow {
    /// 4k, 1080, 720, sd, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    video_resolution: Option<String>,
    /// Video codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_codec: Option<String>,
    /// Audio codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_codec: Option<String>,
    /// Audio channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_channels: Option<i64>,
    /// File format.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// Kilobits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate: Option<i64>,
}

/// The keys of a row, beside those that say which item it is.
const USUAL: [&str; 14] = [
    "sessionKey",
    "summary",
    "duration",
    "viewOffset",
    "progressPercent",
    "grandparentRatingKey",
    "libraryKey",
    "library",
    "user",
    "player",
    "session",
    "decision",
    "transcode",
    "media",
];

impl Tool for GetActiveSessions {
    const NAME: &'static str = "get_active_sessions";
    const TITLE: &'static str = "List what is being played";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &[&IDENTITY[..], &USUAL].concat())?;
        let sessions = call.plex().await?.sessions().await?;
        let session_count = sessions.len() as u64;
        let transcode_count = sessions.iter().filter(|session| is_transcoded(session)).count() as u64;
        let bandwidths = sessions.iter().flat_map(|session| &session.connections).filter_map(|one| one.bandwidth);
        let total_bandwidth = bandwidths.fold(0, i64::saturating_add);
        let window = Window::of_whole(sessions, args.offset, args.limit);
        let (active_sessions, paging) = Paging::fit(window, args.offset, args.limit, |session| pick.row(row(session)));
        call.affects(Affected { items: Some(active_sessions.len() as u64), ..Affected::default() });
        let warning = paging.warning();
        Ok(Out { session_count, transcode_count, total_bandwidth, paging, warning, active_sessions })
    }
}

fn is_transcoded(session: &Session) -> bool {
    let transcodes = |decision: &Option<String>| decision.as_deref() == Some("transcode");
    session.transcodes.iter().any(|work| transcodes(&work.video_decision) || transcodes(&work.audio_decision))
}

fn row(mut session: Session) -> SessionRow {
    let decision = decision(&session);
    // Of several versions, the one that is played is marked.
    let at = session.item.media.iter().position(|media| media.selected).unwrap_or(0);
    let media = (at < session.item.media.len()).then(|| media_row(session.item.media.swap_remove(at)));
    SessionRow {
        session_key: session.session_key,
        item: ListedItem::of(session.item, None),
        user: session.users.into_iter().next().map(|User { id, title }| UserRow { id, title }),
        player: session.players.into_iter().next().map(player_row),
        session: session.connections.into_iter().next().map(connection_row),
        decision,
        transcode: session.transcodes.into_iter().next().map(transcode_row),
        media,
    }
}

/// What the server says of the part that is played, or what its work on it comes to.
fn decision(session: &Session) -> Option<String> {
    if is_transcoded(session) {
        return Some("transcode".to_owned());
    }
    if !session.transcodes.is_empty() {
        return Some("copy".to_owned());
    }
    let media = session.item.media.iter().find(|media| media.selected).or_else(|| session.item.media.first())?;
    media.parts.iter().find_map(|part| part.decision.clone())
}

fn player_row(player: Player) -> PlayerRow {
    PlayerRow {
        title: player.title,
        state: player.state,
        platform: player.platform,
        product: player.product,
        device: player.device,
        machine_identifier: player.machine_identifier,
        local: player.local,
        relayed: player.relayed,
        secure: player.secure,
    }
}

fn connection_row(Connection { id, bandwidth, location }: Connection) -> ConnectionRow {
    ConnectionRow { id, bandwidth, location }
}

fn transcode_row(work: Transcode) -> TranscodeRow {
    TranscodeRow {
        video_decision: work.video_decision,
        audio_decision: work.audio_decision,
        subtitle_decision: work.subtitle_decision,
        protocol: work.protocol,
        container: work.container,
        video_codec: work.video_codec,
        audio_codec: work.audio_codec,
        throttled: work.throttled,
        complete: work.complete,
        progress: work.progress,
        speed: work.speed,
    }
}

fn media_row(media: Media) -> MediaRow {
    MediaRow {
        video_resolution: media.video_resolution,
        video_codec: media.video_codec,
        audio_codec: media.audio_codec,
        audio_channels: media.audio_channels,
        container: media.container,
        bitrate: media.bitrate,
    }
}
