//! Searching Trakt's catalogue.

use super::{error::TraktError, http::Trakt, ids::Ids};
use crate::{http::Get, plex::lenient};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// Hits a request.
const PAGE_ROWS: usize = 100;
/// Characters that Trakt's search takes for its own language.
const SPECIAL: &[char] =
    &['\\', '+', '-', '&', '|', '!', '(', ')', '{', '}', '[', ']', '^', '"', '~', '*', '?', ':', '/'];

/// A film or a show that was found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Hit {
    /// `movie` or `show`.
    #[serde(deserialize_with = "lenient::text", rename = "type")]
    pub kind: Option<String>,
    /// How well it fits, as Trakt says.
    #[serde(deserialize_with = "lenient::number")]
    pub score: Option<f64>,
    /// The film.
    pub movie: Option<HitWork>,
    /// The show.
    pub show: Option<HitWork>,
}

/// What Trakt says of a film or a show.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HitWork {
    /// The title.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// The year of release.
    #[serde(deserialize_with = "lenient::integer")]
    pub year: Option<i64>,
    /// Its ids.
    pub ids: Ids,
    /// What it is about.
    #[serde(deserialize_with = "lenient::text")]
    pub overview: Option<String>,
    /// The rating of Trakt's users, 0 to 10.
    #[serde(deserialize_with = "lenient::number")]
    pub rating: Option<f64>,
    /// Minutes.
    #[serde(deserialize_with = "lenient::integer")]
    pub runtime: Option<i64>,
    /// Genres.
    #[serde(deserialize_with = "lenient::list")]
    pub genres: Vec<String>,
}

impl Trakt {
    /// Up to `most` hits, best first, of the types in `types` (`movie,show`), and of one year where one is given.
    pub async fn search(
        &self,
        types: &str,
        query: &str,
        year: Option<i64>,
        most: usize,
    ) -> Result<Vec<Hit>, TraktError> {
        let mut request =
            Get::new("a search", ["search", types]).with("query", escaped(query)).with("extended", "full");
        if let Some(year) = year {
            request = request.with("years", year.to_string());
        }
        let mut seen = HashSet::new();
        let mut hits = Vec::new();
        for page in 1_u32.. {
            let request = request.clone().with("page", page.to_string()).with("limit", PAGE_ROWS.to_string());
            let mut rows: Vec<Value> = self.get_public(&request).await?;
            rows.retain(|row| seen.insert(row.to_string()));
            let ended = rows.is_empty();
            let found = rows.into_iter().filter_map(|row| serde_json::from_value::<Hit>(row).ok());
            // Should a filter be ignored there, it is not here.
            hits.extend(found.filter(|hit| year.is_none() || hit.work().is_some_and(|work| work.year == year)));
            if ended || hits.len() >= most {
                break;
            }
        }
        hits.truncate(most);
        Ok(hits)
    }
}

impl Hit {
    /// What was found.
    pub fn work(&self) -> Option<&HitWork> {
        self.movie.as_ref().or(self.show.as_ref())
    }
}

/// The words with what Trakt would take for its own language made plain.
fn escaped(query: &str) -> String {
    let mut escaped = String::with_capacity(query.len());
    for c in query.chars() {
        if SPECIAL.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_and_no_language() {
        assert_eq!(escaped("Plain words 3"), "Plain words 3");
        assert_eq!(escaped("What? (1/2) [a:b]"), r"What\? \(1\/2\) \[a\:b\]");
        assert_eq!(escaped(r"a\b"), r"a\\b");
    }
}
