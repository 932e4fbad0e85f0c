//! An edit as Plex takes it: names and values of one request.

use crate::tools::change::before::TagKept;
use std::fmt::Write as _;

/// Parameters that set a field. An empty text takes it away.
pub(super) fn field(name: &str, value: &str, locked: bool) -> [(String, String); 2] {
    [(format!("{name}.value"), value.to_owned()), lock(name, locked)]
}

/// The parameter that locks a field or a family, or unlocks it.
pub(super) fn lock(name: &str, locked: bool) -> (String, String) {
    (format!("{name}.locked"), if locked { "1" } else { "0" }.to_owned())
}

/// Parameters that give a family just these tags. All are named, those that stay too: where an indexed tag adds they change
/// nothing, and where the indexed tags are the whole family they would be lost otherwise.
pub(super) fn tags(family: &str, now: &[TagKept], wanted: &[TagKept], locked: bool) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for (n, TagKept { tag, role }) in wanted.iter().enumerate() {
        parameters.push((format!("{family}[{n}].tag.tag"), tag.clone()));
        if let Some(role) = role {
            parameters.push((format!("{family}[{n}].tagging.text"), role.clone()));
        }
    }
    let gone = now.iter().filter(|tag| wanted.iter().all(|other| other.tag != tag.tag));
    let gone: Vec<String> = gone.map(|tag| encoded(&tag.tag)).collect();
    if !gone.is_empty() {
        // The list is divided by commas, so what is in it is encoded by itself once more.
        parameters.push((format!("{family}[].tag.tag-"), gone.join(",")));
    }
    parameters.push(lock(family, locked));
    parameters
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte.into());
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(words: &[&str]) -> Vec<TagKept> {
        words.iter().map(|word| TagKept { tag: (*word).to_owned(), role: None }).collect()
    }

    #[test]
    fn tags_that_stay_are_named_and_those_that_go_are_encoded_twice() {
        let given = tags("genre", &kept(&["Drama", "Sing, Dance & Cry"]), &kept(&["Drama", "New"]), true);
        let given: Vec<_> = given.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            given,
            [
                "genre[0].tag.tag=Drama",
                "genre[1].tag.tag=New",
                "genre[].tag.tag-=Sing%2C%20Dance%20%26%20Cry",
                "genre.locked=1",
            ]
        );
        let part = TagKept { tag: "A".into(), role: Some("Herself".into()) };
        let given = tags("actor", &[], &[part], false);
        assert_eq!(given[1], ("actor[0].tagging.text".into(), "Herself".into()));
        assert_eq!(given[2], ("actor.locked".into(), "0".into()));
    }
}
