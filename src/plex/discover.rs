//! Plex Discover: the service that keeps an account's watchlist. It speaks as a Plex server does, with keys of its own, which
//! are those at the end of global ids.

use super::{
    change::Made,
    error::PlexError,
    http::{Get, Plex},
    items::{Item, MediaType, Window},
    lenient,
    stream::rating_key,
    window::Reading,
};
use crate::{
    config::{PlexServer, TlsTrust},
    guard::Cleared,
    http::{Change, Sent, Upstream},
};
use reqwest::Url;
use serde::Deserialize;

/// Where Discover is, if nothing else is said.
pub const ADDRESS: &str = "https://discover.provider.plex.tv";

/// Rows a request. Discover answers 400 to large pages.
const PAGE_ROWS: u64 = 100;

/// What the account did with a title.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UserState {
    #[serde(deserialize_with = "lenient::integer")]
    watchlisted_at: Option<i64>,
}

static DISCOVER: Upstream = Upstream {
    noun: "Plex Discover service",
    api: "API of Plex Discover",
    address_setting: "PLEX_DISCOVER_URL",
    credential: "token",
    on_unreachable: "check this machine's way to the internet, and PLEX_DISCOVER_URL if it is set",
    on_unauthorized: "a watchlist belongs to a plex.tv account, and PLEX_TOKEN is none of one: managed users' and servers' \
                      own tokens have no watchlist; set it to the token of an account to use watchlists",
    on_not_found: "Discover may know it by another key",
    on_certificate: "check this machine's clock and certificates",
    on_web_page: "set PLEX_DISCOVER_URL to the service's own address, or remove it",
};

/// A handle to Discover for one call. It signs in with the token of the Plex server's settings.
#[derive(Clone, Debug)]
pub struct Discover {
    // Its answers have the form of a Plex server's, and are read in the same way.
    service: Plex,
    host: String,
}

impl Discover {
    /// Prepares the client; nothing is sent.
    pub fn new(address: &Url, server: &PlexServer) -> Result<Self, PlexError> {
        // Whoever trusts any certificate does so for the host of PLEX_URL alone.
        let tls = match &server.tls {
            TlsTrust::Anything => &TlsTrust::System,
            tls => tls,
        };
        let host = address.host_str().unwrap_or_default().to_owned();
        Ok(Self { service: Plex::at(&DISCOVER, address, &server.token, tls)?, host })
    }

    /// The same connections for another call.
    #[must_use]
    pub fn for_call(&self, sent: &Sent) -> Self {
        Self { service: self.service.for_call(sent), host: self.host.clone() }
    }

    /// The name of the service's host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Part of the account's watchlist, last added first.
    pub async fn watchlist(
        &self,
        media_type: Option<MediaType>,
        offset: u64,
        limit: u64,
    ) -> Result<Window<Item>, PlexError> {
        let mut request = Get::new("the watchlist", ["library", "sections", "watchlist", "all"])
            .with("includeCollections", "1")
            .with("includeExternalMedia", "1")
            .with("sort", "watchlistedAt:desc");
        if let Some(media_type) = media_type {
            request = request.with("type", media_type.number());
        }
        self.service.window_by(Reading { page_rows: PAGE_ROWS, key: rating_key }, request, offset, limit).await
    }

    /// What Discover knows of a film or a show.
    pub async fn title(&self, key: &str) -> Result<Item, PlexError> {
        let what = format!("title {key}");
        let rows = self.service.rows(&Get::new(what.clone(), ["library", "metadata", key])).await?;
        rows.into_iter().next().ok_or_else(|| PlexError::not_found(what))
    }

    /// Whether a title is on the account's watchlist.
    pub async fn is_on_watchlist(&self, key: &str) -> Result<bool, PlexError> {
        let what = format!("title {key}");
        let rows: Vec<UserState> =
            self.service.rows(&Get::new(what, ["library", "metadata", key, "userState"])).await?;
        Ok(rows.iter().any(|row| row.watchlisted_at.is_some_and(|at| at > 0)))
    }

    /// Puts a title on the account's watchlist, or takes it off.
    pub async fn set_on_watchlist(&self, cleared: &Cleared<'_>, key: &str, on: bool) -> Result<Made, PlexError> {
        let action = if on { "addToWatchlist" } else { "removeFromWatchlist" };
        let change = Change::put(format!("title {key}"), ["actions", action]).with("ratingKey", key);
        self.service.send(cleared, &change).await
    }
}
