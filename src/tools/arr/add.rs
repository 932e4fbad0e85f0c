//! `sonarr_add_series` and `radarr_add_movie`.

mod act;

use super::{
    Radarr, Sonarr, Twin,
    rows::{MovieRow, SeriesRow, count},
    twin,
};
use crate::{
    arr::{ArrError, records::Title},
    guard::Write,
    tools::{call::Call, error::ToolError, public_keys::PublicKey},
};
use act::{Addition, Wanted, add};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

twin! {
    /// Add a series to Sonarr by its tvdbId, which `sonarr_search` finds. Downloads begin only with searchNow. Where there are
    /// several quality profiles or root folders and none is named, nothing is added and the choices are told.
    SonarrAddSeries: "sonarr_add_series", "Add a series to Sonarr", Sonarr, Write, SeriesArgs => AddedSeries,
    (async |call: &Call<'_, Write>, args: SeriesArgs| {
        let (title, added) = add::<Sonarr>(call, args.wanted(), &args).await?;
        Ok(AddedSeries { added, series: title.into() })
    }), {
        const IDEMPOTENT: bool = true;
        const ALSO: &'static [(&'static str, &'static str)] = &[("searchForMissingEpisodes", "searchNow")];
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

twin! {
    /// Add a film to Radarr by its tmdbId, which `radarr_search` finds. Downloads begin only with searchNow. Where there are
    /// several quality profiles or root folders and none is named, nothing is added and the choices are told.
    RadarrAddMovie: "radarr_add_movie", "Add a film to Radarr", Radarr, Write, MovieArgs => AddedMovie,
    (async |call: &Call<'_, Write>, args: MovieArgs| {
        let (title, added) = add::<Radarr>(call, args.wanted(), &args).await?;
        Ok(AddedMovie { added, movie: title.into() })
    }), {
        const IDEMPOTENT: bool = true;
        const ALSO: &'static [(&'static str, &'static str)] = &[("searchForMovie", "searchNow")];
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    }
}

/// What to add, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeriesArgs {
    /// TVDB's number of the series, from `sonarr_search`.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    tvdb_id: i64,
    /// The title that is expected. It names nothing: where the series of that tvdbId has another one, nothing is added.
    #[schemars(length(max = 500))]
    title: Option<String>,
    /// A quality profile's id, from `sonarr_get_profiles`. Not needed where there is only one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    quality_profile_id: Option<i64>,
    /// A root folder's path, from `sonarr_get_profiles`. Not needed where there is only one.
    #[schemars(length(min = 1, max = 4_096))]
    root_folder_path: Option<String>,
    /// A language profile's id, with Sonarr 3 only. Not needed where there is only one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    language_profile_id: Option<i64>,
    /// Let Sonarr look for its episodes from now on.
    #[serde(default = "yes")]
    monitored: bool,
    /// Which episodes to look for.
    #[serde(default)]
    monitor_type: MonitorType,
    /// Keep each season in a folder of its own.
    #[serde(default = "yes")]
    season_folder: bool,
    /// How episodes are numbered, where Sonarr guesses wrong.
    series_type: Option<SeriesType>,
    /// Search for what is missing at once, which begins downloads.
    #[serde(default)]
    search_now: bool,
}

/// Which episodes Sonarr looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum MonitorType {
    #[default]
    All,
    Future,
    Missing,
    Existing,
    Recent,
    Pilot,
    FirstSeason,
    LastSeason,
    LatestSeason,
    MonitorSpecials,
    UnmonitorSpecials,
    None,
}

/// How episodes are numbered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum SeriesType {
    Standard,
    Daily,
    Anime,
}

/// What to add, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MovieArgs {
    /// TMDB's number of the film, from `radarr_search`.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    tmdb_id: i64,
    /// The title that is expected. It names nothing: where the film of that tmdbId has another one, nothing is added.
    #[schemars(length(max = 500))]
    title: Option<String>,
    /// A quality profile's id, from `radarr_get_profiles`. Not needed where there is only one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    quality_profile_id: Option<i64>,
    /// A root folder's path, from `radarr_get_profiles`. Not needed where there is only one.
    #[schemars(length(min = 1, max = 4_096))]
    root_folder_path: Option<String>,
    /// Let Radarr look for it from now on.
    #[serde(default = "yes")]
    monitored: bool,
    /// From when on to look for it.
    #[serde(default)]
    minimum_availability: Availability,
    /// Search for it at once, which begins a download.
    #[serde(default)]
    search_now: bool,
}

/// From when on Radarr looks for a film.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Availability {
    Announced,
    InCinemas,
    #[default]
    Released,
}

fn yes() -> bool {
    true
}

/// A series that was added.
#[derive(Serialize, JsonSchema)]
pub(super) struct AddedSeries {
    #[serde(flatten)]
    added: Addition,
    /// The series, as Sonarr has it now.
    series: SeriesRow,
}

/// A film that was added.
#[derive(Serialize, JsonSchema)]
pub(super) struct AddedMovie {
    #[serde(flatten)]
    added: Addition,
    /// The film, as Radarr has it now.
    movie: MovieRow,
}

/// What of a title the two services are told each in their own way.
trait Adding {
    /// How many seasons, or films, will be monitored.
    fn monitors(&self, title: &Title) -> u64;
    /// The same for the person who may have to approve it.
    fn says(&self, title: &Title) -> String;
    /// Refuses what an older version does not know. `old` is one that has language profiles.
    fn check(&self, old: bool) -> Result<(), ToolError>;
    /// Adds it to what is sent.
    fn tell(&self, title: &Title, old: bool, body: &mut serde_json::Map<String, Value>);
    /// The item that is there already, as the result would show it.
    fn shown(title: Title) -> Value;
}

impl SeriesArgs {
    fn wanted(&self) -> Wanted {
        Wanted {
            foreign_id: self.tvdb_id,
            title: self.title.clone(),
            profile: self.quality_profile_id,
            root: self.root_folder_path.clone(),
            language: self.language_profile_id,
            monitored: self.monitored && self.monitor_type != MonitorType::None,
            search_now: self.search_now,
        }
    }

    /// Whether a season will be looked for. What depends on its episodes counts as if it were.
    fn monitors_season(&self, number: i64, (first, last): (i64, i64)) -> bool {
        match self.monitor_type {
            MonitorType::None => false,
            MonitorType::FirstSeason | MonitorType::Pilot => number == first,
            MonitorType::LastSeason | MonitorType::LatestSeason => number == last,
            MonitorType::MonitorSpecials => true,
            _ => number > 0,
        }
    }

    fn seasons(&self, title: &Title) -> Vec<(i64, bool)> {
        let numbers = || title.seasons.iter().filter_map(|season| season.season_number);
        // Some series number their seasons by years.
        let ends = (numbers().filter(|number| *number > 0).min().unwrap_or(1), numbers().max().unwrap_or(0));
        numbers().map(|number| (number, self.monitored && self.monitors_season(number, ends))).collect()
    }
}

impl Adding for SeriesArgs {
    fn monitors(&self, title: &Title) -> u64 {
        self.seasons(title).iter().filter(|(_, monitored)| *monitored).count() as u64
    }

    fn says(&self, title: &Title) -> String {
        format!("{} of {} seasons monitored", self.monitors(title), count(title, |_| true))
    }

    fn check(&self, old: bool) -> Result<(), ToolError> {
        let new = matches!(
            self.monitor_type,
            MonitorType::Recent | MonitorType::MonitorSpecials | MonitorType::UnmonitorSpecials
        );
        if old && new {
            return Err(ToolError::argument(
                "monitorType",
                "of this kind is known from Sonarr 4 on, and this is Sonarr 3",
            ));
        }
        if !old && self.language_profile_id.is_some() {
            return Err(ToolError::argument("languageProfileId", "is for Sonarr 3; this one has no language profiles"));
        }
        Ok(())
    }

    fn tell(&self, title: &Title, old: bool, body: &mut serde_json::Map<String, Value>) {
        // One thing under two names: the older versions know the one, the newer ones prefer the other.
        let monitor = match self.monitor_type {
            MonitorType::LastSeason if old => MonitorType::LatestSeason,
            MonitorType::LatestSeason if !old => MonitorType::LastSeason,
            other => other,
        };
        let seasons = self.seasons(title).into_iter();
        let seasons: Vec<Value> =
            seasons.map(|(number, monitored)| json!({"seasonNumber": number, "monitored": monitored})).collect();
        body.insert("tvdbId".into(), self.tvdb_id.into());
        body.insert("seasonFolder".into(), self.season_folder.into());
        body.insert("seasons".into(), seasons.into());
        let kind = self.series_type.map(|kind| json!(kind)).or_else(|| title.series_type.clone().map(Value::from));
        body.insert("seriesType".into(), kind.unwrap_or_else(|| json!(SeriesType::Standard)));
        let options = json!({
            "monitor": monitor, "searchForMissingEpisodes": self.search_now, "searchForCutoffUnmetEpisodes": false,
        });
        body.insert("addOptions".into(), options);
    }

    fn shown(title: Title) -> Value {
        json!(SeriesRow::from(title))
    }
}

impl MovieArgs {
    fn wanted(&self) -> Wanted {
        Wanted {
            foreign_id: self.tmdb_id,
            title: self.title.clone(),
            profile: self.quality_profile_id,
            root: self.root_folder_path.clone(),
            language: None,
            monitored: self.monitored,
            search_now: self.search_now,
        }
    }
}

impl Adding for MovieArgs {
    fn monitors(&self, _: &Title) -> u64 {
        1
    }

    fn says(&self, _: &Title) -> String {
        if self.monitored { "monitored".to_owned() } else { "not monitored".to_owned() }
    }

    fn check(&self, _: bool) -> Result<(), ToolError> {
        Ok(())
    }

    fn tell(&self, _: &Title, _: bool, body: &mut serde_json::Map<String, Value>) {
        body.insert("tmdbId".into(), self.tmdb_id.into());
        body.insert("minimumAvailability".into(), json!(self.minimum_availability));
        body.insert("addOptions".into(), json!({"searchForMovie": self.search_now}));
    }

    fn shown(title: Title) -> Value {
        json!(MovieRow::from(title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(value: Value) -> SeriesArgs {
        serde_json::from_value(value).unwrap()
    }

    fn title() -> Title {
        let seasons = json!([{"seasonNumber": 0}, {"seasonNumber": 1}, {"seasonNumber": 2}, {"seasonNumber": "3"}, {}]);
        serde_json::from_value(json!({"title": "T", "seasons": seasons, "seriesType": "anime"})).unwrap()
    }

    #[test]
    fn seasons_are_monitored_as_the_type_says() {
        for (kind, monitored) in [
            ("all", vec![1, 2, 3]),
            ("future", vec![1, 2, 3]),
            ("firstSeason", vec![1]),
            ("pilot", vec![1]),
            ("latestSeason", vec![3]),
            ("lastSeason", vec![3]),
            ("monitorSpecials", vec![0, 1, 2, 3]),
            ("none", vec![]),
        ] {
            let args = args(json!({"tvdbId": 1, "monitorType": kind}));
            let seasons = args.seasons(&title());
            let ours: Vec<i64> =
                seasons.iter().filter(|(_, monitored)| *monitored).map(|(number, _)| *number).collect();
            assert_eq!(ours, monitored, "{kind}");
            assert_eq!(seasons.len(), 4, "season 0 is one, and one without a number is none");
            assert_eq!(args.monitors(&title()), monitored.len() as u64);
        }
        let years: Title = serde_json::from_value(
            json!({"seasons": [{"seasonNumber": 2004}, {"seasonNumber": 0}, {"seasonNumber": 2003}]}),
        )
        .unwrap();
        let seasons = args(json!({"tvdbId": 1, "monitorType": "pilot"})).seasons(&years);
        assert_eq!(seasons, [(2004, false), (0, false), (2003, true)], "the first one has no number 1");
        let off = args(json!({"tvdbId": 1, "monitored": false}));
        assert_eq!(off.monitors(&title()), 0);
    }

    #[test]
    fn the_last_season_has_the_name_that_the_version_knows() {
        for (asked, old, sent) in [
            ("lastSeason", false, "lastSeason"),
            ("latestSeason", false, "lastSeason"),
            ("lastSeason", true, "latestSeason"),
            ("all", true, "all"),
        ] {
            let mut body = serde_json::Map::new();
            args(json!({"tvdbId": 1, "monitorType": asked})).tell(&title(), old, &mut body);
            assert_eq!(body["addOptions"]["monitor"], sent, "{asked} {old}");
            assert_eq!(
                (&body["seriesType"], &body["addOptions"]["searchForMissingEpisodes"]),
                (&json!("anime"), &json!(false))
            );
        }
        assert!(args(json!({"tvdbId": 1, "monitorType": "recent"})).check(true).is_err());
        assert!(args(json!({"tvdbId": 1, "monitorType": "recent"})).check(false).is_ok());
        assert!(args(json!({"tvdbId": 1, "languageProfileId": 1})).check(false).is_err());
    }
}
