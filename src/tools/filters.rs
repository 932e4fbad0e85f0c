//! The filters that the lists of items share: arguments, and the test of them for lists that the server can't filter.

mod query;
mod since;

pub use query::{genre_field, listed, numbers_of, unknown_genre};

use super::{error::ToolError, listing::words};
use crate::plex::{http::Plex, items::Item};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

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
