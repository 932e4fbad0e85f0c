//! What a library holds, counted while its items pass by: files, sizes, resolutions, codecs, years, genres, growth. Room is
//! needed for each label, not for each item.

use crate::plex::xml::Row;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Different labels of one kind that are counted; further ones are counted together.
const MOST_LABELS: usize = 10_000;
const OTHER: &str = "other";

/// Things with the same label.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Labelled {
    /// The label.
    name: String,
    /// How many have it.
    count: u64,
}

/// How many things have which label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(BTreeMap<String, u64>);

impl Labels {
    fn add(&mut self, label: &str) {
        let label = label.trim();
        if label.is_empty() {
            return;
        }
        if let Some(count) = self.0.get_mut(label) {
            *count += 1;
        } else {
            let label = if self.0.len() < MOST_LABELS { label } else { OTHER };
            *self.0.entry(label.to_owned()).or_default() += 1;
        }
    }

    /// The commonest `most`, and those with as many by name.
    pub(super) fn commonest(&self, most: usize) -> Vec<Labelled> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        all.truncate(most);
        labelled(all)
    }

    /// The last `most` by name, in the order of names.
    pub(super) fn last(&self, most: usize) -> Vec<Labelled> {
        labelled(self.0.iter().skip(self.0.len().saturating_sub(most)))
    }

    /// How many things have a label that is none of the last `most`.
    pub(super) fn before_last(&self, most: usize) -> u64 {
        self.0.values().take(self.0.len().saturating_sub(most)).sum()
    }
}

fn labelled<'a>(labels: impl IntoIterator<Item = (&'a String, &'a u64)>) -> Vec<Labelled> {
    labels.into_iter().map(|(name, &count)| Labelled { name: name.clone(), count }).collect()
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holdings {
    /// Things that are played or looked at: films, episodes, tracks, photos.
    pub(super) leaves: u64,
    /// Those that were never played.
    pub(super) unwatched: u64,
    /// Their playing time, each once.
    pub(super) milliseconds: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Leaves with several versions.
    pub(super) several_versions: u64,
    /// By version.
    pub(super) resolutions: Labels,
    pub(super) video_codecs: Labels,
    pub(super) audio_codecs: Labels,
    pub(super) containers: Labels,
    /// By title: film, show, artist, photo.
    pub(super) decades: Labels,
    pub(super) genres: Labels,
    pub(super) content_ratings: Labels,
    /// Leaves by the month in which they were added, in UTC.
    pub(super) months: Labels,
}

impl Holdings {
    /// Counts something that is played or looked at.
    pub(super) fn add_leaf(&mut self, row: &Row<'_, '_>) {
        self.leaves += 1;
        self.unwatched += u64::from(number(row, "viewCount").unwrap_or(0) == 0);
        self.milliseconds = self.milliseconds.saturating_add(number(row, "duration").unwrap_or(0));
        if let Some(month) = row.attribute("addedAt").and_then(|at| month(at.trim().parse().ok()?)) {
            self.months.add(&month);
        }
        let mut versions = 0_u64;
        for media in row.children("Media") {
            versions += 1;
            for (labels, name) in [
                (&mut self.resolutions, "videoResolution"),
                (&mut self.video_codecs, "videoCodec"),
                (&mut self.audio_codecs, "audioCodec"),
                (&mut self.containers, "container"),
            ] {
                labels.add(&media.attribute(name).unwrap_or_default().to_lowercase());
            }
            for part in media.children("Part") {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(number(&part, "size").unwrap_or(0));
            }
        }
        self.several_versions += u64::from(versions > 1);
    }

    /// Counts a title.
    pub(super) fn add_title(&mut self, row: &Row<'_, '_>) {
        if let Some(year) = number(row, "year") {
            self.decades.add(&format!("{}s", year / 10 * 10));
        }
        self.content_ratings.add(&row.attribute("contentRating").unwrap_or_default());
        for genre in row.children("Genre") {
            self.genres.add(&genre.attribute("tag").unwrap_or_default());
        }
    }
}

fn number(row: &Row<'_, '_>, name: &str) -> Option<u64> {
    row.attribute(name)?.trim().parse().ok()
}

/// The month of a time, unless it is one that calendars don't know.
fn month(second: i64) -> Option<String> {
    let date = TimeZone::UTC.to_datetime(Timestamp::from_second(second).ok()?);
    Some(date.strftime("%Y-%m").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::xml::{Arena, Document};
    use proptest::prelude::*;

    fn count(rows: &[String]) -> Holdings {
        let text = format!("<MediaContainer>{}</MediaContainer>", rows.concat());
        let mut holdings = Holdings::default();
        let (mut document, mut arena) = (Document::open(&text).unwrap(), Arena::default());
        while let Some(row) = document.next_row(&mut arena).unwrap() {
            holdings.add_leaf(&row);
            holdings.add_title(&row);
        }
        holdings
    }

    #[test]
    fn versions_files_and_odd_values_are_counted_for_what_they_are() {
        let rows = [
            r#"<Video ratingKey="1" year="1999" duration="1000" viewCount="2" addedAt="1700000000">
                <Media videoResolution="1080" videoCodec="H264" container="mkv"><Part size="10"/><Part size="5"/></Media>
                <Media videoResolution="4k" videoCodec="hevc"><Part size="100"/></Media>
                <Genre tag="Farce"/><Genre tag="Ode"/></Video>"#,
            r#"<Video ratingKey="2" year="odd" duration="x" addedAt="99999999999999"><Media videoCodec="h264"/><Genre tag=""/></Video>"#,
            r#"<Video ratingKey="3" addedAt="-2082844800"/>"#,
        ];
        let held = count(&rows.map(str::to_owned));
        assert_eq!((held.leaves, held.unwatched, held.files, held.bytes), (3, 2, 3, 115));
        assert_eq!((held.milliseconds, held.several_versions), (1_000, 1));
        let names = |labels: &Labels| {
            labels.commonest(9).into_iter().map(|label| (label.name, label.count)).collect::<Vec<_>>()
        };
        assert_eq!(names(&held.video_codecs), [("h264".into(), 2), ("hevc".into(), 1)]);
        assert_eq!(names(&held.resolutions), [("1080".into(), 1), ("4k".into(), 1)]);
        assert_eq!(names(&held.decades), [("1990s".into(), 1)]);
        assert_eq!(names(&held.genres), [("Farce".into(), 1), ("Ode".into(), 1)]);
        assert_eq!(names(&held.months), [("1904-01".into(), 1), ("2023-11".into(), 1)]);
        assert_eq!((held.months.last(1).len(), held.months.before_last(1)), (1, 1));
    }

    #[test]
    fn labels_without_end_need_room_with_an_end() {
        let mut labels = Labels::default();
        for n in 0..2 * MOST_LABELS {
            labels.add(&n.to_string());
        }
        assert!(labels.0.len() <= MOST_LABELS + 1);
        assert_eq!(labels.commonest(1), [Labelled { name: OTHER.into(), count: MOST_LABELS as u64 }]);
    }

    proptest! {
        #[test]
        fn the_order_of_items_does_not_matter(
            items in prop::collection::vec((0_u64..3, 1900_u64..2030, 0_u64..5, any::<i32>()), 0..30),
        ) {
            let rows: Vec<String> = items
                .iter()
                .map(|(views, year, genre, added)| {
                    format!(
                        r#"<Video year="{year}" viewCount="{views}" addedAt="{added}"><Media videoCodec="c{genre}"><Part
                        size="{year}"/></Media><Genre tag="g{genre}"/></Video>"#
                    )
                })
                .collect();
            let backwards: Vec<String> = rows.iter().rev().cloned().collect();
            prop_assert_eq!(count(&rows), count(&backwards));
        }
    }
}
