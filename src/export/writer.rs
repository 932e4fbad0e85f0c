//! What becomes of rows: a file's text, gathered piece by piece, and a file whose size and SHA-256 are known at its end.

use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Write},
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
}

/// The text of a file of rows, which is handed on in pieces.
#[derive(Debug)]
pub struct Rows {
    format: Format,
    piece: Vec<u8>,
    items: u64,
}

impl Rows {
    /// A file that goes on after so many items: with none it begins.
    pub fn after(format: Format, items: u64) -> Self {
        let piece = if items == 0 && format == Format::Json { vec![b'['] } else { Vec::new() };
        Self { format, piece, items }
    }

    /// Adds what `write` appends to the buffer it is given, which is no row.
    pub fn head(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.piece);
    }

    /// Adds the row that `write` appends to the buffer it is given.
    pub fn row(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.format == Format::Json {
            self.piece.extend_from_slice(if self.items == 0 { b"\n" } else { b",\n" });
        }
        write(&mut self.piece);
        if self.format == Format::Ndjson {
            self.piece.push(b'\n');
        }
        self.items += 1;
    }

    /// Ends the file.
    pub fn end(&mut self) {
        if self.format == Format::Json {
            self.piece.extend_from_slice(b"\n]\n");
        }
    }

    /// Rows so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Where it stands now, to come back to.
    pub fn mark(&self) -> Mark {
        Mark { length: self.piece.len(), items: self.items }
    }

    /// Takes back all since `mark`, which was made in the same piece.
    pub fn back_to(&mut self, mark: Mark) {
        self.piece.truncate(mark.length);
        self.items = mark.items;
    }

    /// Takes what was gathered; the next piece is gathered in `spare`.
    pub fn take(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        std::mem::replace(&mut self.piece, spare)
    }
}

/// A place in the text of a file of rows.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    length: usize,
    items: u64,
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
            let mut gathered = Rows::after(format, 0);
            let mut file = HashedFile::new(Vec::new());
            for n in 0..rows {
                if n == 1 {
                    // As one that was cut would go on.
                    gathered = Rows::after(format, n);
                }
                let mark = gathered.mark();
                gathered.row(|out| out.extend_from_slice(b"taken back"));
                gathered.back_to(mark);
                gathered.row(|out| out.extend_from_slice(format!("{{\"n\":{n}}}").as_bytes()));
                file.write_all(&gathered.take(vec![b'x'])).unwrap();
            }
            gathered.end();
            file.write_all(&gathered.take(Vec::new())).unwrap();
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
