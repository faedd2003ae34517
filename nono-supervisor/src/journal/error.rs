//! Why there is no journal.

use std::io;
use std::path::PathBuf;

use super::JOURNAL_MAX;

/// Why a journal, or the directory of journals, cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The session's id would not name a file in the directory.
    #[error("{0:?} is not a session: 1 to 128 letters, digits, '-', '_' and '.', no dot first")]
    SessionId(String),
    /// The session has a journal already.
    #[error("{}: the session has a journal already", .0.display())]
    Exists(PathBuf),
    /// There is no such journal or directory.
    #[error("{}: there is no such journal", .0.display())]
    Missing(PathBuf),
    /// The name leads elsewhere; another could choose where.
    #[error("{}: a symbolic link", .0.display())]
    Link(PathBuf),
    /// Not a directory, or not a regular file.
    #[error("{}: not a {expected}", path.display())]
    Kind {
        /// Where.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// It belongs to another user.
    #[error("{}: belongs to user {owner}", path.display())]
    Owner {
        /// Where.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
    /// Others may read or write it.
    #[error("{}: open to others: mode {mode:o}", path.display())]
    OpenToOthers {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than a journal can be.
    #[error("{}: {size} bytes, and a journal has {JOURNAL_MAX} at most", path.display())]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// The operating system refused.
    #[error("{call} {}: {source}", path.display())]
    System {
        /// The call.
        call: &'static str,
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}
