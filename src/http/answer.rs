//! Answers: read whole or in pieces, and told from pages that are meant for people.

use super::{Connection, MAX_ANSWER_BYTES, error::HttpError};
use bytes::{Bytes, BytesMut};
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// As much of a rejection's text as is kept.
const MAX_REJECTION_BYTES: usize = 64 << 10;

/// An answer with another status than was hoped for.
#[derive(Debug)]
pub struct Rejection {
    /// HTTP status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of what it says.
    pub body: Bytes,
}

impl Rejection {
    pub(super) async fn read(mut answer: Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = BytesMut::new();
        // What can't be read of it is not worth an error of its own.
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = MAX_REJECTION_BYTES - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() == MAX_REJECTION_BYTES {
                break;
            }
        }
        Self { status, headers, body: body.freeze() }
    }
}

/// An answer whose body is still to come. It holds its place among the requests under way.
#[derive(Debug)]
pub struct Answer {
    pub(super) response: Response,
    pub(super) connection: Arc<Connection>,
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

impl Answer {
    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece of the body; none at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.response.chunk().await.map_err(|error| self.connection.failure(&error).error)
    }

    /// The whole body, no longer than 64 MB, and not a page for people. It is put in place of what is in `body`.
    pub async fn read_into(mut self, mut body: Vec<u8>) -> Result<Vec<u8>, HttpError> {
        let html = self.says_html();
        let expected = self.response.content_length().and_then(|length| usize::try_from(length).ok());
        body.clear();
        body.reserve(expected.unwrap_or_default().min(MAX_ANSWER_BYTES));
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        if html || is_html(&body) {
            return Err(self.web_page());
        }
        Ok(body)
    }

    /// Whether the answer says that it is a page for people.
    pub fn says_html(&self) -> bool {
        self.headers().get(CONTENT_TYPE).is_some_and(|kind| names_html(kind.as_bytes()))
    }

    /// The error of an answer that turned out to be a page for people.
    pub fn web_page(&self) -> HttpError {
        HttpError::WebPage { service: self.connection.service, address: self.connection.address() }
    }
}

fn names_html(content_type: &[u8]) -> bool {
    let kind = content_type.to_ascii_lowercase();
    kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml")
}

/// Whether the first tag is one of a page for people; a comment or an XML declaration may stand before it.
pub fn is_html(body: &[u8]) -> bool {
    let start = body.get(..1_024).unwrap_or(body).to_ascii_lowercase();
    if start.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'[')) {
        return false;
    }
    let find = |tag: &[u8]| memchr::memmem::find(&start, tag);
    let page = find(b"<html").or_else(|| find(b"<!doctype html"));
    page.is_some_and(|page| find(b"<mediacontainer").is_none_or(|container| page < container))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_people_is_told_from_an_answer_whatever_stands_before_it() {
        for page in [
            "<html>",
            " \n<HTML lang=en>",
            "<!DOCTYPE html><title>Plex</title>",
            "\u{feff}<!doctype HTML>",
            "<!-- saved -->\n<html><MediaContainer/>",
            "<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C\"><html>",
        ] {
            assert!(is_html(page.as_bytes()), "{page}");
        }
        for answer in [
            "",
            "<MediaContainer/>",
            "<?xml version=\"1.0\"?>\n<MediaContainer><Video title=\"x <html>\"/>",
            "{\"MediaContainer\":{}}",
            " [{\"overview\":\"says <html>\"}]",
            "html",
        ] {
            assert!(!is_html(answer.as_bytes()), "{answer}");
        }
        assert!(names_html(b"Text/HTML; charset=utf-8") && names_html(b"application/xhtml+xml"));
        assert!(!names_html(b"text/xml;charset=utf-8"));
    }
}
