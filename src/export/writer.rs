//! What becomes of rows: a file's text, gathered piece by piece, and a file whose size and SHA-256 are known at its end.

use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Write},
    mem,
};

/// What a file of rows looks like.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON array, one item a line.
    #[default]
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A table with the columns' names in its first line.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Csv];

    /// The name, which is also the extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Its media type.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// Appends the row that `write` appends, with what parts it from others.
    pub(super) fn write_row(self, text: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self == Self::Json {
            text.extend_from_slice(b",\n");
        }
        write(text);
        if self == Self::Ndjson {
            text.push(b'\n');
        }
    }
}

/// The text of a file of rows, which is handed on in pieces.
#[derive(Debug)]
pub(super) struct Rows {
    format: Format,
    piece: Vec<u8>,
    items: u64,
}

impl Rows {
    /// A file that goes on after so many items: with none it begins, with `head`.
    pub(super) fn after(format: Format, items: u64, head: Vec<u8>) -> Self {
        Self { format, piece: if items == 0 { head } else { Vec::new() }, items }
    }

    /// Adds so many rows, each written by [`Format::write_row`].
    pub(super) fn add(&mut self, mut rows: Vec<u8>, items: u64) {
        // The comma before the first row is where the array begins.
        if let Some(comma) = rows.first_mut().filter(|_| self.format == Format::Json && self.items == 0) {
            *comma = b'[';
        }
        if self.piece.is_empty() {
            self.piece = rows;
        } else {
            self.piece.extend_from_slice(&rows);
        }
        self.items += items;
    }

    /// Ends the file.
    pub(super) fn end(&mut self) {
        if self.format == Format::Json {
            self.piece.extend_from_slice(if self.items == 0 { b"[\n]\n" } else { b"\n]\n" });
        }
    }

    /// Rows so far.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Takes what was gathered.
    pub(super) fn take(&mut self) -> Vec<u8> {
        mem::take(&mut self.piece)
    }
}

/// A file that is hashed while it is written.
#[derive(Debug)]
pub struct HashedFile<W> {
    file: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> HashedFile<W> {
    /// Begins at the start of `file`, which is empty.
    pub fn new(file: W) -> Self {
        Self { file, digest: Sha256::new(), bytes: 0 }
    }

    /// Goes on behind what is in `file` already.
    pub(super) fn after(file: W, (digest, bytes): (Sha256, u64)) -> Self {
        Self { file, digest, bytes }
    }

    /// The digest of what is in it, and its size.
    pub(super) fn into_hashed(self) -> (Sha256, u64) {
        (self.digest, self.bytes)
    }

    /// The SHA-256 of what is in it so far, in hexadecimal.
    pub fn digest(&self) -> String {
        hexadecimal(&self.digest.clone().finalize())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file itself.
    pub fn file(&self) -> &W {
        &self.file
    }

    /// The file itself, to be told how far it is.
    pub(super) fn file_mut(&mut self) -> &mut W {
        &mut self.file
    }

    /// The file and the SHA-256 of what is in it, in hexadecimal.
    pub fn finish(self) -> (W, String) {
        (self.file, hexadecimal(&self.digest.finalize()))
    }
}

impl<W: Write> Write for HashedFile<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.file.write(piece)?;
        self.digest.update(piece.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The SHA-256 of all that `source` gives, in hexadecimal, and how much it is.
pub fn digest_of(mut source: impl io::Read) -> io::Result<(String, u64)> {
    let mut hashed = HashedFile::new(io::sink());
    io::copy(&mut source, &mut hashed)?;
    Ok((hashed.digest(), hashed.bytes()))
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_however_it_is_cut_into_pieces() {
        for (format, rows, text) in [
            (Format::Json, 0, "[\n]\n"),
            (Format::Json, 1, "[\n{\"n\":0}\n]\n"),
            (Format::Json, 2, "[\n{\"n\":0},\n{\"n\":1}\n]\n"),
            (Format::Ndjson, 0, ""),
            (Format::Ndjson, 2, "{\"n\":0}\n{\"n\":1}\n"),
        ] {
            let mut gathered = Rows::after(format, 0, Vec::new());
            let mut file = HashedFile::new(Vec::new());
            for n in 0..rows {
                if n == 1 {
                    // As one that was cut would go on.
                    gathered = Rows::after(format, n, b"head".to_vec());
                }
                let mut row = Vec::new();
                format.write_row(&mut row, |out| out.extend_from_slice(format!("{{\"n\":{n}}}").as_bytes()));
                gathered.add(row, 1);
                file.write_all(&gathered.take()).unwrap();
            }
            gathered.end();
            file.write_all(&gathered.take()).unwrap();
            assert_eq!((gathered.items(), file.bytes()), (rows, text.len() as u64));
            assert_eq!(file.digest(), hexadecimal(&Sha256::digest(text)));
            let (file, sha256) = file.finish();
            assert_eq!(String::from_utf8(file).unwrap(), text);
            assert_eq!(sha256, hexadecimal(&Sha256::digest(text)));
        }
    }

    #[test]
    fn the_digest_is_the_one_that_sha256sum_prints() {
        let mut file = HashedFile::new(Vec::new());
        file.write_all(b"ab").unwrap();
        file.write_all(b"c").unwrap();
        assert_eq!(file.finish().1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
