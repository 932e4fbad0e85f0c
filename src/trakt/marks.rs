//! What was marked as watched in Plex because Trakt has it. Plex notes such a mark as a play of that moment; sent back to
//! Trakt, it would be a play that never was. So each mark is noted before it is made, in a file beside the sign-in.

use super::{
    error::TraktError,
    missing::LEAST_APART,
    sign_in::{Locked, SignInFile},
};
use crate::{config::permissions::private_file, guard::Cleared};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io::{self, Write as _},
};

/// How far, in seconds, the time that Plex gives a mark may be from the one that was noted: clocks differ.
const CLOCKS_APART: i64 = LEAST_APART;

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    rating_key: String,
    /// Seconds since 1970.
    at: i64,
}

/// All marks that were noted.
#[derive(Debug, Default)]
pub struct Marks(HashMap<String, Vec<i64>>);

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> TraktError {
    move |cause| TraktError::Marks { what, cause }
}

impl Marks {
    /// The marks that are noted beside the sign-in. A line that can't be read, as a crash may leave one, is none.
    pub fn load(sign_in: &SignInFile) -> Result<Self, TraktError> {
        #[expect(clippy::disallowed_methods, reason = "the marks are read in this file only")]
        let text = match std::fs::read(sign_in.beside("marked")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(failed("reading it"))?,
        };
        let mut marks = Self::default();
        for Mark { rating_key, at } in
            text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
        {
            marks.0.entry(rating_key).or_default().push(at);
        }
        Ok(marks)
    }

    /// Whether a play that Plex notes of an item at that time is such a mark.
    pub fn made(&self, rating_key: &str, at: i64) -> bool {
        let marks = self.0.get(rating_key).map(Vec::as_slice).unwrap_or_default();
        marks.iter().any(|mark| mark.abs_diff(at) <= CLOCKS_APART.unsigned_abs())
    }

    /// Notes that items are about to be marked. `_` proves that no other process does the same, and that it may be done.
    pub fn note(
        sign_in: &SignInFile,
        _: &Locked,
        _: &Cleared<'_>,
        rating_keys: &[&str],
        at: i64,
    ) -> Result<(), TraktError> {
        Self::append(sign_in, rating_keys, at).map_err(failed("writing it"))
    }

    fn append(sign_in: &SignInFile, rating_keys: &[&str], at: i64) -> io::Result<()> {
        // Begins with a new line, should an earlier one have broken off.
        let mut lines = b"\n".to_vec();
        for rating_key in rating_keys {
            serde_json::to_writer(&mut lines, &Mark { rating_key: (*rating_key).to_owned(), at })?;
            lines.push(b'\n');
        }
        let mut file = private_file().append(true).create(true).open(sign_in.beside("marked"))?;
        file.write_all(&lines)?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn marks_are_known_by_item_and_time_even_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let file = SignInFile::new(dir.path().join("trakt.json"));
        assert!(!Marks::load(&file).unwrap().made("7", 5));
        Marks::append(&file, &["7", "8"], 10_000).unwrap();
        let mut torn = OpenOptions::new().append(true).open(file.beside("marked")).unwrap();
        torn.write_all(b"{\"ratingKey\":\"9\",\"a").unwrap();
        Marks::append(&file, &["7"], 50_000).unwrap();
        let marks = Marks::load(&file).unwrap();
        for (key, at, made) in [
            ("7", 10_000, true),
            ("7", 9_100, true),
            ("7", 10_901, false),
            ("7", 50_030, true),
            ("8", 10_060, true),
            ("8", 50_030, false),
            ("9", 10_000, false),
        ] {
            assert_eq!(marks.made(key, at), made, "{key} {at}");
        }
    }
}
