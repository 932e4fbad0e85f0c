//! What a sync to Trakt says of itself.

use super::plays::Skipped;
use crate::{plex::items::Window, tools::listing::Paging};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Titles that are named of what was not found or skipped for one reason.
pub(super) const MAX_TITLES: usize = 20;

/// What was sent, or would be.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether nothing was to be sent.
    pub(super) dry_run: bool,
    /// Whether Trakt lacks nothing any more; false for a dry run that lists something, and where the next call goes on.
    pub(super) complete: bool,
    /// The counts.
    pub(super) summary: Summary,
    /// Plays that Trakt lacks: with dryRun those that would be sent, else those that were.
    pub(super) plays: Vec<PlayRow>,
    #[serde(flatten)]
    pub(super) paging: Paging,
    /// Titles that were sent and that Trakt does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_found: Vec<String>,
    /// Plays that can't be sent, by reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) skipped: Vec<SkippedRow>,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// With dryRun: allow where the plays would be sent, ask where a person would be asked, refuse where the policy refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<&'static str>,
    /// Why it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    /// When it began.
    pub(super) start_time: String,
    /// When it ended.
    pub(super) end_time: String,
}

/// Counts of plays.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// Plays in Plex's history of this person.
    pub(super) items_processed: u64,
    /// Plays that Trakt has got.
    pub(super) items_added: u64,
    /// Ratings that Trakt has got.
    pub(super) items_updated: u64,
    /// Plays that were sent and not added.
    pub(super) items_failed: u64,
    /// Plays that Trakt lacked before this call.
    pub(super) missing: u64,
    /// Plays that Trakt had.
    pub(super) already_there: u64,
    /// Plays that are the same as another: noted twice by Plex, or for another copy or edition.
    pub(super) folded: u64,
    /// Films and episodes of which several copies or editions were played, each sent as one.
    pub(super) copies_as_one: u64,
    /// Plays that can't be sent.
    pub(super) skipped: u64,
    /// Plays of music and other things that Trakt knows nothing of.
    pub(super) other_types: u64,
    /// Plays that are left for the next call.
    pub(super) remaining: u64,
    /// Ratings that Trakt lacked before this call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ratings_missing: Option<u64>,
    /// Milliseconds.
    pub(super) duration: u64,
}

/// A play.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlayRow {
    /// The film with its year, or the episode with its show and numbers.
    pub(super) title: String,
    /// When it was played.
    pub(super) watched_at: String,
    /// The item's number in Plex.
    pub(super) rating_key: String,
}

/// Plays that can't be sent for one reason.
#[derive(Serialize, JsonSchema)]
pub(super) struct SkippedRow {
    /// Why.
    pub(super) reason: &'static str,
    /// How many.
    pub(super) count: u64,
    /// The first titles.
    pub(super) titles: Vec<String>,
}

/// The part of the list that was asked for.
pub(super) fn window(plays: &[usize], offset: u64, limit: u64) -> Window<usize> {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let next = offset.saturating_add(limit);
    Window {
        items: plays.iter().copied().skip(at(offset)).take(at(limit)).collect(),
        total: Some(plays.len() as u64),
        next_offset: (next < plays.len() as u64).then_some(next),
    }
}

/// The plays that can't be sent, by reason.
pub(super) fn by_reason(skipped: &[Skipped]) -> Vec<SkippedRow> {
    let mut rows: BTreeMap<&'static str, SkippedRow> = BTreeMap::new();
    for Skipped { title, reason } in skipped {
        let row = rows.entry(reason).or_insert(SkippedRow { reason, count: 0, titles: Vec::new() });
        row.count += 1;
        if row.titles.len() < MAX_TITLES && !row.titles.contains(title) {
            row.titles.push(title.clone());
        }
    }
    rows.into_values().collect()
}
