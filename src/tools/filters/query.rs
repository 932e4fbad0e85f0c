//! Filters as Plex's media queries.
//!
//! A media query's fields belong to levels of the library: an episode has no genre, its show has one. Which field stands for
//! a filter, by the type that is listed, is said here and nowhere else. Tags go by numbers that each library gives them.

use super::{Conditions, same};
use crate::{
    plex::{
        http::{Get, Plex},
        items::{Choice, MediaType, listing},
    },
    tools::error::ToolError,
};

/// Genres that an error names, of a library that has more.
const SHOWN_GENRES: usize = 60;

impl Conditions {
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
        let choices = plex.choices(key, "genre", owner).await?;
        let numbers = numbers_of(&choices, self.genre.as_deref().unwrap_or_default());
        let lacking = numbers.iter().any(Option::is_none);
        let known = choices.iter().filter_map(|choice| choice.title.clone()).collect();
        Ok(Some(Genres { numbers: numbers.into_iter().flatten().collect(), lacking, known }))
    }
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
    ToolError::argument("genre", format!("must be one of {}", listed(known)))
}

/// Names of tags, as many as an error has room for.
pub fn listed(known: &[String]) -> String {
    let more = if known.len() > SHOWN_GENRES { ", ..." } else { "" };
    let shown: Vec<&str> = known.iter().take(SHOWN_GENRES).map(String::as_str).collect();
    format!("{}{more}", shown.join(", "))
}

/// The numbers of the tags that a text names, with commas between them; none in place of one that is not there.
pub fn numbers_of(choices: &[Choice], names: &str) -> Vec<Option<String>> {
    let number = |name: &str| {
        let is = |choice: &&Choice| choice.title.as_deref().is_some_and(|title| same(title, name));
        choices.iter().find(is).and_then(|choice| choice.key.clone())
    };
    // A name may hold a comma itself.
    match number(names) {
        Some(number) => vec![Some(number)],
        None => names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(number).collect(),
    }
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
pub fn genre_field(kind: MediaType) -> Option<(&'static str, MediaType)> {
    match kind {
        MediaType::Movie | MediaType::Show | MediaType::Artist | MediaType::Album => Some(("genre", kind)),
        MediaType::Season | MediaType::Episode => Some(("show.genre", MediaType::Show)),
        MediaType::Track => Some(("album.genre", MediaType::Album)),
        MediaType::Photo | MediaType::Collection => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Filters, Resolution};
    use super::*;

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
}
