//! An export that is being written.

use super::{
    IfTaken, MAX_NUMBER, Root,
    cut::{Cut, Resumed, StateFile},
    lock::NameLock,
    temporary::Temporary,
};
use crate::export::{ExportError, name::ExportName};
use roaring::RoaringTreemap;
use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    mem,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
};

/// Bytes after which the disk is given what was written.
const FLUSH_BYTES: usize = 64 << 20;

/// An export that is being written. Unless it is published nothing remains of it, but for one that can be gone on with and
/// was cut by something else than a cap.
#[derive(Debug)]
pub struct Pending {
    pub(super) root: Root,
    pub(super) name: ExportName,
    pub(super) if_taken: IfTaken,
    pub(super) temporary: Temporary,
    pub(super) caps: Caps,
    /// Where it is kept how far it is, if it can be gone on with.
    pub(super) state: Option<StateFile>,
    /// What it goes on from.
    pub(super) resumed: Option<Resumed>,
    /// Whether a state of it is kept.
    pub(super) kept: bool,
    pub(super) flushing: Flushing,
    /// Held as long as it is written.
    pub(super) _lock: NameLock,
}

/// The caps that the directory and its disk are held to, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// What is to stay free on the disk.
    pub(super) free: u64,
    /// The most that this export may add.
    pub(super) most: u64,
    /// The most that the directory may hold.
    pub(super) total: u64,
}

/// What is done so that the disk has most of a large file when its end is written, and publishing need not wait for all of it.
#[derive(Debug, Default)]
pub(super) struct Flushing {
    /// Bytes written since it began last.
    written: usize,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Flushing {
    /// Takes note of so many bytes more in `file`, and begins anew where that is due.
    fn wrote(&mut self, bytes: usize, file: &File) -> io::Result<()> {
        self.written += bytes;
        if self.written < FLUSH_BYTES || self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        self.end()?;
        self.written = 0;
        let file = file.try_clone()?;
        self.thread = Some(thread::Builder::new().name("flush".into()).spawn(move || file.sync_data())?);
        Ok(())
    }

    /// Waits for it. Its error must not be lost: the system tells of what the disk did not take only once.
    fn end(&mut self) -> io::Result<()> {
        let ended = mem::take(&mut self.thread).map(JoinHandle::join);
        ended.map_or(Ok(()), |ended| ended.unwrap_or_else(|_| Err(io::Error::other("the disk could not be flushed"))))
    }
}

impl Pending {
    /// Fails when the disk has less room left than the policy wants kept, or the directory holds more than it allows.
    pub fn check_room(&self, bytes: u64) -> Result<(), ExportError> {
        if bytes > self.caps.most {
            return Err(ExportError::cap("max_total_bytes", self.caps.total));
        }
        check_free_bytes(&self.root, self.caps.free)
    }

    /// What was written of it before, if it goes on from there.
    pub fn take_resumed(&mut self) -> Option<Resumed> {
        self.resumed.take()
    }

    /// Empties the file again: what was written of it before is of no use.
    pub fn begin_anew(&mut self) -> io::Result<()> {
        self.forget();
        self.temporary.empty()
    }

    /// Keeps how far it is, so that it can be gone on with if it is cut.
    pub fn keep(&mut self, written: (u64, String), cut: Cut, keys: &RoaringTreemap) -> io::Result<()> {
        if let Some(state) = &self.state {
            state.keep(&self.root, self.temporary.path(&self.name), written, cut, keys)?;
            self.kept = true;
        }
        Ok(())
    }

    /// Gives up going on with it: it ended for a reason that will be there again.
    pub fn forget(&mut self) {
        if let Some(state) = self.state.as_ref().filter(|_| std::mem::take(&mut self.kept)) {
            state.forget(&self.root);
        }
    }

    /// Puts the file, complete and on the disk, under its name, unless that was given up meanwhile.
    pub fn publish(mut self, given_up: &AtomicBool) -> Result<ExportName, ExportError> {
        self.flushing.end()?;
        self.temporary.file.sync_all()?;
        if !self.root.still_leads_to(&self.name)? {
            return Err(ExportError::NotAFolder(self.name.to_string()));
        }
        if given_up.load(Ordering::Relaxed) {
            return Err(ExportError::GivenUp);
        }
        let mut name = self.name.clone();
        let mut number = 1;
        loop {
            match self.temporary.publish(name.file(), self.if_taken == IfTaken::Replace) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if self.if_taken != IfTaken::Number || number >= MAX_NUMBER {
                        return Err(ExportError::Exists(name.to_string()));
                    }
                    number += 1;
                    name = self.name.numbered(number);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.forget();
        Ok(name)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.kept {
            self.temporary.leave();
        }
    }
}

/// Fails when the disk has less room left than the policy wants kept.
pub(super) fn check_free_bytes(root: &Root, limit: u64) -> Result<(), ExportError> {
    if fs4::available_space(&root.canonical).is_ok_and(|free| free < limit) {
        return Err(ExportError::cap("min_free_bytes", limit));
    }
    Ok(())
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temporary.file.write(bytes)?;
        self.flushing.wrote(written, &self.temporary.file)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_given_a_large_file_now_and_then() {
        let file = tempfile::tempfile().unwrap();
        let mut flushing = Flushing::default();
        flushing.wrote(FLUSH_BYTES - 1, &file).unwrap();
        assert!(flushing.thread.is_none());
        flushing.wrote(1, &file).unwrap();
        assert!(flushing.thread.is_some());
        assert_eq!(flushing.written, 0);
        flushing.end().unwrap();
        assert!(flushing.thread.is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_the_disk_did_not_take_is_told() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(writer));
        let mut flushing = Flushing::default();
        flushing.wrote(FLUSH_BYTES, &pipe).unwrap();
        flushing.end().unwrap_err();
        flushing.end().unwrap();
        flushing.wrote(FLUSH_BYTES, &pipe).unwrap();
        while !flushing.thread.as_ref().unwrap().is_finished() {
            thread::yield_now();
        }
        flushing.wrote(FLUSH_BYTES, &pipe).unwrap_err();
    }
}
