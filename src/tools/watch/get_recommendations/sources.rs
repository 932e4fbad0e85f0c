//! What recommendations are made of: the titles of the libraries, and what somebody watched by the word of Plex and of Trakt.

use crate::{
    export::job::Progress,
    guard::Read,
    plex::{
        history::{History, PlayFilter},
        items::{MediaType, listing},
        lookup::by_keys,
        stream::Stream,
    },
    tools::{
        call::Call,
        error::ToolError,
        find,
        watch::{
            audience::Audience,
            taste::Watched,
            titles::{Title, Titles},
        },
    },
    trakt::{error::TraktError, watched::Watched as OnTrakt},
};
use std::collections::BTreeMap;

/// What the taste does not need of a listing's rows.
const NOT_OF_LISTING: &str =
    "Media,Image,UltraBlurColors,Country,Collection,Writer,Producer,Rating,Label,Field,Chapter";
/// What it does not need of an item's details.
const NOT_OF_DETAILS: &str = "Media,Image,UltraBlurColors,Genre,Country,Collection,Writer,Producer,Rating,Label,Field,\
                              Similar,Chapter,Marker,Extras,Review,Guid";

/// The titles of all libraries of the kind: a film that was watched in one of them is not to be recommended from another.
pub(super) async fn read_titles(
    call: &Call<'_, Read>,
    audience: &Audience,
    kind: MediaType,
) -> Result<Titles, ToolError> {
    let mut titles = Titles::default();
    let mut read = 0;
    for (&key, section) in audience.libraries() {
        if section.kind.as_deref() != Some(kind.as_str()) {
            continue;
        }
        let request = listing(&key.to_string(), Some(kind))
            .with("includeGuids", "1")
            .with("excludeElements", NOT_OF_LISTING)
            .with("excludeFields", "summary,tagline");
        let mut stream = Stream::of_items(call.plex().await?, request);
        while stream.page(|row| titles.add(&row, key)).await? {
            call.progress(Progress { items: read + stream.received(), total: None, bytes: 0 });
        }
        read += stream.received();
    }
    Ok(titles)
}

/// What the token's own account watched, as the listings say.
pub(super) fn own_plays(titles: &Titles) -> Vec<Watched> {
    let watched = titles.all.iter().enumerate().filter(|(_, title)| title.plays > 0);
    watched
        .map(|(place, title)| Watched { place, plays: title.plays, last: title.last, rating: title.own_rating })
        .collect()
}

/// What an account watched, as the history says. What it has begun and not finished, and its ratings, Plex tells nobody else.
pub(super) async fn plays_of(call: &Call<'_, Read>, account: u64, titles: &Titles) -> Result<Vec<Watched>, ToolError> {
    let filter = PlayFilter { account: Some(account), ..PlayFilter::default() };
    let mut history = History::new(call.plex().await?, filter, false);
    let mut watched: BTreeMap<usize, Watched> = BTreeMap::new();
    let mut page = Vec::new();
    while history.page(&mut page).await? {
        call.progress(Progress { items: history.received(), total: history.total(), bytes: 0 });
        for play in page.drain(..) {
            // An episode is watched for its show.
            let key = if &*play.kind == "episode" { play.show } else { play.item };
            let Some(place) = key.and_then(|key| titles.place(key)) else { continue };
            let entry = watched.entry(place).or_insert(Watched { place, plays: 0, last: None, rating: None });
            entry.plays += 1;
            entry.last = entry.last.max(play.at);
        }
    }
    Ok(watched.into_values().collect())
}

/// What the token's owner watched by Trakt's word, and what to say where that is not known. Trakt is asked only where somebody
/// is signed in to it and the policy lets this client read there.
pub(super) async fn watched_on_trakt(call: &Call<'_, Read>) -> (Option<OnTrakt>, Option<String>) {
    if !find("trakt_sync_from_trakt").is_some_and(|tool| call.permits(tool.subject)) {
        return (None, None);
    }
    let Ok(trakt) = call.trakt().await else { return (None, None) };
    match trakt.watched().await {
        Ok(watched) => (Some(watched), None),
        Err(TraktError::NotSignedIn) => (None, None),
        Err(error) => (None, Some(format!("without what Trakt knows: {error}"))),
    }
}

/// Where the titles stand that Trakt lists as watched and Plex does not.
pub(super) fn only_on_trakt(titles: &Titles, on_trakt: &OnTrakt, kind: MediaType) -> Vec<usize> {
    let has = |title: &Title| match kind {
        MediaType::Show => on_trakt.has_show(&title.ids),
        _ => on_trakt.has_movie(&title.ids),
    };
    let places = titles.all.iter().enumerate();
    places.filter(|(_, title)| title.plays == 0 && has(title)).map(|(place, _)| place).collect()
}

/// Asks for the people of titles in full.
pub(super) async fn complete(call: &Call<'_, Read>, titles: &mut Titles, places: Vec<usize>) -> Result<(), ToolError> {
    let keys: Vec<u64> = places.into_iter().filter_map(|place| titles.all.get(place)).map(Title::key).collect();
    let request = |keys: &[u64]| by_keys(keys).with("excludeElements", NOT_OF_DETAILS);
    Ok(call.plex().await?.visit_items(&keys, request, |row| titles.complete(&row)).await?)
}
