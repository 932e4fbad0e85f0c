//! Requests to Sonarr and Radarr.

use super::{
    ArrError, Dialect,
    elements::{Elements, without_controls},
    records::{Command, Download, Episode, Health, Named, QualityProfile, RootFolder, SystemStatus, Title},
};
use crate::{
    config::{ArrServer, Secret},
    guard::Cleared,
    http::{Change, Endpoint, Get, HttpError, Patience, Sent, Transport, is_html},
    plex::items::Window,
    unseen::one_line,
};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// Lists of a whole library take a server some time before it begins to answer.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), read: Duration::from_secs(60) };
/// Both answer from one SQLite database.
const MAX_IN_FLIGHT: usize = 4;
/// How often a list that broke off is begun anew.
const NEW_BEGINNINGS: u32 = 2;

/// A handle to a Sonarr or Radarr for one call. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Arr {
    /// Which of the two it is.
    pub dialect: &'static Dialect,
    transport: Transport,
    key: Secret,
    /// Set once the server has said that it is the one it was taken for: the two answer most of each other's requests.
    identified: Arc<OnceCell<()>>,
}

impl Arr {
    /// Prepares the client; nothing is sent.
    pub fn new(dialect: &'static Dialect, server: &ArrServer) -> Result<Self, ArrError> {
        let mut key = HeaderValue::from_str(server.key.reveal()).map_err(|_| {
            HttpError::Setup(format!("the API key of {} holds characters that no key has", dialect.name))
        })?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("x-api-key"), key),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let transport = Transport::new(Endpoint {
            service: &dialect.upstream,
            base: server.url.clone(),
            headers,
            tls: &server.tls,
            patience: PATIENCE,
            max_in_flight: MAX_IN_FLIGHT,
        })?;
        Ok(Self { dialect, transport, key: server.key.clone(), identified: Arc::default() })
    }

    /// The same connections for another call.
    #[must_use]
    pub fn for_call(&self, sent: &Sent) -> Self {
        Self { transport: self.transport.for_call(sent), ..self.clone() }
    }

    /// What the server is.
    pub async fn status(&self) -> Result<SystemStatus, ArrError> {
        let status: SystemStatus = self.ask(&get("its status", ["system", "status"])).await?;
        match status.app_name.as_deref() {
            Some(name) if !name.eq_ignore_ascii_case(self.dialect.name) => Err(self.other_program(name)),
            _ => {
                // That it is set already, or is being set by a call that this one is part of, is the same.
                let _ = self.identified.set(());
                Ok(status)
            }
        }
    }

    /// What the server complains of.
    pub async fn health(&self) -> Result<Vec<Health>, ArrError> {
        self.list(&get("its health", ["health"])).await
    }

    /// Hands each title of the library to `take`, in the service's order, while the list comes in. Where the list breaks off
    /// and is begun anew, so is what was made of it.
    pub async fn library<S: Default>(&self, mut take: impl FnMut(&mut S, Title)) -> Result<S, ArrError> {
        let request = get(format!("all {}", self.dialect.nouns), [self.dialect.library]);
        self.titles(&request, &mut take).await
    }

    /// The title of the library with the metadata service's id. Versions that don't know the parameter list all.
    pub async fn held(&self, foreign_id: i64) -> Result<Option<Title>, ArrError> {
        let what = format!("the {} with {} {foreign_id}", self.dialect.noun, self.dialect.foreign_id);
        let request = get(what, [self.dialect.library]).with(self.dialect.foreign_id, foreign_id.to_string());
        self.titles(&request, &mut |found: &mut Option<Title>, title| {
            if self.foreign_id(&title) == Some(foreign_id) {
                found.get_or_insert(title);
            }
        })
        .await
    }

    /// The title of the library with that number.
    pub async fn title(&self, id: i64) -> Result<Title, ArrError> {
        let id = id.to_string();
        self.json(&get(format!("{} {id}", self.dialect.noun), [self.dialect.library, id.as_str()])).await
    }

    /// What the metadata service finds for these words, best first.
    pub async fn lookup(&self, term: &str) -> Result<Vec<Title>, ArrError> {
        let request = get("a lookup", [self.dialect.library, "lookup"]).with("term", term);
        self.list(&request).await
    }

    /// What the metadata service has under that id.
    pub async fn known(&self, foreign_id: i64) -> Result<Option<Title>, ArrError> {
        let found = self.lookup(&format!("{}{foreign_id}", self.dialect.lookup_prefix)).await?;
        Ok(found.into_iter().find(|title| self.foreign_id(title) == Some(foreign_id)))
    }

    /// The metadata service's id of a title.
    pub fn foreign_id(&self, title: &Title) -> Option<i64> {
        if self.dialect.foreign_id == "tvdbId" { title.tvdb_id } else { title.tmdb_id }
    }

    /// All quality profiles.
    pub async fn quality_profiles(&self) -> Result<Vec<QualityProfile>, ArrError> {
        self.list(&get("the quality profiles", ["qualityprofile"])).await
    }

    /// The language profiles that this version wants; none where it wants none.
    pub async fn language_profiles(&self) -> Result<Option<Vec<Named>>, ArrError> {
        if self.dialect.last_with_languages == 0
            || self.status().await?.major().is_some_and(|major| major > self.dialect.last_with_languages)
        {
            return Ok(None);
        }
        self.list(&get("the language profiles", ["languageprofile"])).await.map(Some)
    }

    /// All root folders.
    pub async fn root_folders(&self) -> Result<Vec<RootFolder>, ArrError> {
        self.list(&get("the root folders", ["rootfolder"])).await
    }

    /// Part of the queue.
    pub async fn queue(&self, window: (u64, u64)) -> Result<Window<Download>, ArrError> {
        let request = with_all(get("the queue", ["queue"]), self.dialect.queue);
        self.window(&request, window, |row: &Download| row.id).await
    }

    /// Part of the missing episodes.
    pub async fn missing_episodes(&self, window: (u64, u64)) -> Result<Window<Episode>, ArrError> {
        self.window(&self.missing(), window, |row: &Episode| row.id).await
    }

    /// Part of the missing films.
    pub async fn missing_films(&self, window: (u64, u64)) -> Result<Window<Title>, ArrError> {
        self.window(&self.missing(), window, |row: &Title| row.id).await
    }

    /// How many episodes or films are missing.
    pub async fn count_missing(&self) -> Result<Option<u64>, ArrError> {
        self.total(&self.missing()).await
    }

    fn missing(&self) -> Get {
        with_all(get("what is missing", ["wanted", "missing"]), self.dialect.missing)
    }

    /// What comes out between two moments.
    pub async fn calendar<T: DeserializeOwned>(
        &self,
        (start, end): (jiff::Timestamp, jiff::Timestamp),
        unmonitored: bool,
    ) -> Result<Vec<T>, ArrError> {
        let request = get("the calendar", ["calendar"])
            .with("start", start.to_string())
            .with("end", end.to_string())
            .with("unmonitored", unmonitored.to_string());
        self.list(&with_all(request, self.dialect.calendar)).await
    }

    /// Adds a title.
    pub async fn add(&self, cleared: &Cleared<'_>, title: &Value) -> Result<Title, ArrError> {
        let change = post(format!("adding a {}", self.dialect.noun), [self.dialect.library], title)?;
        self.change(cleared, change).await
    }

    /// The commands of the last minutes.
    pub async fn commands(&self) -> Result<Vec<Command>, ArrError> {
        self.list(&get("the commands", ["command"])).await
    }

    /// How far a command is.
    pub async fn command(&self, id: i64) -> Result<Command, ArrError> {
        let id = id.to_string();
        self.json(&get(format!("command {id}"), ["command", id.as_str()])).await
    }

    /// Starts a search for one title, or for all that is missing.
    pub async fn search(&self, cleared: &Cleared<'_>, one: Option<i64>) -> Result<Command, ArrError> {
        let change = post("a search", ["command"], &self.search_body(one))?;
        self.change(cleared, change).await
    }

    /// What a search is given with.
    pub fn search_body(&self, one: Option<i64>) -> Value {
        let Some(id) = one else { return json!({"name": self.dialect.search_all}) };
        let (name, field) = self.dialect.search_one;
        let ids = if self.dialect.search_takes_list { json!([id]) } else { json!(id) };
        json!({"name": name, field: ids})
    }

    async fn identify(&self) -> Result<(), ArrError> {
        self.identified.get_or_try_init(|| async { self.status().await.map(drop) }).await.copied()
    }

    /// Reads an answer of one object.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: &Get) -> Result<T, ArrError> {
        self.identify().await?;
        self.ask(request).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Get) -> Result<T, ArrError> {
        let body = match self.transport.get(request).await {
            Ok(body) => body,
            Err(error) => return Err(self.explain(error).await),
        };
        self.decode(&request.what, &body)
    }

    /// Reads an answer that is a list, without the members that can't be read.
    async fn list<T: DeserializeOwned>(&self, request: &Get) -> Result<Vec<T>, ArrError> {
        let members: Vec<Value> = self.json(request).await?;
        Ok(members.into_iter().filter_map(|member| serde_json::from_value(member).ok()).collect())
    }

    async fn change<T: DeserializeOwned>(
        &self,
        cleared: &Cleared<'_>,
        change: (String, Change),
    ) -> Result<T, ArrError> {
        let (what, change) = change;
        let body = self.transport.change(cleared, &change).await;
        let body = body.map_err(|error| ArrError::of(error, self.dialect, &self.key))?;
        self.decode(&what, &body)
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, body: &[u8]) -> Result<T, ArrError> {
        let read = serde_json::from_slice(body).or_else(|_| serde_json::from_slice(&without_controls(body)));
        read.map_err(|error| {
            let problem = if error.is_data() { "it is not of the form that was due" } else { "it is no whole JSON" };
            self.unreadable(what, problem)
        })
    }

    fn unreadable(&self, what: &str, problem: &'static str) -> ArrError {
        ArrError::Unreadable { dialect: self.dialect, what: what.to_owned(), problem }
    }

    async fn titles<S: Default>(&self, request: &Get, take: &mut impl FnMut(&mut S, Title)) -> Result<S, ArrError> {
        self.identify().await?;
        let mut left = NEW_BEGINNINGS;
        loop {
            match self.try_titles(request, take).await {
                Err(ArrError::Http(HttpError::Interrupted { .. })) if left > 0 => left -= 1,
                ended => return ended,
            }
        }
    }

    async fn try_titles<S: Default>(&self, request: &Get, take: &mut impl FnMut(&mut S, Title)) -> Result<S, ArrError> {
        let mut answer = match self.transport.open(request).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(error).await),
        };
        let (mut made, mut elements, mut unreadable) = (S::default(), Elements::default(), 0_u64);
        while let Some(piece) = answer.chunk().await? {
            elements.feed(&piece, |member| match member.and_then(|text| serde_json::from_slice(text).ok()) {
                Some(title) => take(&mut made, title),
                None => unreadable += 1,
            });
            if elements.is_other() {
                if answer.says_html() || is_html(&piece) {
                    return Err(self.explain(answer.web_page()).await);
                }
                return Err(self.unreadable(&request.what, "it is no list"));
            }
        }
        if unreadable > 0 {
            tracing::warn!(service = self.dialect.name, unreadable, "titles that can't be read were left out");
        }
        if elements.is_complete() { Ok(made) } else { Err(self.unreadable(&request.what, "it ends too early")) }
    }

    /// Finds out what is behind an answer that says that there is no such path, or that is a page for people.
    async fn explain(&self, error: HttpError) -> ArrError {
        if !matches!(error, HttpError::NotFound { .. } | HttpError::WebPage { .. }) {
            return ArrError::of(error, self.dialect, &self.key);
        }
        let ask = async |path: &[&str]| -> Option<SystemStatus> {
            let body = self.transport.get(&Get::new("its status", path.iter().copied())).await.ok()?;
            serde_json::from_slice(&body).ok()
        };
        if let Some(status) = ask(&["api", "v3", "system", "status"]).await {
            return match status.app_name {
                Some(name) if !name.eq_ignore_ascii_case(self.dialect.name) => self.other_program(&name),
                _ => error.into(),
            };
        }
        // Before version 3 the API had no number in its path; later programs of the family have another one.
        let (dialect, address) = (self.dialect, self.transport.address());
        for path in [["api", "system", "status"].as_slice(), &["api", "v1", "system", "status"]] {
            let Some(SystemStatus { app_name, version: Some(version), .. }) = ask(path).await else { continue };
            let version = one_line(&version, 40);
            return match app_name {
                Some(name) if !name.eq_ignore_ascii_case(dialect.name) => self.other_program(&name),
                _ => ArrError::TooOld { dialect, version },
            };
        }
        match error {
            HttpError::WebPage { .. } => error.into(),
            _ => ArrError::NoApi { dialect, address },
        }
    }

    fn other_program(&self, name: &str) -> ArrError {
        ArrError::OtherProgram { dialect: self.dialect, found: one_line(name, 40) }
    }
}

/// A request below API v3.
fn get<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Get {
    Get::new(what, ["api", "v3"].into_iter().chain(path))
}

fn with_all(request: Get, parameters: &[(&'static str, &'static str)]) -> Get {
    parameters.iter().fold(request, |request, (name, value)| request.with(*name, *value))
}

fn post<'s>(
    what: impl Into<String>,
    path: impl IntoIterator<Item = &'s str>,
    body: &Value,
) -> Result<(String, Change), ArrError> {
    let what = what.into();
    let change = Change::post(what.clone(), ["api", "v3"].into_iter().chain(path)).json(body);
    let change = change.map_err(|error| HttpError::Setup(error.to_string()))?;
    Ok((what, change))
}
