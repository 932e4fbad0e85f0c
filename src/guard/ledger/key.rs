//! The key of the ledger's chain: 32 random bytes in a file of its own, which only the server's user reads.

use super::LedgerError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::types::ValueRef;
use sha2::Sha256;
use std::{
    fmt, io,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The key's length; also that of a code.
const LEN: usize = 32;

/// A message authentication code: HMAC-SHA-256.
pub(super) type Code = [u8; LEN];

/// The key, ready to make codes.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Key {
    fn new(bytes: &[u8; LEN]) -> Self {
        // HMAC fills a shorter key up with zeros itself (RFC 2104).
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(Hmac::new(&block.into()))
    }

    /// The key in that file.
    pub(super) fn load(path: &Path) -> Result<Self, LedgerError> {
        #[expect(clippy::disallowed_methods, reason = "the ledger's key is read in this file only")]
        let bytes = std::fs::read(path);
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LedgerError::KeyMissing { path: path.to_owned() });
            }
            Err(cause) => return Err(LedgerError::Key { path: path.to_owned(), cause }),
        };
        let bytes: [u8; LEN] = bytes.try_into().map_err(|_| LedgerError::Key {
            path: path.to_owned(),
            cause: io::Error::new(io::ErrorKind::InvalidData, "it does not hold 32 bytes"),
        })?;
        Ok(Self::new(&bytes))
    }

    /// The key in that file, which is made where there is none.
    pub(super) fn load_or_make(path: &Path) -> Result<Self, LedgerError> {
        match Self::load(path) {
            Err(LedgerError::KeyMissing { .. }) => {}
            loaded => return loaded,
        }
        make(path).map_err(|cause| LedgerError::Key { path: path.to_owned(), cause })?;
        Self::load(path)
    }

    pub(super) fn code(&self, content: &Content) -> Code {
        self.0.clone().chain_update(&content.0).finalize().into_bytes().into()
    }
}

/// Writes a key that is whole when it gets its name, and never replaces one.
fn make(path: &Path) -> io::Result<()> {
    // Two random UUIDs would do as well, but hold 12 bits that are known.
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder(path))?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop).map_err(|error| error.error),
    }
}

/// The folder that a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file beside the ledger with that ending.
pub(super) fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    ledger.with_file_name(name)
}

/// What a code is made of: values one after the other, each with its type and length, so that no two lists of values are
/// the same bytes.
#[derive(Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    /// Begins anew, with what the code is for.
    pub(super) fn of(&mut self, purpose: &str) -> &mut Self {
        self.0.clear();
        self.value(ValueRef::Text(purpose.as_bytes()))
    }

    pub(super) fn number(&mut self, number: i64) -> &mut Self {
        self.value(ValueRef::Integer(number))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.value(ValueRef::Blob(bytes))
    }

    pub(super) fn value(&mut self, value: ValueRef<'_>) -> &mut Self {
        let (tag, bytes) = match value {
            ValueRef::Null => (0, [].as_slice()),
            ValueRef::Integer(number) => {
                self.0.push(1);
                self.0.extend(number.to_le_bytes());
                return self;
            }
            ValueRef::Real(number) => {
                self.0.push(2);
                self.0.extend(number.to_bits().to_le_bytes());
                return self;
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        self.0.push(tag);
        self.0.extend(bytes.len().to_le_bytes());
        self.0.extend(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_hmac_sha_256() {
        // printf 'Hi There' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b..0b (32 bytes)
        let code = Key::new(&[0x0b; LEN]).code(&Content(b"Hi There".to_vec()));
        let expected = "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7";
        assert!(code.iter().zip(0..).all(|(byte, i)| format!("{byte:02x}") == expected[i * 2..i * 2 + 2]));
        assert_eq!(code.len() * 2, expected.len());
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.key");
        assert!(matches!(Key::load(&path), Err(LedgerError::KeyMissing { .. })));
        let content = Content(vec![1]);
        let first = Key::load_or_make(&path).unwrap().code(&content);
        assert_eq!(Key::load_or_make(&path).unwrap().code(&content), first);
        assert_ne!(Key::load_or_make(&dir.path().join("other.key")).unwrap().code(&content), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn values_do_not_run_into_each_other() {
        let of = |values: &[ValueRef<'_>]| {
            let mut content = Content::default();
            for value in values {
                content.value(*value);
            }
            content.0
        };
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        assert_ne!(of(&[text("a"), text("bc")]), of(&[text("ab"), text("c")]));
        assert_ne!(of(&[ValueRef::Null, text("")]), of(&[text(""), ValueRef::Null]));
        assert_ne!(of(&[text("1")]), of(&[ValueRef::Blob(b"1")]));
        assert_ne!(of(&[ValueRef::Integer(1)]), of(&[ValueRef::Real(f64::from_bits(1))]));
    }
}
