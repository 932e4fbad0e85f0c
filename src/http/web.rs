//! Files from web servers, at addresses that a client named. Nothing of this machine or its network may be reached by them:
//! only https, only hosts whose every address is public, and the connection goes to the very address that was checked. Beside
//! those there are the servers that the owner names in the settings.

mod public;

use super::tls;
use crate::{config::TlsTrust, guard::Cleared};
use bytes::{Bytes, BytesMut};
use public::is_public;
use reqwest::{ClientBuilder, Url, header::LOCATION};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// How long the whole of a file may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
const MAX_ADDRESS_CHARS: usize = 2_000;
const PORT: u16 = 443;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no address.
    #[error(
        "must be a web address such as https://pictures.example/poster.jpg, of at most {MAX_ADDRESS_CHARS} characters"
    )]
    NoAddress,
    /// Another protocol.
    #[error("must begin with https://")]
    NotHttps,
    /// A name or password, or another port.
    #[error("must hold no user, password or port")]
    Extras,
    /// It is not out there for everyone.
    #[error("must name a public web server: this one is of a private network, or of this machine")]
    NotPublic,
    /// The name has no address.
    #[error("the name of the web server can't be resolved")]
    Unresolved,
    /// The server leads to somewhere that can't be asked for.
    #[error("the web server leads on to another address, which {0}")]
    LeadsOn(Box<WebError>),
    /// Too many redirects.
    #[error("the web server redirects without end")]
    Redirects,
    /// Another status than 200.
    #[error("the web server answered with HTTP status {0}")]
    Status(u16),
    /// The file is too large.
    #[error("the file has more than {} MB", .0 >> 20)]
    TooLarge(usize),
    /// Something on the way.
    #[error("the file can't be fetched: {0}")]
    Failed(String),
}

/// The web, as far as files may be fetched from it.
#[derive(Clone, Debug)]
pub struct Web {
    own: Vec<Url>,
    tls: TlsTrust,
    time_limit: Duration,
}

/// An address that files may be fetched from, as far as that can be told without asking for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    url: Url,
    /// Whether it is of one of the owner's own servers.
    is_own: bool,
}

impl WebUrl {
    /// The host's name.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl Web {
    /// Public web servers, and the owner's own: scheme, host and port of each, and how they are trusted.
    pub fn new(own: Vec<Url>, tls: TlsTrust) -> Self {
        Self { own, tls, time_limit: TIME_LIMIT }
    }

    /// Checks what can be told of an address without asking for anything.
    pub fn address(&self, text: &str) -> Result<WebUrl, WebError> {
        if text.chars().count() > MAX_ADDRESS_CHARS {
            return Err(WebError::NoAddress);
        }
        self.check(Url::parse(text.trim()).map_err(|_| WebError::NoAddress)?)
    }

    fn check(&self, url: Url) -> Result<WebUrl, WebError> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !has_user && self.own.iter().any(|own| own.origin() == url.origin()) {
            return Ok(WebUrl { url, is_own: true });
        }
        if url.scheme() != "https" {
            return Err(WebError::NotHttps);
        }
        if has_user || url.port_or_known_default() != Some(PORT) {
            return Err(WebError::Extras);
        }
        let host = url.host_str().ok_or(WebError::NoAddress)?.trim_end_matches('.').to_ascii_lowercase();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let public = if let Ok(address) = literal {
            is_public(address)
        } else {
            // Names without a dot, and these, are of the own network.
            let own =
                ["localhost", "local", "internal", "home.arpa", "lan", "home", "corp", "test", "invalid", "onion"];
            let last_is = |own: &&str| host == **own || host.ends_with(&format!(".{own}"));
            host.contains('.') && !own.iter().any(last_is)
        };
        if public { Ok(WebUrl { url, is_own: false }) } else { Err(WebError::NotPublic) }
    }

    /// Fetches the file, of at most `most` bytes.
    pub async fn fetch(&self, _: &Cleared<'_>, url: &WebUrl, most: usize) -> Result<Bytes, WebError> {
        self.file(url, most).await
    }

    async fn file(&self, url: &WebUrl, most: usize) -> Result<Bytes, WebError> {
        let file = async {
            let mut url = url.clone();
            for _ in 0..=MAX_REDIRECTS {
                match self.get(&url, most).await? {
                    Got::File(file) => return Ok(file),
                    Got::Redirect(to) => url = self.redirected(&url, to)?,
                }
            }
            Err(WebError::Redirects)
        };
        match tokio::time::timeout(self.time_limit, file).await {
            Ok(file) => file,
            Err(_) => Err(WebError::Failed(format!("it took more than {} s", self.time_limit.as_secs()))),
        }
    }

    /// Where a server leads to. Each step is checked as the first one was; and to a server of the owner's own nobody leads but
    /// that server itself.
    fn redirected(&self, from: &WebUrl, to: Url) -> Result<WebUrl, WebError> {
        let stays = to.origin() == from.url.origin();
        match self.check(to) {
            Ok(to) if to.is_own && !stays => Err(WebError::LeadsOn(Box::new(WebError::NotPublic))),
            Ok(to) => Ok(to),
            Err(error) => Err(WebError::LeadsOn(Box::new(error))),
        }
    }

    async fn get(&self, WebUrl { url, is_own }: &WebUrl, most: usize) -> Result<Got, WebError> {
        let client = if *is_own { self.own_client(url)? } else { public_client(url).await? };
        let failed = |error: reqwest::Error| {
            let certificate = tls::refused_certificate(&error);
            WebError::Failed(certificate.unwrap_or_else(|| super::innermost(&error)))
        };
        let mut answer = client.get(url.clone()).send().await.map_err(failed)?;
        if answer.status().is_redirection() {
            let to = answer.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
            return to.map(Got::Redirect).ok_or(WebError::Redirects);
        }
        if answer.status().as_u16() != 200 {
            return Err(WebError::Status(answer.status().as_u16()));
        }
        if answer.content_length().is_some_and(|length| length > most as u64) {
            return Err(WebError::TooLarge(most));
        }
        let mut file = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if file.len() + chunk.len() > most {
                return Err(WebError::TooLarge(most));
            }
            file.extend_from_slice(&chunk);
        }
        Ok(Got::File(file.freeze()))
    }

    fn own_client(&self, url: &Url) -> Result<reqwest::Client, WebError> {
        if url.scheme() == "http" {
            // TLS is never spoken then, since redirects are not followed here: the machine need not have any certificates.
            return build(builder().tls_danger_accept_invalid_certs(true));
        }
        over_tls(builder(), &self.tls)
    }
}

enum Got {
    File(Bytes),
    Redirect(Url),
}

/// A client that connects to the addresses of a public host that were checked, and asks no one for others.
async fn public_client(url: &Url) -> Result<reqwest::Client, WebError> {
    let host = url.host_str().ok_or(WebError::NoAddress)?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> =
        tokio::net::lookup_host((name, PORT)).await.map_err(|_| WebError::Unresolved)?.collect();
    let addresses = all_public(found)?;
    over_tls(builder().https_only(true).resolve_to_addrs(host, &addresses), &TlsTrust::System)
}

/// A name with one address that is not public is not taken at all: which one is used would be its owner's choice.
fn all_public(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, WebError> {
    if found.is_empty() {
        return Err(WebError::Unresolved);
    }
    if found.iter().all(|address| is_public(address.ip())) { Ok(found) } else { Err(WebError::NotPublic) }
}

/// A proxy would choose the addresses itself, so none is asked.
#[expect(clippy::disallowed_methods, reason = "HTTP clients are made in this module and its parent")]
fn builder() -> ClientBuilder {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.connect_timeout(Duration::from_secs(5)).referer(false)
}

fn over_tls(builder: ClientBuilder, trust: &TlsTrust) -> Result<reqwest::Client, WebError> {
    match tls::client_config(trust).map_err(|error| WebError::Failed(error.to_string()))? {
        Some(tls) => build(builder.tls_backend_preconfigured(tls)),
        None => Err(WebError::Failed("certificates can't be checked".to_owned())),
    }
}

fn build(builder: ClientBuilder) -> Result<reqwest::Client, WebError> {
    builder.build().map_err(|error| WebError::Failed(super::innermost(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    fn web() -> Web {
        Web::new(Vec::new(), TlsTrust::System)
    }

    fn of(origins: &[&str]) -> Web {
        Web::new(origins.iter().map(|origin| Url::parse(origin).unwrap()).collect(), TlsTrust::System)
    }

    #[test]
    fn one_private_address_spoils_a_name() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), PORT);
        assert!(all_public(vec![at("1.1.1.1"), at("2606:4700::1111")]).is_ok());
        assert!(matches!(all_public(vec![at("1.1.1.1"), at("10.0.0.1")]), Err(WebError::NotPublic)));
        assert!(matches!(all_public(Vec::new()), Err(WebError::Unresolved)));
    }

    #[test]
    fn addresses_are_checked_before_anything_is_asked_for() {
        for good in ["https://pictures.example.org/a.jpg", " https://1.1.1.1/x?y=1 ", "https://[2606:4700::1111]/"] {
            assert!(web().address(good).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("poster.jpg", "must be a web address"),
            ("http://pictures.example.org/", "must begin with https"),
            ("file:///etc/passwd", "must begin with https"),
            ("https://user@pictures.example.org/", "no user"),
            ("https://pictures.example.org:8443/", "no user, password or port"),
            ("https://localhost/", "public web server"),
            ("https://plex/", "public web server"),
            ("https://nas.local./", "public web server"),
            ("https://metadata.google.internal/", "public web server"),
            ("https://127.0.0.1/", "public web server"),
            ("https://2130706433/", "public web server"),
            ("https://0x7f.1/", "public web server"),
            ("https://017700000001/", "public web server"),
            ("https://[::1]/", "public web server"),
            ("https://[::ffff:10.0.0.1]/", "public web server"),
            ("https://169.254.169.254/latest/meta-data/", "public web server"),
        ] {
            let error = web().address(bad).expect_err(bad).to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_back_here_is_refused_when_it_is_resolved() {
        // Every system resolves it to itself; a public-looking name that leads here is the same case.
        let url = WebUrl { url: Url::parse("https://localhost/").unwrap(), is_own: false };
        assert!(matches!(web().get(&url, 10).await, Err(WebError::NotPublic)));
    }

    #[test]
    fn servers_of_the_owners_own_are_those_that_are_named_and_no_others() {
        let web = of(&["http://192.168.1.5:8080", "https://nas.lan"]);
        for own in ["http://192.168.1.5:8080/a.jpg", "https://nas.lan/x?y=1", "https://NAS.lan:443/"] {
            assert!(web.address(own).is_ok_and(|url| url.is_own), "{own}");
        }
        assert!(web.address("https://pictures.example.org/a.jpg").is_ok_and(|url| !url.is_own));
        for other in [
            "https://192.168.1.5:8080/",
            "http://192.168.1.5/",
            "http://192.168.1.6:8080/",
            "http://nas.lan/",
            "https://nas.lan:444/",
            "https://x.nas.lan/",
            "https://user@nas.lan/",
        ] {
            assert!(web.address(other).is_err(), "{other}");
        }
    }

    #[test]
    fn nobody_leads_to_a_private_address_or_to_a_server_of_the_owners_own() {
        let web = of(&["http://192.168.1.5:8080", "https://nas.lan"]);
        let to = |from: &str, to: &str| {
            let from = web.address(from).unwrap();
            web.redirected(&from, from.url.join(to).unwrap()).map_err(|error| error.to_string())
        };
        let outside = "https://pictures.example.org/a.jpg";
        assert!(to(outside, "/b.jpg").is_ok() && to(outside, "https://cdn.example.org/b.jpg").is_ok());
        assert!(to("https://nas.lan/a.jpg", "/b.jpg").is_ok() && to("https://nas.lan/a.jpg", outside).is_ok());
        for (from, other) in [
            (outside, "https://10.0.0.1/"),
            (outside, "http://cdn.example.org/b.jpg"),
            (outside, "https://localhost/"),
            (outside, "file:///etc/passwd"),
            (outside, "https://nas.lan/a.jpg"),
            ("https://nas.lan/a.jpg", "http://192.168.1.5:8080/a.jpg"),
            ("http://192.168.1.5:8080/a.jpg", "http://192.168.1.5:32400/"),
        ] {
            let error = to(from, other).expect_err(other);
            assert!(error.starts_with("the web server leads on to another address, which must "), "{other}: {error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_never_comes_to_an_end_is_left() {
        // It says that something comes, a byte at a time, or says nothing at all.
        for begins in [&b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n\x89PNG"[..], b""] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let own = format!("http://{}", listener.local_addr().unwrap());
            let serving = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                stream.write_all(begins).await.unwrap();
                std::future::pending::<()>().await;
            });
            let web = Web { time_limit: Duration::from_millis(200), ..of(&[&own]) };
            let error = web.file(&web.address(&own).unwrap(), 10_000).await.unwrap_err().to_string();
            assert!(error.contains("it took more than"), "{error}");
            serving.abort();
        }
    }
}
