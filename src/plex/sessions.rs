//! What is being played: items with who plays them, on what, and how.

use super::{
    error::PlexError,
    http::{Get, Plex},
    items::Item,
    lenient,
};
use serde::Deserialize;

/// A play that is under way.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Session {
    /// What is played, and where the play stands.
    #[serde(flatten)]
    pub item: Item,
    /// A number that is the session's while the server runs.
    #[serde(deserialize_with = "lenient::text")]
    pub session_key: Option<String>,
    /// Who plays it; at most one.
    #[serde(deserialize_with = "lenient::list", rename = "User")]
    pub users: Vec<User>,
    /// What plays it; at most one.
    #[serde(deserialize_with = "lenient::list", rename = "Player")]
    pub players: Vec<Player>,
    /// How it is connected; at most one.
    #[serde(deserialize_with = "lenient::list", rename = "Session")]
    pub connections: Vec<Connection>,
    /// What the server does to the file meanwhile; at most one.
    #[serde(deserialize_with = "lenient::list", rename = "TranscodeSession")]
    pub transcodes: Vec<Transcode>,
}

/// Who plays something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    /// The account's number.
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// The account's name.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
}

/// What plays something.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Player {
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub state: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub platform: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub product: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub device: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub machine_identifier: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    pub local: bool,
    #[serde(deserialize_with = "lenient::flag")]
    pub relayed: bool,
    #[serde(deserialize_with = "lenient::flag")]
    pub secure: bool,
}

/// How a session is connected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// What stopping the session takes.
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// Kilobits a second.
    #[serde(deserialize_with = "lenient::integer")]
    pub bandwidth: Option<i64>,
    /// `lan` or `wan`.
    #[serde(deserialize_with = "lenient::text")]
    pub location: Option<String>,
}

/// What the server does to a file while it is played.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Transcode {
    #[serde(deserialize_with = "lenient::text")]
    pub video_decision: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub audio_decision: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub subtitle_decision: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub protocol: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub container: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub video_codec: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub audio_codec: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    pub throttled: bool,
    #[serde(deserialize_with = "lenient::flag")]
    pub complete: bool,
    #[serde(deserialize_with = "lenient::number")]
    pub progress: Option<f64>,
    #[serde(deserialize_with = "lenient::number")]
    pub speed: Option<f64>,
}

impl Plex {
    /// What everybody plays now. Only the server's owner may know.
    pub async fn sessions(&self) -> Result<Vec<Session>, PlexError> {
        let what = "what is being played";
        match self.rows(&Get::new(what, ["status", "sessions"])).await {
            Ok(sessions) => Ok(sessions),
            Err(error) => Err(self.for_owner(what, error).await),
        }
    }
}
