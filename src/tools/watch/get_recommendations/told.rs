//! How recommendations are told: the titles with their copies, and what speaks for them.

use crate::{
    plex::items::MediaType,
    tools::watch::{
        audience::Audience,
        taste::{Taste, Watched},
        titles::{Family, Label, Title, Titles},
        watch_row::CopyRow,
    },
};
use schemars::JsonSchema;
use serde::Serialize;

const MOST_REASONS: usize = 4;

/// What a person likes, as far as it was watched more than the libraries alone would make one expect.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TasteProfile {
    /// Best liked genres.
    top_genres: Vec<Liked>,
    /// Best liked directors.
    top_directors: Vec<Liked>,
    /// Best liked actors.
    top_actors: Vec<Liked>,
    /// What others on the average say of the watched titles, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    avg_rating: Option<f64>,
}

/// A genre or a person.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Liked {
    /// The name.
    name: String,
    /// Watched titles with it.
    watched: u64,
    /// How much it is liked, from 0 to 1.
    liking: f64,
}

/// A title to watch.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recommendation {
    /// The number of the copy in the library.
    rating_key: String,
    /// The title.
    title: String,
    /// movie or show.
    #[serde(rename = "type")]
    kind: MediaType,
    /// The year of release.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// The title's global id.
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    /// Genres.
    genres: Vec<String>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// The audience's rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience_rating: Option<f64>,
    /// How well it fits, from 0 to 100; 50 is neither well nor badly.
    score: f64,
    /// Why.
    reasons: Vec<String>,
    /// All copies, where there are several: in other libraries, or other editions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<CopyRow>,
}

/// What the answer is told from.
pub(super) struct Told<'a> {
    pub(super) titles: &'a Titles,
    pub(super) taste: &'a Taste,
    pub(super) watched: usize,
    /// Whether enough was watched to speak of a taste.
    pub(super) by_taste: bool,
    pub(super) audience: &'a Audience,
    pub(super) library: u64,
    pub(super) kind: MediaType,
}

impl Told<'_> {
    pub(super) fn recommendation(&self, fit: f64, place: usize) -> Recommendation {
        let none = Title::default();
        let title = self.titles.all.get(place).unwrap_or(&none);
        let own = title.copies.iter().find(|copy| copy.section == self.library);
        let copies = title.copies.iter().map(|copy| CopyRow {
            rating_key: copy.key.to_string(),
            edition_title: copy.edition.clone(),
            library_key: Some(copy.section.to_string()),
            library: self.audience.library(copy.section).map(str::to_owned),
        });
        Recommendation {
            rating_key: own.map_or_else(String::new, |copy| copy.key.to_string()),
            title: title.name.clone(),
            kind: self.kind,
            year: title.year,
            guid: title.guid.clone(),
            genres: title.genres.iter().map(|&genre| self.titles.name(genre).to_owned()).collect(),
            rating: title.critics,
            audience_rating: title.audience,
            score: ((50.0 + 50.0 * fit) * 10.0).round() / 10.0,
            reasons: self.reasons(title),
            copies: if title.copies.len() > 1 { copies.collect() } else { Vec::new() },
        }
    }

    /// What speaks for a title, in words that are true of the data: counts and names, no claims about the person.
    fn reasons(&self, title: &Title) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.by_taste {
            if let Some((genre, count)) = self.liked(title, Family::Genre, 2) {
                reasons.push(format!("{count} of {} watched titles are {genre}", self.watched));
            }
            for (family, words) in [(Family::Director, "directed by"), (Family::Actor, "with")] {
                if let Some((person, _)) = self.liked(title, family, 1) {
                    reasons.push(format!("{words} {person}, as the watched {}", self.examples(title, family)));
                }
            }
            if let Some((studio, count)) = self.liked(title, Family::Studio, 2) {
                reasons.push(format!("from {studio}, as {count} watched titles"));
            }
        }
        let rated = title.audience.map(|rating| (rating, "the audience"));
        if let Some((rating, by)) =
            rated.or(title.critics.map(|rating| (rating, "critics"))).filter(|(it, _)| *it >= 7.0)
        {
            reasons.push(format!("rated {rating:.1} by {by}"));
        }
        reasons.truncate(MOST_REASONS);
        reasons
    }

    /// The best liked label of a title that at least so many watched titles have, and how many do.
    fn liked(&self, title: &Title, family: Family, least: usize) -> Option<(&str, usize)> {
        let (label, titles) = self.best(title, family, least)?;
        Some((self.titles.name(label), titles.len()))
    }

    fn best(&self, title: &Title, family: Family, least: usize) -> Option<(Label, &[usize])> {
        let likings = title.labels(family).iter().filter_map(|&label| Some((label, self.taste.liking(family, label)?)));
        let speaking = likings.filter(|(_, liking)| liking.value > 0.0 && liking.titles.len() >= least);
        let best = speaking.max_by(|(a, one), (b, other)| one.value.total_cmp(&other.value).then(b.cmp(a)));
        best.map(|(label, liking)| (label, liking.titles.as_slice()))
    }

    /// One or two watched titles with the best liked label.
    fn examples(&self, title: &Title, family: Family) -> String {
        let places = self.best(title, family, 1).map_or(&[][..], |(_, titles)| titles);
        let names: Vec<&str> =
            places.iter().take(2).filter_map(|&place| self.titles.all.get(place)).map(|it| it.name.as_str()).collect();
        names.join(" and ")
    }

    pub(super) fn profile(&self, watched: &[Watched]) -> TasteProfile {
        let top = |family| {
            let best = self.taste.best(family, 5).into_iter();
            best.map(|(label, liking)| Liked {
                name: self.titles.name(label).to_owned(),
                watched: liking.titles.len() as u64,
                liking: (liking.value * 100.0).round() / 100.0,
            })
            .collect()
        };
        let ratings: Vec<f64> =
            watched.iter().filter_map(|watched| self.titles.all.get(watched.place)?.rating()).collect();
        #[expect(clippy::cast_precision_loss, reason = "a number of titles")]
        let average =
            (!ratings.is_empty()).then(|| (ratings.iter().sum::<f64>() / ratings.len() as f64 * 10.0).round() / 10.0);
        TasteProfile {
            top_genres: top(Family::Genre),
            top_directors: top(Family::Director),
            top_actors: top(Family::Actor),
            avg_rating: average,
        }
    }
}
