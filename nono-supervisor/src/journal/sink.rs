//! Writing a journal.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use nono_core::{AuditSink, Durability, JournalRecord};
use serde::Serialize;

use super::group_commit::GroupCommit;
use super::line::{Place, Written};
use super::{Begin, DataSync, Directory, End, Fdatasync, JOURNAL_MAX, JournalError};

/// Keeps the records of one session in its journal.
///
/// A record is one write(2), complete before [`record`](AuditSink::record) returns. Threads that ask
/// for [`Durability::Synced`] at a time share one sync. A write that fails or is short is undone; if
/// that fails too, or a sync fails, the sink keeps nothing any more, so that all that must be
/// recorded is denied from there on.
///
/// A process whose files are limited (`RLIMIT_FSIZE`, setrlimit(2)) ignores `SIGXFSZ`, or the signal
/// ends it; the limit then is an error like a full disk.
pub struct JournalSink {
    file: File,
    path: PathBuf,
    tip: Mutex<Tip>,
    /// The last line that was written.
    written: AtomicU64,
    commit: GroupCommit,
    sync: Box<dyn DataSync>,
}

/// Where the next line goes.
struct Tip {
    place: Place,
    /// The bytes of the lines before it.
    length: u64,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    /// The session has ended.
    Ended,
    /// A part of a line could not be taken back.
    Broken,
}

/// An entry to write, in the form of [`Entry`](super::Entry), without being owned.
#[derive(Serialize)]
enum EntryRef<'a> {
    Begin(&'a Begin),
    Record(&'a JournalRecord),
    End(&'a End),
}

impl JournalSink {
    /// Makes the journal of a session, synced with fdatasync(2), and writes how it begins.
    ///
    /// # Errors
    /// When the session's id names no file or has one, or the file cannot be made or written.
    pub fn create(directory: &Directory, begin: &Begin) -> Result<Self, JournalError> {
        Self::with_sync(directory, begin, Box::new(Fdatasync))
    }

    /// The same with another way to sync.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn with_sync(
        directory: &Directory,
        begin: &Begin,
        sync: Box<dyn DataSync>,
    ) -> Result<Self, JournalError> {
        let (file, path) = directory.create_file(&begin.session_id)?;
        let tip = Tip { place: Place::FIRST, length: 0, status: Status::Open };
        let sink = Self {
            file,
            path,
            tip: Mutex::new(tip),
            written: AtomicU64::new(0),
            commit: GroupCommit::default(),
            sync,
        };
        let begun = sink.append(&EntryRef::Begin(begin));
        match begun {
            Ok(_) => Ok(sink),
            Err(source) => Err(JournalError::System { call: "write", path: sink.path, source }),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes and syncs that the session ends. Nothing is recorded afterwards.
    ///
    /// # Errors
    /// The end may not have been kept; the journal then is open-ended.
    pub fn end(&self) -> io::Result<()> {
        let line = self.append(&EntryRef::End(&End { time: SystemTime::now() }))?;
        self.synced(line)
    }

    /// Writes a line and returns its number.
    fn append(&self, entry: &EntryRef<'_>) -> io::Result<u64> {
        let written = Written::new(entry)?;
        let mut tip = self.tip.lock().unwrap_or_else(PoisonError::into_inner);
        tip.check()?;
        self.commit.check()?;
        let (line, next) = tip.place.write(&written)?;
        let length = tip.length.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if length > JOURNAL_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = write_once(&self.file, &line) {
            if self.file.set_len(tip.length).is_err() {
                tip.status = Status::Broken;
            }
            return Err(error);
        }
        let sequence = tip.place.sequence;
        tip.place = next;
        tip.length = length;
        if matches!(entry, EntryRef::End(_)) {
            tip.status = Status::Ended;
        }
        self.written.store(sequence, Ordering::Release);
        Ok(sequence)
    }

    fn synced(&self, line: u64) -> io::Result<()> {
        let written = || self.written.load(Ordering::Acquire);
        self.commit.wait(line, written, || self.sync.sync(&self.file))
    }
}

impl AuditSink for JournalSink {
    fn record(&self, record: &JournalRecord, durability: Durability) -> io::Result<()> {
        let line = self.append(&EntryRef::Record(record))?;
        match durability {
            Durability::Written => Ok(()),
            Durability::Synced => self.synced(line),
        }
    }
}

impl Tip {
    fn check(&self) -> io::Result<()> {
        let why = match self.status {
            Status::Open => return Ok(()),
            Status::Ended => "the session has ended",
            Status::Broken => "the journal is broken",
        };
        Err(io::Error::other(why))
    }
}

/// One write(2), of everything.
fn write_once(mut file: &File, line: &[u8]) -> io::Result<()> {
    loop {
        match file.write(line) {
            Ok(length) if length == line.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::StorageFull.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
