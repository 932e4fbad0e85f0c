//! Dates as people read them, beside Plex's own seconds since 1970: `addedAtIso` beside `addedAt`.

use super::json::write_key;
use jiff::Timestamp;

/// What is added to a field's name.
const SUFFIX: &str = "Iso";

/// Fields that are points in time, in seconds since 1970.
const DATES: [&str; 10] = [
    "addedAt",
    "contentChangedAt",
    "createdAt",
    "deletedAt",
    "lastRatedAt",
    "lastSeenAt",
    "lastViewedAt",
    "scannedAt",
    "updatedAt",
    "viewedAt",
];

/// Whether a field is a point in time.
pub(super) fn is_date(name: &str) -> bool {
    name.ends_with("At") && DATES.contains(&name)
}

/// The name of the field that says the same as `name` for people.
pub(super) fn name_of(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

/// The field that `name` says for people; none if it is no such name.
pub(super) fn date_of(name: &str) -> Option<&str> {
    name.strip_suffix(SUFFIX).filter(|name| is_date(name))
}

/// `2026-01-31T12:00:00Z`; none for what is no number, or beyond the year 9999.
pub(super) fn text_of(raw: &str) -> Option<String> {
    let seconds = raw.trim().parse().ok()?;
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}

/// Appends the date that says the same as the field `name` as a member of a JSON object.
pub(super) fn write_member(out: &mut Vec<u8>, first: &mut bool, name: &str, raw: &str) {
    write_key(out, first, &name_of(name));
    write(out, raw);
}

/// Appends the date as a JSON value, `null` where there is none to tell.
fn write(out: &mut Vec<u8>, raw: &str) {
    match text_of(raw) {
        Some(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_any_age_are_told_and_impossible_ones_are_not() {
        for (raw, text) in [
            ("0", Some("1970-01-01T00:00:00Z")),
            ("-2082844800", Some("1904-01-01T00:00:00Z")),
            ("1769860800", Some("2026-01-31T12:00:00Z")),
            ("99999999999999", None),
            ("-99999999999999999999999", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(text_of(raw).as_deref(), text, "{raw}");
        }
        assert_eq!(date_of("addedAtIso"), Some("addedAt"));
        assert_eq!((date_of("titleIso"), date_of("addedAt")), (None, None));
        assert!(!is_date("originallyAvailableAt"), "that one is a date as it is");
    }
}
