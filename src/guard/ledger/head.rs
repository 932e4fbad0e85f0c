//! The head of the chain: a small file beside the ledger that says how far the chain went, signed.

use super::{
    chain::Link,
    key::{Code, Content, Key, folder},
};
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
};

/// What the file begins with.
const NAME: &str = "plex-mcp-head-1";

/// Where the head is kept.
#[derive(Clone, Debug)]
pub(super) struct HeadFile {
    path: PathBuf,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// There is no such file.
    Missing,
    /// It can't be read, or its signature is not by the ledger's key.
    Foreign,
    /// The chain went as far as that.
    At(Link),
}

impl HeadFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn read(&self, key: &Key) -> Head {
        #[expect(clippy::disallowed_methods, reason = "the ledger's head is read here only")]
        let text = std::fs::read_to_string(&self.path);
        match text {
            Ok(text) => parse(&text, key).map_or(Head::Foreign, Head::At),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Head::Missing,
            Err(_) => Head::Foreign,
        }
    }

    /// Replaces the file in one step. It is not synced: a head that lags behind is no harm. Where root writes it, for an owner
    /// who approves a call with sudo, it belongs to whom it did, or its folder does: their server is to read it again.
    pub(super) fn write(&self, key: &Key, link: Link) -> io::Result<()> {
        let folder = folder(&self.path);
        let mut file = tempfile::Builder::new().prefix(".head-").tempfile_in(folder)?;
        #[cfg(unix)]
        if rustix::process::geteuid().is_root() {
            use std::os::unix::fs::MetadataExt as _;
            let before = self.path.metadata().or_else(|_| folder.metadata())?;
            let owner = rustix::process::Uid::from_raw(before.uid());
            rustix::fs::fchown(file.as_file(), Some(owner), Some(rustix::process::Gid::from_raw(before.gid())))?;
        }
        let text = format!("{NAME} {} {} {} {}\n", link.n, link.seq, hex(&link.code), hex(&signature(key, link)));
        file.write_all(text.as_bytes())?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

fn signature(key: &Key, link: Link) -> Code {
    let mut content = Content::default();
    content.of("head").number(link.n).number(link.seq).bytes(&link.code);
    key.code(&content)
}

fn parse(text: &str, key: &Key) -> Option<Link> {
    let mut words = text.split_ascii_whitespace();
    words.next().filter(|name| *name == NAME)?;
    let (n, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let link = Link { n, seq, code: unhex(words.next()?)? };
    (unhex(words.next()?)? == signature(key, link)).then_some(link)
}

pub(super) fn hex(code: &Code) -> String {
    code.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn unhex(text: &str) -> Option<Code> {
    let bytes = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "changes the file as another program would")]
    fn a_head_is_read_as_it_was_written_and_nothing_else_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let key = Key::load_or_make(&dir.path().join("l.key")).unwrap();
        let file = HeadFile::new(dir.path().join("l.head"));
        assert_eq!(file.read(&key), Head::Missing);
        let link = Link { n: 12, seq: 7, code: [200; 32] };
        file.write(&key, Link { n: 11, ..link }).unwrap();
        file.write(&key, link).unwrap();
        assert_eq!(file.read(&key), Head::At(link));
        let text = std::fs::read_to_string(&file.path).unwrap();
        for other in [text.replace(" 12 ", " 13 "), text.replace(" 7 ", " 8 "), text.replace("c8", "c9"), String::new()]
        {
            std::fs::write(&file.path, other).unwrap();
            assert_eq!(file.read(&key), Head::Foreign);
        }
        let other = Key::load_or_make(&dir.path().join("other.key")).unwrap();
        file.write(&key, link).unwrap();
        assert_eq!(file.read(&other), Head::Foreign);
    }

    /// Only root can try it; for others the folder is their own anyway.
    #[cfg(unix)]
    #[test]
    fn a_head_goes_on_belonging_to_whom_it_does() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let dir = tempfile::tempdir().unwrap();
        let owner = if rustix::process::geteuid().is_root() { 4_711 } else { rustix::process::geteuid().as_raw() };
        chown(dir.path(), Some(owner), None).unwrap();
        let key = Key::load_or_make(&dir.path().join("l.key")).unwrap();
        let file = HeadFile::new(dir.path().join("l.head"));
        file.write(&key, Link { n: 1, seq: 1, code: [1; 32] }).unwrap();
        assert_eq!(file.path.metadata().unwrap().uid(), owner);
        chown(dir.path(), Some(rustix::process::geteuid().as_raw()), None).unwrap();
        file.write(&key, Link { n: 2, seq: 1, code: [1; 32] }).unwrap();
        assert_eq!(file.path.metadata().unwrap().uid(), owner);
    }
}
