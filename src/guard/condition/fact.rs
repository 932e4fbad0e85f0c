//! The facts that bodies may state about a call, with their types.

use crate::guard::catalogue::ValueType;

/// Name, type, and what it is.
pub(in crate::guard) const FACTS: &[(&str, ValueType, &str)] = &[
    ("item.type", ValueType::Text, "movie, show, season, episode, artist, album, track, photo or collection"),
    ("item.title", ValueType::Text, "the item's title"),
    ("item.library", ValueType::Text, "the title of the library"),
    ("item.library_id", ValueType::Text, "the key of the library"),
    ("item.year", ValueType::Integer, "the year of release"),
    ("item.content_rating", ValueType::Text, "such as PG-13"),
    ("item.count", ValueType::Integer, "how many items the call touches"),
    ("playlist.title", ValueType::Text, "the playlist's title"),
    ("playlist.count", ValueType::Integer, "how many items the playlist has"),
    ("export.path", ValueType::Text, "the file beneath the exports directory"),
    ("export.items", ValueType::Integer, "the most items that the export may write"),
    ("export.bytes", ValueType::Integer, "the most bytes that the export may write"),
    ("series.title", ValueType::Text, "the series' title"),
    ("movie.title", ValueType::Text, "the film's title"),
    ("arr.root_folder", ValueType::Text, "where Sonarr or Radarr keeps it"),
    ("arr.quality_profile", ValueType::Text, "the profile that Sonarr or Radarr is to use"),
];
