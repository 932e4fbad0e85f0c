//! Requests: paths by segments, so that no value can leave its place, and a query.

use bytes::Bytes;
use reqwest::{Method, Url};
use serde::Serialize;
use std::borrow::Cow;

/// A read request.
#[derive(Clone, Debug)]
pub struct Get {
    /// What is asked for, in words, for errors: `item 42`.
    pub what: String,
    /// Path segments below the service's base path.
    pub path: Vec<String>,
    /// Query parameters, encoded when sent.
    pub query: Vec<(Cow<'static, str>, String)>,
}

impl Get {
    /// A request for `path`, segment by segment.
    pub fn new<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self { what: what.into(), path: path.into_iter().map(str::to_owned).collect(), query: Vec::new() }
    }

    /// The same request with one more parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            // Form encoding writes a space as `+`, which Plex takes literally.
            let query = url.query_pairs_mut().extend_pairs(&self.query).finish().query().map(|q| q.replace('+', "%20"));
            url.set_query(query.as_deref());
        }
        url
    }
}

/// A request for credentials, which an OAuth service takes below `oauth/` and nowhere else. Its body holds secrets.
#[derive(Clone)]
pub struct SignIn {
    pub(super) target: Get,
    pub(super) body: Bytes,
}

impl SignIn {
    /// A request to `oauth/` and the segments of `path`, with a body in JSON.
    pub fn new<'s>(
        what: impl Into<String>,
        path: impl IntoIterator<Item = &'s str>,
        body: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let path = std::iter::once("oauth").chain(path);
        Ok(Self { target: Get::new(what, path), body: serde_json::to_vec(body)?.into() })
    }
}

/// A request that changes something. It is sent once: whether it arrived is then known, or said not to be.
#[derive(Clone, Debug)]
pub struct Change {
    pub(super) method: Method,
    pub(super) target: Get,
    pub(super) body: Option<(&'static str, Bytes)>,
}

impl Change {
    /// A change by `POST`.
    pub fn post<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self::new(Method::POST, what, path)
    }

    /// A change by `PUT`.
    pub fn put<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self::new(Method::PUT, what, path)
    }

    /// A change by `DELETE`.
    pub fn delete<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self::new(Method::DELETE, what, path)
    }

    fn new<'s>(method: Method, what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self { method, target: Get::new(what, path), body: None }
    }

    /// What is changed, in words, for errors.
    pub fn what(&self) -> &str {
        &self.target.what
    }

    /// The same change with one more parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.target.query.push((name.into(), value.into()));
        self
    }

    /// The same change with a body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.body = Some((content_type, body.into()));
        self
    }

    /// The same change with a body in JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.body("application/json", serde_json::to_vec(body)?))
    }
}
