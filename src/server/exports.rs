//! Finished exports as resources: listed, and read a piece at a time, since no model takes a file of a gigabyte.

use crate::{
    app::App,
    export::{
        index::Record,
        name::{ExportName, URI},
        writer::Format,
    },
    guard::{Affected, NotAdmitted, Outcome, Read, Request, Settlement},
    tools::{READ_EXPORT, call::Caller, text},
};
use rmcp::{
    ErrorData,
    model::{Annotations, ContentBlock, MetaObject, ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};
use serde_json::{Map, Value, json};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
};

/// Bytes that are read where a URI does not say.
const USUAL_LENGTH: u64 = 48_000;
/// The most bytes of one read.
const MAX_LENGTH: u64 = 65_536;

/// The exports that can be read, by name.
pub(super) fn list(app: &App) -> Vec<Resource> {
    if !app.guard().lists(READ_EXPORT) {
        return Vec::new();
    }
    let listed = app.exports.list().inspect_err(|error| tracing::warn!(%error, "exports can't be listed"));
    let records = app.exports.records();
    let resource = |listed: crate::export::directory::Listed| {
        let name = listed.name.to_string();
        let record = records.get(&name).filter(|record| record.fits(listed.bytes));
        let mut resource = Resource::new(listed.name.uri(), name.clone())
            .with_mime_type(listed.format.mime_type())
            .with_size(listed.bytes)
            .with_description(describe(record, listed.bytes));
        if let Some(record) = record {
            resource = resource.with_meta(MetaObject(about(record)));
        }
        if let Some(at) = listed.modified.and_then(|at| jiff::Timestamp::try_from(at).ok()) {
            let annotations: Option<Annotations> = serde_json::from_value(json!({"lastModified": at.to_string()})).ok();
            resource.annotations = annotations;
        }
        resource
    };
    listed.unwrap_or_default().into_iter().map(resource).collect()
}

/// How pieces are asked for; none where the client may not know of exports.
pub(super) fn template(app: &App) -> Option<ResourceTemplate> {
    let template = ResourceTemplate::new(format!("{URI}{{+name}}{{?offset,length}}"), "export").with_title("A piece of an export").with_description(
        format!(
            "A finished export, from the byte at offset on, at most {MAX_LENGTH} bytes; what is read ends with a line where it can, \
             and says where to go on"
        ),
    );
    app.guard().lists(READ_EXPORT).then_some(template)
}

/// Whether a URI is one of an export.
pub(super) fn is_export(uri: &str) -> bool {
    uri.starts_with(URI)
}

/// The export that the result of a tool speaks of, as a link.
pub(super) fn link(result: &Value) -> Option<ContentBlock> {
    let text = |name: &str| result.get(name).and_then(Value::as_str);
    let uri = text("resource").filter(|uri| is_export(uri))?;
    let (name, format) = ExportName::parse_any(text("outputPath")?)?;
    let mut resource = Resource::new(uri, name.to_string()).with_mime_type(format.mime_type());
    if let Some(bytes) = result.get("bytes").and_then(Value::as_u64) {
        resource = resource.with_size(bytes);
    }
    if let Some(sha256) = text("sha256") {
        resource = resource.with_meta(MetaObject(Map::from_iter([("sha256".into(), sha256.into())])));
    }
    Some(ContentBlock::resource_link(resource))
}

/// Reads the piece that `uri` names. The guard judges and records it as it does a call.
pub(super) async fn read(app: &App, caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let asked = Piece::parse(uri);
    let arguments = match &asked {
        Ok(piece) => Ok(piece.arguments()),
        Err(problem) => Err(*problem),
    };
    let request = Request {
        subject: READ_EXPORT,
        arguments: arguments.as_ref().map_err(|problem| *problem),
        joins: false,
        session: &caller.session,
        client: caller.client.as_deref(),
    };
    let permit = match app.guard().admit::<Read>(request).await {
        Ok(permit) => permit,
        Err(NotAdmitted::Refused(refusal)) => {
            return Err(ErrorData::invalid_request(refusal.text(), Some(refusal.structured())));
        }
        Err(NotAdmitted::Hidden(_)) => return Err(not_found(uri)),
        Err(NotAdmitted::InvalidArguments(_)) => {
            let problem = asked.err().unwrap_or("is not one of an export");
            return Err(ErrorData::invalid_params(format!("the resource's URI {problem}"), None));
        }
    };
    let piece = asked.map_err(|problem| ErrorData::invalid_params(problem, None))?;
    let found = match app.exports.opened(&piece.name) {
        Ok(Some(file)) => {
            let piece = piece.clone();
            tokio::task::spawn_blocking(move || piece.read(file))
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        }
        Ok(None) => Err(io::ErrorKind::NotFound.into()),
        Err(error) => Err(io::Error::other(error)),
    };
    let settlement = Settlement {
        outcome: if found.is_ok() { Outcome::Ok } else { Outcome::Failed },
        affected: Affected {
            titles: vec![piece.name.to_string()],
            bytes: found.as_ref().ok().map(|found| found.text.len() as u64),
            ..Affected::default()
        },
        used: None,
        nothing_sent: false,
    };
    if let Err(error) = app.guard().settle(permit, settlement).await {
        tracing::error!(%error, "the outcome of a read could not be recorded; its row says that it began");
    }
    match found {
        Ok(found) => Ok(result(app, &piece, found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_found(uri)),
        Err(error) => Err(ErrorData::internal_error(format!("the export can't be read ({error})"), None)),
    }
}

fn not_found(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(
        "there is no such export; resources/list has those that there are",
        Some(json!({"uri": uri})),
    )
}

/// Part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    name: ExportName,
    format: Format,
    offset: u64,
    length: u64,
}

/// What was read.
struct Found {
    text: String,
    /// Where it really begins: never inside a character.
    offset: u64,
    /// Where to go on; none at the end.
    next: Option<u64>,
    size: u64,
}

impl Piece {
    fn parse(uri: &str) -> Result<Self, &'static str> {
        let rest = uri.strip_prefix(URI).ok_or("is not one of an export")?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (name, format) = ExportName::parse_any(&path.replace("%20", " ")).ok_or("names no export")?;
        let mut piece = Self { name, format, offset: 0, length: USUAL_LENGTH };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let number = |text: &str| text.parse().map_err(|_| "has an offset or a length that is no whole number");
            match pair.split_once('=') {
                Some(("offset", offset)) => piece.offset = number(offset)?,
                Some(("length", length)) => piece.length = number(length)?,
                _ => return Err("takes offset and length, and nothing else"),
            }
        }
        if piece.length == 0 || piece.length > MAX_LENGTH {
            return Err("has a length that is not from 1 to 65536");
        }
        Ok(piece)
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::from_iter([
            ("name".into(), self.name.to_string().into()),
            ("offset".into(), self.offset.into()),
            ("length".into(), self.length.into()),
        ])
    }

    fn uri(&self, offset: u64) -> String {
        format!("{}?offset={offset}&length={}", self.name.uri(), self.length)
    }

    fn read(&self, mut file: File) -> io::Result<Found> {
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(self.length).read_to_end(&mut bytes)?;
        // Whoever comes with an offset of their own may have cut a character in two.
        let cut =
            if self.offset == 0 { 0 } else { bytes.iter().take_while(|byte| **byte & 0xc0 == 0x80).count().min(3) };
        let bytes = bytes.get(cut..).unwrap_or_default();
        let offset = self.offset + cut as u64;
        let more = offset + (bytes.len() as u64) < size;
        let kept = if more { keep(bytes) } else { bytes.len() };
        let text = String::from_utf8_lossy(bytes.get(..kept).unwrap_or_default()).into_owned();
        let next = offset + kept as u64;
        Ok(Found { text, offset, next: (next < size && kept > 0).then_some(next), size })
    }
}

/// How much of a piece that does not reach the end is given: whole lines, else whole characters.
fn keep(bytes: &[u8]) -> usize {
    if let Some(line) = memchr::memrchr(b'\n', bytes) {
        return line + 1;
    }
    match std::str::from_utf8(bytes) {
        // The rest is the beginning of a character, not bytes that are none.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

fn result(app: &App, piece: &Piece, found: Found) -> ReadResourceResult {
    let Found { text, offset, next, size } = found;
    let record = app.exports.records().remove(&piece.name.to_string()).filter(|record| record.fits(size));
    let mut meta = record.as_ref().map(about).unwrap_or_default();
    meta.insert("offset".into(), offset.into());
    meta.insert("size".into(), size.into());
    meta.extend(next.map(|next| ("nextOffset".to_owned(), next.into())));
    let mut text = Value::String(text);
    text::clean(&mut text);
    let text = text.as_str().unwrap_or_default().to_owned();
    let part = ResourceContents::text(text, piece.uri(offset)).with_mime_type(piece.format.mime_type());
    let mut contents = vec![part.with_meta(MetaObject(meta))];
    if let Some(next) = next {
        let uri = piece.uri(next);
        let note = format!("There is more: {size} bytes in all. Read {uri} to go on.");
        contents.push(ResourceContents::text(note, uri));
    }
    ReadResourceResult::new(contents)
}

fn describe(record: Option<&Record>, bytes: u64) -> String {
    match record {
        Some(record) => {
            let Record { items, of, at, sha256, .. } = record;
            format!("{items} items of {of}, {bytes} bytes, written {at}; SHA-256 {sha256}. Read it in pieces.")
        }
        None => format!("{bytes} bytes; read it in pieces"),
    }
}

fn about(record: &Record) -> Map<String, Value> {
    Map::from_iter([("sha256".into(), record.sha256.clone().into()), ("items".into(), record.items.into())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_uri_is_a_name_and_a_range_or_nothing() {
        let piece = Piece::parse("plex-export:///a/my%20films.json?offset=5&length=7").unwrap();
        assert_eq!((piece.name.to_string().as_str(), piece.offset, piece.length), ("a/my films.json", 5, 7));
        assert_eq!(Piece::parse("plex-export:///x.csv").unwrap().length, USUAL_LENGTH);
        for bad in [
            "plex-export:///../x.json",
            "plex-export:////etc/passwd",
            "plex-export:///%2e%2e/x.json",
            "plex-export:///policy.toml",
            "plex-export:///.plex-mcp-a.part",
            "plex-export:///x.json?offset=-1",
            "plex-export:///x.json?offset=99999999999999999999",
            "plex-export:///x.json?length=0",
            "plex-export:///x.json?length=65537",
            "plex-export:///x.json?limit=5",
            "plex-export:///",
            "file:///etc/passwd",
        ] {
            assert!(Piece::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pieces_put_together_are_the_file_whatever_their_length() {
        let text = "[\n{\"title\":\"A\u{e9}\u{1f600}\"},\n{\"title\":\"a long line without an end\"}\n]\n";
        for length in 1..80 {
            let mut piece = Piece { length, ..Piece::parse("plex-export:///x.json").unwrap() };
            let mut all = String::new();
            for _ in 0..200 {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                let found = piece.read(file).unwrap();
                assert!(found.text.len() as u64 <= length.max(12), "{length}: {:?}", found.text);
                all.push_str(&found.text);
                match found.next {
                    Some(next) => piece.offset = next,
                    None => break,
                }
            }
            // A length shorter than a character can't hold it.
            if length >= 4 {
                assert_eq!(all, text, "{length}");
            }
        }
    }
}
