//! Points in time as people and models write them.

use crate::tools::error::ToolError;
use jiff::{Span, Timestamp, ToSpan as _, ZonedDateTime, civil::Date};

/// Seconds since 1970 of what `addedSince` says.
pub(super) fn read(text: &str) -> Result<i64, ToolError> {
    at(text.trim(), &ZonedDateTime::now()).ok_or_else(|| {
        let forms = "must be a date such as 2026-01-31, a time such as 2026-01-31T20:00:00Z, seconds since 1970, or an age \
                     such as 12h, 30d, 2w, 6mon or 1y";
        ToolError::argument("addedSince", forms)
    })
}

fn at(text: &str, now: &ZonedDateTime) -> Option<i64> {
    if let Some(age) = age(text) {
        return now.checked_sub(age).ok().map(|then| then.timestamp().as_second());
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    if text.contains(['T', ' ']) {
        return None;
    }
    let day = text.parse::<Date>().ok()?;
    day.to_zoned_datetime(now.time_zone().clone()).ok().map(|begins| begins.timestamp().as_second())
}

fn age(text: &str) -> Option<Span> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    // Beyond any library's age, and within what spans hold.
    let number = number.parse::<i64>().ok().filter(|number| *number <= 9_999)?;
    Some(match unit.trim() {
        "h" => number.hours(),
        "d" => number.days(),
        "w" => number.weeks(),
        "mon" => number.months(),
        "y" => number.years(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_mean_what_they_say() {
        let now: ZonedDateTime = "2026-03-31T12:00:00+02:00[+02:00]".parse().expect("a time");
        let second = |time: &str| time.parse::<Timestamp>().expect("a time").as_second();
        for (text, meant) in [
            ("0", 0),
            ("1500000000", 1_500_000_000),
            ("2026-01-31", second("2026-01-30T22:00:00Z")),
            ("2026-01-31T20:00:00Z", second("2026-01-31T20:00:00Z")),
            ("2026-01-31T20:00:00+02:00", second("2026-01-31T18:00:00Z")),
            ("12h", second("2026-03-30T22:00:00Z")),
            ("30d", second("2026-03-01T10:00:00Z")),
            ("2w", second("2026-03-17T10:00:00Z")),
            ("1mon", second("2026-02-28T10:00:00Z")),
            ("1y", second("2025-03-31T10:00:00Z")),
        ] {
            assert_eq!(at(text, &now), Some(meant), "{text}");
        }
        for bad in ["", "yesterday", "2026-13-01", "31.01.2026", "5m", "d", "99999d", "2026-01-31 20:00"] {
            assert!(at(bad, &now).is_none(), "{bad}");
        }
        assert!(read("soon").is_err_and(|error| error.to_string().contains("addedSince must be a date")));
    }
}
