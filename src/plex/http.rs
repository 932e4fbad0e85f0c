//! The Plex server behind the transport: its names, its headers, and answers as text.

use super::error::PlexError;
use crate::{
    config::{PlexServer, Secret, TlsTrust},
    guard::Cleared,
    http::{Change, Endpoint, PATIENCE, Sent, Transport, Upstream},
};
use reqwest::{
    Url,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};

pub use crate::http::Get;

/// Plex answers from one SQLite database and gets slower, not faster, beyond a few requests at once.
const MAX_IN_FLIGHT: usize = 8;

pub(super) static PLEX: Upstream = Upstream {
    noun: "Plex server",
    api: "Plex API",
    address_setting: "PLEX_URL",
    credential: "token",
    on_unreachable: "check that it runs and that PLEX_URL is right",
    on_unauthorized: "it may be mistyped, expired, or of an account without access to this server; take a new one from \
                      Plex and set PLEX_TOKEN",
    on_not_found: "it may have been deleted, or the number may be of another server",
    on_certificate: "use the server's plex.direct address in PLEX_URL, name its certificate authority in PLEX_CA_FILE, or, \
                     for this one host, set PLEX_INSECURE_TLS=1",
    on_web_page: "set PLEX_URL to the server's own address, such as http://192.168.1.2:32400, without /web",
};

/// A handle to the server for one call. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Plex {
    transport: Transport,
}

impl Plex {
    /// Prepares the client; nothing is sent.
    pub fn new(server: &PlexServer) -> Result<Self, PlexError> {
        Self::at(&PLEX, &server.url, &server.token, &server.tls)
    }

    /// A service that speaks as a Plex server does.
    pub(super) fn at(
        service: &'static Upstream,
        address: &Url,
        token: &Secret,
        tls: &TlsTrust,
    ) -> Result<Self, PlexError> {
        let transport = Transport::new(Endpoint {
            service,
            base: address.clone(),
            headers: headers(token)?,
            tls,
            patience: PATIENCE,
            max_in_flight: MAX_IN_FLIGHT,
        })?;
        Ok(Self { transport })
    }

    /// The same connections for another call.
    #[must_use]
    pub fn for_call(&self, sent: &Sent) -> Self {
        Self { transport: self.transport.for_call(sent) }
    }

    /// Scheme, host and port of the server.
    pub fn address(&self) -> String {
        self.transport.address()
    }

    /// Reads an answer whole, trying again where the failure is a passing one.
    pub async fn get(&self, request: &Get) -> Result<String, PlexError> {
        self.get_into(request, String::new()).await
    }

    /// The same in place of what is in `text`, whose room is used again.
    pub async fn get_into(&self, request: &Get, text: String) -> Result<String, PlexError> {
        Ok(into_text(self.transport.get_into(request, text.into_bytes()).await?))
    }
}

impl Plex {
    /// Sends a change, once, and gives what is answered.
    pub(super) async fn change(&self, cleared: &Cleared<'_>, change: &Change) -> Result<String, PlexError> {
        Ok(into_text(self.transport.change(cleared, change).await?))
    }
}

/// What a server wants to see with each request.
fn headers(token: &Secret) -> Result<HeaderMap, PlexError> {
    let mut token = HeaderValue::from_str(token.reveal())
        .map_err(|_| PlexError::setup("PLEX_TOKEN holds characters that no token has"))?;
    token.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (HeaderName::from_static("x-plex-token"), token),
        (HeaderName::from_static("x-plex-product"), HeaderValue::from_static("plex-mcp")),
        (HeaderName::from_static("x-plex-version"), HeaderValue::from_static(env!("CARGO_PKG_VERSION"))),
        (HeaderName::from_static("x-plex-client-identifier"), HeaderValue::from_static("plex-mcp")),
        (ACCEPT, HeaderValue::from_static("application/xml")),
    ]))
}

/// Plex passes on file names and tags in whatever encoding they have: what is not UTF-8 is replaced, not refused.
fn into_text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
