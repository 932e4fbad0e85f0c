//! The rules of a smart playlist as a caller writes them: `genre=Comedy&unwatched=1&sort=year:desc`.

use crate::{
    plex::{http::Plex, items::MediaType},
    tools::{
        error::ToolError,
        filters::{genre_field, listed, numbers_of},
    },
};

/// What rules may look at, as Plex names it. Anything else would reach a part of the server's interface that is not meant.
const FIELDS: [&str; 39] = [
    "title",
    "year",
    "decade",
    "genre",
    "country",
    "director",
    "writer",
    "producer",
    "actor",
    "collection",
    "label",
    "studio",
    "network",
    "contentRating",
    "resolution",
    "hdr",
    "rating",
    "audienceRating",
    "userRating",
    "viewCount",
    "unwatched",
    "inProgress",
    "unmatched",
    "duplicate",
    "addedAt",
    "lastViewedAt",
    "originallyAvailableAt",
    "duration",
    "editionTitle",
    "mood",
    "style",
    "format",
    "subformat",
    "source",
    "id",
    "audioLanguage",
    "subtitleLanguage",
    "sort",
    "limit",
];
/// What a field may be of, before a dot.
const OF: [&str; 8] = ["movie", "show", "season", "episode", "artist", "album", "track", "photo"];
/// What joins rules, and may only be `1`.
const JOINS: [&str; 4] = ["and", "or", "push", "pop"];

/// What Plex knows by numbers, which each library gives to its own.
const TAGS: [&str; 11] =
    ["genre", "country", "director", "writer", "producer", "actor", "collection", "label", "network", "mood", "style"];

/// A rule: a field, with its level before it and its comparison behind it, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) value: String,
}

/// Reads rules.
pub(super) fn read(text: &str) -> Result<Vec<Rule>, ToolError> {
    let refused = |problem: String| Err(ToolError::argument("smartFilter", problem));
    let mut rules = Vec::new();
    for pair in text.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        // The operator is what stands before the last sign of equality: `year>>=1990` has `year>>`.
        let Some((name, value)) = pair.split_once('=') else {
            return refused("has a part without a value: write it as genre=Comedy&unwatched=1".to_owned());
        };
        let (name, value) = match value.strip_prefix('=') {
            Some(value) => (format!("{name}="), value),
            None => (name.to_owned(), value),
        };
        let rule = Rule { name: decoded(&name), value: decoded(value) };
        let (level, field, operator) = rule.parts();
        let known = match level {
            Some(level) => OF.contains(&level) && FIELDS.contains(&field),
            None => FIELDS.contains(&field) || (JOINS.contains(&field) && rule.value == "1"),
        };
        if !known {
            return refused(format!("names a field that rules can't look at; they know {}", FIELDS.join(", ")));
        }
        if !["", "!", "=", "!=", "<", ">", "<<", ">>"].contains(&operator) {
            return refused(
                "has an operator that rules don't have: they have =, !=, ==, !==, >>=, <<=, >=, <=".to_owned(),
            );
        }
        rules.push(rule);
    }
    Ok(rules)
}

impl Rule {
    /// Level, field and comparison.
    fn parts(&self) -> (Option<&str>, &str, &str) {
        let field = self.name.trim_end_matches(['!', '<', '>', '=']);
        let operator = self.name.get(field.len()..).unwrap_or_default();
        match field.split_once('.') {
            Some((level, field)) => (Some(level), field, operator),
            None => (None, field, operator),
        }
    }
}

/// The rules with the numbers of the tags that they name, in a library of whose items of a type they are. A genre is asked of
/// the level that has one: of an episode, of its show.
pub(super) async fn numbered(
    plex: &Plex,
    section: &str,
    kind: MediaType,
    rules: Vec<Rule>,
) -> Result<Vec<Rule>, ToolError> {
    let mut numbered = Vec::new();
    for rule in rules {
        let (level, field, operator) = rule.parts();
        let is_number = rule.value.split(',').all(|part| part.parse::<u64>().is_ok());
        let (name, owner) = match (level.map(MediaType::named), genre_field(kind)) {
            _ if is_number || !TAGS.contains(&field) => {
                numbered.push(rule);
                continue;
            }
            (Some(owner), _) => (rule.name.clone(), owner.unwrap_or(kind)),
            (None, Some((name, owner))) if field == "genre" => (format!("{name}{operator}"), owner),
            (None, _) => (rule.name.clone(), kind),
        };
        let choices = plex.choices(section, field, owner).await?;
        let numbers: Option<Vec<String>> = numbers_of(&choices, &rule.value).into_iter().collect();
        let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
            let known: Vec<String> = choices.into_iter().filter_map(|choice| choice.title).collect();
            let has = if known.is_empty() { "none at all".to_owned() } else { listed(&known) };
            let problem = format!("names a {field} that the library does not have; it has {has}");
            return Err(ToolError::argument("smartFilter", problem));
        };
        numbered.push(Rule { name, value: numbers.join(",") });
    }
    Ok(numbered)
}

/// The rules as a query that holds nothing else.
pub(super) fn query(rules: &[Rule]) -> Result<String, ToolError> {
    let mut query = reqwest::Url::parse("http://rules/").map_err(|_| ToolError::Internal)?;
    for Rule { name, value } in rules {
        query.query_pairs_mut().append_pair(name, value);
    }
    Ok(query.query().unwrap_or_default().replace('+', "%20"))
}

/// A name or a value as it was meant.
fn decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B"));
    reqwest::Url::parse(&format!("http://rules/?{pairs}"))
        .ok()
        .and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_anew_and_hold_nothing_else() {
        for (text, written) in [
            ("genre=Comedy&unwatched=1", "genre=Comedy&unwatched=1"),
            ("?show.genre=Sci-Fi %26 Fantasy", "show.genre=Sci-Fi%20%26%20Fantasy"),
            (
                "year>>=1990&year<<=2000&sort=year:desc,titleSort",
                "year%3E%3E=1990&year%3C%3C=2000&sort=year%3Adesc%2CtitleSort",
            ),
            ("title==A&title!==B", "title%3D=A&title%21%3D=B"),
            ("push=1&genre=A&or=1&genre=B&pop=1", "push=1&genre=A&or=1&genre=B&pop=1"),
            ("", ""),
        ] {
            assert_eq!(query(&read(text).unwrap()).unwrap(), written, "{text}");
        }
        for text in
            ["X-Plex-Token=x", "type=4", "genre", "and=2", "genre><=x", "a.b=1", "show.x=1", "includeMeta=1", "../=1"]
        {
            assert!(read(text).unwrap_err().to_string().contains("smartFilter"), "{text}");
        }
    }
}
