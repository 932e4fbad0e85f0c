use super::{Radarr, Sonarr, Twin, rows::label, twin};
use crate::{
    arr::{
        Arr, ArrError,
        records::{Command, Title},
    },
    guard::{Affected, Amounts, Cleared, Facts, Plan, Write},
    tools::{call::Call, error::ToolError, public_keys::PublicKey},
};
use futures_util::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

twin! {
    /// Let Sonarr search its indexers for the missing episodes of one series, which begins downloads. With scope `all_missing`
    /// it searches for every missing episode of every series, which indexers may take amiss. `sonarr_get_queue` shows what
    /// was found.
    SonarrTriggerSearch: "sonarr_trigger_search", "Search for episodes", Sonarr, Write, SeriesArgs => Out,
    (async |call: &Call<'_, Write>, args: SeriesArgs| search::<Sonarr>(call, ("seriesId", args.series_id), args.scope, args.wait_seconds).await), {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

twin! {
    /// Let Radarr search its indexers for one film, which begins a download. With scope `all_missing` it searches for every
    /// missing film, which indexers may take amiss. `radarr_get_queue` shows what was found.
    RadarrTriggerSearch: "radarr_trigger_search", "Search for a film", Radarr, Write, MovieArgs => Out,
    (async |call: &Call<'_, Write>, args: MovieArgs| search::<Radarr>(call, ("movieId", args.movie_id), args.scope, args.wait_seconds).await), {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

/// What to search for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeriesArgs {
    /// The series' id, from `sonarr_get_series`; needed unless scope is `all_missing`.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    series_id: Option<i64>,
    /// one series, or `all_missing` for everything.
    #[serde(default)]
    scope: Scope,
    /// Seconds to wait for the search to end before the answer says how far it is.
    #[serde(default = "default_wait")]
    #[schemars(range(min = 0, max = 45))]
    wait_seconds: u64,
}

/// What to search for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MovieArgs {
    /// The film's id, from `radarr_get_movies`; needed unless scope is `all_missing`.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    movie_id: Option<i64>,
    /// one film, or `all_missing` for everything.
    #[serde(default)]
    scope: Scope,
    /// Seconds to wait for the search to end before the answer says how far it is.
    #[serde(default = "default_wait")]
    #[schemars(range(min = 0, max = 45))]
    wait_seconds: u64,
}

fn default_wait() -> u64 {
    5
}

/// How much is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    #[default]
    One,
    AllMissing,
}

/// How far the search is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether this call began a search; else `says` tells why not.
    started: bool,
    /// one or `all_missing`.
    scope: Scope,
    /// The title that is searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Episodes or films that are missing and searched for; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    /// The service's number of the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<i64>,
    /// queued, started, completed, failed, aborted, cancelled or orphaned.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// successful or unsuccessful, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// What the service says of it, or why nothing was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
}

/// What a search is about.
struct Subject {
    title: Option<Title>,
    profile: Option<String>,
    missing: Option<u64>,
}

/// The pause between two looks at a search.
const LOOK: Duration = Duration::from_millis(500);

async fn search<T: Twin>(
    call: &Call<'_, Write>,
    (field, id): (&str, Option<i64>),
    scope: Scope,
    wait: u64,
) -> Result<Out, ToolError> {
    let one = match (scope, id) {
        (Scope::One, Some(id)) => Some(id),
        (Scope::AllMissing, None) => None,
        (Scope::One, None) => {
            return Err(ToolError::argument(
                field,
                "is required, unless scope is all_missing, which searches for everything",
            ));
        }
        (Scope::AllMissing, Some(_)) => {
            return Err(ToolError::argument(
                field,
                "can't be given with scope all_missing, which searches for everything",
            ));
        }
    };
    let client = T::client(call).await?;
    let (subject, commands) = try_join!(subject(&client, one), client.commands())?;
    let out = |started, command: Command| Out {
        started,
        scope,
        title: subject.title.as_ref().map(label),
        missing: subject.missing,
        command_id: command.id,
        status: command.status,
        result: command.result.filter(|result| result != "unknown"),
        says: command.message,
    };
    if one.is_none() && subject.missing == Some(0) {
        let message = Some(format!("{} misses nothing, so there is nothing to search for", T::DIALECT.name));
        return Ok(out(false, Command { message, ..Command::default() }));
    }
    let wanted = client.search_body(one);
    if let Some(running) = commands.iter().find(|command| command.is_under_way() && is_same(command, &wanted)) {
        let says = running.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let message = Some(format!("the same search is under way already{says}"));
        return Ok(out(false, Command { message, ..running.clone() }));
    }
    let newest = commands.iter().filter_map(|command| command.id).max().unwrap_or(0);
    let cleared = call.clear(plan::<T>(&subject, one)).await?;
    let command = begin(&client, &cleared, one, newest).await?;
    Ok(out(true, follow(&client, command, Duration::from_secs(wait)).await))
}

async fn subject(client: &Arr, one: Option<i64>) -> Result<Subject, ArrError> {
    let Some(id) = one else {
        return Ok(Subject { title: None, profile: None, missing: client.count_missing().await? });
    };
    let (title, profiles) = try_join!(client.title(id), client.quality_profiles())?;
    let profile = profiles.into_iter().find(|profile| profile.id.is_some() && profile.id == title.quality_profile_id);
    let due = |title: &Title| {
        let statistics = title.statistics?;
        u64::try_from(statistics.episode_count? - statistics.episode_file_count?).ok()
    };
    // A film is one, with a file or without: the search looks for a better one too.
    let missing = if client.dialect.search_takes_list { Some(u64::from(!title.has_file)) } else { due(&title) };
    Ok(Subject { missing, profile: profile.and_then(|profile| profile.name), title: Some(title) })
}

fn plan<T: Twin>(subject: &Subject, one: Option<i64>) -> Plan {
    let (name, nouns) = (T::DIALECT.name, T::DIALECT.nouns);
    let missing = |what: &str| match subject.missing {
        Some(missing) => format!("all {missing} missing {what}"),
        None => format!("all missing {what}"),
    };
    let episodes = if T::DIALECT.search_takes_list { nouns } else { "episodes" };
    let (summary, titles) = match (&subject.title, one) {
        (Some(title), Some(_)) => (format!("Let {name} search for downloads of {}", label(title)), vec![label(title)]),
        _ => (format!("Let {name} search for downloads of {}, of every title", missing(episodes)), Vec::new()),
    };
    // A limit on items counts what may be downloaded, at least one.
    let items = subject.missing.unwrap_or(1).max(1);
    let facts = Facts::default().with_known("item.count", subject.missing);
    let facts = match &subject.title {
        None => facts,
        Some(title) => facts
            .with("item.type", T::TYPE)
            .with_known(T::TITLE_FACT, title.title.clone())
            .with_known("item.title", title.title.clone())
            .with_known("item.year", title.year.filter(|year| *year > 0))
            .with_known("item.content_rating", title.certification.clone().filter(|rating| !rating.is_empty()))
            .with_known("arr.root_folder", title.root_folder_path.clone())
            .with_known("arr.quality_profile", subject.profile.clone()),
    };
    Plan {
        summary,
        facts,
        affected: Affected { library: Some(name.to_owned()), titles, items: Some(items), bytes: None },
        reserve: Amounts { items, bytes: 0 },
        before: None,
    }
}

/// Begins the search, once. Where the answer does not tell whether it began, the list of commands does.
async fn begin(client: &Arr, cleared: &Cleared<'_>, one: Option<i64>, newest: i64) -> Result<Command, ToolError> {
    let cause = match client.search(cleared, one).await {
        Ok(command) if command.id.is_some() => return Ok(command),
        Ok(_) => ArrError::Unreadable {
            dialect: client.dialect,
            what: "a search".into(),
            problem: "it does not hold the command",
        },
        Err(error) if error.leaves_unknown() => error,
        Err(error) => return Err(error.into()),
    };
    let wanted = client.search_body(one);
    tokio::time::sleep(LOOK).await;
    let state = match client.commands().await {
        Ok(commands) => {
            let ours = |command: &Command| command.id.is_some_and(|id| id > newest) && is_same(command, &wanted);
            match commands.into_iter().find(ours) {
                Some(command) => return Ok(command),
                None => {
                    format!("{} lists no such search now: look at its queue before you ask again", client.dialect.name)
                }
            }
        }
        Err(error) => format!("nor can its searches be listed now ({error}): look at its queue before you ask again"),
    };
    Err(ArrError::Unsettled { dialect: client.dialect, what: "a search".into(), cause: Box::new(cause), state }.into())
}

/// Whether a command is a search for the same.
fn is_same(command: &Command, wanted: &Value) -> bool {
    let wanted = wanted.as_object().into_iter().flatten();
    wanted.into_iter().all(|(field, value)| match field.as_str() {
        "name" => command.name.as_deref() == value.as_str(),
        _ => command.body.get(field) == Some(value),
    })
}

/// Looks at the search until it ends or the time is up.
async fn follow(client: &Arr, mut command: Command, wait: Duration) -> Command {
    let until = Instant::now() + wait;
    while let (true, Some(id)) = (command.is_under_way(), command.id) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(LOOK.min(left)).await;
        match client.command(id).await {
            Ok(now) => command = now,
            Err(error) => {
                // It was begun, which is what the caller has to know.
                tracing::warn!(command = id, %error, "the state of a search can't be read");
                break;
            }
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_search_is_told_from_one_for_something_else() {
        let command = |value: Value| serde_json::from_value::<Command>(value).unwrap();
        let wanted = json!({"name": "MoviesSearch", "movieIds": [5]});
        let same =
            command(json!({"id": 3, "name": "MoviesSearch", "status": "started", "body": {"movieIds": [5], "x": 1}}));
        assert!(is_same(&same, &wanted) && same.is_under_way());
        assert!(!is_same(&command(json!({"name": "MoviesSearch", "body": {"movieIds": [6]}})), &wanted));
        assert!(!is_same(&command(json!({"name": "RssSync", "body": {"movieIds": [5]}})), &wanted));
        assert!(!command(json!({"status": "completed"})).is_under_way());
    }
}
