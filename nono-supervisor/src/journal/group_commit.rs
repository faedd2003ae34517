//! One sync for many records.

use std::fs::File;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Brings what was written to a file to its disk.
pub trait DataSync: Send + Sync {
    /// Returns once everything that was written before the call would survive a power failure.
    ///
    /// # Errors
    /// It may not survive one.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// fdatasync(2).
#[derive(Debug, Clone, Copy, Default)]
pub struct Fdatasync;

impl DataSync for Fdatasync {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Lets one thread sync for all that wrote before it began; those that write meanwhile wait for the
/// next one.
#[derive(Debug, Default)]
pub(super) struct GroupCommit {
    state: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// The last line that is on the disk.
    synced: u64,
    /// A thread is at it.
    is_syncing: bool,
    /// A sync failed. The kernel reports that once and may have dropped the data (fsync(2)), so a
    /// later success says nothing about them.
    failed: Option<Failed>,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    kind: io::ErrorKind,
    errno: Option<i32>,
}

impl GroupCommit {
    /// Returns once line `line`, which was written, is on the disk. `written` names the last line
    /// that was written so far.
    ///
    /// # Errors
    /// When a sync fails, for every line that was not synced before, now and later.
    pub(super) fn wait(
        &self,
        line: u64,
        written: impl Fn() -> u64,
        sync: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut progress = self.lock();
        loop {
            if progress.synced >= line {
                return Ok(());
            }
            if let Some(failed) = progress.failed {
                return Err(failed.into());
            }
            if progress.is_syncing {
                progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            progress.is_syncing = true;
            drop(progress);
            self.lead(&written, &sync);
            progress = self.lock();
        }
    }

    /// Fails if an earlier sync failed.
    ///
    /// # Errors
    /// That of the sync.
    pub(super) fn check(&self) -> io::Result<()> {
        self.lock().failed.map_or(Ok(()), |failed| Err(failed.into()))
    }

    fn lead(&self, written: &impl Fn() -> u64, sync: &impl Fn() -> io::Result<()>) {
        // Published on drop, so that nobody waits for a sync that panicked.
        let mut lead = Lead { group: self, outcome: Err(io::ErrorKind::Other.into()) };
        let line = written();
        lead.outcome = sync().map(|()| line);
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that syncs.
struct Lead<'a> {
    group: &'a GroupCommit,
    outcome: io::Result<u64>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut progress = self.group.lock();
        progress.is_syncing = false;
        match &self.outcome {
            Ok(line) => progress.synced = *line,
            Err(error) => {
                let failed = Failed { kind: error.kind(), errno: error.raw_os_error() };
                progress.failed = Some(failed);
            }
        }
        drop(progress);
        self.group.changed.notify_all();
    }
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        failed.errno.map_or_else(|| failed.kind.into(), Self::from_raw_os_error)
    }
}
