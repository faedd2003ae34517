//! Opening on behalf of another process.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{Approved, Pinned, Refusal};
use crate::wire::OpenIntent;
use crate::{AccessMode, ObjectId, Peer};

/// What is asked for, before anything is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// An absolute path, in the requester's view.
    pub path: &'a Path,
    /// For what.
    pub access: AccessMode,
    /// How.
    pub intent: OpenIntent,
    /// Who asks.
    pub peer: &'a Peer,
    /// Whether looking up may wait: for a disk, a network, another machine.
    pub may_wait: bool,
}

/// Why an object was not pinned.
#[derive(Debug)]
pub enum PinError {
    /// Looking up would wait, and may not. Another thread can try.
    WouldWait,
    /// For good.
    Refused(Refusal),
}

impl From<Refusal> for PinError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What was opened: the descriptor, and what is true of it now.
#[derive(Debug)]
pub struct Opened {
    /// The open object, close-on-exec. Nothing was truncated yet.
    pub descriptor: OwnedFd,
    /// Where it is now.
    pub canonical: PathBuf,
    /// Its identity.
    pub object: ObjectId,
}

/// Resolves and opens with the supervisor's own rights, on one kernel.
pub trait Opener: Send + Sync {
    /// Resolves a path once, into a handle. Never opens for reading or writing, so that nothing
    /// happens yet and nothing waits but the look-up.
    ///
    /// # Errors
    /// Where the path leads nowhere, to what is never opened for others (procfs and its like,
    /// terminals), or to a FIFO, device or socket.
    fn pin(&self, asked: &Asked<'_>) -> Result<Pinned, PinError>;

    /// Opens through the handle. Creates what is to be made, and truncates nothing. Never waits.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, approved: &Approved) -> Result<Opened, Refusal>;

    /// Does what has to come last, on the descriptor that was confirmed: truncating.
    ///
    /// # Errors
    /// The system's.
    fn complete(&self, approved: &Approved, opened: Opened) -> Result<OwnedFd, Refusal>;

    /// The file that a process executes, where that can be told.
    fn executable(&self, peer: &Peer) -> Option<PathBuf>;
}
