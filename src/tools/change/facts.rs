//! The facts that a change states, from the items that it touches.

use crate::{
    guard::{Affected, Facts},
    plex::{items::Item, playlists::Playlist},
};
use serde_json::Value;

/// Facts about items of which `count` are touched. Where one of them lacks a value, the fact is not stated, so that a rule
/// that asks about it refuses.
pub fn of_items(items: &[&Item], count: u64) -> Facts {
    let text = |of: fn(&Item) -> Option<&String>| distinct(items, |item| of(item).map(|text| text.as_str().into()));
    Facts::default()
        .with_known("item.type", text(|item| item.kind.as_ref()))
        .with_known("item.title", text(|item| item.title.as_ref()))
        .with_known("item.library", text(|item| item.library_section_title.as_ref()))
        .with_known("item.library_id", text(|item| item.library_section_id.as_ref()))
        .with_known("item.year", distinct(items, |item| item.year.map(Into::into)))
        .with_known("item.content_rating", text(|item| item.content_rating.as_ref()))
        .with("item.count", count)
}

/// The same for items in a playlist.
pub fn of_playlist(playlist: &Playlist, entries: u64, items: &[&Item], count: u64) -> Facts {
    of_items(items, count).with_known("playlist.title", playlist.title.clone()).with("playlist.count", entries)
}

/// What a change touches, for the ledger.
pub fn affected(items: &[&Item], count: u64) -> Affected {
    let mut libraries = items.iter().map(|item| item.library_section_title.as_ref());
    let first = libraries.next().flatten();
    Affected {
        library: first.filter(|first| libraries.all(|other| other == Some(first))).cloned(),
        titles: items.iter().filter_map(|item| item.title.clone()).collect(),
        items: Some(count),
        bytes: None,
    }
}

/// The one value that all have, or the list of all values; none where an item has none, or there is no item.
fn distinct(items: &[&Item], value: impl Fn(&Item) -> Option<Value>) -> Option<Value> {
    let mut values: Vec<Value> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let value = value(item)?;
        if seen.insert(value.to_string()) {
            values.push(value);
        }
    }
    match values.len() {
        0 => None,
        1 => values.pop(),
        _ => Some(values.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(title: &str, year: Option<i64>) -> Item {
        Item { title: Some(title.into()), year, ..Item::default() }
    }

    #[test]
    fn a_fact_that_one_item_lacks_is_not_stated() {
        let (a, b, c) = (item("A", Some(1999)), item("B", Some(1999)), item("B", None));
        let facts = of_items(&[&a, &b], 2);
        assert_eq!(facts.get("item.title"), Some(&serde_json::json!(["A", "B"])));
        assert_eq!(facts.get("item.year"), Some(&1999.into()), "the same value is told once");
        let facts = of_items(&[&a, &b, &c], 3);
        assert_eq!(facts.get("item.title"), Some(&serde_json::json!(["A", "B"])));
        assert_eq!(facts.get("item.year"), None);
        assert_eq!(of_items(&[], 0).get("item.title"), None);
        assert_eq!(of_items(&[], 0).get("item.count"), Some(&0.into()));
    }
}
