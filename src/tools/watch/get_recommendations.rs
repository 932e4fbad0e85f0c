mod sources;
mod told;

use super::{
    audience::Audience,
    reading::{TIME_LIMIT, number},
    taste::{Taste, Watched, praise, vary},
    titles::Title,
};
use crate::{
    guard::{Affected, Read},
    plex::items::{MediaType, Window},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, listing::Paging, public_keys::PublicKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sources::{complete, only_on_trakt, own_plays, plays_of, read_titles, watched_on_trakt};
use std::{collections::HashSet, time::Duration};
use told::{Recommendation, TasteProfile, Told};

/// Films or shows of a library that the token's account, or the one named as userId, has not begun to watch, best fitting
/// first, with the reasons. The taste is read from what was watched in all libraries of the kind and, for the token's account
/// where it is signed in to Trakt, there; for a person who watched little, well-rated titles come instead, and the note says
/// so.
#[derive(JsonSchema)]
pub(super) struct GetRecommendations;

/// For whom, and from where.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The library to recommend titles of, from `get_libraries`: one of films or of shows.
    library_key: PlexId,
    /// The most titles to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first title to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// Recommend for this account, from `get_user_stats`, by its play history; without it for the token's own account.
    user_id: Option<PlexId>,
}

fn default_limit() -> u64 {
    10
}

/// What the order of the titles rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Basis {
    /// The person's taste.
    Taste,
    /// What others say.
    Ratings,
}

/// What to watch.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The library's key.
    library_key: String,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The account that was asked for, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// taste, or ratings where too little was watched to know a taste.
    basis: Basis,
    /// What the answer rests on and what it lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Titles that the person watched, in all libraries of the kind.
    watched_count: u64,
    /// Those of them that only Trakt tells of.
    trakt_extra_watched: u64,
    /// Whether Trakt was asked, too.
    trakt_enhanced: bool,
    /// Titles of the library that they have not begun.
    unwatched_count: u64,
    /// What the person likes.
    taste_profile: TasteProfile,
    /// The titles, best fitting first, but for those that are much like one before them, which stand somewhat later.
    recommendations: Vec<Recommendation>,
}

/// Fewer watched titles than this make no taste.
const FEWEST_WATCHED: usize = 5;
/// Watched titles whose people are asked for in full: age makes those beyond count for little.
const MOST_COMPLETED: usize = 600;
/// The best fitting titles, whose people are asked for in full and which are varied.
const SHORTLIST: usize = 300;

impl Tool for GetRecommendations {
    const NAME: &'static str = "get_recommendations";
    const TITLE: &'static str = "Recommend what to watch";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let audience = Audience::load(plex, args.user_id.as_ref(), Some(&args.library_key)).await?;
        let library = number(Some(&args.library_key)).unwrap_or_default();
        let kind = kind_of(&audience, library)?;
        let mut titles = read_titles(call, &audience, kind).await?;
        let mut watched = match number(args.user_id.as_ref()) {
            None => own_plays(&titles),
            Some(account) => plays_of(call, account, &titles).await?,
        };
        let (on_trakt, trakt_note) = match args.user_id {
            None => watched_on_trakt(call).await,
            Some(_) => (None, None),
        };
        let elsewhere = on_trakt.as_ref().map_or_else(Vec::new, |seen| only_on_trakt(&titles, seen, kind));
        watched.extend(elsewhere.iter().map(|&place| Watched { place, plays: 1, last: None, rating: None }));
        let mut closed: HashSet<usize> = match args.user_id {
            None => titles.all.iter().enumerate().filter(|(_, title)| title.begun).map(|(place, _)| place).collect(),
            Some(_) => watched.iter().map(|watched| watched.place).collect(),
        };
        closed.extend(&elsewhere);
        complete(call, &mut titles, heaviest(&watched)).await?;
        let basis = if watched.len() < FEWEST_WATCHED { Basis::Ratings } else { Basis::Taste };
        let open = titles.all.iter().enumerate().filter(|(place, title)| {
            !closed.contains(place) && title.copies.iter().any(|copy| copy.section == library)
        });
        let open: Vec<usize> = open.map(|(place, _)| place).collect();
        let unwatched_count = open.len() as u64;
        let mut taste = Taste::new(&titles.all, &watched);
        let mut ranked = rank(&titles.all, &open, basis, &taste);
        let tail = ranked.split_off(ranked.len().min(SHORTLIST));
        if basis == Basis::Taste {
            let short: Vec<usize> = ranked.iter().map(|(_, place)| *place).collect();
            complete(call, &mut titles, short.clone()).await?;
            taste = Taste::new(&titles.all, &watched);
            ranked = rank(&titles.all, &short, basis, &taste);
        }
        vary(&mut ranked, &titles.all);
        ranked.extend(tail);
        let by_taste = basis == Basis::Taste;
        let told = Told {
            titles: &titles,
            taste: &taste,
            watched: watched.len(),
            by_taste,
            audience: &audience,
            library,
            kind,
        };
        let window = Window::of_whole(ranked, args.offset, args.limit);
        let (recommendations, paging) =
            Paging::fit(window, args.offset, args.limit, |(fit, place)| told.recommendation(fit, place));
        call.affects(Affected { items: Some(recommendations.len() as u64), ..Affected::default() });
        Ok(Out {
            library_key: args.library_key.to_string(),
            library: audience.library(library).map(str::to_owned),
            note: note(&audience, args.user_id.is_some(), basis, watched.len(), trakt_note),
            user_id: args.user_id.map(|id| id.to_string()),
            warning: paging.warning(),
            paging,
            basis,
            watched_count: watched.len() as u64,
            trakt_extra_watched: elsewhere.len() as u64,
            trakt_enhanced: on_trakt.is_some(),
            unwatched_count,
            taste_profile: told.profile(&watched),
            recommendations,
        })
    }
}

fn kind_of(audience: &Audience, library: u64) -> Result<MediaType, ToolError> {
    let section = audience.libraries().get(&library);
    match section.and_then(|section| section.kind.as_deref()) {
        Some("movie") => Ok(MediaType::Movie),
        Some("show") => Ok(MediaType::Show),
        _ => Err(ToolError::argument("libraryKey", "must be of a library of films or of shows")),
    }
}

/// Where those stand that say most of the taste.
fn heaviest(watched: &[Watched]) -> Vec<usize> {
    let newest = watched.iter().filter_map(|watched| watched.last).max();
    let mut weighed: Vec<(f64, usize)> =
        watched.iter().map(|watched| (watched.weight(newest).abs(), watched.place)).collect();
    weighed.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    weighed.into_iter().take(MOST_COMPLETED).map(|(_, place)| place).collect()
}

/// The titles by how well they fit; those that fit as well by rating, then by name and key, so that the order is always the
/// same.
fn rank(all: &[Title], open: &[usize], basis: Basis, taste: &Taste) -> Vec<(f64, usize)> {
    let mut ranked: Vec<(f64, &Title, usize)> = open
        .iter()
        .filter_map(|&place| {
            let title = all.get(place)?;
            Some((if basis == Basis::Taste { taste.fit(title) } else { praise(title) }, title, place))
        })
        .collect();
    ranked.sort_by(|(one, a, _), (other, b, _)| {
        let rating = |title: &Title| title.rating().unwrap_or(0.0);
        other
            .total_cmp(one)
            .then(rating(b).total_cmp(&rating(a)))
            .then_with(|| a.name.cmp(&b.name))
            .then(a.key().cmp(&b.key()))
    });
    ranked.into_iter().map(|(fit, _, place)| (fit, place)).collect()
}

fn note(audience: &Audience, other: bool, basis: Basis, watched: usize, trakt: Option<String>) -> Option<String> {
    let little = (basis == Basis::Ratings).then(|| {
        format!(
            "only {watched} titles were watched, too few to know a taste from ({FEWEST_WATCHED} are needed): these are the \
             unseen titles that others rate best"
        )
    });
    let begun = other.then(|| {
        "by the play history alone: what this person has begun and not finished, and how they rate titles, Plex tells \
         nobody else"
            .to_owned()
    });
    let notes: Vec<String> = little.into_iter().chain(begun).chain(trakt).chain(audience.note_text()).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}
