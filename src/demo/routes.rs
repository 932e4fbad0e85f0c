//! What is answered at which address.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use crate::demo::Deviations;
use crate::demo::answers::{self, Listing};
use crate::demo::catalog::{Catalog, Place};
use crate::demo::deck;
use crate::demo::describe::{Detail, Scene};
use crate::demo::discover;
use crate::demo::encode::{CONTAINER, Encoder, Format};
use crate::demo::facts;
use crate::demo::listing::{self, Recent, Rows};
use crate::demo::media;
use crate::demo::meta;
use crate::demo::playlists::{self, Playlists};
use crate::demo::plays::{self, RecentPlays};
use crate::demo::posters;
use crate::demo::query::{Page, Query, Window};
use crate::demo::search;
use crate::demo::sections::{Kind, Section, section};
use crate::demo::sessions;
use crate::demo::state::{Overlay, Poster};

/// The library with all that was changed in it.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) catalog: Catalog,
    pub(crate) overlay: RwLock<Overlay>,
    pub(crate) recent: Recent,
    recent_plays: RecentPlays,
    started: Instant,
}

/// A request, as far as its answer depends on it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Query,
    pub(crate) window: Window,
    pub(crate) format: Format,
    /// Lists end ten rows early.
    pub(crate) shrunk: bool,
    pub(crate) body: &'a [u8],
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A list, which is written while it is sent if it is long.
    Listing(Box<Listing>),
    /// A document that is written already.
    Document(Vec<u8>),
    /// The web client's page.
    WebPage,
    /// Done, with nothing to say.
    Done,
    BadRequest,
    Forbidden,
    NotFound,
}

impl Library {
    pub(crate) fn new(catalog: Catalog) -> Self {
        let overlay = RwLock::new(Overlay::new(&catalog));
        Self {
            catalog,
            overlay,
            recent: Recent::default(),
            recent_plays: RecentPlays::default(),
            started: Instant::now(),
        }
    }

    /// The server's time in Unix seconds.
    fn now(&self) -> i64 {
        self.catalog.clock.saturating_add_unsigned(self.started.elapsed().as_secs())
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Overlay, i64)) -> Answer {
        change(&mut self.overlay.write().unwrap_or_else(PoisonError::into_inner), self.now());
        Answer::Done
    }

    /// The answer to a request whose token was accepted.
    pub(crate) fn answer(&self, request: &Request<'_>, deviations: &Deviations) -> Answer {
        let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let document = |write: &dyn Fn(&mut Encoder)| {
            let mut out = Encoder::new(request.format, 16_384);
            write(&mut out);
            Answer::Document(out.take())
        };
        let catalog = &self.catalog;
        match (request.method, segments.as_slice()) {
            ("GET", []) => document(&|out| answers::server(out, catalog)),
            ("GET", ["identity"]) => document(&answers::identity),
            ("GET", ["web", ..]) => Answer::WebPage,
            ("GET", ["library"]) => document(&answers::library),
            ("GET", ["library", "sections"] | ["library", "sections", "all"]) => {
                document(&|out| answers::sections(out, catalog))
            }
            ("GET", ["accounts" | "devices"]) if deviations.guest.is_some() => Answer::Forbidden,
            ("GET", ["accounts"]) => document(&answers::accounts),
            ("GET", ["devices"]) => document(&|out| answers::devices(out, catalog)),
            ("GET", ["hubs", "search"]) => self.search(request),
            ("GET", ["library", "all"]) => match request.query.number("type").and_then(Kind::from_number) {
                Some(kind) => self
                    .list(request, deviations, |scene| listing::select_all(scene, &self.recent, kind, &request.query)),
                None => Answer::BadRequest,
            },
            ("GET", ["library", "recentlyAdded"]) => self.recently_added(request, deviations),
            ("GET", ["library", "onDeck"] | ["hubs", "continueWatching", "items"]) => {
                self.list(request, deviations, |scene| Rows::Places(Arc::new(deck::places(scene))))
            }
            ("GET", ["hubs", "continueWatching"]) => {
                let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
                let detail = Detail { located: true, ..Detail::default() };
                let scene = Scene { catalog, overlay: &overlay, detail };
                document(&|out| deck::hub(&scene, out, request.query.number("count")))
            }
            ("GET", ["status", "sessions"]) => {
                self.list(request, deviations, |scene| Rows::Sessions(Arc::new(sessions::plays(scene.catalog))))
            }
            (_, ["discover", rest @ ..]) => discover::answer(self, request, rest),
            (method, ["playlists", rest @ ..]) => self.playlists(request, deviations, method, rest),
            ("GET", ["status", "sessions", "history", "all"]) => self.list(request, deviations, |scene| {
                Rows::Plays(plays::select(scene, &self.recent_plays, &request.query, deviations.guest))
            }),
            (method, ["library", "sections", id, rest @ ..]) => {
                let Some(section) = id.parse().ok().and_then(section) else { return Answer::NotFound };
                self.section(request, deviations, section, method, rest)
            }
            (method, ["library", "metadata" | "collections", keys, rest @ ..]) => {
                let places: Vec<Place> = keys.split(',').filter_map(|key| catalog.find(key.parse().ok()?)).collect();
                match places.as_slice() {
                    [] => Answer::NotFound,
                    places => self.metadata(request, deviations, places, method, rest),
                }
            }
            ("GET" | "PUT" | "POST", [":", action]) => self.act(request, action),
            _ => Answer::NotFound,
        }
    }

    /// A list of what `rows` picks of all libraries, with the settings that all lists share.
    fn list(&self, request: &Request<'_>, deviations: &Deviations, rows: impl FnOnce(&Scene<'_>) -> Rows) -> Answer {
        let mut listing = self.listing(request, deviations, rows);
        listing.detail.located = true;
        Answer::Listing(Box::new(listing))
    }

    fn listing(
        &self,
        request: &Request<'_>,
        deviations: &Deviations,
        rows: impl FnOnce(&Scene<'_>) -> Rows,
    ) -> Listing {
        let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
        let detail = Detail { guids: request.query.flag("includeGuids"), ..Detail::default() };
        let rows = rows(&Scene { catalog: &self.catalog, overlay: &overlay, detail });
        let page = request.window.cut(rows.len(), deviations, request.shrunk);
        let without = request.query.get("excludeElements").unwrap_or("").split(',').filter(|name| !name.is_empty());
        Listing {
            rows,
            page,
            detail,
            section: None,
            parent: None,
            all_leaves: false,
            meta: None,
            without: without.map(str::to_owned).collect(),
        }
    }

    fn section(
        &self,
        request: &Request<'_>,
        deviations: &Deviations,
        section: &'static Section,
        method: &str,
        rest: &[&str],
    ) -> Answer {
        let asked = request.query.number("type");
        let first = section.kinds.first().copied().unwrap_or(Kind::Movie);
        let kind = asked.and_then(Kind::from_number);
        let document = |write: &dyn Fn(&mut Encoder)| {
            let mut out = Encoder::new(request.format, 8_192);
            write(&mut out);
            Answer::Document(out.take())
        };
        match (method, rest) {
            ("GET", []) => document(&|out| answers::section(out, section)),
            ("GET", ["all" | "search" | "collections" | "unwatched" | "recentlyAdded"]) => {
                let kind = match rest {
                    ["collections"] => Kind::Collection,
                    _ if asked.is_some() && kind.is_none() => return Answer::BadRequest,
                    // Photo libraries are asked for all photos, whichever album they are in, by this zoom level.
                    _ if kind.is_none() && request.query.get("clusterZoomLevel").is_some() => Kind::Photo,
                    _ => kind.unwrap_or(first),
                };
                let implied = match rest {
                    ["unwatched"] => Some(("unwatched", "1")),
                    ["recentlyAdded"] => Some(("sort", "addedAt:desc")),
                    _ => None,
                };
                let mut listing = self.listing(request, deviations, |scene| {
                    listing::select(scene, &self.recent, section.id, kind, &request.query.with(implied))
                });
                listing.section = Some(section);
                listing.meta = request.query.flag("includeMeta").then_some(kind);
                Answer::Listing(Box::new(listing))
            }
            ("PUT", ["all"]) => {
                let ids = request.query.get("id").unwrap_or("");
                let places: Vec<Place> = ids.split(',').filter_map(|id| self.catalog.find(id.parse().ok()?)).collect();
                // What is edited is one kind of item of this library.
                let fits = |place: &Place| place.section() == section.id && asked == Some(place.kind().number());
                match places.as_slice() {
                    [] => Answer::NotFound,
                    places if places.iter().all(fits) => self.edit(request, places),
                    _ => Answer::BadRequest,
                }
            }
            ("GET", ["filters"]) => document(&|out| {
                out.open(CONTAINER);
                out.number("size", meta::filter_count(kind.unwrap_or(first)));
                meta::filters(out, section, kind.unwrap_or(first));
                out.close();
            }),
            ("GET", ["sorts"]) => document(&|out| {
                out.open(CONTAINER);
                out.number("size", meta::sort_count());
                meta::sorts(out);
                out.close();
            }),
            ("GET" | "POST" | "PUT", ["refresh" | "analyze" | "emptyTrash"]) => Answer::Done,
            ("GET", [filter]) => {
                let known = ["genre", "year", "country", "collection", "director", "writer", "label"];
                let Some(filter) = known.into_iter().find(|known| known == filter) else { return Answer::NotFound };
                match meta::choices(&self.catalog, section, filter) {
                    Some(choices) => document(&|out| answers::choices(out, section, filter, &choices)),
                    None => Answer::NotFound,
                }
            }
            _ => Answer::NotFound,
        }
    }

    fn metadata(
        &self,
        request: &Request<'_>,
        deviations: &Deviations,
        places: &[Place],
        method: &str,
        rest: &[&str],
    ) -> Answer {
        let catalog = &self.catalog;
        match (method, rest) {
            ("GET", []) => {
                let mut listing = self.listing(request, deviations, |_| Rows::Places(Arc::new(places.to_vec())));
                // Items that were asked for by key come whole, however they are paged.
                listing.page = Page { rows: (0, listing.rows.len()), offset: None, total: None };
                listing.detail = Detail {
                    full: true,
                    guids: true,
                    chapters: request.query.flag("includeChapters"),
                    markers: request.query.flag("includeMarkers"),
                    extras: request.query.flag("includeExtras"),
                    ..Detail::default()
                };
                listing.section = places.first().and_then(|place| section(place.section()));
                Answer::Listing(Box::new(listing))
            }
            ("GET", ["children" | "items" | "grandchildren" | "allLeaves"]) => {
                let Some(parent) = places.first().copied() else { return Answer::NotFound };
                let direct = matches!(rest, ["children" | "items"]);
                let rows = if direct { catalog.children(parent) } else { catalog.leaves(parent) };
                let mut listing = self.listing(request, deviations, |_| Rows::Places(Arc::new(rows)));
                listing.section = section(parent.section());
                listing.parent = Some(parent);
                listing.all_leaves = rest == ["children"]
                    && listing.page.offset.is_none()
                    && !request.query.flag("excludeAllLeaves")
                    && answers::has_all_leaves(catalog, parent);
                Answer::Listing(Box::new(listing))
            }
            ("PUT", []) => self.edit(request, places),
            ("GET", ["posters"]) => {
                let Some(place) = places.first().copied() else { return Answer::NotFound };
                let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
                let scene = Scene { catalog, overlay: &overlay, detail: Detail::default() };
                let mut out = Encoder::new(request.format, 4_096);
                posters::list(&scene, &mut out, place);
                Answer::Document(out.take())
            }
            ("POST", ["posters"]) => self.poster(places, Poster::Upload(request.body)),
            ("PUT", ["poster"]) => match request.query.get("url") {
                Some(name) => self.poster(places, Poster::Select(name)),
                None => Answer::BadRequest,
            },
            ("PUT", ["refresh" | "analyze"]) | ("POST" | "PUT", ["arts" | "art"]) => {
                self.change(|overlay, now| places.iter().for_each(|place| overlay.touch(*place, now)))
            }
            _ => Answer::NotFound,
        }
    }

    fn poster(&self, places: &[Place], poster: Poster<'_>) -> Answer {
        let mut taken = false;
        self.change(|overlay, now| taken = places.iter().all(|place| overlay.poster(*place, poster, now)));
        if taken { Answer::Done } else { Answer::BadRequest }
    }

    fn edit(&self, request: &Request<'_>, places: &[Place]) -> Answer {
        self.change(|overlay, now| {
            for place in places {
                let current = |family: &str| {
                    let base = facts::base_tags(&self.catalog, *place, family);
                    let parts = media::parts(&base).map(|part| (family == media::ACTOR).then(|| part.to_owned()));
                    base.iter().map(|(_, word)| word.to_string()).zip(parts).collect()
                };
                overlay.edit(&current, *place, request.query.pairs(), now);
            }
        })
    }

    fn playlists(&self, request: &Request<'_>, deviations: &Deviations, method: &str, rest: &[&str]) -> Answer {
        let query = &request.query;
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        let change = |change: &dyn Fn(&mut Playlists, i64) -> bool| {
            let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
            if change(overlay.playlists_mut(), self.now()) { Answer::Done } else { Answer::NotFound }
        };
        let described = |keys: Vec<u64>| {
            if keys.is_empty() && !rest.is_empty() {
                return Answer::NotFound;
            }
            self.list(request, deviations, |_| Rows::Playlists(Arc::new(keys)))
        };
        let held = |key: u64| {
            let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
            overlay.playlists().get(key).cloned()
        };
        match (method, rest) {
            ("GET", []) => {
                let keys = self.overlay.read().unwrap_or_else(PoisonError::into_inner).playlists().keys(query);
                described(keys)
            }
            ("POST", []) => {
                let made = {
                    let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
                    overlay.playlists_mut().create(&self.catalog, query, self.now())
                };
                made.map_or(Answer::BadRequest, |key| described(vec![key]))
            }
            ("GET", [key]) => described(held(number(key)).map(|_| number(key)).into_iter().collect()),
            ("PUT", [key]) => change(&|playlists, now| playlists.edit(number(key), query, now)),
            ("DELETE", [key]) => change(&|playlists, _| playlists.delete(number(key))),
            ("GET", [key, "items"]) => {
                let Some(playlist) = held(number(key)) else { return Answer::NotFound };
                self.list(request, deviations, |scene| playlists::rows(scene, &self.recent, &playlist))
            }
            ("PUT", [key, "items"]) => match query.get("uri") {
                Some(uri) => change(&|playlists, now| playlists.add(&self.catalog, number(key), uri, now)),
                None => Answer::BadRequest,
            },
            // These are for lists, not for rules.
            ("DELETE", [key, "items", ..]) | ("PUT", [key, "items", _, "move"])
                if held(number(key)).is_some_and(|playlist| playlist.is_smart()) =>
            {
                Answer::BadRequest
            }
            ("DELETE", [key, "items"]) => change(&|playlists, now| playlists.remove(number(key), None, now)),
            ("DELETE", [key, "items", entry]) => {
                change(&|playlists, now| playlists.remove(number(key), Some(number(entry)), now))
            }
            ("PUT", [key, "items", entry, "move"]) => {
                change(&|playlists, _| playlists.rearrange(number(key), number(entry), query.number("after")))
            }
            _ => Answer::NotFound,
        }
    }

    /// Play states and ratings: the calls below `/:/`.
    fn act(&self, request: &Request<'_>, action: &str) -> Answer {
        let query = &request.query;
        let key = query.get("key").or_else(|| query.get("ratingKey")).unwrap_or("");
        let key = key.rsplit('/').next().unwrap_or(key);
        if !matches!(action, "scrobble" | "unscrobble" | "rate" | "progress" | "timeline") {
            return Answer::NotFound;
        }
        if action != "timeline" && query.get("identifier").is_none_or(str::is_empty) || key.is_empty() {
            return Answer::BadRequest;
        }
        let Some(place) = key.parse().ok().and_then(|key| self.catalog.find(key)) else { return Answer::NotFound };
        match action {
            "scrobble" => self.change(|overlay, now| overlay.scrobble(&self.catalog, place, now)),
            "unscrobble" => self.change(|overlay, _| overlay.unscrobble(&self.catalog, place)),
            "rate" => match query.get("rating").and_then(|rating| rating.parse::<f64>().ok()) {
                Some(rating) if (-1.0..=10.0).contains(&rating) => {
                    self.change(|overlay, _| overlay.rate(place, rating))
                }
                _ => Answer::BadRequest,
            },
            _ => match query.number("time") {
                Some(time) => self.change(|overlay, now| overlay.progress(&self.catalog, place, time, now)),
                None => Answer::BadRequest,
            },
        }
    }

    fn search(&self, request: &Request<'_>) -> Answer {
        let Some(words) = request.query.get("query") else { return Answer::BadRequest };
        let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
        let scene = Scene { catalog: &self.catalog, overlay: &overlay, detail: Detail::default() };
        let mut out = Encoder::new(request.format, 32_768);
        let limit = request.query.number("limit").unwrap_or(3);
        search::answer(&scene, &mut out, words, limit, request.query.number("sectionId"));
        Answer::Document(out.take())
    }

    /// The newest films, seasons and albums of all sections.
    fn recently_added(&self, request: &Request<'_>, deviations: &Deviations) -> Answer {
        self.list(request, deviations, |scene| {
            let kinds = [Kind::Movie, Kind::Season, Kind::Album].map(|kind| (kind, section_of(kind)));
            let mut newest: Vec<Place> = kinds
                .into_iter()
                .flat_map(|(kind, section)| {
                    let count = scene.catalog.count(section, kind);
                    (count.saturating_sub(200)..count).filter_map(move |i| scene.catalog.at(section, kind, i))
                })
                .collect();
            newest.sort_by_key(|place| std::cmp::Reverse(crate::demo::describe::added_at(*place)));
            Rows::Places(Arc::new(newest))
        })
    }
}

fn section_of(kind: Kind) -> u64 {
    match kind {
        Kind::Movie | Kind::Collection => crate::demo::sections::MOVIES,
        Kind::Show | Kind::Season | Kind::Episode => crate::demo::sections::SHOWS,
        Kind::Artist | Kind::Album | Kind::Track => crate::demo::sections::MUSIC,
        Kind::Photo | Kind::PhotoAlbum => crate::demo::sections::PHOTOS,
    }
}
