use crate::{
    guard::{Read, Service},
    tools::{Tool, call::Call, error::ToolError, public_keys::PublicKey},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The lifetime statistics of the Trakt account that is signed in: plays, minutes and ratings of films, shows and episodes,
/// with hours, the mean rating and milestones computed from them.
#[derive(JsonSchema)]
pub(super) struct TraktGetUserStats;

/// Whose statistics.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Not needed: Trakt knows no account by number, so the statistics are always those of the account that is signed in.
    #[serde(rename = "userId")]
    #[schemars(range(min = 0))]
    _user_id: Option<i64>,
}

/// The statistics.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// What Trakt tells, and what follows from it.
    stats: Stats,
    /// Whose they are.
    summary: String,
}

/// What Trakt tells, and what follows from it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the public Plex MCP server's")]
struct Stats {
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// As Trakt returns it: movies, shows, seasons, episodes, network, ratings.
    trakt_stats: Map<String, Value>,
    /// What follows from it.
    enhanced_stats: Enhanced,
    /// When it was asked.
    generated_at: String,
}

/// What follows from the counts. What can't be computed is absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Enhanced {
    /// Hours of films and episodes, over all plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_hours: Option<f64>,
    /// The mean of the ratings that the account has given, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_rating: Option<f64>,
    /// How far the account is on the way to round numbers.
    milestones: Vec<Milestone>,
}

/// A round number.
#[derive(Debug, Serialize, JsonSchema)]
struct Milestone {
    /// movies, episodes or hours.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether it is reached.
    achieved: bool,
    /// How many there are.
    progress: u64,
    /// How many it takes.
    target: u64,
}

impl Tool for TraktGetUserStats {
    const NAME: &'static str = "trakt_get_user_stats";
    const TITLE: &'static str = "Trakt statistics";
    const SERVICE: Service = Service::Trakt;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, _: Args) -> Result<Out, ToolError> {
        let trakt = call.trakt().await?;
        let user_name = trakt.user().await?.username;
        let stats = trakt.stats().await?;
        let enhanced_stats = enhanced(&stats);
        let summary = match &user_name {
            Some(name) => format!("The lifetime statistics of {name}."),
            None => "The lifetime statistics of the account that is signed in.".into(),
        };
        let trakt_stats = match stats {
            Value::Object(stats) => stats,
            _ => Map::new(),
        };
        let generated_at = Timestamp::now().to_string();
        Ok(Out { stats: Stats { user_name, trakt_stats, enhanced_stats, generated_at }, summary })
    }
}

fn enhanced(stats: &Value) -> Enhanced {
    let count = |kind: &str, what: &str| stats.get(kind)?.get(what)?.as_u64();
    let minutes = match (count("movies", "minutes"), count("episodes", "minutes")) {
        (None, None) => None,
        (films, episodes) => Some(films.unwrap_or(0).saturating_add(episodes.unwrap_or(0))),
    };
    let milestone = |kind, progress: Option<u64>, target| {
        progress.map(|progress| Milestone { kind, achieved: progress >= target, progress, target })
    };
    let milestones = [
        milestone("movies", count("movies", "watched"), 100),
        milestone("episodes", count("episodes", "watched"), 1_000),
        milestone("hours", minutes.map(|minutes| minutes / 60), 100),
    ];
    Enhanced {
        #[expect(clippy::cast_precision_loss, reason = "minutes of a life")]
        total_hours: minutes.map(|minutes| (minutes as f64 / 6.0).round() / 10.0),
        average_rating: mean(stats),
        milestones: milestones.into_iter().flatten().collect(),
    }
}

/// The mean from how often each rating was given; none where none was.
fn mean(stats: &Value) -> Option<f64> {
    let given = stats.get("ratings")?.get("distribution")?.as_object()?;
    let given = given.iter().filter_map(|(rating, times)| Some((rating.parse::<f64>().ok()?, times.as_f64()?)));
    let (sum, times) = given.fold((0.0, 0.0), |(sum, all), (rating, times)| (sum + rating * times, all + times));
    (times > 0.0).then(|| (sum / times * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_mean_is_that_of_the_distribution() {
        assert_eq!(mean(&json!({"ratings": {"distribution": {"1": 1, "9": 2, "10": 1}}})), Some(7.25));
        assert_eq!(mean(&json!({"ratings": {"total": 0, "distribution": {"1": 0, "10": 0}}})), None, "never 0");
        assert_eq!(mean(&json!({})), None);
    }

    #[test]
    fn what_trakt_does_not_tell_is_absent_and_not_0() {
        let nothing = enhanced(&json!({"movies": {}}));
        assert!(nothing.total_hours.is_none() && nothing.average_rating.is_none() && nothing.milestones.is_empty());
        let some = enhanced(&json!({"movies": {"watched": 100, "minutes": 90}, "episodes": {"watched": 0}}));
        assert_eq!(some.total_hours, Some(1.5));
        let achieved: Vec<_> = some.milestones.iter().map(|milestone| (milestone.kind, milestone.achieved)).collect();
        assert_eq!(achieved, [("movies", true), ("episodes", false), ("hours", false)]);
    }
}
