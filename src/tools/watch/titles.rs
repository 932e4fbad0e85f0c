//! The films or the shows of the libraries, as little of each as recommending needs. Copies of one title are one.

use crate::{
    plex::{items::Guid, lookup::work, xml::Row},
    trakt::ids::{Found, Ids},
};
use std::collections::HashMap;

/// What titles have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Family {
    Genre,
    Director,
    Actor,
    Studio,
}

impl Family {
    pub(super) const ALL: [Self; 4] = [Self::Genre, Self::Director, Self::Actor, Self::Studio];
}

/// A genre, a person or a studio, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Label(u32);

/// One copy of a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TitleCopy {
    pub(super) key: u64,
    pub(super) section: u64,
    pub(super) edition: Option<String>,
}

/// A film or a show.
#[derive(Clone, Debug, Default)]
pub(super) struct Title {
    pub(super) name: String,
    pub(super) year: Option<i64>,
    pub(super) guid: Option<String>,
    /// What it is called elsewhere.
    pub(super) ids: Ids,
    /// In the order in which they were read.
    pub(super) copies: Vec<TitleCopy>,
    /// Critics' rating, 0 to 10.
    pub(super) critics: Option<f64>,
    /// The audience's rating, 0 to 10.
    pub(super) audience: Option<f64>,
    /// What the token's account says of it, 0 to 10.
    pub(super) own_rating: Option<f64>,
    pub(super) genres: Vec<Label>,
    pub(super) directors: Vec<Label>,
    pub(super) actors: Vec<Label>,
    pub(super) studios: Vec<Label>,
    /// Finished plays; of a show, episodes that were watched.
    pub(super) plays: u64,
    /// The last play, in seconds since 1970.
    pub(super) last: Option<i64>,
    /// Whether some of it was watched.
    pub(super) begun: bool,
}

impl Title {
    /// Its labels of one family.
    pub(super) fn labels(&self, family: Family) -> &[Label] {
        match family {
            Family::Genre => &self.genres,
            Family::Director => &self.directors,
            Family::Actor => &self.actors,
            Family::Studio => &self.studios,
        }
    }

    /// What others say of it: the audience, or else the critics.
    pub(super) fn rating(&self) -> Option<f64> {
        self.audience.or(self.critics)
    }

    /// The smallest of its keys, by which titles that are alike in everything else are ordered.
    pub(super) fn key(&self) -> u64 {
        self.copies.iter().map(|copy| copy.key).min().unwrap_or(u64::MAX)
    }
}

/// All titles of some libraries.
#[derive(Debug, Default)]
pub(super) struct Titles {
    pub(super) all: Vec<Title>,
    by_work: HashMap<u64, usize>,
    by_key: HashMap<u64, usize>,
    numbers: HashMap<(Family, String), Label>,
    names: Vec<String>,
}

impl Titles {
    /// Adds an item of a library's listing.
    pub(super) fn add(&mut self, row: &Row<'_, '_>, section: u64) {
        let text = |name: &str| row.attribute(name).map(std::borrow::Cow::into_owned).filter(|text| !text.is_empty());
        let number = |name: &str| row.attribute(name).and_then(|text| text.trim().parse::<i64>().ok());
        let rating = |name: &str| row.attribute(name).and_then(|text| text.trim().parse::<f64>().ok());
        let rating = |name: &str| rating(name).filter(|rating| (0.0..=10.0).contains(rating));
        let Some((key, own)) = text("ratingKey").and_then(|own| Some((own.parse().ok()?, own))) else { return };
        let guid = text("guid");
        let external: Vec<_> = row.children("Guid").filter_map(|guid| guid.attribute("id")).collect();
        let work = work(guid.as_deref(), external.iter().map(AsRef::as_ref), &own);
        let place = *self.by_work.entry(work).or_insert(self.all.len());
        self.by_key.insert(key, place);
        // A show's own count is of its episodes' plays, which may be one episode's many times over.
        let plays = number("viewedLeafCount").or_else(|| number("viewCount"));
        let plays = plays.and_then(|plays| u64::try_from(plays).ok()).unwrap_or(0);
        let begun = plays > 0 || number("viewOffset").is_some_and(|offset| offset > 0);
        let guids: Vec<Guid> = external.iter().map(|id| Guid { id: Some(id.clone().into_owned()) }).collect();
        let title = Title {
            ids: Found::of(guid.as_deref(), &guids).own,
            name: text("title").unwrap_or_default(),
            year: number("year"),
            guid,
            copies: vec![TitleCopy { key, section, edition: text("editionTitle") }],
            critics: rating("rating"),
            audience: rating("audienceRating"),
            own_rating: rating("userRating"),
            genres: self.tags(Family::Genre, row),
            directors: self.tags(Family::Director, row),
            actors: self.tags(Family::Actor, row),
            studios: text("studio").into_iter().map(|studio| self.label(Family::Studio, studio)).collect(),
            plays,
            last: number("lastViewedAt").filter(|_| plays > 0),
            begun,
        };
        match self.all.get_mut(place) {
            None => self.all.push(title),
            Some(known) => {
                known.plays = known.plays.saturating_add(title.plays);
                known.last = known.last.max(title.last);
                known.begun |= title.begun;
                known.own_rating = known.own_rating.or(title.own_rating);
                known.audience = known.audience.or(title.audience);
                known.critics = known.critics.or(title.critics);
                known.copies.extend(title.copies);
            }
        }
    }

    /// Takes the people of an item from its details: listings name the first few only.
    pub(super) fn complete(&mut self, row: &Row<'_, '_>) {
        let place = row.attribute("ratingKey").and_then(|key| self.place(key.parse().ok()?));
        let (directors, actors) = (self.tags(Family::Director, row), self.tags(Family::Actor, row));
        if let Some(title) = place.and_then(|place| self.all.get_mut(place)) {
            if !directors.is_empty() {
                title.directors = directors;
            }
            if !actors.is_empty() {
                title.actors = actors;
            }
        }
    }

    /// Where the title of a rating key stands.
    pub(super) fn place(&self, key: u64) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    /// What a label says.
    pub(super) fn name(&self, label: Label) -> &str {
        usize::try_from(label.0).ok().and_then(|at| self.names.get(at)).map_or("", String::as_str)
    }

    fn tags(&mut self, family: Family, row: &Row<'_, '_>) -> Vec<Label> {
        let element = match family {
            Family::Genre => "Genre",
            Family::Director => "Director",
            Family::Actor => "Role",
            Family::Studio => return Vec::new(),
        };
        let mut labels: Vec<Label> = Vec::new();
        for tag in row.children(element) {
            if let Some(name) = tag.attribute("tag").filter(|name| !name.is_empty()) {
                let label = self.label(family, name.into_owned());
                // An actor of two parts is one actor.
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
        }
        labels
    }

    fn label(&mut self, family: Family, name: String) -> Label {
        let next = Label(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let names = &mut self.names;
        *self.numbers.entry((family, name)).or_insert_with_key(|(_, name)| {
            names.push(name.clone());
            next
        })
    }
}
