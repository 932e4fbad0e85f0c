//! Files from public web servers, at addresses that a client named. Nothing of this machine or its network may be reached by
//! them: only https, only hosts whose every address is public, and the connection goes to the very address that was checked.

use super::tls;
use crate::{config::TlsTrust, guard::Cleared};
use bytes::{Bytes, BytesMut};
use reqwest::{Url, header::LOCATION};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// How long the whole of a file may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
const MAX_ADDRESS_CHARS: usize = 2_000;
const PORT: u16 = 443;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum PublicError {
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

/// An address that may be one of a public web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Checks what can be told of an address without asking for anything.
    pub fn parse(text: &str) -> Result<Self, PublicError> {
        if text.chars().count() > MAX_ADDRESS_CHARS {
            return Err(PublicError::NoAddress);
        }
        Self::check(Url::parse(text.trim()).map_err(|_| PublicError::NoAddress)?)
    }

    fn check(url: Url) -> Result<Self, PublicError> {
        if url.scheme() != "https" {
            return Err(PublicError::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() || url.port_or_known_default() != Some(PORT) {
            return Err(PublicError::Extras);
        }
        let host = url.host_str().ok_or(PublicError::NoAddress)?.trim_end_matches('.').to_ascii_lowercase();
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
        if public { Ok(Self(url)) } else { Err(PublicError::NotPublic) }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Fetches the file, of at most `most` bytes.
    pub async fn fetch(&self, _: &Cleared<'_>, most: usize) -> Result<Bytes, PublicError> {
        let file = async {
            let mut url = self.clone();
            for _ in 0..=MAX_REDIRECTS {
                match get(&url, most).await? {
                    Got::File(file) => return Ok(file),
                    // Each step is checked as the first one was.
                    Got::Redirect(to) => url = Self::check(to)?,
                }
            }
            Err(PublicError::Redirects)
        };
        match tokio::time::timeout(TIME_LIMIT, file).await {
            Ok(file) => file,
            Err(_) => Err(PublicError::Failed(format!("it took more than {} s", TIME_LIMIT.as_secs()))),
        }
    }
}

enum Got {
    File(Bytes),
    Redirect(Url),
}

async fn get(PublicUrl(url): &PublicUrl, most: usize) -> Result<Got, PublicError> {
    let host = url.host_str().ok_or(PublicError::NoAddress)?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> =
        tokio::net::lookup_host((name, PORT)).await.map_err(|_| PublicError::Unresolved)?.collect();
    let addresses = all_public(found)?;
    let client = client(host, &addresses)?;
    let failed = |error: reqwest::Error| PublicError::Failed(super::innermost(&error));
    let mut answer = client.get(url.clone()).send().await.map_err(failed)?;
    if answer.status().is_redirection() {
        let to = answer.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
        return to.map(Got::Redirect).ok_or(PublicError::Redirects);
    }
    if answer.status().as_u16() != 200 {
        return Err(PublicError::Status(answer.status().as_u16()));
    }
    let mut file = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if file.len() + chunk.len() > most {
            return Err(PublicError::TooLarge(most));
        }
        file.extend_from_slice(&chunk);
    }
    Ok(Got::File(file.freeze()))
}

/// A name with one address that is not public is not taken at all: which one is used would be its owner's choice.
fn all_public(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PublicError> {
    if found.is_empty() {
        return Err(PublicError::Unresolved);
    }
    if found.iter().all(|address| is_public(address.ip())) { Ok(found) } else { Err(PublicError::NotPublic) }
}

/// A client that connects to these addresses and asks no one for others, neither a resolver nor a proxy.
#[expect(clippy::disallowed_methods, reason = "HTTP clients are made in this module and its parent")]
fn client(host: &str, addresses: &[SocketAddr]) -> Result<reqwest::Client, PublicError> {
    let failed = |error: &dyn std::fmt::Display| PublicError::Failed(error.to_string());
    let builder = reqwest::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .resolve_to_addrs(host, addresses)
        .connect_timeout(Duration::from_secs(5))
        .referer(false);
    let Some(tls) = tls::client_config(&TlsTrust::System).map_err(|error| failed(&error))? else {
        return Err(PublicError::Failed("certificates can't be checked".to_owned()));
    };
    builder.tls_backend_preconfigured(tls).build().map_err(|error| failed(&error))
}

/// Whether an address is one of the public internet (the special-purpose registries of IANA, and what carries such an
/// address inside).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 175, 48)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // Teredo, benchmarks, documentation, and 6to4, which leads to an address inside.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All that is given out.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.1.2.3",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn one_private_address_spoils_a_name() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), PORT);
        assert!(all_public(vec![at("1.1.1.1"), at("2606:4700::1111")]).is_ok());
        assert!(matches!(all_public(vec![at("1.1.1.1"), at("10.0.0.1")]), Err(PublicError::NotPublic)));
        assert!(matches!(all_public(Vec::new()), Err(PublicError::Unresolved)));
    }

    #[test]
    fn addresses_are_checked_before_anything_is_asked_for() {
        for good in ["https://pictures.example.org/a.jpg", " https://1.1.1.1/x?y=1 ", "https://[2606:4700::1111]/"] {
            assert!(PublicUrl::parse(good).is_ok(), "{good}");
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
            let error = PublicUrl::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_back_here_is_refused_when_it_is_resolved() {
        // Every system resolves it to itself; a public-looking name that leads here is the same case.
        let url = PublicUrl(Url::parse("https://localhost/").unwrap());
        assert!(matches!(get(&url, 10).await, Err(PublicError::NotPublic)));
    }
}
