//! What is checked, and what comes of it.

use std::io;
use std::path::{Path, PathBuf};

use nono_core::{AccessMode, ObjectId};

/// An object, as the pin found it, and what is to be done with it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The path as the program spelled it, absolute.
    pub spelled: &'a Path,
    /// Where the object is: from the root, without symlinks, `.` and `..`.
    pub canonical: &'a Path,
    /// The object; for [`Purpose::Create`] the directory that it is to be made in.
    pub object: ObjectId,
    /// How many names the object has (`st_nlink`), 1 for a directory: its links are its own.
    pub links: u64,
    /// What is to be done.
    pub purpose: Purpose,
}

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Reading it: the content of a file, the names in a directory.
    Read,
    /// Changing it, removing it, renaming it.
    Write,
    /// Making it, in a directory that is there.
    Create,
    /// This access to all below it.
    Subtree(AccessMode),
}

impl Purpose {
    pub(super) fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Subtree(AccessMode::Read))
    }

    pub(super) fn reaches_below(self) -> bool {
        matches!(self, Self::Subtree(_))
    }
}

/// Why something is never granted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Blocked {
    /// It is an entry of the list, or below one.
    #[error("{matched_rule}")]
    Entry {
        /// The entry as it was written.
        matched_rule: String,
    },
    /// It is above an entry, which it would change or reach.
    #[error("above {matched_rule}")]
    Above {
        /// The entry as it was written.
        matched_rule: String,
    },
    /// It cannot be told what it is.
    #[error("{} cannot be looked up: {source}", path.display())]
    Unclear {
        /// What could not be looked up.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Whether a path is on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum NeverGrantResult {
    /// It is not.
    Allowed,
    /// It is.
    Blocked {
        /// The entry as it was written, or why the path cannot be looked up.
        matched_rule: String,
    },
}

impl NeverGrantResult {
    /// Whether the path is not on the list.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }

    /// Whether the path is on the list.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        !self.is_allowed()
    }
}
