use super::{
    audience::Audience,
    reading::{TIME_LIMIT, number},
    taste::{Taste, Watched, praise, vary},
    titles::{Family, Label, Title, Titles},
    watch_row::CopyRow,
};
use crate::{
    export::job::Progress,
    guard::{Affected, Read},
    plex::{
        history::{History, PlayFilter},
        items::{MediaType, Window, listing},
        lookup::by_keys,
        stream::Stream,
    },
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, find, listing::Paging},
    trakt::{error::TraktError, watched::Watched as OnTrakt},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

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
    /// The titles, best fitting first.
    recommendations: Vec<Recommendation>,
}

/// What a person likes, as far as it was watched more than the libraries alone would make one expect.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TasteProfile {
    /// Best liked genres.
    top_genres: Vec<Liked>,
    /// Best liked directors.
    top_directors: Vec<Liked>,
    /// Best liked actors.
    top_actors: Vec<Liked>,
    /// What others on the average say of the watched titles, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    avg_rating: Option<f64>,
}

/// A genre or a person.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Liked {
    /// The name.
    name: String,
    /// Watched titles with it.
    watched: u64,
    /// How much it is liked, from 0 to 1.
    liking: f64,
}

/// A title to watch.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Recommendation {
    /// The number of the copy in the library.
    rating_key: String,
    /// The title.
    title: String,
    /// movie or show.
    #[serde(rename = "type")]
    kind: MediaType,
    /// The year of release.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// The title's global id.
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    /// Genres.
    genres: Vec<String>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// The audience's rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience_rating: Option<f64>,
    /// How well it fits, from 0 to 100; 50 is neither well nor badly.
    score: f64,
    /// Why.
    reasons: Vec<String>,
    /// All copies, where there are several: in other libraries, or other editions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<CopyRow>,
}

/// Fewer watched titles than this make no taste.
const FEWEST_WATCHED: usize = 5;
/// Watched titles whose people are asked for in full: age makes those beyond count for little.
const MOST_COMPLETED: usize = 600;
/// The best fitting titles, whose people are asked for in full and which are varied.
const SHORTLIST: usize = 300;
const MOST_REASONS: usize = 4;
/// What the taste does not need of a listing's rows.
const NOT_OF_LISTING: &str =
    "Media,Image,UltraBlurColors,Country,Collection,Writer,Producer,Rating,Label,Field,Chapter";
/// What it does not need of an item's details.
const NOT_OF_DETAILS: &str = "Media,Image,UltraBlurColors,Genre,Country,Collection,Writer,Producer,Rating,Label,Field,\
                              Similar,Chapter,Marker,Extras,Review,Guid";

impl Tool for GetRecommendations {
    const NAME: &'static str = "get_recommendations";
    const TITLE: &'static str = "Recommend what to watch";
    const TIME_LIMIT: Duration = TIME_LIMIT;
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
        let told = Told { titles: &titles, taste: &taste, watched: watched.len(), audience: &audience, library, kind };
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

/// The titles of all libraries of the kind: a film that was watched in one of them is not to be recommended from another.
async fn read_titles(call: &Call<'_, Read>, audience: &Audience, kind: MediaType) -> Result<Titles, ToolError> {
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
fn own_plays(titles: &Titles) -> Vec<Watched> {
    let watched = titles.all.iter().enumerate().filter(|(_, title)| title.plays > 0);
    watched
        .map(|(place, title)| Watched { place, plays: title.plays, last: title.last, rating: title.own_rating })
        .collect()
}

/// What an account watched, as the history says. What it has begun and not finished, and its ratings, Plex tells nobody else.
async fn plays_of(call: &Call<'_, Read>, account: u64, titles: &Titles) -> Result<Vec<Watched>, ToolError> {
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
async fn watched_on_trakt(call: &Call<'_, Read>) -> (Option<OnTrakt>, Option<String>) {
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
fn only_on_trakt(titles: &Titles, on_trakt: &OnTrakt, kind: MediaType) -> Vec<usize> {
    let has = |title: &Title| match kind {
        MediaType::Show => on_trakt.has_show(&title.ids),
        _ => on_trakt.has_movie(&title.ids),
    };
    let places = titles.all.iter().enumerate();
    places.filter(|(_, title)| title.plays == 0 && has(title)).map(|(place, _)| place).collect()
}

/// Where those stand that say most of the taste.
fn heaviest(watched: &[Watched]) -> Vec<usize> {
    let newest = watched.iter().filter_map(|watched| watched.last).max();
    let mut weighed: Vec<(f64, usize)> =
        watched.iter().map(|watched| (watched.weight(newest).abs(), watched.place)).collect();
    weighed.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    weighed.into_iter().take(MOST_COMPLETED).map(|(_, place)| place).collect()
}

/// Asks for the people of titles in full.
async fn complete(call: &Call<'_, Read>, titles: &mut Titles, places: Vec<usize>) -> Result<(), ToolError> {
    let keys: Vec<u64> = places.into_iter().filter_map(|place| titles.all.get(place)).map(Title::key).collect();
    let request = |keys: &[u64]| by_keys(keys).with("excludeElements", NOT_OF_DETAILS);
    Ok(call.plex().await?.visit_items(&keys, request, |row| titles.complete(&row)).await?)
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

/// What the answer is told from.
struct Told<'a> {
    titles: &'a Titles,
    taste: &'a Taste,
    watched: usize,
    audience: &'a Audience,
    library: u64,
    kind: MediaType,
}

impl Told<'_> {
    fn recommendation(&self, fit: f64, place: usize) -> Recommendation {
        let none = Title::default();
        let title = self.titles.all.get(place).unwrap_or(&none);
        let own = title.copies.iter().find(|copy| copy.section == self.library);
        let copies = title.copies.iter().map(|copy| CopyRow {
            rating_key: copy.key.to_string(),
            edition_title: copy.edition.clone(),
            library_key: Some(copy.section.to_string()),
            library: self.audience.library(copy.section).map(str::to_owned),
        });
        Recommendation {
            rating_key: own.map_or_else(String::new, |copy| copy.key.to_string()),
            title: title.name.clone(),
            kind: self.kind,
            year: title.year,
            guid: title.guid.clone(),
            genres: title.genres.iter().map(|&genre| self.titles.name(genre).to_owned()).collect(),
            rating: title.critics,
            audience_rating: title.audience,
            score: ((50.0 + 50.0 * fit) * 10.0).round() / 10.0,
            reasons: self.reasons(title),
            copies: if title.copies.len() > 1 { copies.collect() } else { Vec::new() },
        }
    }

    /// What speaks for a title, in words that are true of the data: counts and names, no claims about the person.
    fn reasons(&self, title: &Title) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.watched >= FEWEST_WATCHED {
            if let Some((genre, count)) = self.liked(title, Family::Genre, 2) {
                reasons.push(format!("{count} of {} watched titles are {genre}", self.watched));
            }
            for (family, words) in [(Family::Director, "directed by"), (Family::Actor, "with")] {
                if let Some((person, _)) = self.liked(title, family, 1) {
                    reasons.push(format!("{words} {person}, as the watched {}", self.examples(title, family)));
                }
            }
            if let Some((studio, count)) = self.liked(title, Family::Studio, 2) {
                reasons.push(format!("from {studio}, as {count} watched titles"));
            }
        }
        let rated = title.audience.map(|rating| (rating, "the audience"));
        if let Some((rating, by)) =
            rated.or(title.critics.map(|rating| (rating, "critics"))).filter(|(it, _)| *it >= 7.0)
        {
            reasons.push(format!("rated {rating:.1} by {by}"));
        }
        reasons.truncate(MOST_REASONS);
        reasons
    }

    /// The best liked label of a title that at least so many watched titles have, and how many do.
    fn liked(&self, title: &Title, family: Family, least: usize) -> Option<(&str, usize)> {
        let (label, titles) = self.best(title, family, least)?;
        Some((self.titles.name(label), titles.len()))
    }

    fn best(&self, title: &Title, family: Family, least: usize) -> Option<(Label, &[usize])> {
        let likings = title.labels(family).iter().filter_map(|&label| Some((label, self.taste.liking(family, label)?)));
        let speaking = likings.filter(|(_, liking)| liking.value > 0.0 && liking.titles.len() >= least);
        let best = speaking.max_by(|(a, one), (b, other)| one.value.total_cmp(&other.value).then(b.cmp(a)));
        best.map(|(label, liking)| (label, liking.titles.as_slice()))
    }

    /// One or two watched titles with the best liked label.
    fn examples(&self, title: &Title, family: Family) -> String {
        let places = self.best(title, family, 1).map_or(&[][..], |(_, titles)| titles);
        let names: Vec<&str> =
            places.iter().take(2).filter_map(|&place| self.titles.all.get(place)).map(|it| it.name.as_str()).collect();
        names.join(" and ")
    }

    fn profile(&self, watched: &[Watched]) -> TasteProfile {
        let top = |family| {
            let best = self.taste.best(family, 5).into_iter();
            best.map(|(label, liking)| Liked {
                name: self.titles.name(label).to_owned(),
                watched: liking.titles.len() as u64,
                liking: (liking.value * 100.0).round() / 100.0,
            })
            .collect()
        };
        let ratings: Vec<f64> =
            watched.iter().filter_map(|watched| self.titles.all.get(watched.place)?.rating()).collect();
        #[expect(clippy::cast_precision_loss, reason = "a number of titles")]
        let average =
            (!ratings.is_empty()).then(|| (ratings.iter().sum::<f64>() / ratings.len() as f64 * 10.0).round() / 10.0);
        TasteProfile {
            top_genres: top(Family::Genre),
            top_directors: top(Family::Director),
            top_actors: top(Family::Actor),
            avg_rating: average,
        }
    }
}
