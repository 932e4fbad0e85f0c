use super::{
    audience::Audience,
    period::Period,
    reading::{PlayedType, TIME_LIMIT, number, read_plays},
    tally::{Count, Tally},
    watch_row::hours,
};
use crate::{
    guard::{Affected, Read},
    plex::history::PlayFilter,
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Count the plays of the last days, of everyone or of one person: how many and how many hours, by day and type, by person,
/// library, platform, hour of the day or weekday. A play counts with the full length of its item.
#[derive(JsonSchema)]
pub(super) struct GetWatchStats;

/// What to count.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The last so many days, each of 24 hours.
    #[serde(default = "default_range")]
    #[schemars(range(min = 1, max = 3_650))]
    time_range: u32,
    /// What to count by: plays (by day and type), duration (hours by day and type), users, libraries, platforms (with
    /// devices), hours (of the day), weekdays, or all of these.
    #[serde(default)]
    stat_type: StatType,
    /// Only plays of this account, from `get_user_stats`.
    user_id: Option<PlexId>,
    /// Only plays of this library, from `get_libraries`.
    library_key: Option<PlexId>,
    /// Only plays of this type; show means episodes.
    #[serde(default)]
    media_type: PlayedType,
    /// The time zone in which days and hours are counted, such as Europe/Berlin; without it that of the machine.
    #[schemars(length(max = 64))]
    time_zone: Option<String>,
}

fn default_range() -> u32 {
    30
}

/// What plays are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StatType {
    #[default]
    Plays,
    Duration,
    Users,
    Libraries,
    Platforms,
    Hours,
    Weekdays,
    All,
}

/// The plays of a period, counted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The last so many days.
    time_range: u32,
    /// The beginning, in seconds since 1970.
    from: i64,
    /// The end, in seconds since 1970.
    to: i64,
    /// The time zone of days and hours.
    time_zone: String,
    /// What the plays are counted by.
    stat_type: StatType,
    /// The plays.
    total_sessions: u64,
    /// Items that were played and are still there.
    unique_items: u64,
    /// Plays of items that were deleted since; they are counted, without their length.
    #[serde(skip_serializing_if = "is_zero")]
    deleted_plays: u64,
    /// Plays whose length is not known, and which the hours lack.
    #[serde(skip_serializing_if = "is_zero")]
    plays_without_length: u64,
    /// What is missing in the answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The counts.
    stats: Stats,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The counts, as far as the statType asks for them.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Stats {
    /// All plays.
    total_plays: u64,
    /// All plays divided by the days of the period.
    average_plays_per_day: f64,
    /// The length of all plays in milliseconds.
    total_duration: u64,
    /// The length of all plays in hours.
    total_duration_hours: f64,
    /// All hours divided by the days of the period.
    average_hours_per_day: f64,
    /// The average length of a play in milliseconds, of those whose length is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_session_duration: Option<u64>,
    /// By day, every day of the period, of periods up to 92 days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_day: Vec<Group>,
    /// By month, of longer periods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_month: Vec<Group>,
    /// By type: movie, episode, track, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_type: Vec<Group>,
    /// People with plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_users: Option<u64>,
    /// By person, most plays first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_users: Vec<Group>,
    /// By library, most plays first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_libraries: Vec<Group>,
    /// By platform, most plays first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_platforms: Vec<Group>,
    /// By device, most plays first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_devices: Vec<Group>,
    /// By hour of the day at which the play ended, from 0 to 23.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_hour: Vec<Group>,
    /// By weekday, from Monday on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_weekday: Vec<Group>,
}

/// Plays that have something in common.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Group {
    /// What they have in common: a date, a month, a type, a name, an hour, a weekday.
    name: String,
    /// The number of the account, library or device.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// How many they are.
    plays: u64,
    /// How long they took, in hours.
    hours: f64,
}

impl Group {
    fn new(name: impl Into<String>, id: Option<u64>, count: Count) -> Self {
        Self { name: name.into(), id: id.map(|id| id.to_string()), plays: count.plays, hours: hours(count.seconds) }
    }
}

/// More rows than this of people, libraries, platforms or devices are of no use to a reader.
const MOST_GROUPS: usize = 100;
/// The longest period that is told by day.
const MOST_DAYS: u32 = 92;
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// What stands for a name that is not known.
const UNKNOWN: &str = "unknown";

impl Tool for GetWatchStats {
    const NAME: &'static str = "get_watch_stats";
    const TITLE: &'static str = "Count plays";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let period = Period::last(args.time_range, args.time_zone.as_deref())?;
        let plex = call.plex().await?;
        let audience = Audience::load(plex, args.user_id.as_ref(), args.library_key.as_ref()).await?;
        let filter = PlayFilter {
            account: number(args.user_id.as_ref()),
            section: number(args.library_key.as_ref()),
            since: Some(period.since),
            item: None,
        };
        let mut tally = Tally::new(period.clone());
        read_plays(call, filter, args.media_type, false, |play, facts| tally.add(play, facts)).await?;
        call.affects(Affected { items: Some(tally.all.plays), ..Affected::default() });
        Ok(Out {
            time_range: args.time_range,
            from: period.since,
            to: period.until,
            time_zone: period.zone_name(),
            stat_type: args.stat_type,
            total_sessions: tally.all.plays,
            unique_items: tally.items.len(),
            deleted_plays: tally.deleted,
            plays_without_length: tally.without_length,
            note: audience.note_text(),
            stats: stats(&tally, &period, args.stat_type, &audience),
        })
    }
}

fn stats(tally: &Tally, period: &Period, asked: StatType, audience: &Audience) -> Stats {
    let wants = |kinds: &[StatType]| asked == StatType::All || kinds.contains(&asked);
    let known = tally.all.plays - tally.without_length;
    let mut stats = Stats {
        total_plays: tally.all.plays,
        average_plays_per_day: per_day(tally.all.plays, period.days),
        total_duration: tally.all.seconds * 1_000,
        total_duration_hours: hours(tally.all.seconds),
        average_hours_per_day: hours(tally.all.seconds / u64::from(period.days.max(1))),
        average_session_duration: (tally.all.seconds * 1_000).checked_div(known),
        ..Stats::default()
    };
    if wants(&[StatType::Plays, StatType::Duration]) {
        if period.days <= MOST_DAYS {
            let count = |date| tally.days.get(&date).copied().unwrap_or_default();
            stats.by_day = period.dates().map(|date| Group::new(date.to_string(), None, count(date))).collect();
        } else {
            stats.by_month = months(tally);
        }
        stats.by_type = top(tally.kinds.iter().map(|(kind, count)| {
            let name = if kind.is_empty() { UNKNOWN } else { kind };
            (name.to_owned(), None, *count)
        }));
    }
    if wants(&[StatType::Users]) {
        let people = tally.people.iter().filter(|(id, _)| id.is_some());
        stats.unique_users = Some(people.count() as u64);
        stats.top_users = top(tally.people.iter().map(|(id, person)| {
            (id.map_or_else(|| UNKNOWN.to_owned(), |id| audience.person_or_id(id)), *id, person.count)
        }));
    }
    if wants(&[StatType::Libraries]) {
        stats.top_libraries = top(tally.sections.iter().map(|(key, count)| {
            let name = key.map_or_else(|| "deleted items".to_owned(), |key| audience.library_or_key(key));
            (name, *key, *count)
        }));
    }
    if wants(&[StatType::Platforms]) {
        let mut platforms: BTreeMap<String, Count> = BTreeMap::new();
        for (device, count) in &tally.devices {
            let platform = device.and_then(|device| audience.device(device).platform);
            let sum = platforms.entry(platform.unwrap_or_else(|| UNKNOWN.to_owned())).or_default();
            *sum = Count { plays: sum.plays + count.plays, seconds: sum.seconds + count.seconds };
        }
        stats.top_platforms = top(platforms.into_iter().map(|(name, count)| (name, None, count)));
        stats.top_devices = top(tally.devices.iter().map(|(device, count)| {
            let name = device.map(|device| audience.device(device).name.unwrap_or_else(|| format!("device {device}")));
            (name.unwrap_or_else(|| UNKNOWN.to_owned()), *device, *count)
        }));
    }
    if wants(&[StatType::Hours]) {
        stats.by_hour =
            tally.hours.iter().enumerate().map(|(hour, count)| Group::new(hour.to_string(), None, *count)).collect();
    }
    if wants(&[StatType::Weekdays]) {
        stats.by_weekday =
            tally.weekdays.iter().zip(WEEKDAYS).map(|(count, name)| Group::new(name, None, *count)).collect();
    }
    stats
}

/// Months with plays, from the first to the last.
fn months(tally: &Tally) -> Vec<Group> {
    let mut months: BTreeMap<String, Count> = BTreeMap::new();
    for (date, count) in &tally.days {
        let sum = months.entry(date.strftime("%Y-%m").to_string()).or_default();
        *sum = Count { plays: sum.plays + count.plays, seconds: sum.seconds + count.seconds };
    }
    months.into_iter().map(|(month, count)| Group::new(month, None, count)).collect()
}

/// Most plays first; those with as many in the order of hours, then of names.
fn top(groups: impl Iterator<Item = (String, Option<u64>, Count)>) -> Vec<Group> {
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by(|(a, _, one), (b, _, other)| {
        (other.plays, other.seconds).cmp(&(one.plays, one.seconds)).then_with(|| a.cmp(b))
    });
    groups.truncate(MOST_GROUPS);
    groups.into_iter().map(|(name, id, count)| Group::new(name, id, count)).collect()
}

/// To the hundredth.
fn per_day(plays: u64, days: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "rounded to hundredths anyway")]
    let average = plays as f64 / f64::from(days.max(1));
    (average * 100.0).round() / 100.0
}
