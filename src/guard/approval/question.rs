//! What a person is shown: the effect of a call in lines, with other people's words cleaned, quoted and cut.

use crate::{
    guard::{
        plan::{Affected, Amounts, Plan},
        subject::Kind,
    },
    unseen::one_line,
};
use serde_json::{Map, Value};

/// So many titles are shown, and so many members of other lists.
const MOST_NAMED: usize = 10;
/// So many characters of a title.
const MOST_OF_TITLE: usize = 80;
/// So many characters of the summary, and of an argument's value.
const MOST_OF_LINE: usize = 400;
/// So many arguments, and so many facts.
const MOST_LINES: usize = 20;
/// So many characters of a line in all.
const MOST_OF_ALL: usize = 1_000;

/// Facts whose values other lines show.
const SHOWN_ELSEWHERE: [&str; 5] = ["item.title", "item.library", "item.count", "export.items", "export.bytes"];

/// A question for a person: whether a call may do what it is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name, by which the ledger knows what becomes of it.
    pub id: String,
    /// The tool that was called.
    pub tool: &'static str,
    /// The grant that the call came under.
    pub grant: String,
    /// The effect in lines, the first of which says it in short.
    pub text: String,
    /// Stands for the call and for what it is about as that stood when it was asked.
    pub binding: String,
}

impl Question {
    /// The question as it is put.
    pub fn message(&self) -> String {
        format!("{}\n\n{}", heading(self.tool, &self.grant), self.text)
    }
}

/// Who wants to do it, and with which tool.
pub(crate) fn heading(tool: &str, grant: &str) -> String {
    format!("An agent (grant {}) asks to run {tool}:", quoted(grant))
}

/// The effect of a change.
pub(super) fn of_change(tool: &str, kind: Kind, plan: &Plan) -> String {
    let Plan { summary, facts, affected, reserve, before } = plan;
    let Affected { library, titles, items, bytes } = affected;
    let summary = one_line(summary, MOST_OF_LINE);
    let mut lines = vec![if summary.is_empty() { format!("Run {tool}") } else { summary }];
    if !titles.is_empty() {
        let count = items.map_or(titles.len(), |items| usize::try_from(items).unwrap_or(usize::MAX));
        lines.push(format!("Titles: {}", named(titles.iter().map(String::as_str), count.max(titles.len()))));
    } else if let Some(title) = facts.get("item.title") {
        lines.push(format!("Title: {}", shown(title)));
    }
    let library = library.as_deref().map(quoted).or_else(|| facts.get("item.library").map(shown));
    lines.extend(library.map(|library| format!("Library: {library}")));
    let Amounts { items: most_items, bytes: most_bytes } = *reserve;
    if let Some(items) = items.or(Some(most_items).filter(|&most| most > 0)) {
        lines.push(format!("Items: {items}"));
    }
    match bytes {
        Some(bytes) => lines.push(format!("Size: {}", size(*bytes))),
        None if most_bytes > 0 => lines.push(format!("Size: at most {}", size(most_bytes))),
        None => {}
    }
    let further = facts.iter().filter(|(name, _)| !SHOWN_ELSEWHERE.contains(name));
    lines.extend(further.take(MOST_LINES).map(|(name, value)| format!("{name}: {}", shown(value))));
    lines.push(
        match (before, kind) {
            (Some(_), _) => "It can be undone.",
            (None, Kind::Destructive) => "It can't be undone.",
            (None, _) => "plex-mcp can't undo it by itself.",
        }
        .to_owned(),
    );
    joined(&lines)
}

/// A call that reads.
pub(super) fn of_read(tool: &str, arguments: &Map<String, Value>) -> String {
    let mut lines = vec![format!("Run {tool}, which changes nothing")];
    let given = arguments.iter().take(MOST_LINES);
    lines.extend(given.map(|(name, value)| format!("{}: {}", one_line(name, MOST_OF_TITLE), shown(value))));
    if arguments.len() > MOST_LINES {
        lines.push(format!("and {} arguments more", arguments.len() - MOST_LINES));
    }
    joined(&lines)
}

fn joined(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| one_line(line, MOST_OF_ALL)).collect();
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text, MOST_OF_TITLE).replace('"', "'"))
}

/// The first of the names, and how many more of `count` there are.
fn named<'n>(names: impl Iterator<Item = &'n str>, count: usize) -> String {
    let first: Vec<String> = names.take(MOST_NAMED).map(quoted).collect();
    let more = count.saturating_sub(first.len());
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(members) => {
            let first: Vec<String> = members.iter().take(MOST_NAMED).map(shown).collect();
            let more = members.len() - first.len();
            if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
        }
        other => one_line(&other.to_string(), MOST_OF_LINE),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::plan::Facts;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_effect_is_shown_with_titles_library_amounts_and_whether_it_can_be_undone() {
        let titles: Vec<String> = (1..=14).map(|n| format!("Film {n}")).collect();
        let plan = Plan {
            summary: "Remove 14 items from playlist \"Kids\"".into(),
            facts: Facts::default().with("item.title", titles.clone()).with("playlist.title", "Kids"),
            affected: Affected { library: Some("Films".into()), titles, items: Some(14), bytes: None },
            reserve: Amounts { items: 14, bytes: 0 },
            before: Some(json!({"items": []})),
        };
        assert_eq!(
            of_change("remove", Kind::Destructive, &plan),
            "Remove 14 items from playlist \"Kids\"\nTitles: \"Film 1\", \"Film 2\", \"Film 3\", \"Film 4\", \"Film 5\", \
             \"Film 6\", \"Film 7\", \"Film 8\", \"Film 9\", \"Film 10\" and 4 more\nLibrary: \"Films\"\nItems: 14\n\
             playlist.title: \"Kids\"\nIt can be undone."
        );
        let bare = Plan {
            reserve: Amounts { items: 0, bytes: 1_500_000 },
            facts: Facts::default().with("item.title", "A").with("item.library", "B").with("item.year", 1999),
            ..Plan::default()
        };
        assert_eq!(
            of_change("x", Kind::Destructive, &bare),
            "Run x\nTitle: \"A\"\nLibrary: \"B\"\nSize: at most 1.5 MB\nitem.year: 1999\nIt can't be undone."
        );
        let bytes = Affected { bytes: Some(1_234), items: Some(0), ..Affected::default() };
        assert_eq!(
            of_change("x", Kind::Write, &Plan { affected: bytes, ..Plan::default() }),
            "Run x\nItems: 0\nSize: 1.2 kB\nplex-mcp can't undo it by itself."
        );
    }

    #[test]
    fn a_read_is_shown_with_its_arguments() {
        let arguments = json!({"query": "a\n\"b\"\u{202e}", "limit": 5, "ids": ["1", "2"]});
        let text = of_read("search_media", arguments.as_object().unwrap());
        assert_eq!(text, "Run search_media, which changes nothing\nquery: \"a 'b'\"\nlimit: 5\nids: \"1\", \"2\"");
    }

    #[test]
    fn however_much_there_is_to_show_the_end_is_seen() {
        let long: Vec<String> = (0..1_000).map(|n| format!("{n} {}", "long ".repeat(500))).collect();
        let nested = json!([[long, long], [long, [long]]]);
        let names: [&'static str; 4] = ["movie.title", "series.title", "playlist.title", "arr.root_folder"];
        let facts = names.iter().fold(Facts::default(), |facts, name| facts.with(name, nested.clone()));
        let affected = Affected { titles: long.clone(), ..Affected::default() };
        let plan = Plan { summary: "s".repeat(100_000), facts, affected, ..Plan::default() };
        let text = of_change("x", Kind::Destructive, &plan);
        assert!(text.ends_with("\nIt can't be undone.") && text.contains("990 more\n"), "{text}");
        assert!(text.chars().count() < 6_000, "{}", text.chars().count());
        let many: Map<String, Value> = (0..100).map(|n| (n.to_string(), nested.clone())).collect();
        let text = of_read("x", &many);
        assert!(text.ends_with("\nand 80 arguments more") && text.chars().count() < 25_000);
    }

    proptest! {
        /// A title can neither add a line nor end its quotation, whatever it holds.
        #[test]
        fn titles_stay_within_their_quotes(title in ".*", wild in "[\\n\\r\\u{2028}\\u{202e}\\u{85}\"x]*") {
            for title in [title, wild] {
                let affected = Affected { titles: vec![title.clone()], ..Affected::default() };
                let facts = Facts::default().with("playlist.title", title);
                let text = of_change("x", Kind::Write, &Plan { facts, affected, ..Plan::default() });
                let lines: Vec<&str> = text.lines().collect();
                prop_assert_eq!(lines.len(), 4, "{:?}", text);
                prop_assert_eq!(lines[1].matches('"').count(), 2);
                prop_assert!(!text.chars().any(|c| c != '\n' && crate::unseen::is_unseen(c)));
                prop_assert!(lines[1].chars().count() <= MOST_OF_TITLE + 11);
            }
        }
    }
}
