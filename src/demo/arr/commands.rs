//! Commands: they wait, run and end by themselves, in about a second.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::demo::arr::ArrKind;
use crate::demo::arr::rows::time;
use crate::demo::arr::shelf::{Changes, Command, Shelf};

const STARTS: Duration = Duration::from_millis(250);
const ENDS: Duration = Duration::from_millis(900);

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Started,
    Completed,
    Failed,
}

impl Shelf<'_> {
    pub(super) fn state(self, command: &Command) -> State {
        match command.given.elapsed() {
            age if age < STARTS => State::Queued,
            age if age < ENDS => State::Started,
            _ if self.options.deviations.fail_commands => State::Failed,
            _ => State::Completed,
        }
    }

    pub(super) fn command(self, id: usize) -> Option<Value> {
        let command = self.changes.commands.get(id.checked_sub(1)?)?;
        let state = self.state(command);
        let mut row = json!({
            "id": id, "name": command.name, "commandName": words(&command.name), "body": command.body, "priority": "normal",
            "status": match state {
                State::Queued => "queued",
                State::Started => "started",
                State::Completed => "completed",
                State::Failed => "failed",
            },
            "result": match state {
                State::Completed => "successful",
                State::Failed => "unsuccessful",
                _ => "unknown",
            },
            "queued": time(self.world.clock), "trigger": "manual", "sendUpdatesToClient": true, "updateScheduledTask": true,
        });
        if let Some(map) = row.as_object_mut() {
            let message = match state {
                State::Queued => return Some(row),
                State::Started => format!("Searching for {} titles", command.targets.len()),
                State::Completed => format!("Completed search. {} reports downloaded.", command.targets.len().min(20)),
                State::Failed => "Search failed: no indexer answers".to_owned(),
            };
            map.insert("message".into(), message.into());
            map.insert("started".into(), time(self.world.clock).into());
            if state == State::Failed {
                map.insert("exception".into(), "System.Net.Http.HttpRequestException: no indexer answers".into());
            }
        }
        Some(row)
    }
}

/// Takes a command; what is wrong with it otherwise.
pub(super) fn give(shelf: Shelf<'_>, body: &Value) -> Result<Command, String> {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let ids = |ids: Vec<u64>| {
        let missing = ids.iter().find(|id| shelf.by_id(**id).is_none());
        missing.map_or(Ok(ids.clone()), |id| Err(format!("{} with ID {id} does not exist", shelf.world.kind.noun())))
    };
    let one = |name: &str| body.get(name).and_then(Value::as_u64);
    let many = |name: &str| -> Vec<u64> {
        body.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect()
    };
    let targets = match (shelf.world.kind, name) {
        (ArrKind::Sonarr, "SeriesSearch") => ids(one("seriesId").into_iter().collect())?,
        (ArrKind::Radarr, "MoviesSearch") => ids(many("movieIds"))?,
        (ArrKind::Sonarr, "MissingEpisodeSearch") | (ArrKind::Radarr, "MissingMoviesSearch") => {
            let wanting = shelf.held().filter(|held| held.is_monitored() && shelf.world.is_wanting(held.n));
            wanting.map(|held| held.id).collect()
        }
        _ => return Err(format!("Unknown command: {name}")),
    };
    Ok(Command { name: name.to_owned(), body: body.clone(), given: Instant::now(), targets })
}

/// Keeps a command and tells its id.
pub(super) fn keep(changes: &mut Changes, command: Command) -> usize {
    changes.commands.push(command);
    changes.commands.len()
}

/// `SeriesSearch` as people read it.
fn words(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

impl ArrKind {
    /// What the server calls a title.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Sonarr => "Series",
            Self::Radarr => "Movie",
        }
    }
}
