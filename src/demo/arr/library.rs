//! Looking titles up and adding them.

use std::time::Instant;

use serde_json::{Value, json};

use crate::demo::arr::ArrKind;
use crate::demo::arr::shelf::{Added, Changes, Command, Shelf, Wish, folder};

/// Rows that a lookup gives at most.
const FOUND: usize = 40;

impl Shelf<'_> {
    /// What a lookup for these words finds; an id where they begin with its name.
    pub(super) fn lookup(self, term: &str) -> Vec<Value> {
        let prefixes = match self.world.kind {
            ArrKind::Sonarr => ["tvdb:", "tvdbid:"],
            ArrKind::Radarr => ["tmdb:", "tmdbid:"],
        };
        let id = prefixes.iter().find_map(|prefix| term.trim().strip_prefix(prefix));
        let found: Vec<u64> = match id {
            Some(id) => id.trim().parse().ok().and_then(|id| self.world.by_foreign_id(id)).into_iter().collect(),
            None => self.world.find(term.trim()),
        };
        found.into_iter().take(FOUND).map(|n| self.title(n, self.of_world(n).as_ref())).collect()
    }

    /// What is wrong with a title that is to be added, as both services say it; or the title.
    pub(super) fn check(self, body: &Value) -> Result<Added, Vec<Value>> {
        let kind = self.world.kind;
        let (id_field, property, noun) = match kind {
            ArrKind::Sonarr => ("tvdbId", "TvdbId", "series"),
            ArrKind::Radarr => ("tmdbId", "TmdbId", "movie"),
        };
        let mut wrong = Vec::new();
        let mut fail = |property: &str, text: &str, value: Option<&Value>, code: &str| {
            wrong.push(json!({
                "propertyName": property, "errorMessage": text, "attemptedValue": value, "severity": "error",
                "errorCode": code, "formattedMessageArguments": [],
                "formattedMessagePlaceholderValues": {"propertyName": property, "propertyValue": value},
            }));
        };
        let given = |name: &str| body.get(name);
        let number = |name: &str| given(name).and_then(Value::as_u64).unwrap_or(0);
        let text = |name: &str| given(name).and_then(Value::as_str).unwrap_or_default();

        let known = self.world.by_foreign_id(number(id_field));
        match known {
            None => fail(property, &format!("A {noun} with this ID was not found."), given(id_field), ""),
            Some(n) if self.of_world(n).is_some() => {
                let code = if kind == ArrKind::Sonarr { "SeriesExistsValidator" } else { "MovieExistsValidator" };
                fail(property, &format!("This {noun} has already been added"), given(id_field), code);
            }
            Some(_) => {}
        }
        if text("title").is_empty() {
            fail("Title", "'Title' must not be empty.", given("title"), "NotEmptyValidator");
        }
        let profile = number("qualityProfileId");
        if !(1..=self.options.profiles.len() as u64).contains(&profile) {
            fail("QualityProfileId", "Quality Profile does not exist", given("qualityProfileId"), "");
        }
        if kind == ArrKind::Sonarr && self.options.major() == 3 {
            let language = number("languageProfileId");
            if !(1..=self.options.languages.len() as u64).contains(&language) {
                fail("LanguageProfileId", "Language profile does not exist", given("languageProfileId"), "");
            }
        }
        let root = text("rootFolderPath").trim_end_matches('/');
        let known_root = self.options.roots.iter().find(|known| known.path.trim_end_matches('/') == root);
        if known_root.is_none_or(|root| !root.accessible) {
            let text = format!("Root folder '{root}' does not exist");
            fail("RootFolderPath", &text, given("rootFolderPath"), "RootFolderExistsValidator");
        }
        let (Some(n), true) = (known, wrong.is_empty()) else { return Err(wrong) };
        let wish = match kind {
            ArrKind::Sonarr => {
                let last = self.world.seasons(n);
                let monitor = body.pointer("/addOptions/monitor").and_then(Value::as_str).unwrap_or("all");
                Wish::Seasons(match monitor {
                    "none" => Vec::new(),
                    "firstSeason" | "pilot" => vec![1],
                    "lastSeason" | "latestSeason" => vec![last],
                    _ => (1..=last).collect(),
                })
            }
            ArrKind::Radarr => Wish::Availability(match text("minimumAvailability") {
                "" => "announced".to_owned(),
                given => given.to_owned(),
            }),
        };
        let none = matches!(&wish, Wish::Seasons(seasons) if seasons.is_empty());
        Ok(Added {
            n,
            path: folder(root, &self.world, n),
            root: root.to_owned(),
            profile,
            monitored: !none && given("monitored").and_then(Value::as_bool).unwrap_or(false),
            wish,
        })
    }
}

/// Keeps a title, gives the search that it may ask for, and tells its id.
pub(super) fn keep(changes: &mut Changes, titles: u64, kind: ArrKind, added: Added, body: &Value) -> u64 {
    let id = titles + 1 + changes.added.len() as u64;
    changes.added.insert(id, added);
    let (option, name) = match kind {
        ArrKind::Sonarr => ("/addOptions/searchForMissingEpisodes", "SeriesSearch"),
        ArrKind::Radarr => ("/addOptions/searchForMovie", "MoviesSearch"),
    };
    if body.pointer(option) == Some(&Value::Bool(true)) {
        let body = json!({"name": name});
        let command = Command { name: name.to_owned(), body, given: Instant::now(), targets: vec![id] };
        changes.commands.push(command);
    }
    id
}
