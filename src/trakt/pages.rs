//! Lists that Trakt gives page by page. What its headers say of pages is a hint at most: a list ends with an empty page, or
//! with one that brings nothing new.

use super::{error::TraktError, http::Trakt};
use crate::http::Get;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Rows a page; Trakt gives fewer where it wants to.
const PAGE_ROWS: u32 = 250;
/// No list is longer: two and a half million rows.
const MAX_PAGES: u32 = 10_000;

/// A list on its way.
#[derive(Debug)]
pub struct Pages {
    trakt: Trakt,
    request: Get,
    page: u32,
    seen: HashSet<u64>,
    ended: bool,
}

impl Pages {
    /// The list that `request` names, from its beginning.
    pub fn new(trakt: &Trakt, request: Get) -> Self {
        Self { trakt: trakt.clone(), request, page: 0, seen: HashSet::new(), ended: false }
    }

    /// The rows of the next page that no earlier one had; none at the end. A row that can't be read is left out.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>, TraktError> {
        if self.ended || self.page >= MAX_PAGES {
            return Ok(None);
        }
        self.page += 1;
        let request = self.request.clone().with("page", self.page.to_string()).with("limit", PAGE_ROWS.to_string());
        let mut rows: Vec<Value> = self.trakt.get(&request).await?;
        rows.retain(|row| self.seen.insert(identity(row)));
        if rows.is_empty() {
            self.ended = true;
            return Ok(None);
        }
        let read = |row| {
            serde_json::from_value(row)
                .inspect_err(
                    |error| tracing::warn!(what = self.request.what, %error, "a row can't be read and is left out"),
                )
                .ok()
        };
        Ok(Some(rows.into_iter().filter_map(read).collect()))
    }

    /// Reads the list to its end.
    pub async fn all<T: DeserializeOwned>(mut self) -> Result<Vec<T>, TraktError> {
        let mut all = Vec::new();
        while let Some(rows) = self.next().await? {
            all.extend(rows);
        }
        Ok(all)
    }
}

/// What tells rows apart: their number, or else all that they say.
fn identity(row: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match row.get("id").and_then(Value::as_u64) {
        Some(id) => id.hash(&mut hasher),
        None => row.to_string().hash(&mut hasher),
    }
    hasher.finish()
}
