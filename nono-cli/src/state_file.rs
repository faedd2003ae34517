//! What a sandboxed program can read of its own sandbox and cannot change: `NONO_STATE`.
//!
//! It is a file beside the private temporary directory, granted for reading alone. It tells a
//! program what it may do; nothing is decided by it, so that one who forges it fools himself.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nono::private_tmp::PrivateTmp;
use nono::{CapabilitySet, Command, SandboxState, StateError};
use rustix::fs::{Mode, OFlags};

use crate::failure::Failure;

/// The variable that names the file.
pub(crate) const VARIABLE: &str = "NONO_STATE";

/// Many times what the widest carved set takes.
const MAX_BYTES: u64 = 16 << 20;

/// An empty file for the state of one sandbox.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: File,
    path: PathBuf,
}

impl StateFile {
    /// Makes the file and grants reading it.
    pub(crate) fn beside(tmp: &PrivateTmp, caps: &mut CapabilitySet) -> Result<Self, Failure> {
        let (file, grant) = tmp.state_file().map_err(Failure::Tmp)?;
        let path = grant.resolved().to_owned();
        caps.add_fs(grant);
        Ok(Self { file, path })
    }

    /// Writes what `command` will be allowed, and tells it where that is.
    pub(crate) fn hand_over(
        mut self,
        caps: &CapabilitySet,
        command: &mut Command,
    ) -> Result<(), Failure> {
        let mut state = SandboxState::from_caps(caps);
        if let Some(set) = &command.enforcement().carved_set {
            state = state.with_carved_set(set);
        }
        if is_sandboxed() {
            state = state.within_another();
        }
        let failed = |source| Failure::System { call: "write", source };
        let text = serde_json::to_vec(&state).map_err(|error| failed(error.into()))?;
        self.file.write_all(&text).map_err(failed)?;
        command.env(VARIABLE, self.path);
        Ok(())
    }
}

/// Whether this process is restricted as every sandbox of nono restricts: with a filter, and with no
/// way to gain privileges. Another sandbox may have done that, too.
pub(crate) fn is_sandboxed() -> bool {
    use rustix::thread::{SecureComputingMode, no_new_privs, secure_computing_mode};
    no_new_privs().unwrap_or(false)
        && secure_computing_mode().is_ok_and(|mode| mode == SecureComputingMode::Filter)
}

/// Why a file is no state of a sandbox.
#[derive(Debug)]
pub(crate) enum StateFileError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is no regular file.
    NotAFile,
    /// It belongs neither to the caller nor to root.
    NotOurs,
    /// It is longer than any state.
    TooLarge,
    /// It says something else.
    Malformed(StateError),
}

impl fmt::Display for StateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(source) => source.fmt(f),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::NotOurs => f.write_str("belongs to another user"),
            Self::TooLarge => write!(f, "larger than {} MiB", MAX_BYTES >> 20),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

/// Reads the state in a file that nono wrote.
pub(crate) fn read(file: &Path) -> Result<SandboxState, Failure> {
    let failed = |error| Failure::State { file: file.to_owned(), error };
    let text = read_bounded(file).map_err(failed)?;
    SandboxState::from_json(&text).map_err(|error| failed(StateFileError::Malformed(error)))
}

fn read_bounded(file: &Path) -> Result<String, StateFileError> {
    // What is no file is not waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(file, flags, Mode::empty())
        .map_err(|errno| StateFileError::Unreadable(errno.into()))?;
    let opened = File::from(opened);
    let found = opened.metadata().map_err(StateFileError::Unreadable)?;
    if !found.is_file() {
        return Err(StateFileError::NotAFile);
    }
    if ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
        return Err(StateFileError::NotOurs);
    }
    if found.len() > MAX_BYTES {
        return Err(StateFileError::TooLarge);
    }
    let mut text = String::new();
    opened.take(MAX_BYTES).read_to_string(&mut text).map_err(StateFileError::Unreadable)?;
    Ok(text)
}
