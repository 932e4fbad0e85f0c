//! The titles that exist, whether or not they are in the library. Title `n` depends on the seed and `n` alone, its dates on
//! the clock as well.

use crate::demo::arr::ArrKind;
use crate::demo::dice::{Dice, pick};
use crate::demo::titles;
use crate::demo::words::{GENRES, GIVEN, MOVIE_RATINGS, OPENINGS, PLACES, SHOW_RATINGS, STUDIOS, TURNS};

const TITLE: u64 = 90;
const SHAPE: u64 = 91;
const TEXT: u64 = 92;
const EPISODE: u64 = 93;
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;

/// Titles that are in no library yet.
pub(super) const UNOWNED: u64 = 1_000;

/// The titles of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) kind: ArrKind,
    pub(super) seed: u64,
    /// Now, in Unix seconds.
    pub(super) clock: i64,
    /// How many titles there are.
    pub(super) size: u64,
}

/// An episode of a series.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) season: u64,
    pub(super) number: u64,
    pub(super) title: String,
    /// When it is first shown, in Unix seconds.
    pub(super) airs: i64,
    /// Whether a library that has the series has this of it.
    pub(super) owned: bool,
}

/// When a film is to be seen, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Releases {
    pub(super) cinemas: i64,
    pub(super) digital: Option<i64>,
    pub(super) physical: Option<i64>,
}

impl World {
    fn dice(&self, topic: u64, n: u64) -> Dice {
        Dice::new(self.seed + if self.kind == ArrKind::Sonarr { 1_000 } else { 2_000 }, topic, n)
    }

    /// The id that the metadata service has for title `n`: TVDB's or TMDB's.
    pub(super) fn foreign_id(&self, n: u64) -> u64 {
        n + if self.kind == ArrKind::Sonarr { 70_000 } else { 400_000 }
    }

    /// The title of that id.
    pub(super) fn by_foreign_id(&self, id: u64) -> Option<u64> {
        id.checked_sub(self.foreign_id(0)).filter(|n| *n < self.size)
    }

    pub(super) fn title(&self, n: u64) -> String {
        titles::work(&mut self.dice(TITLE, n), n).to_string()
    }

    /// The title without its article, in small letters.
    pub(super) fn sort_title(&self, n: u64) -> String {
        let title = titles::work(&mut self.dice(TITLE, n), n);
        title.sort_title().unwrap_or(title).to_string().to_lowercase()
    }

    pub(super) fn year(&self, n: u64) -> u64 {
        match self.kind {
            ArrKind::Sonarr if Self::is_running(n) => 2_018 + n % 6,
            ArrKind::Radarr if Self::is_new(n) => year_of(self.clock),
            _ => 1_950 + self.dice(SHAPE, n).below(70),
        }
    }

    pub(super) fn overview(&self, n: u64) -> String {
        let mut dice = self.dice(TEXT, n);
        let mut text = format!("{}{}.", dice.pick(OPENINGS), dice.pick(PLACES));
        for _ in 0..dice.between(1, 4) {
            text.push(' ');
            text.push_str(dice.pick(GIVEN));
            text.push_str(dice.pick(TURNS));
        }
        text
    }

    pub(super) fn studio(n: u64) -> &'static str {
        pick(STUDIOS, n)
    }

    pub(super) fn genres(n: u64) -> [&'static str; 2] {
        [pick(GENRES, n), pick(GENRES, n + 3)]
    }

    pub(super) fn certification(&self, n: u64) -> &'static str {
        pick(if self.kind == ArrKind::Sonarr { SHOW_RATINGS } else { MOVIE_RATINGS }, n)
    }

    pub(super) fn runtime(&self, n: u64) -> u64 {
        if self.kind == ArrKind::Sonarr { 25 + n % 4 * 10 } else { 80 + n % 70 }
    }

    /// Whether a series is being shown these weeks.
    pub(super) fn is_running(n: u64) -> bool {
        n % 4 == 1
    }

    /// Whether a film comes out these weeks.
    pub(super) fn is_new(n: u64) -> bool {
        n % 10 == 7
    }

    /// Whether the library has no file of the film, or lacks the last episodes of the series.
    pub(super) fn is_wanting(&self, n: u64) -> bool {
        if self.kind == ArrKind::Sonarr { n.is_multiple_of(3) } else { n % 4 == 3 }
    }

    pub(super) fn status(&self, n: u64) -> &'static str {
        match self.kind {
            ArrKind::Sonarr if Self::is_running(n) => "continuing",
            ArrKind::Sonarr => "ended",
            ArrKind::Radarr if !Self::is_new(n) => "released",
            ArrKind::Radarr if self.releases(n).cinemas <= self.clock => "inCinemas",
            ArrKind::Radarr => "announced",
        }
    }

    /// Seasons, the specials apart.
    pub(super) fn seasons(&self, n: u64) -> u64 {
        self.dice(SHAPE, n + 1_000_000).between(1, 4)
    }

    pub(super) fn has_specials(n: u64) -> bool {
        n.is_multiple_of(2)
    }

    /// All episodes of series `n` in order, specials first.
    pub(super) fn episodes(&self, n: u64) -> Vec<Episode> {
        let mut dice = self.dice(EPISODE, n);
        let last = self.seasons(n);
        let mut all = Vec::new();
        // Shown at half past two in the night by universal time, which is the evening before where the network is.
        let midnight = self.clock - self.clock.rem_euclid(DAY);
        let first_season = u64::from(!Self::has_specials(n));
        for season in first_season..=last {
            let count = if season == 0 { 2 } else { dice.between(5, 10) };
            let ahead = if Self::is_running(n) && season == last { 3 } else { 0 };
            for number in 1..=count {
                let weeks = i64::try_from(count - number).unwrap_or(0);
                let airs = if ahead > 0 {
                    midnight + (ahead - weeks) * WEEK + i64::try_from(n % 7).unwrap_or(0) * DAY + 9_000
                } else {
                    let years = i64::try_from(last - season).unwrap_or(0) + 1;
                    midnight - years * 365 * DAY - weeks * WEEK + 9_000
                };
                let title = titles::part(&mut dice).to_string();
                all.push(Episode { season, number, title, airs, owned: airs <= self.clock });
            }
        }
        if self.is_wanting(n) {
            all.iter_mut().rev().filter(|episode| episode.owned).take(2).for_each(|episode| episode.owned = false);
        }
        all
    }

    pub(super) fn releases(&self, n: u64) -> Releases {
        let days = |days: u64| i64::try_from(days).unwrap_or(0) * DAY;
        let midnight = self.clock - self.clock.rem_euclid(DAY);
        if Self::is_new(n) {
            let cinemas = midnight - days(20) + days(n / 10 % 45);
            return Releases { cinemas, digital: Some(cinemas + days(24)), physical: None };
        }
        let years = i64::try_from(self.year(n)).unwrap_or(1970) - 1970;
        let cinemas = years * 365 * DAY + days(n % 300);
        Releases { cinemas, digital: Some(cinemas + days(90)), physical: Some(cinemas + days(150)) }
    }

    /// The titles that a search for these words finds, best first.
    pub(super) fn find(&self, words: &str) -> Vec<u64> {
        let words = words.to_lowercase();
        let mut found: Vec<u64> = (0..self.size).filter(|n| self.title(*n).to_lowercase().contains(&words)).collect();
        found.sort_by_key(|n| self.title(*n).len());
        found
    }
}

fn year_of(clock: i64) -> u64 {
    u64::try_from(1970 + clock / (365 * DAY + DAY / 4)).unwrap_or(1970)
}
