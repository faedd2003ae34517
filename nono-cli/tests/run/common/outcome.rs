//! How a command ended and what it wrote.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A command that has ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Outcome {
    /// The exit status; a command that a signal ended has none.
    pub(crate) fn code(&self) -> i32 {
        let signal = self.status.signal();
        self.status.code().unwrap_or_else(|| panic!("ended by signal {signal:?}: {}", self.said()))
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// What it wrote to standard output, when it succeeded.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        assert!(self.succeeded(), "{}: {}", self.status, self.said());
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// What it wrote to standard error, for people.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Everything that it wrote, for people.
    pub(crate) fn said_anywhere(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned() + &self.said()
    }
}
