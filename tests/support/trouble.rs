//! Servers for what the sample Plex server is too well-mannered for: each answers as its test says and remembers what it
//! was asked.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use plex_mcp::demo::SamplePlex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    fmt::Write as _,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How many came before it.
    pub number: usize,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
}

impl Seen {
    /// A parameter of the query that is a number.
    pub fn parameter(&self, name: &str) -> Option<usize> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }

    /// The request's head as text, as servers put it on their error pages.
    pub fn echo(&self) -> String {
        let mut text = format!("GET {}?{}\n", self.path, self.query);
        for (name, value) in &self.headers {
            writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
        }
        text
    }
}

/// A running server; it stops when it is dropped.
pub struct Trouble {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Trouble {
    /// A server on 127.0.0.1 that answers each request as `answer` says.
    pub async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(Seen) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
    {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub fn on<A, F, L>(listener: L, answer: A) -> Self
    where
        A: Fn(Seen) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
        L: Listener<Addr = SocketAddr>,
    {
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let handle = move |request: Request| {
            let request = {
                let mut log = log.lock().unwrap();
                let number = log.len();
                log.push(Seen {
                    number,
                    path: request.uri().path().to_owned(),
                    query: request.uri().query().unwrap_or_default().to_owned(),
                    headers: request.headers().clone(),
                });
                log.last().cloned().unwrap()
            };
            answer(request)
        };
        let serving = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await.unwrap() });
        Self { address, seen, serving }
    }

    /// A server that gives every request the same answer.
    pub async fn always(status: u16, kind: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |_| std::future::ready(answer(status, kind, body.clone()))).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

pub fn answer(status: u16, kind: &str, body: impl Into<Body>) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind.to_owned())], body.into()).into_response()
}

pub fn xml(body: impl Into<Body>) -> Response {
    answer(200, "text/xml;charset=utf-8", body)
}

pub fn redirect(status: u16, to: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, to.to_owned())]).into_response()
}

/// Passes a request on to the sample server, without the first `prefix` of its path.
pub async fn forward(plex: &str, prefix: &str, seen: &Seen) -> Response {
    let Some(path) = seen.path.strip_prefix(prefix).filter(|path| path.starts_with('/')) else {
        return answer(404, "text/plain", "not below the base path");
    };
    let mut headers = seen.headers.clone();
    headers.remove(header::HOST);
    let request = reqwest::Client::new().get(format!("{plex}{path}?{}", seen.query)).headers(headers);
    let given = request.send().await.unwrap();
    let (status, kind) = (given.status().as_u16(), given.headers()[header::CONTENT_TYPE].clone());
    answer(status, kind.to_str().unwrap(), given.bytes().await.unwrap())
}

/// The sample server below a path of another one.
pub async fn below(plex: &SamplePlex, prefix: &'static str) -> Trouble {
    let plex = plex.url();
    Trouble::start(move |seen| {
        let plex = plex.clone();
        async move { forward(&plex, prefix, &seen).await }
    })
    .await
}

/// A server with one library, of which these rows of XML are the items, a search that finds all of them, and each by its key.
pub async fn shelf(rows: Vec<String>) -> Trouble {
    let rows = Arc::new(rows);
    Trouble::start(move |seen| {
        let rows = Arc::clone(&rows);
        async move {
            let total = rows.len();
            match seen.path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
                ["library", "sections"] => {
                    xml(r#"<MediaContainer size="1"><Directory key="1" type="movie" title="Shelf"/></MediaContainer>"#)
                }
                ["library", "sections", "1", "all"] => {
                    let start = seen.parameter("X-Plex-Container-Start").expect("a start").min(total);
                    let size = seen.parameter("X-Plex-Container-Size").expect("a size").min(total - start);
                    let page = rows[start..start + size].concat();
                    xml(format!(
                        r#"<MediaContainer size="{size}" totalSize="{total}" offset="{start}">{page}</MediaContainer>"#
                    ))
                }
                ["library", "metadata", key] => {
                    let key = format!(" ratingKey=\"{key}\"");
                    match rows.iter().find(|row| row.contains(&key)) {
                        Some(row) => xml(format!(r#"<MediaContainer size="1">{row}</MediaContainer>"#)),
                        None => answer(404, "text/html", "<html>Not Found</html>"),
                    }
                }
                ["hubs", "search"] => {
                    let hits = rows[..seen.parameter("limit").unwrap_or(3).min(total)].concat();
                    xml(format!(r#"<MediaContainer size="1"><Hub type="movie">{hits}</Hub></MediaContainer>"#))
                }
                _ => answer(404, "text/html", "<html>Not Found</html>"),
            }
        }
    })
    .await
}

/// The address of a port that nobody listens on.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A server that does as `then` says with each connection once a request has begun to come, and how many there were.
pub async fn raw<F>(then: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, Arc<Mutex<usize>>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            *counter.lock().unwrap() += 1;
            let _ = stream.read(&mut [0; 64]).await;
            tokio::spawn(then(stream));
        }
    });
    (address, connections)
}

/// A certificate for these names, of an authority or of itself, and its key.
pub fn certificate(names: &[&str], authority: Option<&Issuer<'_, KeyPair>>) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let certificate = match authority {
        Some(authority) => parameters.signed_by(&key, authority),
        None => parameters.self_signed(&key),
    };
    (certificate.unwrap(), key)
}

pub fn authority() -> (rcgen::Certificate, Issuer<'static, KeyPair>) {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (certificate, Issuer::new(parameters, key))
}

/// A listener that speaks TLS.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    pub async fn bind(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> Self {
        use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // Clients that don't trust the certificate hang up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
