//! A span of days up to now, and the time zone that says where a day or an hour begins.

use crate::tools::error::ToolError;
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

const SECONDS_A_DAY: i64 = 86_400;

/// The last so many times 24 hours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    /// How many days it has.
    pub(super) days: u32,
    /// Its first second, in seconds since 1970.
    pub(super) since: i64,
    /// When it was asked for, in seconds since 1970.
    pub(super) until: i64,
    zone: TimeZone,
}

impl Period {
    /// The last `days` days, read in the time zone called `zone`, or in the machine's own.
    pub(super) fn last(days: u32, zone: Option<&str>) -> Result<Self, ToolError> {
        let until = Timestamp::now().as_second();
        Ok(Self { days, since: until - i64::from(days) * SECONDS_A_DAY, until, zone: find(zone)? })
    }

    /// The name of the time zone.
    pub(super) fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("the machine's own").to_owned()
    }

    /// Date and time of day at `second`, if that is a time that calendars know.
    pub(super) fn local(&self, second: i64) -> Option<DateTime> {
        Some(self.zone.to_datetime(Timestamp::from_second(second).ok()?))
    }

    /// The dates from the first to the last that it touches.
    pub(super) fn dates(&self) -> impl Iterator<Item = Date> {
        let date = |second| self.local(second).map(DateTime::date);
        let last = date(self.until);
        let first = date(self.since).filter(|_| last.is_some());
        std::iter::successors(first, move |date| {
            date.tomorrow().ok().filter(|next| last.is_some_and(|last| *next <= last))
        })
    }
}

fn find(name: Option<&str>) -> Result<TimeZone, ToolError> {
    let Some(name) = name else { return Ok(TimeZone::system()) };
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte));
    let zone = if plain { TimeZone::get(name).ok() } else { None };
    zone.ok_or_else(|| {
        ToolError::argument("timeZone", "must be the name of an IANA time zone, such as Europe/Berlin or UTC")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(days: u32, until: i64, zone: &str) -> Period {
        Period { days, since: until - i64::from(days) * SECONDS_A_DAY, until, zone: find(Some(zone)).unwrap() }
    }

    #[test]
    fn days_begin_where_the_time_zone_says() {
        // 2024-03-31 00:30 UTC, an hour and a half before the clocks of Berlin go forward.
        let at = 1_711_845_000;
        let hour = |zone| period(1, at, zone).local(at).map(|local| (local.date().to_string(), local.hour()));
        assert_eq!(hour("UTC"), Some(("2024-03-31".into(), 0)));
        assert_eq!(hour("Europe/Berlin"), Some(("2024-03-31".into(), 1)));
        assert_eq!(hour("America/New_York"), Some(("2024-03-30".into(), 20)));
        let after = period(1, at, "Europe/Berlin").local(at + 3_600).unwrap();
        assert_eq!(after.hour(), 3, "two o'clock was left out that night");
        for odd in [i64::MIN, i64::MAX, 99_999_999_999_999] {
            assert_eq!(period(1, at, "UTC").local(odd), None);
        }
    }

    #[test]
    fn all_dates_that_are_touched_are_told() {
        let dates: Vec<_> = period(2, 1_711_845_000, "UTC").dates().map(|date| date.to_string()).collect();
        assert_eq!(dates, ["2024-03-29", "2024-03-30", "2024-03-31"]);
        assert_eq!(period(3_650, 1_711_845_000, "Asia/Kathmandu").dates().count(), 3_651);
    }

    #[test]
    fn only_names_of_time_zones_are_taken() {
        for wrong in ["", "Berlin", "../UTC", "/etc/localtime", "UTC\u{0}", "Mars/Olympus"] {
            let error = find(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("timeZone must be the name of an IANA time zone"), "{wrong}: {error}");
        }
    }
}
