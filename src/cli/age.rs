//! Points and spans of time as people write them.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::time::Duration;

/// Milliseconds since 1970 of a time, of a date's beginning here, or of a span before now.
pub(super) fn since(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    if let Ok(date) = text.parse::<Date>()
        && let Ok(start) = date.to_zoned_datetime(TimeZone::system())
    {
        return Ok(start.timestamp().as_millisecond());
    }
    let span =
        span(text).map_err(|_| "it is no time (2026-01-31T20:00:00Z), date or span (90m, 24h, 7d)".to_owned())?;
    let before = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(Timestamp::now().as_millisecond().saturating_sub(before))
}

/// A whole number of seconds, minutes, hours, days or weeks.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "it is no span such as 90m, 24h or 400d".to_owned();
    let text = text.trim();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_number_and_a_unit() {
        for (text, seconds) in [("90m", 5400), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), (" 30s ", 30)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "d", "7", "-7d", "+7d", "7 d", "1.5h", "7x", "7€", "99999999999999999999d", "99999999999999999d"]
        {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_taken_in_every_form() {
        assert_eq!(since("2026-01-31T20:00:00Z"), Ok(1_769_889_600_000));
        assert_eq!(since("2026-01-31T21:00:00.5+01:00"), Ok(1_769_889_600_500));
        let start = Date::constant(2026, 1, 31).to_zoned_datetime(TimeZone::system()).unwrap().timestamp();
        assert_eq!(since("2026-01-31"), Ok(start.as_millisecond()));
        let ago = Timestamp::now().as_millisecond() - since("24h").unwrap();
        assert!((86_400_000 - 5_000..=86_400_000).contains(&ago), "{ago}");
        assert!(since("yesterday").is_err());
    }
}
