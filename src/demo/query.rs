//! The parameters of a request and the page it asks for.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;

use crate::demo::Deviations;

/// Decoded query parameters, in their order.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// From the part of a URL after `?`.
    pub(crate) fn parse(uri: &axum::http::Uri) -> Self {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self(pairs.map(|axum::extract::Query(pairs)| pairs).unwrap_or_default())
    }

    /// All parameters.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter as a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The same with one parameter more, which wins over one of its name.
    pub(crate) fn with(&self, more: Option<(&str, &str)>) -> Self {
        let more = more.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(more.chain(self.0.iter().cloned()).collect())
    }

    /// Whether a parameter is 1.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }
}

/// The page that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    start: u64,
    size: Option<u64>,
    /// One of the two was sent.
    paged: bool,
}

/// The rows that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The first row that is written, and the one behind the last.
    pub(crate) rows: (u64, u64),
    /// What the answer calls its offset; None for an answer that is not paged.
    pub(crate) offset: Option<u64>,
    /// What the answer calls the total.
    pub(crate) total: Option<u64>,
}

impl Page {
    /// How many rows there are on the page.
    pub(crate) fn size(&self) -> u64 {
        self.rows.1 - self.rows.0
    }
}

impl Window {
    /// Reads start and size, which are headers or parameters. None where they are no numbers, or where a server that wants
    /// both got one.
    pub(crate) fn parse(headers: &HeaderMap, query: &Query, deviations: &Deviations) -> Option<Self> {
        let read = |name: &str| -> Option<Option<u64>> {
            let text = query.get(name).or_else(|| headers.get(name)?.to_str().ok());
            text.map_or(Some(None), |text| text.trim().parse().ok().map(Some))
        };
        let (start, size) = (read("X-Plex-Container-Start")?, read("X-Plex-Container-Size")?);
        if deviations.require_both_paging && start.is_some() != size.is_some() {
            return None;
        }
        Some(Self { start: start.unwrap_or(0), size, paged: start.is_some() || size.is_some() })
    }

    /// Whether a page of more rows than `most` is asked for.
    pub(crate) fn asks_for_more_than(self, most: u64) -> bool {
        self.size.is_some_and(|size| size > most)
    }

    /// Cuts a page of at most `most` rows out of so many, whatever the deviations.
    pub(crate) fn cut_to(self, rows: u64, most: u64) -> Page {
        self.cut(rows, &Deviations { page_cap: Some(most), ..Deviations::default() }, false)
    }

    /// Cuts the page out of so many rows.
    pub(crate) fn cut(self, rows: u64, deviations: &Deviations, shrunk: bool) -> Page {
        let rows = if shrunk { rows.saturating_sub(10) } else { rows };
        if deviations.ignore_paging {
            return Page { rows: (0, rows.min(100)), offset: None, total: None };
        }
        let size = self.size.unwrap_or(u64::MAX).min(deviations.page_cap.unwrap_or(u64::MAX));
        let from = if deviations.repeat_page { 0 } else { self.start.min(rows) };
        let to = from.saturating_add(size).min(rows);
        Page {
            rows: (from, to),
            offset: self.paged.then_some(self.start),
            total: (!deviations.omit_total_size).then_some(rows),
        }
    }
}

/// Counts up and tells the new count.
pub(crate) fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str, deviations: &Deviations) -> Option<Page> {
        let query = Query::parse(&format!("/x?{query}").parse().unwrap());
        Window::parse(&HeaderMap::new(), &query, deviations).map(|window| window.cut(250, deviations, false))
    }

    #[test]
    fn pages_are_cut_at_the_end() {
        let tidy = Deviations::default();
        let both = "X-Plex-Container-Start=240&X-Plex-Container-Size=50";
        assert_eq!(page(both, &tidy), Some(Page { rows: (240, 250), offset: Some(240), total: Some(250) }));
        assert_eq!(page("", &tidy), Some(Page { rows: (0, 250), offset: None, total: Some(250) }));
        assert_eq!(page("X-Plex-Container-Start=900", &tidy).unwrap().size(), 0);
        assert_eq!(page("X-Plex-Container-Size=0", &tidy).unwrap().rows, (0, 0));
        assert_eq!(page("X-Plex-Container-Size=-1", &tidy), None);
    }

    #[test]
    fn deviations_change_pages() {
        let both = "X-Plex-Container-Start=100&X-Plex-Container-Size=50";
        let capped = Deviations { page_cap: Some(20), ..Deviations::default() };
        assert_eq!(page(both, &capped).unwrap().rows, (100, 120));
        let picky = Deviations { require_both_paging: true, ..Deviations::default() };
        assert_eq!(page("X-Plex-Container-Start=1", &picky), None);
        assert!(page(both, &picky).is_some());
        let deaf = Deviations { ignore_paging: true, ..Deviations::default() };
        assert_eq!(page(both, &deaf), Some(Page { rows: (0, 100), offset: None, total: None }));
        let stuck = Deviations { repeat_page: true, ..Deviations::default() };
        assert_eq!(page(both, &stuck).unwrap().rows, (0, 50));
        let silent = Deviations { omit_total_size: true, ..Deviations::default() };
        assert_eq!(page(both, &silent).unwrap().total, None);
    }
}
