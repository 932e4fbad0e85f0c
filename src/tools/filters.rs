//! The filters that the lists of items share: arguments, Plex's media queries made of them, and the same test for lists that
//! the server can't filter.
//!
//! A media query's fields belong to levels of the library: an episode has no genre, its show has one. Which field stands for
//! a filter, by the type that is listed, is said here and nowhere else. Tags go by numbers that each library gives them.

mod since;

use super::{error::ToolError, listing::words};
use crate::plex::{
    http::{Get, Plex},
    items::{Choice, Item, MediaType, listing},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Genres that an error names, of a library that has more.
const SHOWN_GENRES: usize = 60;

/// Conditions on the items of a list; an item has to meet all of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filters {
    /// true: only films, shows, seasons and episodes with something unwatched; false: only those watched to the end.
    pub unwatched: Option<bool>,
    /// Only items of this genre, by its name; of any of several, with commas between them.
    #[schemars(length(min = 1, max = 500))]
    pub genre: Option<String>,
    /// Only items of this year, or of a range such as 1990-1999.
    #[schemars(length(min = 1, max = 20))]
    pub year: Option<String>,
    /// Only items added since then: a date such as 2026-01-31, a time, seconds since 1970, or an age such as 30d, 2w, 6mon, 1y.
    #[schemars(length(min = 1, max = 40))]
    pub added_since: Option<String>,
    /// Only items that have a version of this resolution.
    pub resolution: Option<Resolution>,
}

/// A resolution, as Plex names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Resolution {
    /// 3840 x 2160.
    #[serde(rename = "4k")]
    UltraHd,
    /// 1920 x 1080.
    #[serde(rename = "1080")]
    FullHd,
    /// 1280 x 720.
    #[serde(rename = "720")]
    Hd,
    /// 1024 x 576.
    #[serde(rename = "576")]
    Pal,
    /// 720 x 480.
    #[serde(rename = "480")]
    Ntsc,
    /// Anything less.
    #[serde(rename = "sd")]
    Sd,
}

impl Resolution {
    fn as_str(self) -> &'static str {
        match self {
            Self::UltraHd => "4k",
            Self::FullHd => "1080",
            Self::Hd => "720",
            Self::Pal => "576",
            Self::Ntsc => "480",
            Self::Sd => "sd",
        }
    }
}

/// Filters whose values are understood.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    unwatched: Option<bool>,
    /// As they were written, for the server to know them by; empty for any.
    genres: Vec<String>,
    /// The genres in one text: a name may hold a comma.
    genre: Option<String>,
    years: Option<(i64, i64)>,
    /// Seconds since 1970.
    added_since: Option<i64>,
    resolution: Option<Resolution>,
}

impl Filters {
    /// Reads the values, so that a wrong one is told before anything is asked of the server.
    pub fn read(self) -> Result<Conditions, ToolError> {
        let split = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|genre| !genre.is_empty()).map(str::to_owned).collect()
        };
        let genres = self.genre.as_deref().map(split).unwrap_or_default();
        if self.genre.is_some() && genres.is_empty() {
            return Err(ToolError::argument("genre", "must not be empty"));
        }
        Ok(Conditions {
            unwatched: self.unwatched,
            genre: self.genre.map(|genre| genre.trim().to_owned()),
            genres,
            years: self.year.as_deref().map(years).transpose()?,
            added_since: self.added_since.as_deref().map(since::read).transpose()?,
            resolution: self.resolution,
        })
    }
}

/// A year, or the first and the last of a range.
fn years(text: &str) -> Result<(i64, i64), ToolError> {
    let year = |text: &str| text.trim().parse::<i64>().ok().filter(|year| (0..=9_999).contains(year));
    let range = match text.split_once('-') {
        Some((first, last)) => year(first).zip(year(last)),
        None => year(text).map(|year| (year, year)),
    };
    range
        .filter(|(first, last)| first <= last)
        .ok_or_else(|| ToolError::argument("year", "must be a year such as 1999, or a range such as 1990-1999"))
}

impl Conditions {
    /// The first condition that there is, by the name of its argument.
    pub fn first(&self) -> Option<&'static str> {
        let given = [
            ("unwatched", self.unwatched.is_some()),
            ("genre", !self.genres.is_empty()),
            ("year", self.years.is_some()),
            ("addedSince", self.added_since.is_some()),
            ("resolution", self.resolution.is_some()),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// Whether any item meets them.
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The listing of a library's items that meet the conditions. Without a type it is the library's main one.
    pub async fn listing(&self, plex: &Plex, key: &str, kind: Option<MediaType>) -> Result<Get, ToolError> {
        if self.is_empty() {
            return Ok(listing(key, kind));
        }
        // The fields of a media query belong to the type that it lists, so that has to be said.
        let kind = match kind {
            Some(kind) => kind,
            None => plex.section(key).await?.main_type().ok_or_else(|| {
                ToolError::argument("type", "is required with filters: the library is of no type that is known here")
            })?,
        };
        self.check_type(kind)?;
        let genres = self.genres_in(plex, key, kind).await?;
        if let Some(Genres { known, lacking: true, .. }) = &genres {
            return Err(unknown_genre(known));
        }
        Ok(self.query(key, kind, genres))
    }

    /// The same for one of several libraries: none where it has none of the genres, which are added to `known` then.
    pub async fn listing_among(
        &self,
        plex: &Plex,
        key: &str,
        kind: MediaType,
        known: &mut Vec<String>,
    ) -> Result<Option<Get>, ToolError> {
        let genres = self.genres_in(plex, key, kind).await?;
        match genres {
            Some(Genres { known: more, numbers, .. }) if numbers.is_empty() => {
                known.extend(more);
                Ok(None)
            }
            genres => Ok(Some(self.query(key, kind, genres))),
        }
    }

    fn query(&self, key: &str, kind: MediaType, genres: Option<Genres>) -> Get {
        let mut request = listing(key, Some(kind));
        if let (Some(unwatched), Some(name)) = (self.unwatched, unwatched_field(kind)) {
            request = request.with(name, if unwatched { "1" } else { "0" });
        }
        if let (Some((first, last)), Some([is, from, to])) = (self.years, year_field(kind)) {
            request = if first == last {
                request.with(is, first.to_string())
            } else {
                request.with(from, first.to_string()).with(to, last.to_string())
            };
        }
        if let Some(since) = self.added_since {
            // Dates know "after" and no "from".
            request = request.with("addedAt>>", since.saturating_sub(1).to_string());
        }
        if let (Some(resolution), Some(name)) = (self.resolution, resolution_field(kind)) {
            request = request.with(name, resolution.as_str());
        }
        if let (Some(genres), Some((name, _))) = (genres, genre_field(kind)) {
            request = request.with(name, genres.numbers.join(","));
        }
        request
    }

    /// Refuses conditions on what items of the type don't have.
    pub fn check_type(&self, kind: MediaType) -> Result<(), ToolError> {
        for (field, asked, has) in [
            ("unwatched", self.unwatched.is_some(), unwatched_field(kind).is_some()),
            ("genre", !self.genres.is_empty(), genre_field(kind).is_some()),
            ("year", self.years.is_some(), year_field(kind).is_some()),
            ("resolution", self.resolution.is_some(), resolution_field(kind).is_some()),
        ] {
            if asked && !has {
                let problem = format!("can't be asked of items of type {}, which have none", kind.as_str());
                return Err(ToolError::argument(field, problem));
            }
        }
        Ok(())
    }

    /// What a library knows of the genres; none where no genre is asked for.
    async fn genres_in(&self, plex: &Plex, key: &str, kind: MediaType) -> Result<Option<Genres>, ToolError> {
        let (false, Some((_, owner))) = (self.genres.is_empty(), genre_field(kind)) else { return Ok(None) };
        let choices = plex.genres(key, owner).await?;
        let number = |name: &str| {
            let is = |choice: &&Choice| choice.title.as_deref().is_some_and(|title| same(title, name));
            choices.iter().find(is).and_then(|choice| choice.key.clone())
        };
        // A name may hold a comma itself.
        let whole = self.genre.as_deref().and_then(number);
        let numbers = match whole {
            Some(number) => vec![Some(number)],
            None => self.genres.iter().map(|name| number(name)).collect(),
        };
        let lacking = numbers.iter().any(Option::is_none);
        let known = choices.iter().filter_map(|choice| choice.title.clone()).collect();
        Ok(Some(Genres { numbers: numbers.into_iter().flatten().collect(), lacking, known }))
    }

    /// Whether an item meets the conditions, of a list that the server does not filter. `genres` are its own or those of what
    /// it belongs to.
    pub fn admit(&self, item: &Item, genres: &[String]) -> bool {
        let wanted = |genre: &String| self.genres.iter().chain(&self.genre).any(|wanted| same(wanted, genre));
        self.unwatched.is_none_or(|unwatched| is_unwatched(item) == unwatched)
            && (self.genres.is_empty() || genres.iter().any(wanted))
            && self.years.is_none_or(|(first, last)| item.year.is_some_and(|year| (first..=last).contains(&year)))
            && self.added_since.is_none_or(|since| item.added_at.is_some_and(|at| at >= since))
            && self.resolution.is_none_or(|resolution| {
                let is = |text: &str| text.eq_ignore_ascii_case(resolution.as_str());
                item.media.iter().any(|media| media.video_resolution.as_deref().is_some_and(is))
            })
    }

    /// The items that meet the conditions, of a list that the server does not filter.
    pub async fn keep(&self, plex: &Plex, items: Vec<Item>) -> Result<Vec<Item>, ToolError> {
        if self.genres.is_empty() {
            return Ok(items.into_iter().filter(|item| self.admit(item, &[])).collect());
        }
        let but_genre = Self { genres: Vec::new(), genre: None, ..self.clone() };
        let mut kept = items;
        kept.retain(|item| but_genre.admit(item, &[]));
        let genres = genres_of(plex, &kept).await?;
        let none = Vec::new();
        kept.retain(|item| self.admit(item, genre_owner(item).and_then(|key| genres.get(key)).unwrap_or(&none)));
        Ok(kept)
    }

    /// The condition that an item of a filtered answer does not meet: the server does not know that filter.
    pub fn ignored(&self, items: &[Item]) -> Option<&'static str> {
        let watch_known = |item: &Item| item.view_count.is_some() || item.leaf_count.is_some();
        items.iter().find_map(|item| {
            let unwatched =
                self.unwatched.is_some_and(|unwatched| watch_known(item) && is_unwatched(item) != unwatched);
            let years = |(first, last)| item.year.is_some_and(|year| !(first..=last).contains(&year));
            // Some types borrow their year: an album's, of a track.
            let year = item.kind.as_deref() != Some("track") && self.years.is_some_and(years);
            let since = self.added_since.is_some_and(|since| item.added_at.is_some_and(|at| at < since));
            [("unwatched", unwatched), ("year", year), ("addedSince", since)]
                .into_iter()
                .find_map(|(name, ignored)| ignored.then_some(name))
        })
    }
}

/// The warning of a filter that the server does not know.
pub fn ignored_filter(name: &str) -> String {
    format!("this Plex server does not seem to know the filter {name}: items that don't meet it are listed, too")
}

/// What a library knows of the genres that are asked for.
struct Genres {
    numbers: Vec<String>,
    /// Whether it has not got one of them.
    lacking: bool,
    /// The names of all that it has.
    known: Vec<String>,
}

/// The error of a genre that no library has which is listed.
pub fn unknown_genre(known: &[String]) -> ToolError {
    if known.is_empty() {
        return ToolError::argument("genre", "is not there: the library has no genres");
    }
    let more = if known.len() > SHOWN_GENRES { ", ..." } else { "" };
    let shown: Vec<&str> = known.iter().take(SHOWN_GENRES).map(String::as_str).collect();
    ToolError::argument("genre", format!("must be one of {}{more}", shown.join(", ")))
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Whether there is something to watch: of a show, an episode. Plex leaves out counts of 0.
fn is_unwatched(item: &Item) -> bool {
    match item.leaf_count {
        Some(leaves) => item.viewed_leaf_count.unwrap_or_default() < leaves,
        None => item.view_count.unwrap_or_default() == 0,
    }
}

/// The item whose genres count: an episode's show, a track's album.
fn genre_owner(item: &Item) -> Option<&str> {
    let owner = match item.kind.as_deref() {
        Some("episode") => &item.grandparent_rating_key,
        Some("season" | "track") => &item.parent_rating_key,
        _ => &item.rating_key,
    };
    owner.as_deref()
}

/// All genres of what items belong to, by its key: lists hold the first few, if any.
async fn genres_of(plex: &Plex, items: &[Item]) -> Result<HashMap<String, Vec<String>>, ToolError> {
    let mut owners: Vec<String> = items.iter().filter_map(genre_owner).map(str::to_owned).collect();
    owners.sort_unstable();
    owners.dedup();
    let items = plex.items_by_text(&owners).await?;
    Ok(items.into_iter().filter_map(|item| Some((item.rating_key?, words(item.genres)))).collect())
}

fn unwatched_field(kind: MediaType) -> Option<&'static str> {
    match kind {
        MediaType::Movie | MediaType::Episode => Some("unwatched"),
        MediaType::Show => Some("show.unwatchedLeaves"),
        MediaType::Season => Some("season.unwatchedLeaves"),
        MediaType::Artist | MediaType::Album | MediaType::Track | MediaType::Photo | MediaType::Collection => None,
    }
}

/// The fields for "is", "from" and "to".
fn year_field(kind: MediaType) -> Option<[&'static str; 3]> {
    match kind {
        MediaType::Movie | MediaType::Show | MediaType::Episode | MediaType::Album | MediaType::Photo => {
            Some(["year", "year>", "year<"])
        }
        MediaType::Season => Some(["show.year", "show.year>", "show.year<"]),
        MediaType::Track => Some(["album.year", "album.year>", "album.year<"]),
        MediaType::Artist | MediaType::Collection => None,
    }
}

fn resolution_field(kind: MediaType) -> Option<&'static str> {
    match kind {
        MediaType::Movie | MediaType::Episode => Some("resolution"),
        MediaType::Show | MediaType::Season => Some("episode.resolution"),
        MediaType::Artist | MediaType::Album | MediaType::Track | MediaType::Photo | MediaType::Collection => None,
    }
}

/// The field, and the type whose genres it asks for.
fn genre_field(kind: MediaType) -> Option<(&'static str, MediaType)> {
    match kind {
        MediaType::Movie | MediaType::Show | MediaType::Artist | MediaType::Album => Some(("genre", kind)),
        MediaType::Season | MediaType::Episode => Some(("show.genre", MediaType::Show)),
        MediaType::Track => Some(("album.genre", MediaType::Album)),
        MediaType::Photo | MediaType::Collection => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(filters: Filters) -> Result<Conditions, String> {
        filters.read().map_err(|error| error.to_string())
    }

    fn year(text: &str) -> Result<Option<(i64, i64)>, String> {
        read(Filters { year: Some(text.into()), ..Filters::default() }).map(|conditions| conditions.years)
    }

    #[test]
    fn years_are_one_or_a_range() {
        assert_eq!(year("1999"), Ok(Some((1999, 1999))));
        assert_eq!(year(" 1990 - 1999 "), Ok(Some((1990, 1999))));
        for bad in ["", "new", "1999-1990", "-5", "1990-", "1999,2000", "99999"] {
            assert!(year(bad).is_err_and(|text| text.contains("year must be a year")), "{bad}");
        }
    }

    #[test]
    fn filters_become_fields_of_the_level_that_has_them() {
        let filters = Filters {
            unwatched: Some(true),
            year: Some("1990-1999".into()),
            added_since: Some("1500000000".into()),
            resolution: Some(Resolution::UltraHd),
            ..Filters::default()
        };
        let conditions = filters.read().expect("good filters");
        let query = |kind| {
            let genres = Genres { numbers: vec!["6".into(), "7".into()], lacking: false, known: Vec::new() };
            let pairs = conditions.query("2", kind, Some(genres)).query;
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        assert_eq!(
            query(MediaType::Movie),
            "type=1&unwatched=1&year>=1990&year<=1999&addedAt>>=1499999999&resolution=4k&genre=6,7"
        );
        assert_eq!(
            query(MediaType::Show),
            "type=2&show.unwatchedLeaves=1&year>=1990&year<=1999&addedAt>>=1499999999&episode.resolution=4k&genre=6,7"
        );
        assert_eq!(
            query(MediaType::Episode),
            "type=4&unwatched=1&year>=1990&year<=1999&addedAt>>=1499999999&resolution=4k&show.genre=6,7"
        );
        assert!(conditions.check_type(MediaType::Movie).is_ok());
    }

    #[test]
    fn what_a_type_has_not_got_is_refused_by_name() {
        for (filters, kind, field) in [
            (Filters { unwatched: Some(true), ..Filters::default() }, MediaType::Album, "unwatched"),
            (Filters { year: Some("1999".into()), ..Filters::default() }, MediaType::Artist, "year"),
            (Filters { genre: Some("Drama".into()), ..Filters::default() }, MediaType::Photo, "genre"),
            (Filters { resolution: Some(Resolution::Sd), ..Filters::default() }, MediaType::Track, "resolution"),
        ] {
            let conditions = filters.read().expect("good filters");
            let text = conditions.check_type(kind).expect_err(field).to_string();
            assert!(text.contains(&format!("{field} can't be asked of items of type {}", kind.as_str())), "{text}");
        }
    }

    #[test]
    fn the_same_is_tested_here_where_the_server_does_not_filter() {
        let item = |json: serde_json::Value| serde_json::from_value::<Item>(json).expect("an item");
        let film = item(serde_json::json!({"type": "movie", "year": "1999", "addedAt": 100, "viewCount": 1,
            "Media": [{"videoResolution": "1080"}, {"videoResolution": "4K"}]}));
        let show = item(serde_json::json!({"type": "show", "leafCount": 3, "viewedLeafCount": 3}));
        let admits =
            |filters: Filters, item: &Item| filters.read().expect("good filters").admit(item, &["Drama".into()]);
        for (filters, expected) in [
            (Filters::default(), [true, true]),
            (Filters { unwatched: Some(true), ..Filters::default() }, [false, false]),
            (Filters { unwatched: Some(false), ..Filters::default() }, [true, true]),
            (Filters { genre: Some("horror, DRAMA".into()), ..Filters::default() }, [true, true]),
            (Filters { genre: Some("Horror".into()), ..Filters::default() }, [false, false]),
            (Filters { year: Some("1990-1999".into()), ..Filters::default() }, [true, false]),
            (Filters { added_since: Some("100".into()), ..Filters::default() }, [true, false]),
            (Filters { added_since: Some("101".into()), ..Filters::default() }, [false, false]),
            (Filters { resolution: Some(Resolution::UltraHd), ..Filters::default() }, [true, false]),
            (Filters { resolution: Some(Resolution::Hd), ..Filters::default() }, [false, false]),
        ] {
            assert_eq!([admits(filters.clone(), &film), admits(filters.clone(), &show)], expected, "{filters:?}");
        }
    }
}
