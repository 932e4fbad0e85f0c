//! Which rows a listing has and in what order: `type`, filters and `sort`.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::demo::catalog::Place;
use crate::demo::describe::{Detail, Scene, added_at};
use crate::demo::encode::Encoder;
use crate::demo::media::{self, Version};
use crate::demo::playlists::{self, Entry};
use crate::demo::plays::{self, PlayRows};
use crate::demo::query::Query;
use crate::demo::sections::{Kind, SECTIONS};
use crate::demo::sessions::Play;

/// More rows than this are not sorted: they come in the order of their keys.
const MOST_SORTED: u64 = 50_000;

/// The rows of a listing. Nothing is held for a listing in the library's own order.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// All items of a kind by rating key, perhaps backwards.
    Kind { section: u64, kind: Kind, count: u64, backwards: bool },
    /// A selection.
    Places(Arc<Vec<Place>>),
    /// Rows of the history.
    Plays(PlayRows),
    /// What is being played.
    Sessions(Arc<Vec<Play>>),
    /// Descriptions of playlists, by their keys.
    Playlists(Arc<Vec<u64>>),
    /// What a playlist plays.
    Entries(Arc<Vec<Entry>>),
}

impl Rows {
    /// How many rows there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Kind { count, .. } => *count,
            Self::Places(places) => places.len() as u64,
            Self::Plays(plays) => plays.len(),
            Self::Sessions(plays) => plays.len() as u64,
            Self::Playlists(keys) => keys.len() as u64,
            Self::Entries(entries) => entries.len() as u64,
        }
    }

    /// Writes the row at `i`.
    pub(crate) fn write(&self, scene: &Scene<'_>, recent: &Recent, out: &mut Encoder, i: u64) {
        let at = usize::try_from(i).unwrap_or(usize::MAX);
        let place = match self {
            Self::Kind { section, kind, count, backwards } => {
                let at = if *backwards { count.saturating_sub(1 + i) } else { i };
                scene.catalog.at(*section, *kind, at)
            }
            Self::Places(places) => places.get(at).copied(),
            Self::Plays(rows) => return plays::write(scene, out, rows, i),
            Self::Sessions(plays) => {
                return plays.get(at).into_iter().for_each(|play| {
                    let detail = Detail { session: Some(*play), ..scene.detail };
                    Scene { detail, ..*scene }.item(out, play.place);
                });
            }
            Self::Playlists(keys) => {
                return keys.get(at).into_iter().for_each(|key| playlists::describe(scene, recent, out, *key));
            }
            Self::Entries(entries) => {
                return entries.get(at).into_iter().for_each(|entry| playlists::entry(scene, out, *entry));
            }
        };
        if let Some(place) = place {
            scene.item(out, place);
        }
    }
}

/// The last selection that took sorting or filtering, kept for the next page of it.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Option<Selection>>);

/// What was selected, at which version of the state, and the rows.
type Selection = (String, u64, Arc<Vec<Place>>);

impl Recent {
    fn get(&self, name: &str, version: u64) -> Option<Arc<Vec<Place>>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(held, at, _)| held == name && *at == version).map(|(.., places)| Arc::clone(places))
    }

    fn put(&self, name: String, version: u64, places: &Arc<Vec<Place>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((name, version, Arc::clone(places)));
    }
}

/// Which item a filter looks at: a show's filter can be put to its episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Above {
    Itself,
    Branch,
    Root,
}

impl Above {
    /// From what stands before the dot of a parameter's name.
    fn parse(name: &str, of: Kind) -> Self {
        match name.rsplit_once('.') {
            Some(("show" | "artist" | "photoalbum", field)) if field != "id" => Self::Root,
            Some(("season" | "album", field)) if field != "id" && of != Kind::Season && of != Kind::Album => {
                Self::Branch
            }
            _ => Self::Itself,
        }
    }

    fn of(self, place: Place) -> Place {
        match (self, place) {
            (Self::Root, Place::Branch(forest, n, _) | Place::Leaf(forest, n, ..)) => Place::Root(forest, n),
            (Self::Branch, Place::Leaf(forest, n, branch, _)) => Place::Branch(forest, n, branch),
            _ => place,
        }
    }
}

/// How a filter compares. Plex writes `>=` for "from", `>>=` for "after" and `!=` for "not".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Is,
    Exactly,
    Not,
    From,
    After,
    To,
    Before,
}

impl Test {
    /// The comparison that the end of a parameter's name means, and the name without it.
    fn split(name: &str) -> (&str, Self) {
        for (suffix, test) in [
            (">>", Self::After),
            ("<<", Self::Before),
            (">", Self::From),
            ("<", Self::To),
            ("!", Self::Not),
            ("=", Self::Exactly),
        ] {
            if let Some(field) = name.strip_suffix(suffix) {
                return (field, test);
            }
        }
        (name, Self::Is)
    }

    fn holds<T: PartialOrd>(self, value: &T, wanted: &T) -> bool {
        match self {
            Self::Is | Self::Exactly => value == wanted,
            Self::Not => value != wanted,
            Self::From => value >= wanted,
            Self::After => value > wanted,
            Self::To => value <= wanted,
            Self::Before => value < wanted,
        }
    }
}

#[derive(Debug)]
enum Filter {
    Unwatched(bool),
    InProgress(bool),
    Year(Test, Vec<u64>),
    Added(Test, i64),
    Viewed(Test, i64),
    Title(Test, String),
    Rated(Test, u64),
    Tag(Test, &'static str, Vec<String>),
    Guid(Vec<String>),
    Resolution(Test, Vec<String>),
    /// The item itself, or what is below it: `id=`, `artist.id=`.
    Within(Vec<u64>),
}

const TAG_FAMILIES: &[&str] = &["genre", "country", "director", "writer", "collection", "label"];

impl Filter {
    fn parse(name: &str, value: &str) -> Option<Self> {
        let (field, test) = Test::split(name);
        match field.rsplit('.').next().unwrap_or(field) {
            "unwatched" | "unwatchedLeaves" => Some(Self::Unwatched((value == "1") != (test == Test::Not))),
            "inProgress" => Some(Self::InProgress((value == "1") != (test == Test::Not))),
            "year" => {
                let years: Vec<u64> = value.split(',').filter_map(|year| year.parse().ok()).collect();
                (!years.is_empty()).then_some(Self::Year(test, years))
            }
            "addedAt" => value.parse().ok().map(|at| Self::Added(test, at)),
            "lastViewedAt" => value.parse().ok().map(|at| Self::Viewed(test, at)),
            "userRating" => value.parse::<u64>().ok().map(|rating| Self::Rated(test, rating * 100)),
            "title" | "query" => Some(Self::Title(test, value.to_lowercase())),
            "id" => Some(Self::Within(value.split(',').filter_map(|key| key.parse().ok()).collect())),
            "guid" => Some(Self::Guid(value.split(',').map(str::to_owned).collect())),
            "resolution" => Some(Self::Resolution(test, value.split(',').map(str::to_owned).collect())),
            _ => {
                let family = TAG_FAMILIES.iter().find(|family| field.rsplit('.').next() == Some(family))?;
                Some(Self::Tag(test, family, value.split(',').map(str::to_owned).collect()))
            }
        }
    }

    /// Whether the filter admits an item; `show.title` and the like look at what the item belongs to.
    fn admits(&self, above: Above, scene: &Scene<'_>, place: Place) -> bool {
        let place = above.of(place);
        match self {
            Self::Unwatched(wanted) => match place {
                Place::Root(..) | Place::Branch(..) => {
                    let (leaves, viewed) = scene.overlay.leaf_counts(scene.catalog, place);
                    (viewed < leaves) == *wanted
                }
                _ => (scene.overlay.watch(scene.catalog, place).count == 0) == *wanted,
            },
            Self::InProgress(wanted) => scene.overlay.watch(scene.catalog, place).offset.is_some() == *wanted,
            Self::Year(Test::Not, years) => scene.year(place).is_none_or(|year| !years.contains(&year)),
            Self::Year(test, years) => {
                scene.year(place).is_some_and(|year| years.iter().any(|wanted| test.holds(&year, wanted)))
            }
            Self::Added(test, at) => test.holds(&added_at(place), at),
            Self::Viewed(test, at) => {
                scene.overlay.watch(scene.catalog, place).last.is_some_and(|last| test.holds(&last, at))
            }
            Self::Rated(test, rating) => scene.user_rating(place).is_some_and(|own| test.holds(&own, rating)),
            Self::Title(Test::Is, wanted) => scene.title(place).to_lowercase().contains(wanted),
            Self::Title(Test::Not, wanted) => !scene.title(place).to_lowercase().contains(wanted),
            Self::Title(test, wanted) => test.holds(&scene.title(place).to_lowercase(), wanted),
            Self::Tag(test, family, wanted) => scene.has_tag(place, family, wanted) == (*test != Test::Not),
            Self::Within(keys) => keys
                .iter()
                .filter_map(|key| scene.catalog.find(*key))
                .any(|above| above.family().contains(&place.key())),
            Self::Guid(guids) => crate::demo::describe::guid(scene, place).is_some_and(|own| guids.contains(&own)),
            Self::Resolution(test, wanted) => {
                let leaves = scene.catalog.leaves(place);
                let is = |version: &Version| wanted.iter().any(|wish| wish == version.resolution());
                leaves.iter().flat_map(|leaf| media::versions(*leaf)).any(is) == (*test != Test::Not)
            }
        }
    }
}

/// What a listing can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Key,
    Title,
    Year,
    Rating,
    UserRating,
    Premiere,
    Viewed,
    ViewCount,
    Duration,
}

impl Field {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "titleSort" | "title" => Self::Title,
            // Items are added in the order of their keys.
            "addedAt" | "id" | "ratingKey" => Self::Key,
            "year" => Self::Year,
            "rating" | "audienceRating" => Self::Rating,
            "userRating" => Self::UserRating,
            "originallyAvailableAt" => Self::Premiere,
            "lastViewedAt" => Self::Viewed,
            "viewCount" => Self::ViewCount,
            "duration" => Self::Duration,
            _ => return None,
        })
    }
}

/// The value of an item in one column; rows without a value come first, as in the database behind Plex.
#[derive(PartialEq, PartialOrd, Eq, Ord)]
enum Value {
    Number(Option<u64>),
    Time(Option<i64>),
    Text(String),
}

fn value(scene: &Scene<'_>, field: Field, place: Place) -> Value {
    match field {
        Field::Key => Value::Number(Some(place.key())),
        Field::Title => Value::Text(scene.sort_key(place)),
        Field::Year => Value::Number(scene.year(place)),
        Field::Rating => Value::Number(match place {
            Place::Movie(n) => crate::demo::movies::rating(scene.catalog.seed, n),
            _ => None,
        }),
        Field::UserRating => Value::Number(scene.user_rating(place)),
        Field::Premiere => Value::Number(scene.premiere_order(place)),
        Field::Viewed => Value::Time(last_viewed(scene, place)),
        Field::ViewCount => Value::Number(Some(scene.overlay.watch(scene.catalog, place).count)),
        Field::Duration => Value::Number(Some(crate::demo::describe::duration(scene.catalog, place))),
    }
}

/// When an item, or something below it, was last played.
pub(crate) fn last_viewed(scene: &Scene<'_>, place: Place) -> Option<i64> {
    scene.catalog.leaves(place).into_iter().filter_map(|leaf| scene.overlay.watch(scene.catalog, leaf).last).max()
}

fn parse_sort(sort: &str) -> Vec<(Field, bool)> {
    sort.split(',')
        .filter_map(|part| {
            let (name, direction) = part.split_once(':').unwrap_or((part, "asc"));
            Some((Field::parse(name.rsplit('.').next().unwrap_or(name))?, direction == "desc"))
        })
        .collect()
}

/// The rows of the listing of all sections: by section, and within it as asked.
pub(crate) fn select_all(scene: &Scene<'_>, recent: &Recent, kind: Kind, query: &Query) -> Rows {
    let sections = SECTIONS.iter().filter(|section| section.kinds.contains(&kind));
    let mut rows = sections.map(|section| select(scene, recent, section.id, kind, query)).filter(|rows| rows.len() > 0);
    let first = rows.next().unwrap_or(Rows::Places(Arc::default()));
    let Some(second) = rows.next() else { return first };
    let places = [first, second].into_iter().chain(rows).flat_map(|rows| match rows {
        Rows::Places(places) => places.to_vec(),
        Rows::Kind { section, kind, count, backwards } => {
            let at = |i: u64| if backwards { count - 1 - i } else { i };
            (0..count).filter_map(|i| scene.catalog.at(section, kind, at(i))).collect()
        }
        Rows::Plays(_) | Rows::Sessions(_) | Rows::Playlists(_) | Rows::Entries(_) => Vec::new(),
    });
    Rows::Places(Arc::new(places.collect()))
}

/// The rows of a section's listing.
pub(crate) fn select(scene: &Scene<'_>, recent: &Recent, section: u64, kind: Kind, query: &Query) -> Rows {
    let filters: Vec<(Above, Filter)> = query
        .pairs()
        .iter()
        .filter_map(|(name, value)| Some((Above::parse(name, kind), Filter::parse(name, value)?)))
        .collect();
    let count = scene.catalog.count(section, kind);
    let mut sort = parse_sort(query.get("sort").unwrap_or(""));
    if filters.is_empty() {
        let by_key = matches!(sort.as_slice(), [] | [(Field::Key, _)]);
        if by_key || count > MOST_SORTED {
            let backwards = by_key && sort.first().is_some_and(|(_, backwards)| *backwards);
            return Rows::Kind { section, kind, count, backwards };
        }
    }
    let name = format!("{section} {kind:?} {sort:?} {filters:?}");
    if let Some(places) = recent.get(&name, scene.overlay.version()) {
        return Rows::Places(places);
    }
    let mut places: Vec<Place> = (0..count)
        .filter_map(|i| scene.catalog.at(section, kind, i))
        .filter(|place| filters.iter().all(|(above, filter)| filter.admits(*above, scene, *place)))
        .collect();
    if places.len() as u64 > MOST_SORTED {
        sort.clear();
    }
    order(scene, &mut places, &sort);
    let places = Arc::new(places);
    recent.put(name, scene.overlay.version(), &places);
    Rows::Places(places)
}

fn order(scene: &Scene<'_>, places: &mut [Place], sort: &[(Field, bool)]) {
    if sort.is_empty() {
        return;
    }
    let mut keyed: Vec<(Vec<Value>, Place)> = places
        .iter()
        .map(|place| (sort.iter().map(|(field, _)| value(scene, *field, *place)).collect(), *place))
        .collect();
    keyed.sort_by(|(left, one), (right, other)| {
        let columns = left.iter().zip(right).zip(sort).map(|((left, right), (_, backwards))| {
            let order = left.cmp(right);
            if *backwards { order.reverse() } else { order }
        });
        columns.fold(Ordering::Equal, Ordering::then).then(one.key().cmp(&other.key()))
    });
    for (slot, (_, place)) in places.iter_mut().zip(keyed) {
        *slot = place;
    }
}
