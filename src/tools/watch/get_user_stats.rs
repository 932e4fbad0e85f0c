use super::{
    audience::Audience,
    period::Period,
    reading::{PlayedType, TIME_LIMIT, number, read_plays},
    tally::{Person, Tally},
    watch_row::hours,
};
use crate::{
    guard::{Affected, Read},
    plex::history::PlayFilter,
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The people of the server with their ids, and what each of them watched in the last days: plays, different items, hours,
/// when last, from which libraries. Other tools take the id as userId.
#[derive(JsonSchema)]
pub(super) struct GetUserStats;

/// Which days to look at.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The last so many days, each of 24 hours.
    #[serde(default = "default_range")]
    #[schemars(range(min = 1, max = 3_650))]
    time_range: u32,
    /// Only this account.
    user_id: Option<PlexId>,
}

fn default_range() -> u32 {
    30
}

/// What each person watched.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The last so many days.
    time_range: u32,
    /// People in all.
    total_users: u64,
    /// Whether some people, those with the fewest plays, are left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// What is missing in the answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The people, most plays first.
    users: Vec<User>,
}

/// A person and what they watched.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct User {
    /// The account, which other tools take as userId. The owner is 1.
    id: String,
    /// The name; absent where the token may not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Plays.
    plays: u64,
    /// Different items that were played and are still there.
    unique_items: u64,
    /// The hours that the plays took, at the full length of what was played.
    hours: f64,
    /// When the last play of these days ended, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<i64>,
    /// Plays by type: movie, episode, track, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plays_by_type: Vec<TypePlays>,
    /// The libraries that were played from most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_libraries: Vec<LibraryPlays>,
}

/// A person's plays of one type.
#[derive(Serialize, JsonSchema)]
struct TypePlays {
    /// The type.
    #[serde(rename = "type")]
    kind: String,
    /// Plays.
    plays: u64,
}

/// A person's plays from one library.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LibraryPlays {
    /// The library's key.
    library_key: String,
    /// The library's name.
    library: String,
    /// Plays.
    plays: u64,
    /// Hours.
    hours: f64,
}

/// A server is shared with some hundred people at the most.
const MOST_USERS: usize = 120;
const MOST_LIBRARIES: usize = 3;

impl Tool for GetUserStats {
    const NAME: &'static str = "get_user_stats";
    const TITLE: &'static str = "Show what people watch";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let period = Period::last(args.time_range, None)?;
        let plex = call.plex().await?;
        let audience = Audience::load(plex, args.user_id.as_ref(), None).await?;
        let asked = number(args.user_id.as_ref());
        let filter = PlayFilter { account: asked, since: Some(period.since), ..PlayFilter::default() };
        let mut tally = Tally::new(period);
        read_plays(call, filter, PlayedType::All, false, |play, facts| tally.add(play, facts)).await?;
        // Who played nothing is a person all the same.
        for &id in audience.people().keys().filter(|id| asked.is_none_or(|asked| asked == **id)) {
            tally.people.entry(Some(id)).or_default();
        }
        let people = tally.people.iter().filter_map(|(id, person)| Some(((*id)?, person)));
        let mut users: Vec<_> = people.map(|(id, person)| user(id, person, &audience)).collect();
        users.sort_by_key(|user| std::cmp::Reverse(user.plays));
        let total_users = users.len() as u64;
        users.truncate(MOST_USERS);
        call.affects(Affected { items: Some(users.len() as u64), ..Affected::default() });
        Ok(Out {
            time_range: args.time_range,
            total_users,
            truncated: total_users > users.len() as u64,
            note: audience.note_text(),
            users,
        })
    }
}

fn user(id: u64, person: &Person, audience: &Audience) -> User {
    let mut libraries: Vec<_> = person.sections.iter().collect();
    libraries.sort_by_key(|(_, count)| std::cmp::Reverse((count.plays, count.seconds)));
    let top_libraries = libraries.into_iter().take(MOST_LIBRARIES).map(|(&key, count)| LibraryPlays {
        library_key: key.to_string(),
        library: audience.library_or_key(key),
        plays: count.plays,
        hours: hours(count.seconds),
    });
    User {
        id: id.to_string(),
        name: audience.person(id).map(str::to_owned),
        plays: person.count.plays,
        unique_items: person.items.len(),
        hours: hours(person.count.seconds),
        last_seen: person.last,
        plays_by_type: person
            .kinds
            .iter()
            .map(|(kind, count)| TypePlays { kind: kind.to_string(), plays: count.plays })
            .collect(),
        top_libraries: top_libraries.collect(),
    }
}
