//! The parameters of Plex's edit call, applied to what was changed of an item.

use std::collections::BTreeMap;

use crate::demo::state::Changed;

/// A tag that a client gave: its word, and for people in the cast the part they play.
pub(crate) type Given = (String, Option<String>);

/// Applies `title.value=`, `title.locked=1`, `genre[0].tag.tag=` (the indexed tags are the new set, with
/// `actor[0].tagging.text=` for a part), `genre[].tag.tag-=` (tags to take away, divided by commas and each percent-encoded
/// once more) and `genre[].tag=` (all go). Other parameters are left alone. `current` tells the tags an item began with.
pub(crate) fn apply(changed: &mut Changed, current: &dyn Fn(&str) -> Vec<Given>, query: &[(String, String)]) {
    let mut sets: BTreeMap<&str, BTreeMap<u32, Given>> = BTreeMap::new();
    let mut removals = Vec::new();
    for (name, value) in query {
        if let Some(field) = name.strip_suffix(".value") {
            changed.fields.insert(field.to_owned(), value.clone());
        } else if let Some(field) = name.strip_suffix(".locked") {
            if value == "1" {
                changed.locked.insert(field.to_owned());
            } else {
                changed.locked.remove(field);
            }
        } else if let Some(family) = name.strip_suffix("[].tag.tag-") {
            removals.push((family, value));
        } else if let Some(family) = name.strip_suffix("[].tag") {
            changed.tags.insert(family.to_owned(), Vec::new());
        } else if let Some((family, index, part)) = indexed(name) {
            let given = sets.entry(family).or_default().entry(index).or_default();
            match part {
                "tag.tag" => given.0.clone_from(value),
                "tagging.text" => given.1 = Some(value.clone()),
                _ => {}
            }
        }
    }
    for (family, tags) in sets {
        changed.tags.insert(family.to_owned(), tags.into_values().filter(|(word, _)| !word.is_empty()).collect());
    }
    for (family, value) in removals {
        let gone: Vec<String> = value.split(',').map(decoded).collect();
        let tags = changed.tags.entry(family.to_owned()).or_insert_with(|| current(family));
        tags.retain(|(word, _)| !gone.contains(word));
    }
}

/// `genre[3].tag.tag` as family, index and the rest.
fn indexed(name: &str) -> Option<(&str, u32, &str)> {
    let (family, rest) = name.split_once('[')?;
    let (index, part) = rest.split_once("].")?;
    Some((family, index.parse().ok()?, part))
}

fn decoded(text: &str) -> String {
    let uri = format!("/?x={}", text.replace('+', "%2B"));
    let pairs = uri.parse().map(|uri| crate::demo::query::Query::parse(&uri)).unwrap_or_default();
    pairs.get("x").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(query: &[(&str, &str)]) -> Vec<Given> {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut changed = Changed::default();
        let began_with = |_: &str| vec![("Drama".to_owned(), None), ("Sing, Dance & Cry".to_owned(), None)];
        apply(&mut changed, &began_with, &query);
        changed.tags.remove("genre").unwrap()
    }

    #[test]
    fn indexed_tags_are_the_new_set_and_removals_take_away() {
        let given = |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), None)).collect::<Vec<Given>>();
        assert_eq!(tags(&[("genre[1].tag.tag", "B"), ("genre[0].tag.tag", "A")]), given(&["A", "B"]));
        assert_eq!(tags(&[("genre[].tag.tag-", "Sing%2C%20Dance%20%26%20Cry")]), given(&["Drama"]));
        assert_eq!(tags(&[("genre[].tag.tag-", "Sing, Dance & Cry")]).len(), 2, "a bare comma divides");
        assert_eq!(tags(&[("genre[].tag", "")]), []);
        let part = tags(&[("genre[0].tag.tag", "A"), ("genre[0].tagging.text", "Herself")]);
        assert_eq!(part, [("A".to_owned(), Some("Herself".to_owned()))]);
    }
}
