//! What is checked, and what comes of it.

use std::io;
use std::path::PathBuf;

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
