//! What a client may filter and sort by: `filters`, `sorts`, the choices of a filter, and `Meta` inside a listing.

use crate::demo::catalog::Catalog;
use crate::demo::encode::{DIRECTORY, Encoder, Piece, Tag};
use crate::demo::facts;
use crate::demo::sections::{Kind, Section};
use crate::demo::words::{COLLECTIONS, COUNTRIES, GENRES, MUSIC_GENRES};

/// Filter name, what its choices are, its title.
type FilterRow = (&'static str, &'static str, &'static str);

const UNWATCHED: FilterRow = ("unwatched", "boolean", "Unplayed");
const IN_PROGRESS: FilterRow = ("inProgress", "boolean", "In Progress");
const GENRE: FilterRow = ("genre", "string", "Genre");
const YEAR: FilterRow = ("year", "integer", "Year");
const COUNTRY: FilterRow = ("country", "string", "Country");
const COLLECTION: FilterRow = ("collection", "string", "Collection");

/// Sort key, title, default direction.
const SORTS: &[(&str, &str, &str)] = &[
    ("titleSort", "Title", "asc"),
    ("year", "Year", "desc"),
    ("originallyAvailableAt", "Release Date", "desc"),
    ("rating", "Critic Rating", "desc"),
    ("audienceRating", "Audience Rating", "desc"),
    ("userRating", "Rating", "desc"),
    ("duration", "Duration", "desc"),
    ("viewCount", "Plays", "desc"),
    ("addedAt", "Date Added", "desc"),
    ("lastViewedAt", "Date Viewed", "desc"),
];

/// Field, its type, its title.
const FIELDS: &[FilterRow] = &[
    ("title", "string", "Title"),
    ("year", "integer", "Year"),
    ("genre", "tag", "Genre"),
    ("country", "tag", "Country"),
    ("director", "tag", "Director"),
    ("writer", "tag", "Writer"),
    ("collection", "tag", "Collection"),
    ("label", "tag", "Label"),
    ("userRating", "integer", "Rating"),
    ("addedAt", "date", "Date Added"),
    ("lastViewedAt", "date", "Last Played"),
    ("unwatched", "boolean", "Unplayed"),
    ("inProgress", "boolean", "In Progress"),
];

/// Type of a field, and its operators with what they mean.
const FIELD_TYPES: &[(&str, &[(&str, &str)])] = &[
    ("tag", &[("=", "is"), ("!=", "is not")]),
    ("integer", &[("=", "is"), ("!=", "is not"), (">>=", "is greater than"), ("<<=", "is less than")]),
    ("string", &[("=", "contains"), ("!=", "does not contain"), ("==", "is"), ("!==", "is not")]),
    ("boolean", &[("=", "is true"), ("!=", "is false")]),
    ("date", &[("<<=", "is before"), (">>=", "is after")]),
];

fn filters_of(kind: Kind) -> &'static [FilterRow] {
    match kind {
        Kind::Movie => &[UNWATCHED, IN_PROGRESS, GENRE, YEAR, COUNTRY, COLLECTION],
        Kind::Show => &[UNWATCHED, GENRE, YEAR],
        Kind::Episode => &[UNWATCHED, IN_PROGRESS, YEAR],
        Kind::Artist => &[GENRE],
        Kind::Album => &[GENRE, YEAR],
        Kind::Photo => &[YEAR],
        Kind::Season | Kind::Track | Kind::PhotoAlbum | Kind::Collection => &[],
    }
}

/// The id of a tag that the library itself uses.
pub(crate) fn own_tag(family: &str, text: &str) -> Option<u64> {
    let find = |first: u64, list: &[&str]| (first..).zip(list).find(|(_, word)| **word == text).map(|(id, _)| id);
    match family {
        "genre" => find(1, GENRES).or_else(|| find(300, MUSIC_GENRES)),
        "country" => find(100, COUNTRIES),
        "collection" => find(200, COLLECTIONS),
        _ => None,
    }
}

/// The choices of a filter: key and title. None where the section has no such filter.
pub(crate) fn choices(catalog: &Catalog, section: &Section, filter: &str) -> Option<Vec<(String, String)>> {
    let numbered = |first: u64, list: &[&str]| {
        (first..).zip(list).map(|(id, word)| (id.to_string(), (*word).to_owned())).collect::<Vec<_>>()
    };
    match (filter, section.kind) {
        ("genre", "movie" | "show") => Some(numbered(1, GENRES)),
        ("genre", "artist") => Some(numbered(300, MUSIC_GENRES)),
        ("country", "movie") => Some(numbered(100, COUNTRIES)),
        ("collection", "movie") => Some(numbered(200, COLLECTIONS)),
        ("year", _) => {
            let kind = if section.kind == "artist" { Kind::Album } else { *section.kinds.first()? };
            // A library this large has every year of its range among the first.
            let years: std::collections::BTreeSet<u64> = (0..catalog.count(section.id, kind).min(20_000))
                .filter_map(|i| facts::base_year(catalog, catalog.at(section.id, kind, i)?))
                .collect();
            Some(years.into_iter().rev().map(|year| (year.to_string(), year.to_string())).collect())
        }
        ("director" | "writer" | "label", _) => Some(Vec::new()),
        _ => None,
    }
}

/// Writes the filters of a kind as directories.
pub(crate) fn filters(out: &mut Encoder, section: &Section, kind: Kind) {
    for row in filters_of(kind) {
        out.open(DIRECTORY);
        filter(out, section, kind, *row);
        out.close();
    }
}

/// How many filters a kind has.
pub(crate) fn filter_count(kind: Kind) -> usize {
    filters_of(kind).len()
}

fn filter(out: &mut Encoder, section: &Section, kind: Kind, (name, choice, title): FilterRow) {
    out.text("filter", name);
    out.text("filterType", choice);
    out.joined(
        "key",
        &[
            Piece::Text("/library/sections/"),
            Piece::Number(section.id),
            Piece::Text("/"),
            Piece::Text(name),
            Piece::Text("?type="),
            Piece::Number(kind.number()),
        ],
    );
    out.text("title", title);
    out.text("type", "filter");
}

/// Writes what a section can be sorted by as directories.
pub(crate) fn sorts(out: &mut Encoder) {
    for row in SORTS {
        out.open(DIRECTORY);
        sort(out, *row);
        out.close();
    }
}

/// How many sorts there are.
pub(crate) fn sort_count() -> usize {
    SORTS.len()
}

fn sort(out: &mut Encoder, (key, title, direction): (&str, &str, &str)) {
    if key == "titleSort" {
        out.text("default", "asc");
    }
    out.text("defaultDirection", direction);
    out.joined("descKey", &[Piece::Text(key), Piece::Text(":desc")]);
    out.text("key", key);
    out.text("title", title);
}

/// Writes `Meta`: the kinds of a section with their filters, sorts and fields.
pub(crate) fn meta(out: &mut Encoder, section: &Section, active: Kind) {
    out.open(Tag::object("Meta"));
    let collections = active == Kind::Collection;
    for kind in section.kinds.iter().filter(|kind| (**kind == Kind::Collection) == collections) {
        out.open(Tag::list("Type"));
        let listing = if collections { "/collections" } else { "/all" };
        out.joined(
            "key",
            &[
                Piece::Text("/library/sections/"),
                Piece::Number(section.id),
                Piece::Text(listing),
                Piece::Text("?type="),
                Piece::Number(kind.number()),
            ],
        );
        out.text("type", kind.name());
        out.text("title", kind.name());
        out.flag("active", *kind == active);
        for row in filters_of(*kind) {
            out.open(Tag::list("Filter"));
            filter(out, section, *kind, *row);
            out.close();
        }
        for row in SORTS {
            out.open(Tag::list("Sort"));
            sort(out, *row);
            out.close();
        }
        for (field, field_type, title) in FIELDS {
            out.open(Tag::list("Field"));
            out.joined("key", &[Piece::Text(kind.name()), Piece::Text("."), Piece::Text(field)]);
            out.text("title", title);
            out.text("type", field_type);
            out.close();
        }
        out.close();
    }
    for (name, operators) in FIELD_TYPES {
        out.open(Tag::list("FieldType"));
        out.text("type", name);
        for (key, title) in *operators {
            out.open(Tag::list("Operator"));
            out.text("key", key);
            out.text("title", title);
            out.close();
        }
        out.close();
    }
    out.close();
}
