//! Writing rows to a file as JSON, with their number, size and SHA-256 known at the end.

use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// Bytes gathered before they are hashed and written.
const BUFFER_BYTES: usize = 256 << 10;

/// A JSON array, one item a line.
#[derive(Debug)]
pub struct JsonArrayWriter<W> {
    file: W,
    buffer: Vec<u8>,
    digest: Sha256,
    written: u64,
    items: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub items: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl<W: Write> JsonArrayWriter<W> {
    /// An empty array.
    pub fn new(file: W) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + (64 << 10));
        buffer.push(b'[');
        Self { file, buffer, digest: Sha256::new(), written: 0, items: 0 }
    }

    /// Adds the row that `write` appends to the buffer it is given.
    pub fn row(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.buffer.extend_from_slice(if self.items == 0 { b"\n" } else { b",\n" });
        write(&mut self.buffer);
        self.items += 1;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Rows so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// What the rows are written to.
    pub fn file(&self) -> &W {
        &self.file
    }

    /// Ends the array.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.buffer.extend_from_slice(b"\n]\n");
        self.flush()?;
        let sha256 = hexadecimal(&self.digest.finalize());
        Ok((self.file, Written { items: self.items, bytes: self.written, sha256 }))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.digest.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
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
    fn an_array_of_any_length_is_whole_and_counted() {
        for (rows, text) in [(0, "[\n]\n"), (1, "[\n{\"n\":0}\n]\n"), (2, "[\n{\"n\":0},\n{\"n\":1}\n]\n")] {
            let mut writer = JsonArrayWriter::new(Vec::new());
            for n in 0..rows {
                writer.row(|out| out.extend_from_slice(format!("{{\"n\":{n}}}").as_bytes())).unwrap();
            }
            let (file, written) = writer.finish().unwrap();
            assert_eq!(String::from_utf8(file.clone()).unwrap(), text);
            assert_eq!((written.items, written.bytes), (rows, file.len() as u64));
            assert_eq!(written.sha256, hexadecimal(&Sha256::digest(&file)));
        }
    }
}
