//! The rules of a smart playlist as a caller writes them: `genre=Comedy&unwatched=1&sort=year:desc`.

use crate::tools::error::ToolError;

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

/// Reads rules, and writes them as a query that holds nothing else.
pub(super) fn query(text: &str) -> Result<String, ToolError> {
    let refused = |problem: String| Err(ToolError::argument("smartFilter", problem));
    let mut query = reqwest::Url::parse("http://rules/").map_err(|_| ToolError::Internal)?;
    for pair in text.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        // The operator is what stands before the last sign of equality: `year>>=1990` has `year>>`.
        let Some((name, value)) = pair.split_once('=') else {
            return refused("has a part without a value: write it as genre=Comedy&unwatched=1".to_owned());
        };
        let (name, value) = match value.strip_prefix('=') {
            Some(value) => (format!("{name}="), value),
            None => (name.to_owned(), value),
        };
        let (name, value) = (decoded(&name), decoded(value));
        let field = name.trim_end_matches(['!', '<', '>', '=']);
        let operator = name.get(field.len()..).unwrap_or_default();
        let known = match field.split_once('.') {
            Some((of, field)) => OF.contains(&of) && FIELDS.contains(&field),
            None => FIELDS.contains(&field) || (JOINS.contains(&field) && value == "1"),
        };
        if !known {
            return refused(format!("names a field that rules can't look at; they know {}", FIELDS.join(", ")));
        }
        if !["", "!", "=", "!=", "<", ">", "<<", ">>"].contains(&operator) {
            return refused(
                "has an operator that rules don't have: they have =, !=, ==, !==, >>=, <<=, >=, <=".to_owned(),
            );
        }
        query.query_pairs_mut().append_pair(&name, &value);
    }
    Ok(query.query().unwrap_or_default().replace('+', "%20"))
}

/// A name or a value as it was meant.
pub(super) fn decoded(text: &str) -> String {
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
            assert_eq!(query(text).unwrap(), written, "{text}");
        }
        for text in
            ["X-Plex-Token=x", "type=4", "genre", "and=2", "genre><=x", "a.b=1", "show.x=1", "includeMeta=1", "../=1"]
        {
            assert!(query(text).unwrap_err().to_string().contains("smartFilter"), "{text}");
        }
    }
}
