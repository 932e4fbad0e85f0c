//! The library sections of the sample server and the kinds of item that Plex numbers.

/// The kinds of item, with the numbers Plex gives them in `type=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Movie,
    Show,
    Season,
    Episode,
    Artist,
    Album,
    Track,
    Photo,
    PhotoAlbum,
    Collection,
}

/// Kind, Plex's number, its name in `type`.
const KINDS: [(Kind, u64, &str); 10] = [
    (Kind::Movie, 1, "movie"),
    (Kind::Show, 2, "show"),
    (Kind::Season, 3, "season"),
    (Kind::Episode, 4, "episode"),
    (Kind::Artist, 8, "artist"),
    (Kind::Album, 9, "album"),
    (Kind::Track, 10, "track"),
    (Kind::Photo, 13, "photo"),
    (Kind::PhotoAlbum, 14, "photoalbum"),
    (Kind::Collection, 18, "collection"),
];

impl Kind {
    /// The kind with Plex's number, if the sample has it.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        KINDS.iter().find(|(_, known, _)| *known == number).map(|(kind, ..)| *kind)
    }

    /// Plex's number.
    pub(crate) fn number(self) -> u64 {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or(0, |(_, number, _)| *number)
    }

    /// Plex's name in filters; rows of a photo album say `photo` instead of `photoalbum`.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., name)| *name)
    }
}

/// One library section.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) id: u64,
    /// movie, show, artist or photo
    pub(crate) kind: &'static str,
    pub(crate) title: &'static str,
    pub(crate) uuid: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) scanner: &'static str,
    pub(crate) path: &'static str,
    /// The kinds one can ask for with `type=`; the first is what is listed without it.
    pub(crate) kinds: &'static [Kind],
}

pub(crate) const MOVIES: u64 = 1;
pub(crate) const SHOWS: u64 = 2;
pub(crate) const MUSIC: u64 = 3;
pub(crate) const PHOTOS: u64 = 4;

/// All sections, in the order of their ids. The last one has no items.
pub(crate) const SECTIONS: &[Section] = &[
    Section {
        id: MOVIES,
        kind: "movie",
        title: "Movies",
        uuid: "0f6a3c1e-5d0b-4c55-9a51-1f4b7be0a101",
        agent: "tv.plex.agents.movie",
        scanner: "Plex Movie",
        path: "/data/Movies",
        kinds: &[Kind::Movie, Kind::Collection],
    },
    Section {
        id: SHOWS,
        kind: "show",
        title: "TV Shows",
        uuid: "0f6a3c1e-5d0b-4c55-9a51-1f4b7be0a102",
        agent: "tv.plex.agents.series",
        scanner: "Plex TV Series",
        path: "/data/TV Shows",
        kinds: &[Kind::Show, Kind::Season, Kind::Episode, Kind::Collection],
    },
    Section {
        id: MUSIC,
        kind: "artist",
        title: "Music",
        uuid: "0f6a3c1e-5d0b-4c55-9a51-1f4b7be0a103",
        agent: "tv.plex.agents.music",
        scanner: "Plex Music",
        path: "/data/Music",
        kinds: &[Kind::Artist, Kind::Album, Kind::Track, Kind::Collection],
    },
    Section {
        id: PHOTOS,
        kind: "photo",
        title: "Photos",
        uuid: "0f6a3c1e-5d0b-4c55-9a51-1f4b7be0a104",
        agent: "com.plexapp.agents.none",
        scanner: "Plex Photo Scanner",
        path: "/data/Photos",
        kinds: &[Kind::PhotoAlbum, Kind::Photo],
    },
    Section {
        id: 5,
        kind: "movie",
        title: "Unsorted Films",
        uuid: "0f6a3c1e-5d0b-4c55-9a51-1f4b7be0a105",
        agent: "tv.plex.agents.movie",
        scanner: "Plex Movie",
        path: "/data/Unsorted",
        kinds: &[Kind::Movie, Kind::Collection],
    },
];

/// The section with this id.
pub(crate) fn section(id: u64) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.id == id)
}
