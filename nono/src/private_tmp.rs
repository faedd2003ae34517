//! A temporary directory for one run.

use std::path::Path;

use nono_core::{NonoError, Result};

/// A directory that only its user may enter, removed at the end.
#[derive(Debug)]
pub struct PrivateTmp(tempfile::TempDir);

impl PrivateTmp {
    /// Makes the directory.
    ///
    /// # Errors
    /// [`NonoError::System`] when it cannot be made.
    pub fn new() -> Result<Self> {
        let failed = |source| NonoError::System { call: "mkdir", path: None, source };
        Ok(Self(tempfile::tempdir().map_err(failed)?))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`NonoError::System`] when it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let failed = |source| NonoError::System { call: "rmdir", path: None, source };
        self.0.close().map_err(failed)
    }
}
