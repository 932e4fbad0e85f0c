//! Lists that the services give page by page: the queue and what is missing.

use super::{ArrError, client::Arr};
use crate::{
    http::Get,
    plex::{
        items::Window,
        lenient::{integer, list},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::HashSet;

/// Rows a page, where a window does not make up whole ones.
const PAGE: u64 = 100;
/// The longest page that is asked for.
const LONGEST_PAGE: u64 = 200;

/// A page.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(rename = "pageSize", default, deserialize_with = "integer")]
    size: Option<i64>,
    #[serde(rename = "totalRecords", default, deserialize_with = "integer")]
    total: Option<i64>,
    /// Read one by one later, so that a row that can't be read does not move those behind it.
    #[serde(default, deserialize_with = "list")]
    records: Vec<Value>,
}

impl Arr {
    /// The rows from `offset` on, at most `limit` of them. Pages are asked for until that many are there or the list ends;
    /// servers that cap their pages only take more requests. A row that moved to the next page in the meantime is given once.
    pub(super) async fn window<T: DeserializeOwned>(
        &self,
        request: &Get,
        (offset, limit): (u64, u64),
        id: impl Fn(&T) -> Option<i64>,
    ) -> Result<Window<T>, ArrError> {
        let mut size = if offset.is_multiple_of(limit) && limit <= LONGEST_PAGE { limit } else { PAGE };
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let mut at = offset;
        let end = offset.saturating_add(limit);
        loop {
            let number = at / size + 1;
            let request = request.clone().with("page", number.to_string()).with("pageSize", size.to_string());
            let Page { size: real, total, records } = self.json(&request).await?;
            let total = total.and_then(|total| u64::try_from(total).ok());
            // A server that gives fewer a page than it was asked for counts its pages by that, whether it says so or not.
            let rows = records.iter().filter(|row| row.is_object()).count() as u64;
            let due = total.map(|total| total.saturating_sub((number - 1).saturating_mul(size)).min(size));
            let said = real.and_then(|size| u64::try_from(size).ok()).filter(|real| (1..size).contains(real));
            let shown = (rows < size && due.is_some_and(|due| due > 0 && due != rows)).then_some(rows);
            if let Some(real) = said.or(shown).filter(|&real| real > 0) {
                size = real;
                if at / size + 1 != number {
                    continue;
                }
            }
            let first = (number - 1).saturating_mul(size);
            let behind = first.saturating_add(size);
            let had = items.len();
            let skipped = usize::try_from(at - first).unwrap_or(usize::MAX);
            let readable = records.into_iter().skip(skipped).filter_map(|row| serde_json::from_value::<T>(row).ok());
            items.extend(readable.filter(|row| id(row).is_none_or(|id| seen.insert(id))));
            at = behind;
            let ended = total.map_or(items.len() == had || rows < size, |total| at >= total) || rows == 0;
            if ended || at >= end {
                let kept = usize::try_from(limit).unwrap_or(usize::MAX);
                items.truncate(kept);
                let next_offset = (!ended || total.is_some_and(|total| end < total && rows > 0)).then_some(end);
                return Ok(Window { items, total, next_offset });
            }
        }
    }

    /// How many rows the list has.
    pub(super) async fn total(&self, request: &Get) -> Result<Option<u64>, ArrError> {
        let request = request.clone().with("page", "1").with("pageSize", "1");
        let page = self.json::<Page>(&request).await?;
        Ok(page.total.and_then(|total| u64::try_from(total).ok()))
    }
}
