//! Plex Discover and the watchlist that it keeps, below `/discover` of the sample server. The real one answers at a host of
//! its own.

use std::sync::PoisonError;

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::describe::{self, Detail, Scene};
use crate::demo::dice::Dice;
use crate::demo::encode::{CONTAINER, Encoder, FOLDER, Piece, Tag, VIDEO};
use crate::demo::routes::{Answer, Library, Request};
use crate::demo::titles;

const WISH: u64 = 80;
/// Wishes that the watchlist begins with.
const BEGINNING: u64 = 45;
/// The most rows on a page, whatever was asked for.
const MOST_ROWS: u64 = 20;
/// More rows than this are refused.
const MOST_ASKED: u64 = 200;

/// Something that Discover knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Title {
    /// A film or show that the sample server has, too.
    Local(Place),
    /// One that it has not got.
    Elsewhere(u64),
}

/// The account's watchlist: what is on it and since when, last added first.
#[derive(Debug, Default)]
pub(crate) struct Watchlist(Vec<(Title, i64)>);

impl Watchlist {
    /// The watchlist that the account begins with: of three titles, one is in the library.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let title = |n: u64| {
            let place = if n % 6 == 3 { Place::Root(Forest::Shows, n / 6) } else { Place::Movie(n * 5 + 1) };
            let there = match place {
                Place::Movie(film) => film < catalog.movies && crate::demo::movies::matched(film),
                _ => n / 6 < catalog.tree(Forest::Shows).count,
            };
            if n.is_multiple_of(3) && there { Title::Local(place) } else { Title::Elsewhere(n) }
        };
        let mut seen: Vec<Title> = Vec::new();
        for n in 0..BEGINNING {
            let title = title(n);
            if !seen.contains(&title) {
                seen.push(title);
            }
        }
        let since = |n: usize| catalog.clock - 86_400 * i64::try_from(n + 1).unwrap_or(i64::MAX);
        Self(seen.into_iter().enumerate().map(|(n, title)| (title, since(n))).collect())
    }

    fn since(&self, title: Title) -> Option<i64> {
        self.0.iter().find(|(held, _)| *held == title).map(|(_, since)| *since)
    }

    fn add(&mut self, title: Title, now: i64) {
        if self.since(title).is_none() {
            self.0.insert(0, (title, now));
        }
    }

    fn remove(&mut self, title: Title) {
        self.0.retain(|(held, _)| *held != title);
    }
}

/// What Discover answers below its own root.
pub(crate) fn answer(library: &Library, request: &Request<'_>, path: &[&str]) -> Answer {
    match (request.method, path) {
        ("GET", ["library", "sections", "watchlist", "all"]) => list(library, request),
        ("GET", ["library", "metadata", key, "userState"]) => match find(library, key) {
            Some(title) => {
                let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
                let since = overlay.watchlist().since(title);
                document(request, |out| {
                    out.number("size", 1);
                    out.open(Tag::list("UserState"));
                    out.text("ratingKey", key);
                    out.text("type", kind(title));
                    if let Some(since) = since {
                        out.number("watchlistedAt", since);
                    }
                    out.close();
                })
            }
            None => Answer::NotFound,
        },
        ("GET", ["library", "metadata", key]) => match find(library, key) {
            Some(title) => document(request, |out| {
                out.number("size", 1);
                describe(library, out, title);
            }),
            None => Answer::NotFound,
        },
        ("PUT", ["actions", action @ ("addToWatchlist" | "removeFromWatchlist")]) => {
            let Some(title) = request.query.get("ratingKey").and_then(|key| find(library, key)) else {
                return Answer::NotFound;
            };
            library.change(|overlay, now| match *action {
                "addToWatchlist" => overlay.watchlist_mut().add(title, now),
                _ => overlay.watchlist_mut().remove(title),
            })
        }
        _ => Answer::NotFound,
    }
}

fn list(library: &Library, request: &Request<'_>) -> Answer {
    if request.window.asks_for_more_than(MOST_ASKED) {
        return Answer::BadRequest;
    }
    let wanted = match request.query.get("type") {
        Some("1") => Some("movie"),
        Some("2") => Some("show"),
        _ => None,
    };
    let titles: Vec<Title> = {
        let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
        let held = overlay.watchlist().0.iter().map(|(title, _)| *title);
        held.filter(|title| wanted.is_none_or(|wanted| kind(*title) == wanted)).collect()
    };
    let page = request.window.cut_to(titles.len() as u64, MOST_ROWS);
    let at = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
    document(request, |out| {
        out.text("librarySectionID", "watchlist");
        out.text("librarySectionTitle", "Watchlist");
        out.number("offset", page.rows.0);
        out.number("totalSize", titles.len());
        out.text("identifier", "tv.plex.provider.discover");
        out.number("size", page.size());
        for title in titles.iter().take(at(page.rows.1)).skip(at(page.rows.0)) {
            describe(library, out, *title);
        }
    })
}

fn document(request: &Request<'_>, write: impl FnOnce(&mut Encoder)) -> Answer {
    let mut out = Encoder::new(request.format, 16_384);
    out.open(CONTAINER);
    write(&mut out);
    out.close();
    Answer::Document(out.take())
}

fn kind(title: Title) -> &'static str {
    match title {
        Title::Local(Place::Root(Forest::Shows, _)) => "show",
        Title::Elsewhere(n) if n % 4 == 2 => "show",
        Title::Local(_) | Title::Elsewhere(_) => "movie",
    }
}

/// The title with this key, which is the end of its global id.
fn find(library: &Library, key: &str) -> Option<Title> {
    let catalog = &library.catalog;
    if let Some(n) = key.strip_prefix("0e15e3e7e0000000").and_then(|n| u64::from_str_radix(n, 16).ok()) {
        return Some(Title::Elsewhere(n));
    }
    let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene { catalog, overlay: &overlay, detail: Detail::default() };
    let shows = (0..catalog.tree(Forest::Shows).count.min(5_000)).map(|n| Place::Root(Forest::Shows, n));
    let mut places = (0..catalog.movies.min(50_000)).map(Place::Movie).chain(shows);
    let is = |place: &Place| describe::guid(&scene, *place).is_some_and(|guid| guid.rsplit('/').next() == Some(key));
    places.find(is).map(Title::Local)
}

fn describe(library: &Library, out: &mut Encoder, title: Title) {
    let catalog = &library.catalog;
    let kind = kind(title);
    out.open(if kind == "show" { FOLDER } else { VIDEO });
    match title {
        Title::Local(place) => {
            let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
            let scene = Scene { catalog, overlay: &overlay, detail: Detail::default() };
            let guid = describe::guid(&scene, place).unwrap_or_default();
            out.text("ratingKey", guid.rsplit('/').next().unwrap_or_default());
            out.text("guid", &guid);
            out.text("type", kind);
            describe::base_title(catalog, place).attribute(out, "title");
            if let Some(year) = scene.year(place) {
                out.number("year", year);
            }
        }
        Title::Elsewhere(n) => {
            let mut dice = Dice::new(catalog.seed, WISH, n);
            let key = format!("0e15e3e7e0000000{n:08x}");
            out.text("ratingKey", &key);
            out.joined("guid", &[Piece::Text("plex://"), Piece::Text(kind), Piece::Text("/"), Piece::Text(&key)]);
            out.text("type", kind);
            titles::work(&mut dice, n + 9_000).attribute(out, "title");
            out.number("year", 2000 + dice.below(25));
            out.begin("summary");
            titles::summary(out, &mut dice, 3);
            out.end();
        }
    }
    out.number("addedAt", 1_600_000_000);
    out.close();
}
