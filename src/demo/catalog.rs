//! Where everything is: the sizes of the library, the rating key of each item and the item of each rating key.
//!
//! Item `n` is a pure function of seed, section and number. Rating keys are laid out so that they can be read back:
//! movie `n` is 1000 + n, a show, artist or photo album owns a block of a thousand keys, its seasons or albums stand
//! at the hundreds of the block and their episodes or tracks follow them.

use crate::demo::dice::Dice;
use crate::demo::history::Timeline;
use crate::demo::movies;
use crate::demo::periodic::Periodic;
use crate::demo::sections::{Kind, MOVIES, MUSIC, PHOTOS, SHOWS};
use crate::demo::words::COLLECTIONS;
use crate::demo::{MOST_MOVIES, MOST_PLAYS, MOST_TREES, SampleLibrary};

const FIRST_MOVIE: u64 = 1_000;
const FIRST_COLLECTION: u64 = 1_600_000_000;
/// Keys that a show, an artist or a photo album owns.
const BLOCK: u64 = 1_000;
/// How many differently shaped shows there are before the shapes repeat.
const SHAPES: u64 = 64;
const SHAPE: u64 = 90;

/// The three sections whose items have children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Forest {
    Shows,
    Music,
    /// An album of photos has one hidden branch, which holds its photos.
    Photos,
}

impl Forest {
    const ALL: [Self; 3] = [Self::Shows, Self::Music, Self::Photos];

    fn first_key(self) -> u64 {
        match self {
            Self::Shows => 400_000_000,
            Self::Music => 800_000_000,
            Self::Photos => 1_200_000_000,
        }
    }

    /// The section that holds it.
    pub(crate) fn section(self) -> u64 {
        match self {
            Self::Shows => SHOWS,
            Self::Music => MUSIC,
            Self::Photos => PHOTOS,
        }
    }
}

/// The address of an item. Ordered as the rating keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Movie(u64),
    /// A show, an artist or a photo album.
    Root(Forest, u64),
    /// A season or an album: root and branch, from 0.
    Branch(Forest, u64, u64),
    /// An episode, a track or a photo: root, branch and leaf, from 0.
    Leaf(Forest, u64, u64, u64),
    /// A collection of a section.
    Collection(u64, u64),
}

impl Place {
    /// The rating key.
    pub(crate) fn key(self) -> u64 {
        match self {
            Self::Movie(n) => FIRST_MOVIE + n,
            Self::Root(forest, n) => forest.first_key() + n * BLOCK,
            Self::Branch(forest, n, branch) => forest.first_key() + n * BLOCK + (branch + 1) * 100,
            Self::Leaf(forest, n, branch, leaf) => forest.first_key() + n * BLOCK + (branch + 1) * 100 + leaf + 1,
            Self::Collection(section, n) => FIRST_COLLECTION + section * BLOCK + n,
        }
    }

    /// The section the item is in.
    pub(crate) fn section(self) -> u64 {
        match self {
            Self::Movie(_) => MOVIES,
            Self::Root(forest, _) | Self::Branch(forest, ..) | Self::Leaf(forest, ..) => forest.section(),
            Self::Collection(section, _) => section,
        }
    }

    /// What kind of item it is.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Movie(_) => Kind::Movie,
            Self::Root(Forest::Shows, _) => Kind::Show,
            Self::Branch(Forest::Shows, ..) => Kind::Season,
            Self::Leaf(Forest::Shows, ..) => Kind::Episode,
            Self::Root(Forest::Music, _) => Kind::Artist,
            Self::Branch(Forest::Music, ..) => Kind::Album,
            Self::Leaf(Forest::Music, ..) => Kind::Track,
            Self::Root(Forest::Photos, _) | Self::Branch(Forest::Photos, ..) => Kind::PhotoAlbum,
            Self::Leaf(Forest::Photos, ..) => Kind::Photo,
            Self::Collection(..) => Kind::Collection,
        }
    }

    /// The keys of the item and all that is below it.
    pub(crate) fn family(self) -> std::ops::Range<u64> {
        let key = self.key();
        match self {
            Self::Root(..) => key..key + BLOCK,
            Self::Branch(..) => key..key + 100,
            Self::Movie(_) | Self::Leaf(..) | Self::Collection(..) => key..key + 1,
        }
    }
}

/// A season or an album: its number and how many episodes or tracks it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) number: u64,
    pub(crate) leaves: u64,
}

/// How often an item was played, by its owner and by others, and how far an unfinished play is, in tenths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plays {
    pub(crate) owner: u64,
    pub(crate) guests: u64,
    pub(crate) unfinished: Option<u64>,
}

/// Shows, artists or photo albums with their children.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) forest: Forest,
    pub(crate) count: u64,
    shapes: Vec<Vec<Branch>>,
    branches: Periodic,
    leaves: Periodic,
    pub(crate) plays: Periodic,
}

impl Tree {
    fn new(forest: Forest, count: u64, seed: u64) -> Self {
        let shapes: Vec<Vec<Branch>> = (0..SHAPES).map(|n| shape(forest, seed, n)).collect();
        let leaves_of = |shape: &Vec<Branch>| shape.iter().map(|branch| branch.leaves).sum::<u64>();
        let plays = Periodic::new(shapes.iter().zip(0_u64..).map(|(shape, n)| {
            let leaves = leaves_of(shape);
            (0..leaves).map(|leaf| leaf_plays(forest, n, leaf, leaves)).map(|plays| plays.owner + plays.guests).sum()
        }));
        Self {
            forest,
            count,
            branches: Periodic::new(shapes.iter().map(|shape| shape.len() as u64)),
            leaves: Periodic::new(shapes.iter().map(leaves_of)),
            plays,
            shapes,
        }
    }

    /// The branches of root `n`.
    pub(crate) fn shape(&self, n: u64) -> &[Branch] {
        usize::try_from(n % SHAPES).ok().and_then(|at| self.shapes.get(at)).map_or(&[], Vec::as_slice)
    }

    /// One branch of root `n`.
    pub(crate) fn branch(&self, n: u64, branch: u64) -> Option<Branch> {
        usize::try_from(branch).ok().and_then(|at| self.shape(n).get(at)).copied()
    }

    /// How many leaves root `n` has.
    pub(crate) fn leaves_of(&self, n: u64) -> u64 {
        self.leaves.before(n % SHAPES + 1) - self.leaves.before(n % SHAPES)
    }

    /// How many leaves come before a branch within its root.
    pub(crate) fn leaves_before(&self, n: u64, branch: u64) -> u64 {
        self.shape(n).iter().zip(0..branch).map(|(branch, _)| branch.leaves).sum()
    }

    fn leaf(&self, n: u64, mut ordinal: u64) -> Option<Place> {
        for (branch, at) in self.shape(n).iter().zip(0_u64..) {
            if ordinal < branch.leaves {
                return Some(Place::Leaf(self.forest, n, at, ordinal));
            }
            ordinal -= branch.leaves;
        }
        None
    }

    /// How a leaf of root `n` was played; `ordinal` counts through the root's branches.
    pub(crate) fn plays_of(&self, n: u64, ordinal: u64) -> Plays {
        leaf_plays(self.forest, n % SHAPES, ordinal, self.leaves_of(n))
    }

    /// The leaf that the play number `i` within root `n` is of, and which of its plays.
    pub(crate) fn played(&self, n: u64, mut i: u64) -> Option<(Place, u64)> {
        for ordinal in 0..self.leaves_of(n) {
            let plays = self.plays_of(n, ordinal);
            if i < plays.owner + plays.guests {
                return Some((self.leaf(n, ordinal)?, i));
            }
            i -= plays.owner + plays.guests;
        }
        None
    }
}

fn shape(forest: Forest, seed: u64, n: u64) -> Vec<Branch> {
    let mut dice = Dice::new(seed, SHAPE + forest.section(), n);
    match forest {
        Forest::Shows => {
            let specials = n.is_multiple_of(3);
            let seasons = dice.between(1, if specials { 4 } else { 5 });
            let first = u64::from(!specials);
            (first..=seasons).map(|number| Branch { number, leaves: dice.between(3, 12) }).collect()
        }
        Forest::Music => {
            let albums = dice.between(1, 4);
            (1..=albums).map(|number| Branch { number, leaves: dice.between(4, 12) }).collect()
        }
        Forest::Photos => vec![Branch { number: 1, leaves: dice.between(4, 20) }],
    }
}

/// A quarter of the shows is watched to the end, one is half way through with an episode in progress, one was only
/// watched by someone else, one was never touched; of the artists a quarter was heard.
fn leaf_plays(forest: Forest, n: u64, leaf: u64, leaves: u64) -> Plays {
    match (forest, n % 4) {
        (Forest::Shows, 0) => Plays { owner: 1, ..Plays::default() },
        (Forest::Shows, 1) if leaf < leaves / 2 => Plays { owner: 1, ..Plays::default() },
        (Forest::Shows, 1) if leaf == leaves / 2 => Plays { unfinished: Some(4), ..Plays::default() },
        (Forest::Shows, 2) if leaf < 2 => Plays { guests: 1, ..Plays::default() },
        (Forest::Music, 1) => Plays { owner: if leaf == 0 { 3 } else { 1 }, ..Plays::default() },
        _ => Plays::default(),
    }
}

/// The whole library.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) seed: u64,
    pub(crate) movies: u64,
    pub(crate) movie_plays: Periodic,
    trees: [Tree; 3],
    pub(crate) timeline: Timeline,
    /// What the server takes for now, in Unix seconds.
    pub(crate) clock: i64,
    pub(crate) untidy: bool,
}

impl Catalog {
    /// A library of the given sizes, cut to what the key layout has room for.
    pub(crate) fn new(sizes: &SampleLibrary, clock: i64, untidy: bool) -> Self {
        let count = |forest| match forest {
            Forest::Shows => sizes.shows.min(MOST_TREES),
            Forest::Music => sizes.artists.min(MOST_TREES),
            Forest::Photos => sizes.photos.min(MOST_TREES),
        };
        let movies = sizes.movies.min(MOST_MOVIES);
        let movie_plays = Periodic::new(movies::PLAYS.iter().map(|plays| plays.owner + plays.guests));
        let trees = Forest::ALL.map(|forest| Tree::new(forest, count(forest), sizes.seed));
        let [shows, music, _] = trees.each_ref().map(|tree| tree.plays.before(tree.count));
        let timeline = Timeline::new([movie_plays.before(movies), shows, music], sizes.history.min(MOST_PLAYS));
        Self { seed: sizes.seed, movies, movie_plays, trees, timeline, clock, untidy }
    }

    /// The shows, the artists or the photo albums.
    pub(crate) fn tree(&self, forest: Forest) -> &Tree {
        let [shows, music, photos] = &self.trees;
        match forest {
            Forest::Shows => shows,
            Forest::Music => music,
            Forest::Photos => photos,
        }
    }

    /// How many items of a kind a section has.
    pub(crate) fn count(&self, section: u64, kind: Kind) -> u64 {
        let roots = |forest| self.tree(forest).count;
        let branches = |forest| self.tree(forest).branches.before(roots(forest));
        let leaves = |forest| self.tree(forest).leaves.before(roots(forest));
        match (section, kind) {
            (MOVIES, Kind::Movie) => self.movies,
            (MOVIES, Kind::Collection) => {
                (0..COLLECTIONS.len() as u64).filter(|n| movies::members(*n, self.movies) > 0).count() as u64
            }
            (SHOWS, Kind::Show) => roots(Forest::Shows),
            (SHOWS, Kind::Season) => branches(Forest::Shows),
            (SHOWS, Kind::Episode) => leaves(Forest::Shows),
            (MUSIC, Kind::Artist) => roots(Forest::Music),
            (MUSIC, Kind::Album) => branches(Forest::Music),
            (MUSIC, Kind::Track) => leaves(Forest::Music),
            (PHOTOS, Kind::PhotoAlbum) => roots(Forest::Photos),
            (PHOTOS, Kind::Photo) => leaves(Forest::Photos),
            _ => 0,
        }
    }

    /// The `i`-th item of a kind in the order of rating keys, which is also the order of addition.
    pub(crate) fn at(&self, section: u64, kind: Kind, i: u64) -> Option<Place> {
        if i >= self.count(section, kind) {
            return None;
        }
        let branch = |forest| self.tree(forest).branches.find(i).map(|(n, branch)| Place::Branch(forest, n, branch));
        let leaf = |forest| {
            let (n, ordinal) = self.tree(forest).leaves.find(i)?;
            self.tree(forest).leaf(n, ordinal)
        };
        match kind {
            Kind::Movie => Some(Place::Movie(i)),
            Kind::Collection => Some(Place::Collection(section, i)),
            Kind::Show => Some(Place::Root(Forest::Shows, i)),
            Kind::Artist => Some(Place::Root(Forest::Music, i)),
            Kind::PhotoAlbum => Some(Place::Root(Forest::Photos, i)),
            Kind::Season => branch(Forest::Shows),
            Kind::Album => branch(Forest::Music),
            Kind::Episode => leaf(Forest::Shows),
            Kind::Track => leaf(Forest::Music),
            Kind::Photo => leaf(Forest::Photos),
        }
    }

    /// The item with a rating key.
    pub(crate) fn find(&self, key: u64) -> Option<Place> {
        if key >= FIRST_COLLECTION {
            let (section, n) = ((key - FIRST_COLLECTION) / BLOCK, (key - FIRST_COLLECTION) % BLOCK);
            return (n < self.count(section, Kind::Collection)).then_some(Place::Collection(section, n));
        }
        let Some(forest) = Forest::ALL.into_iter().rev().find(|forest| key >= forest.first_key()) else {
            let n = key.checked_sub(FIRST_MOVIE)?;
            return (n < self.movies).then_some(Place::Movie(n));
        };
        let (n, within) = ((key - forest.first_key()) / BLOCK, (key - forest.first_key()) % BLOCK);
        if n >= self.tree(forest).count {
            return None;
        }
        if within == 0 {
            return Some(Place::Root(forest, n));
        }
        let at = (within / 100).checked_sub(1)?;
        let branch = self.tree(forest).branch(n, at)?;
        match within % 100 {
            0 if forest == Forest::Photos => None,
            0 => Some(Place::Branch(forest, n, at)),
            leaf if leaf <= branch.leaves => Some(Place::Leaf(forest, n, at, leaf - 1)),
            _ => None,
        }
    }

    /// What is directly below an item: seasons, episodes, albums, tracks, photos, or a collection's films.
    pub(crate) fn children(&self, place: Place) -> Vec<Place> {
        match place {
            Place::Root(Forest::Photos, n) => self.leaves(Place::Branch(Forest::Photos, n, 0)),
            Place::Root(forest, n) => {
                (0..self.tree(forest).shape(n).len() as u64).map(|at| Place::Branch(forest, n, at)).collect()
            }
            Place::Branch(..) => self.leaves(place),
            Place::Collection(_, n) => {
                (0..movies::members(n, self.movies)).map(|at| Place::Movie(movies::member(n, at))).collect()
            }
            Place::Movie(_) | Place::Leaf(..) => Vec::new(),
        }
    }

    /// All that can be played at or below an item.
    pub(crate) fn leaves(&self, place: Place) -> Vec<Place> {
        match place {
            Place::Root(forest, n) => (0..self.tree(forest).shape(n).len() as u64)
                .flat_map(|branch| self.leaves(Place::Branch(forest, n, branch)))
                .collect(),
            Place::Branch(forest, n, at) => {
                let leaves = self.tree(forest).branch(n, at).map_or(0, |branch| branch.leaves);
                (0..leaves).map(|leaf| Place::Leaf(forest, n, at, leaf)).collect()
            }
            Place::Collection(..) => self.children(place),
            Place::Movie(_) | Place::Leaf(..) => vec![place],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found_again_by_its_key_and_keys_rise() {
        let sizes = SampleLibrary { movies: 300, shows: 70, artists: 66, photos: 65, history: 0, seed: 5 };
        let catalog = Catalog::new(&sizes, 0, false);
        for section in crate::demo::sections::SECTIONS {
            for kind in section.kinds {
                let mut last = 0;
                for i in 0..catalog.count(section.id, *kind) {
                    let place = catalog.at(section.id, *kind, i).unwrap();
                    assert_eq!(place.kind(), *kind);
                    assert_eq!(catalog.find(place.key()), Some(place));
                    assert!(place.key() > last);
                    last = place.key();
                }
                assert_eq!(catalog.at(section.id, *kind, catalog.count(section.id, *kind)), None);
            }
        }
        for absent in [0, 999, 1_300, 400_070_000, 400_000_001, 400_000_900, 1_200_000_100, 1_600_001_008, u64::MAX] {
            assert_eq!(catalog.find(absent), None, "{absent}");
        }
    }
}
