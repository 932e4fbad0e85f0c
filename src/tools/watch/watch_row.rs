//! How plays are told: the item with the names of who played it, and a title with all its plays and copies.

use super::{audience::Audience, chart::Entry};
use crate::{
    plex::{
        history::{Play, Titles},
        http::Plex,
        items::Item,
    },
    tools::{error::ToolError, listing::ItemRow},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// A play, or a title with all its plays.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WatchRow {
    #[serde(flatten)]
    row: ItemRow,
    /// Season and episode, such as S00E09.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode: Option<String>,
    /// When the play, or the title's last play, ended, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewed_at: Option<i64>,
    /// The playing time of the item in milliseconds; of a show, that of a typical episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// Of a play: the account of who played it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Of a play: who played it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Of a play: the device it was played on.
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<String>,
    /// Of a play: what the device runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// Of a play: always true, since Plex notes a play when it is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<bool>,
    /// Of a title: how often it was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    plays: Option<u64>,
    /// Of a show: how many of its episodes were played.
    #[serde(skip_serializing_if = "Option::is_none")]
    episodes: Option<u64>,
    /// Of a title: how many people played it.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<u64>,
    /// Of a title: who they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    viewers: Vec<String>,
    /// Of a title: the hours that its plays took, at the full length of what was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<f64>,
    /// The copies of the title that were played, where there are several: in other libraries, or other editions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<CopyRow>,
    /// Whether it was deleted since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

/// One copy of a title.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CopyRow {
    /// The copy's number.
    pub(super) rating_key: String,
    /// The edition, such as a director's cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edition_title: Option<String>,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) library: Option<String>,
}

/// Seconds as hours, to the hundredth.
pub(super) fn hours(seconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "rounded to hundredths of an hour anyway")]
    let hours = seconds as f64 / 3_600.0;
    (hours * 100.0).round() / 100.0
}

/// The plays with all that belongs to them.
pub(super) async fn play_rows(plex: &Plex, audience: &Audience, plays: &[Play]) -> Result<Vec<WatchRow>, ToolError> {
    let items = Details::fetch(plex, plays.iter().filter_map(|play| play.item).collect()).await?;
    Ok(plays.iter().map(|play| play_row(play, items.of(play.item), audience)).collect())
}

fn play_row(play: &Play, item: Option<&Item>, audience: &Audience) -> WatchRow {
    let row = row_of(item, play.item, &play.kind, play.titles.as_deref());
    let device = play.device.map(|device| audience.device(device)).unwrap_or_default();
    WatchRow {
        episode: label(&row),
        row,
        viewed_at: play.at,
        duration: item.and_then(|item| item.duration),
        user_id: play.account.map(|account| account.to_string()),
        user: play.account.and_then(|account| audience.person(account)).map(str::to_owned),
        player: device.name,
        platform: device.platform,
        library_key: play.section.map(|section| section.to_string()),
        library: play.section.and_then(|section| audience.library(section)).map(str::to_owned),
        completed: Some(true),
        deleted: item.is_none(),
        ..WatchRow::default()
    }
}

/// The titles with all that belongs to them.
pub(super) async fn title_rows(plex: &Plex, audience: &Audience, titles: &[Entry]) -> Result<Vec<WatchRow>, ToolError> {
    let mut keys = Vec::new();
    for title in titles {
        keys.extend(title.key());
        keys.extend(title.copies.iter().map(|copy| copy.0));
    }
    let items = Details::fetch(plex, keys).await?;
    Ok(titles.iter().map(|title| title_row(title, &items, audience)).collect())
}

fn title_row(title: &Entry, items: &Details, audience: &Audience) -> WatchRow {
    let item = items.of(title.key());
    let row = row_of(item, title.key(), &title.kind, title.titles.as_deref());
    let library = |section: Option<u64>| section.and_then(|section| audience.library(section)).map(str::to_owned);
    let own = title.key().map(|key| (key, title.section)).into_iter();
    let copies = own.chain(title.copies.iter().copied()).map(|(key, section)| CopyRow {
        rating_key: key.to_string(),
        edition_title: items.of(Some(key)).and_then(|item| item.edition_title.clone()),
        library_key: section.map(|section| section.to_string()),
        library: library(section),
    });
    WatchRow {
        episode: label(&row),
        row,
        plays: Some(title.plays),
        episodes: (&*title.kind == "show").then(|| title.episodes.len()),
        users: Some(title.people.len() as u64),
        viewers: title.people.iter().map(|&person| audience.person_or_id(person)).collect(),
        hours: Some(hours(title.seconds)),
        viewed_at: title.last,
        duration: item.and_then(|item| item.duration),
        rating: item.and_then(|item| item.rating),
        library_key: title.section.map(|section| section.to_string()),
        library: library(title.section),
        copies: if title.copies.is_empty() { Vec::new() } else { copies.collect() },
        deleted: item.is_none(),
        ..WatchRow::default()
    }
}

/// Items by their keys, as far as the server still has them.
struct Details(HashMap<u64, Item>);

impl Details {
    async fn fetch(plex: &Plex, mut keys: Vec<u64>) -> Result<Self, ToolError> {
        keys.sort_unstable();
        keys.dedup();
        let items = plex.items_in_brief(&keys).await?;
        Ok(Self(items.into_iter().filter_map(|item| Some((item.rating_key.as_deref()?.parse().ok()?, item))).collect()))
    }

    fn of(&self, key: Option<u64>) -> Option<&Item> {
        self.0.get(&key?)
    }
}

/// The item as Plex has it now, or as the history remembers it.
fn row_of(item: Option<&Item>, key: Option<u64>, kind: &str, titles: Option<&Titles>) -> ItemRow {
    if let Some(item) = item {
        return ItemRow::from(item);
    }
    let titles = titles.cloned().unwrap_or_default();
    let rating_key = key.map(|key| key.to_string());
    let kind = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
    if kind.as_deref() == Some("show") {
        return ItemRow { rating_key, title: titles.grandparent_title, kind, ..ItemRow::default() };
    }
    ItemRow {
        rating_key,
        title: titles.title,
        kind,
        year: titles.originally_available_at.and_then(|date| date.get(..4)?.parse().ok()),
        grandparent_title: titles.grandparent_title,
        parent_title: titles.parent_title,
        parent_index: titles.parent_index,
        index: titles.index,
        ..ItemRow::default()
    }
}

/// Season and episode as people write them. Season 0 is the specials.
fn label(row: &ItemRow) -> Option<String> {
    let episode = row.kind.as_deref() == Some("episode");
    let (season, number) = row.parent_index.zip(row.index).filter(|_| episode)?;
    Some(format!("S{season:02}E{number:02}"))
}
