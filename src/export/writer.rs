//! What becomes of rows: a JSON array, gathered page by page, and a file whose size and SHA-256 are known at its end.

use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// A JSON array, one item a line, that is handed on in pieces.
#[derive(Debug)]
pub struct JsonArray {
    piece: Vec<u8>,
    items: u64,
}

impl JsonArray {
    /// An empty array.
    pub fn new() -> Self {
        Self { piece: vec![b'['], items: 0 }
    }

    /// Adds the row that `write` appends to the buffer it is given.
    pub fn row(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.piece.extend_from_slice(if self.items == 0 { b"\n" } else { b",\n" });
        write(&mut self.piece);
        self.items += 1;
    }

    /// Ends the array.
    pub fn end(&mut self) {
        self.piece.extend_from_slice(b"\n]\n");
    }

    /// Rows so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Takes what was gathered; the next piece is gathered in `spare`.
    pub fn take(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        std::mem::replace(&mut self.piece, spare)
    }
}

impl Default for JsonArray {
    fn default() -> Self {
        Self::new()
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

    /// Appends `piece`.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.digest.update(piece);
        self.file.write_all(piece)?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file itself.
    pub fn file(&self) -> &W {
        &self.file
    }

    /// The file and the SHA-256 of what is in it, in hexadecimal.
    pub fn finish(self) -> (W, String) {
        (self.file, hexadecimal(&self.digest.finalize()))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_whole_however_it_is_cut_into_pieces() {
        for (rows, text) in [(0, "[\n]\n"), (1, "[\n{\"n\":0}\n]\n"), (2, "[\n{\"n\":0},\n{\"n\":1}\n]\n")] {
            let mut array = JsonArray::new();
            let mut file = HashedFile::new(Vec::new());
            for n in 0..rows {
                array.row(|out| out.extend_from_slice(format!("{{\"n\":{n}}}").as_bytes()));
                file.write(&array.take(vec![b'x'])).unwrap();
            }
            array.end();
            file.write(&array.take(Vec::new())).unwrap();
            assert_eq!((array.items(), file.bytes()), (rows, text.len() as u64));
            let (file, sha256) = file.finish();
            assert_eq!(String::from_utf8(file).unwrap(), text);
            assert_eq!(sha256, hexadecimal(&Sha256::digest(text)));
        }
    }

    #[test]
    fn the_digest_is_the_one_that_sha256sum_prints() {
        let mut file = HashedFile::new(Vec::new());
        file.write(b"ab").unwrap();
        file.write(b"c").unwrap();
        assert_eq!(file.finish().1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
