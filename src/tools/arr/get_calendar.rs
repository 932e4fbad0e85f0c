use super::{Radarr, Sonarr, Twin, part, rows, twin};
use crate::{
    arr::records::{Episode, Title},
    guard::{Affected, Read},
    tools::{call::Call, error::ToolError, listing::Paging, public_keys::PublicKey},
};
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

twin! {
    /// List the episodes that are shown on some days, both ends included: by default from a week ago to thirty days ahead.
    /// Days begin and end where timeZone is.
    SonarrGetCalendar: "sonarr_get_calendar", "Show Sonarr's calendar", Sonarr, Read, Args => Out<EpisodeEntry>,
    (async |call: &Call<'_, Read>, args: Args| {
        let days = args.days(Timestamp::now())?;
        let (start, end) = days.moments(&days.zone)?;
        let episodes = Sonarr::client(call).await?.calendar::<Episode>((start, end), args.include_unmonitored).await?;
        let entries = episodes.into_iter().map(|episode| EpisodeEntry::new(episode, &days.zone));
        Ok(answer(call, &args, &days, entries.filter(|entry| days.hold(entry.date.as_deref())), |entry| entry.air_date_utc.clone()))
    }), { const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalEntries", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("entries"))]; }
}

twin! {
    /// List the films that come to cinemas, or out as a file or on a disc, on some days, both ends included: by default from a
    /// week ago to thirty days ahead.
    RadarrGetCalendar: "radarr_get_calendar", "Show Radarr's calendar", Radarr, Read, Args => Out<FilmEntry>,
    (async |call: &Call<'_, Read>, args: Args| {
        let days = args.days(Timestamp::now())?;
        // Releases are days, not moments: Radarr writes the midnight that universal time begins the day with.
        let (start, end) = days.moments(&TimeZone::UTC)?;
        let films = Radarr::client(call).await?.calendar::<Title>((start, end), args.include_unmonitored).await?;
        let entries = films.into_iter().map(|film| FilmEntry::new(film, &days));
        Ok(answer(call, &args, &days, entries.filter(|entry| entry.date.is_some()), |entry| entry.date.clone()))
    }), { const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalEntries", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("entries"))]; }
}

/// Days at most.
const MOST_DAYS: i32 = 366;

/// Which days.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The first day, YYYY-MM-DD.
    start_date: Option<String>,
    /// The last day, YYYY-MM-DD; no more than 366 days in all.
    end_date: Option<String>,
    /// Where the days begin and end, such as Europe/Berlin; without it where the server runs.
    time_zone: Option<String>,
    /// Show what is not monitored too.
    #[serde(default)]
    include_unmonitored: bool,
    /// The most entries to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first entry to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    100
}

/// Days of a place.
struct Days {
    first: Date,
    last: Date,
    zone: TimeZone,
}

impl Args {
    fn days(&self, now: Timestamp) -> Result<Days, ToolError> {
        let zone = match &self.time_zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name.trim()).map_err(|_| {
                ToolError::argument("timeZone", "must be the name of a time zone, such as Europe/Berlin or UTC")
            })?,
        };
        let day = |field: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Date::strptime("%Y-%m-%d", text.trim())
                .map(Some)
                .map_err(|_| ToolError::argument(field, "must be a day that exists, as YYYY-MM-DD")),
        };
        let (start, end) = (day("startDate", &self.start_date)?, day("endDate", &self.end_date)?);
        let today = now.to_zoned_datetime(zone.clone()).date();
        let away = |day: Date, days: i32| day.saturating_add(Span::new().days(days));
        let (first, last) = match (start, end) {
            (None, None) => (away(today, -7), away(today, 30)),
            (Some(start), None) => (start, away(start, 37)),
            (None, Some(end)) => (away(today, -7).min(away(end, -7)), end),
            (Some(start), Some(end)) => (start, end),
        };
        if last < first {
            return Err(ToolError::argument("endDate", "must not be before startDate"));
        }
        if last > away(first, MOST_DAYS - 1) {
            let field = if self.end_date.is_some() { "endDate" } else { "startDate" };
            return Err(ToolError::argument(field, format!("makes more than {MOST_DAYS} days: ask for fewer at once")));
        }
        Ok(Days { first, last, zone })
    }
}

impl Days {
    /// The first moment of the first day, and the last of the last one to the second, as `zone` counts days.
    fn moments(&self, zone: &TimeZone) -> Result<(Timestamp, Timestamp), ToolError> {
        let begins = |day: Date| day.to_zoned_datetime(zone.clone()).map(|moment| moment.timestamp());
        let end = self.last.tomorrow().and_then(begins).and_then(|end| end.checked_sub(Span::new().seconds(1)));
        let start = begins(self.first).map_err(|_| ToolError::argument("startDate", "is too far away"))?;
        Ok((start, end.map_err(|_| ToolError::argument("endDate", "is too far away"))?))
    }

    /// Whether a day is one of them; what has none is left to the service's judgement.
    fn hold(&self, day: Option<&str>) -> bool {
        day.and_then(|day| day.parse::<Date>().ok()).is_none_or(|day| (self.first..=self.last).contains(&day))
    }
}

/// Part of a calendar.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out<E> {
    /// The first day.
    start_date: String,
    /// The last day, which is included.
    end_date: String,
    /// Where the days begin and end; absent where the machine does not know its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The entries, in order of time.
    entries: Vec<E>,
}

/// An episode that is shown.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EpisodeEntry {
    /// Sonarr's number of the episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Sonarr's number of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_id: Option<i64>,
    /// The series' title.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_title: Option<String>,
    /// The season; 0 is the specials.
    #[serde(skip_serializing_if = "Option::is_none")]
    season_number: Option<i64>,
    /// The number in the season.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_number: Option<i64>,
    /// The episode's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The day of its showing in timeZone.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The time of its showing in timeZone.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// The day of its showing, where the network is.
    #[serde(skip_serializing_if = "Option::is_none")]
    air_date: Option<String>,
    /// The moment of its showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    air_date_utc: Option<String>,
    /// Whether there is a file.
    has_file: bool,
    /// Whether Sonarr looks for it.
    monitored: bool,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl EpisodeEntry {
    fn new(episode: Episode, zone: &TimeZone) -> Self {
        let moment = episode.air_date_utc.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        let local = moment.map(|moment| moment.to_zoned_datetime(zone.clone()));
        Self {
            id: episode.id,
            series_id: episode.series_id,
            series_title: episode.series.and_then(|series| series.title),
            season_number: episode.season_number,
            episode_number: episode.episode_number,
            title: episode.title,
            date: local.as_ref().map(|local| local.date().to_string()).or_else(|| episode.air_date.clone()),
            time: local.map(|local| local.strftime("%H:%M").to_string()),
            air_date: episode.air_date,
            air_date_utc: episode.air_date_utc,
            has_file: episode.has_file,
            monitored: episode.monitored,
            overview: rows::overview(episode.overview),
        }
    }
}

/// A film that comes out.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilmEntry {
    /// Radarr's number of the film.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The year.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// tba, announced, inCinemas, released or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The first of the asked days on which it comes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// How it comes out on that day: cinemas, digital or physical.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'static str>,
    /// The day it comes to cinemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_cinemas: Option<String>,
    /// The day it is to be had as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    digital_release: Option<String>,
    /// The day it is to be had on a disc.
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_release: Option<String>,
    /// Whether there is a file.
    has_file: bool,
    /// Whether Radarr looks for it.
    monitored: bool,
    /// TMDB's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    tmdb_id: Option<i64>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl FilmEntry {
    fn new(film: Title, days: &Days) -> Self {
        let day = |text: Option<String>| text.map(|text| text.chars().take(10).collect::<String>());
        let (in_cinemas, digital, physical) =
            (day(film.in_cinemas), day(film.digital_release), day(film.physical_release));
        let releases = [("cinemas", &in_cinemas), ("digital", &digital), ("physical", &physical)];
        let due = releases.into_iter().filter_map(|(release, day)| Some((day.as_ref()?, release)));
        let first = due.filter(|(day, _)| day.parse::<Date>().is_ok() && days.hold(Some(day))).min();
        Self {
            id: film.id,
            title: film.title,
            year: film.year.filter(|year| *year > 0),
            status: film.status,
            date: first.map(|(day, _)| day.clone()),
            release: first.map(|(_, release)| release),
            in_cinemas,
            digital_release: digital,
            physical_release: physical,
            has_file: film.has_file,
            monitored: film.monitored,
            tmdb_id: film.tmdb_id,
            overview: rows::overview(film.overview),
        }
    }
}

fn answer<E: Serialize>(
    call: &Call<'_, Read>,
    args: &Args,
    days: &Days,
    entries: impl Iterator<Item = E>,
    time: impl Fn(&E) -> Option<String>,
) -> Out<E> {
    let mut entries: Vec<E> = entries.collect();
    entries.sort_by_cached_key(time);
    let window = part(entries, args.offset, args.limit);
    let (entries, paging) = Paging::fit(window, args.offset, args.limit, |entry| entry);
    call.affects(Affected { items: Some(entries.len() as u64), ..Affected::default() });
    Out {
        start_date: days.first.to_string(),
        end_date: days.last.to_string(),
        time_zone: days.zone.iana_name().map(str::to_owned),
        warning: paging.warning(),
        paging,
        entries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn days(args: Value) -> Result<[String; 4], String> {
        let args: Args = serde_json::from_value(args).unwrap();
        let days = args.days("2026-03-10T02:00:00Z".parse().unwrap()).map_err(|error| error.to_string())?;
        let (start, end) = days.moments(&days.zone).map_err(|error| error.to_string())?;
        Ok([days.first.to_string(), days.last.to_string(), start.to_string(), end.to_string()])
    }

    #[test]
    fn days_are_local_and_the_last_one_is_whole() {
        let berlin = days(json!({"startDate": "2026-03-28", "endDate": "2026-03-29", "timeZone": "Europe/Berlin"}));
        // The clocks go forward on the second day, which has 23 hours.
        let wanted = ["2026-03-28", "2026-03-29", "2026-03-27T23:00:00Z", "2026-03-29T21:59:59Z"];
        assert_eq!(berlin.unwrap(), wanted);
        let one = days(json!({"startDate": "2026-03-10", "endDate": "2026-03-10", "timeZone": "UTC"})).unwrap();
        assert_eq!(one[2..], ["2026-03-10T00:00:00Z", "2026-03-10T23:59:59Z"]);
        // Two in the morning by universal time is still yesterday there.
        let default = days(json!({"timeZone": "America/New_York"})).unwrap();
        assert_eq!(default[..2], ["2026-03-02", "2026-04-08"]);
        let past = days(json!({"endDate": "2020-01-31", "timeZone": "UTC"})).unwrap();
        assert_eq!(past[..2], ["2020-01-24", "2020-01-31"]);
    }

    #[test]
    fn days_that_make_no_sense_name_their_field() {
        for (args, field) in [
            (json!({"startDate": "2026-02-30"}), "startDate must be a day that exists"),
            (json!({"startDate": "yesterday"}), "startDate must be a day that exists"),
            (json!({"endDate": "2026-03-10T00:00:00Z"}), "endDate must be a day"),
            (json!({"startDate": "2026-03-10", "endDate": "2026-03-09"}), "endDate must not be before"),
            (json!({"startDate": "2026-01-01", "endDate": "2027-01-02"}), "endDate makes more than 366 days"),
            (json!({"timeZone": "Middle/Earth"}), "timeZone must be the name"),
            (json!({"startDate": "9999-12-30", "endDate": "9999-12-30", "timeZone": "UTC"}), "endDate is too far"),
        ] {
            let text = days(args.clone()).expect_err(&args.to_string());
            assert!(text.contains(field), "{args}: {text}");
        }
        assert!(days(json!({"startDate": "2026-01-01", "endDate": "2027-01-01"})).is_ok(), "366 days");
    }

    #[test]
    fn a_film_is_listed_by_the_first_release_of_the_days() {
        let args: Args =
            serde_json::from_value(json!({"startDate": "2026-03-10", "endDate": "2026-03-12", "timeZone": "UTC"}))
                .unwrap();
        let days = args.days(Timestamp::now()).unwrap();
        let film =
            |film: Value| serde_json::to_value(FilmEntry::new(serde_json::from_value(film).unwrap(), &days)).unwrap();
        let entry = film(
            json!({"inCinemas": "2026-01-01T00:00:00Z", "digitalRelease": "2026-03-12T00:00:00Z", "physicalRelease": "x"}),
        );
        assert_eq!((&entry["date"], &entry["release"]), (&json!("2026-03-12"), &json!("digital")));
        assert_eq!(film(json!({"inCinemas": "2026-03-13T00:00:00Z"}))["date"], Value::Null);
    }
}
