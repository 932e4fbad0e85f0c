//! What a person likes, from what they watched, and how well an unseen title fits it.
//!
//! Each title that was watched has a weight: `ln(1 + plays) * 2^(-age / 180 days) * opinion`, with the age counted from the
//! person's last play, so that the same plays always mean the same; 365 days where it is not known. The opinion is 1, or
//! where the person rated the title `(rating - 4) / 4`, between -1 and 1.5: a 2 counts against what it stands for.
//!
//! A label (a genre, a director, an actor, a studio) is liked as far as it was watched more than the library alone would
//! make one expect. With `W` the sum of all weights, `S` that of the titles with the label, and `E = W * (part of the
//! library's titles that have it)`: `x = (S - E) / (E + 1)`, and the liking is `x / (1 + |x|)`, from -1 to 1. The 1 keeps a
//! single play of something rare from being a passion.
//!
//! A title's fit is `0.40 genres + 0.20 directors + 0.15 actors + 0.05 studio + 0.20 rating`, each from -1 to 1: the mean
//! liking of its genres, the best liked of its directors, two thirds of the sum of its three best liked actors (at most 1),
//! its studio's liking, and `(rating - 6.5) / 3.5` with the audience's rating, or else the critics'. The score shown is
//! `50 + 50 * fit`.

use super::titles::{Family, Label, Title};
use std::collections::HashMap;

const GENRES: f64 = 0.40;
const DIRECTORS: f64 = 0.20;
const ACTORS: f64 = 0.15;
const STUDIO: f64 = 0.05;
const RATING: f64 = 0.20;
const HALF_LIFE_DAYS: f64 = 180.0;
const UNKNOWN_AGE_DAYS: f64 = 365.0;

/// What makes a title count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Watched {
    /// Where the title stands.
    pub(super) place: usize,
    pub(super) plays: u64,
    /// The last play, in seconds since 1970.
    pub(super) last: Option<i64>,
    /// What the person said of it, 0 to 10.
    pub(super) rating: Option<f64>,
}

impl Watched {
    /// How much the title says of the person whose last play was at `newest`.
    pub(super) fn weight(&self, newest: Option<i64>) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "times and plays, of which a fraction does not matter")]
        let (plays, age) = (
            self.plays as f64,
            newest.zip(self.last).map(|(newest, last)| newest.saturating_sub(last).max(0) as f64 / 86_400.0),
        );
        let recency = (-age.unwrap_or(UNKNOWN_AGE_DAYS) / HALF_LIFE_DAYS).exp2();
        let opinion = self.rating.map_or(1.0, |rating| ((rating - 4.0) / 4.0).clamp(-1.0, 1.5));
        plays.ln_1p() * recency * opinion
    }
}

/// How much a label is liked, and what shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Liking {
    /// From -1 to 1.
    pub(super) value: f64,
    /// Where the titles stand that were watched and speak for it, the weightiest first.
    pub(super) titles: Vec<usize>,
}

/// What a person likes.
#[derive(Debug, Default)]
pub(super) struct Taste {
    likings: HashMap<(Family, Label), Liking>,
}

impl Taste {
    /// The taste that speaks from what was watched, among all titles there are.
    pub(super) fn new(all: &[Title], watched: &[Watched]) -> Self {
        let newest = watched.iter().filter_map(|watched| watched.last).max();
        let mut weighed: Vec<(f64, usize)> =
            watched.iter().map(|watched| (watched.weight(newest), watched.place)).collect();
        weighed.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
        let total: f64 = weighed.iter().map(|(weight, _)| weight).sum::<f64>().max(0.0);
        let mut sums: HashMap<(Family, Label), (f64, Vec<usize>)> = HashMap::new();
        for &(weight, place) in &weighed {
            let Some(title) = all.get(place) else { continue };
            for_each_label(title, |label| {
                let (sum, titles) = sums.entry(label).or_default();
                *sum += weight;
                if weight > 0.0 {
                    titles.push(place);
                }
            });
        }
        let mut holders: HashMap<(Family, Label), u32> = HashMap::new();
        for title in all {
            for_each_label(title, |label| {
                if sums.contains_key(&label) {
                    *holders.entry(label).or_default() += 1;
                }
            });
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of titles")]
        let number = all.len().max(1) as f64;
        let liking = |(label, (sum, titles)): ((Family, Label), (f64, Vec<usize>))| {
            let expected = total * f64::from(holders.get(&label).copied().unwrap_or(0)) / number;
            let x = (sum - expected) / (expected + 1.0);
            (label, Liking { value: x / (1.0 + x.abs()), titles })
        };
        Self { likings: sums.into_iter().map(liking).collect() }
    }

    /// How much a label is liked; none where nothing with it was watched.
    pub(super) fn liking(&self, family: Family, label: Label) -> Option<&Liking> {
        self.likings.get(&(family, label))
    }

    /// The best liked labels of a family.
    pub(super) fn best(&self, family: Family, most: usize) -> Vec<(Label, &Liking)> {
        let of_family = self.likings.iter().filter(|((of, _), liking)| *of == family && liking.value > 0.0);
        let mut best: Vec<_> = of_family.map(|((_, label), liking)| (*label, liking)).collect();
        best.sort_by(|(a, one), (b, other)| other.value.total_cmp(&one.value).then(a.cmp(b)));
        best.truncate(most);
        best
    }

    fn value(&self, family: Family, label: Label) -> f64 {
        self.liking(family, label).map_or(0.0, |liking| liking.value)
    }

    /// How well a title fits, from -1 to 1.
    pub(super) fn fit(&self, title: &Title) -> f64 {
        let values = |family| title.labels(family).iter().map(move |&label| self.value(family, label));
        let mut actors: Vec<f64> = values(Family::Actor).filter(|value| *value > 0.0).collect();
        actors.sort_by(|a, b| b.total_cmp(a));
        let actors = actors.iter().take(3).sum::<f64>() * 2.0 / 3.0;
        GENRES * mean(values(Family::Genre))
            + DIRECTORS * values(Family::Director).max_by(f64::total_cmp).unwrap_or(0.0)
            + ACTORS * actors.min(1.0)
            + STUDIO * mean(values(Family::Studio))
            + RATING * praise(title)
    }
}

/// What others say of a title, from -1 to 1; 0 where nobody says anything.
pub(super) fn praise(title: &Title) -> f64 {
    title.rating().map_or(0.0, |rating| ((rating - 6.5) / 3.5).clamp(-1.0, 1.0))
}

fn for_each_label(title: &Title, mut visit: impl FnMut((Family, Label))) {
    for family in Family::ALL {
        title.labels(family).iter().for_each(|&label| visit((family, label)));
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Puts titles into the order in which they are recommended: the best fitting first, where one that is much like another
/// before it falls back by up to [`LIKENESS`]. `titles` are ordered by their fit.
pub(super) fn vary(titles: &mut Vec<(f64, usize)>, all: &[Title]) {
    let mut left = std::mem::take(titles);
    let mut likest: Vec<f64> = vec![0.0; left.len()];
    while !left.is_empty() {
        let standing = |at: usize| {
            let (fit, likeness) = (left.get(at).map_or(f64::MIN, |(fit, _)| *fit), likest.get(at).copied());
            fit - LIKENESS * likeness.unwrap_or(0.0)
        };
        // The first of equals: they stand in their order.
        let best = (1..left.len()).fold(0, |best, at| if standing(at) > standing(best) { at } else { best });
        let chosen = left.remove(best);
        likest.remove(best);
        for ((_, other), likest) in left.iter().zip(&mut likest) {
            if let (Some(one), Some(other)) = (all.get(chosen.1), all.get(*other)) {
                *likest = likest.max(likeness(one, other));
            }
        }
        titles.push(chosen);
    }
}

/// What the likest title before it takes of a title's fit.
const LIKENESS: f64 = 0.12;

/// How much two titles are alike, from 0 to 1: the part of their genres that both have, and half for a common director.
fn likeness(one: &Title, other: &Title) -> f64 {
    let both = one.genres.iter().filter(|genre| other.genres.contains(genre)).count();
    let either = one.genres.len() + other.genres.len() - both;
    #[expect(clippy::cast_precision_loss, reason = "numbers of genres")]
    let genres = if either == 0 { 0.0 } else { both as f64 / either as f64 };
    let director = if one.directors.iter().any(|director| other.directors.contains(director)) { 0.5 } else { 0.0 };
    (genres + director).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::xml::{Arena, Document};
    use crate::tools::watch::titles::Titles;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn titles(rows: &str) -> Titles {
        let text = format!("<MediaContainer>{rows}</MediaContainer>");
        let (mut document, mut arena, mut titles) =
            (Document::open(&text).unwrap(), Arena::default(), Titles::default());
        while let Some(row) = document.next_row(&mut arena).unwrap() {
            titles.add(&row, 1);
        }
        titles
    }

    fn watched(place: usize, plays: u64, last: Option<i64>, rating: Option<f64>) -> Watched {
        Watched { place, plays, last, rating }
    }

    #[test]
    fn a_play_weighs_less_with_age_and_more_with_repetition_and_praise() {
        let now = Some(1_700_000_000);
        let ago = |days: i64| now.map(|now| now - days * 86_400);
        let weight = |plays, days, rating| watched(0, plays, ago(days), rating).weight(now);
        assert!((weight(1, 0, None) - 2_f64.ln()).abs() < 1e-12);
        assert!((weight(1, 180, None) * 2.0 - weight(1, 0, None)).abs() < 1e-12);
        assert!(weight(3, 0, None) > weight(2, 0, None));
        assert!((weight(1, 0, Some(8.0)) - weight(1, 0, None)).abs() < 1e-12);
        assert!((weight(1, 0, Some(10.0)) - 1.5 * weight(1, 0, None)).abs() < 1e-12);
        assert!(weight(1, 0, Some(4.0)).abs() < 1e-12);
        assert!(weight(1, 0, Some(2.0)) < 0.0);
        let unknown = watched(0, 1, None, None).weight(now);
        assert!((unknown - weight(1, 365, None)).abs() < 1e-12);
        assert!(watched(0, 1, Some(i64::MIN), None).weight(now) >= 0.0);
    }

    #[test]
    fn a_label_is_liked_as_far_as_the_library_does_not_explain_it() {
        // Four titles in ten have genre A, one has B; A was watched twice, B once.
        let mut rows = String::new();
        for n in 0..10 {
            let genre = match n {
                0..4 => "A",
                4 => "B",
                _ => "C",
            };
            write!(rows, r#"<Video ratingKey="{n}" title="{n}"><Genre tag="{genre}"/></Video>"#).unwrap();
        }
        let titles = titles(&rows);
        let seen: Vec<Watched> = [0, 1, 4].map(|place| watched(place, 1, Some(1), None)).to_vec();
        let taste = Taste::new(&titles.all, &seen);
        let liking = |place: usize| taste.liking(Family::Genre, titles.all[place].genres[0]).map(|it| it.value);
        let weight = 2_f64.ln();
        let expected = |sum: f64, part: f64| {
            let x = (sum * weight - 3.0 * weight * part) / (3.0 * weight * part + 1.0);
            x / (1.0 + x.abs())
        };
        assert!((liking(0).unwrap() - expected(2.0, 0.4)).abs() < 1e-12);
        assert!((liking(4).unwrap() - expected(1.0, 0.1)).abs() < 1e-12);
        assert_eq!(liking(9), None);
        assert!((taste.fit(&titles.all[2]) - GENRES * expected(2.0, 0.4)).abs() < 1e-12);
        assert_eq!(taste.best(Family::Genre, 9).len(), 2);
    }

    #[test]
    fn an_actor_of_two_parts_and_a_title_of_two_copies_count_once() {
        let titles = titles(
            r#"<Video ratingKey="1" guid="plex://movie/a" title="A" viewCount="1"><Role tag="X"/><Role tag="X"/></Video>
               <Video ratingKey="2" guid="plex://movie/a" title="A" viewCount="2" lastViewedAt="9"/>
               <Video ratingKey="x" title="no key"/>"#,
        );
        let [title] = titles.all.as_slice() else { panic!("{titles:?}") };
        assert_eq!((title.actors.len(), title.copies.len(), title.plays, title.last), (1, 2, 3, Some(9)));
    }

    #[test]
    fn counts_that_no_server_means_end_nothing() {
        let row = |key| format!(r#"<Video ratingKey="{key}" guid="plex://movie/a" viewCount="{}"/>"#, i64::MAX);
        let titles = titles(&[1, 2, 3].map(row).concat());
        assert_eq!(titles.all[0].plays, u64::MAX);
    }

    proptest! {
        #[test]
        fn fits_stay_in_range_and_the_order_loses_nobody(
            items in prop::collection::vec((0_u8..5, 0_u8..4, 0_u8..6, 0_u32..12, 0_u64..4, any::<i32>(), 0_u8..12), 1..60),
        ) {
            let mut rows = String::new();
            for (n, (genre, director, actor, rating, plays, last, own)) in items.iter().enumerate() {
                write!(
                    rows,
                    r#"<Video ratingKey="{n}" title="{n}" audienceRating="{rating}" viewCount="{plays}" lastViewedAt="{last}"
                    userRating="{own}" studio="S{genre}"><Genre tag="G{genre}"/><Director tag="D{director}"/><Role
                    tag="A{actor}"/></Video>"#
                )
                .unwrap();
            }
            let titles = titles(&rows);
            let seen: Vec<Watched> = titles.all.iter().enumerate().filter(|(_, title)| title.plays > 0)
                .map(|(place, title)| watched(place, title.plays, title.last, title.own_rating)).collect();
            let taste = Taste::new(&titles.all, &seen);
            let mut ranked: Vec<(f64, usize)> =
                titles.all.iter().enumerate().map(|(place, title)| (taste.fit(title), place)).collect();
            for (fit, _) in &ranked {
                prop_assert!((-1.0..=1.0).contains(fit), "{fit}");
            }
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
            let (best, before) = (ranked[0], ranked.len());
            vary(&mut ranked, &titles.all);
            prop_assert_eq!(ranked[0], best, "the best one stays the first");
            let mut places: Vec<usize> = ranked.iter().map(|(_, place)| *place).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..before).collect::<Vec<_>>());
        }
    }
}
