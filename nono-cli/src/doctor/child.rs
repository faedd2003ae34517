//! Children that try one thing each: bounded in time, and killed when they are done with.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nono::{NonoError, PreparedSandbox};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal,
    waitpid,
};
use rustix::thread::{CapabilitySet as Capabilities, CapabilitySets, set_capabilities};

use super::sys::{self, Met};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The call was made and met this error number, 0 for none.
    Met(i32),
    /// The sandbox could not be entered: the number of the step, and the error.
    NotEntered { step: u8, errno: i32 },
    /// The child was ended by a signal before it answered; 0 where that is not known.
    Ended(i32),
    /// There was no answer in time.
    Late,
    /// No child could be made.
    NoChild(i32),
}

impl Answer {
    fn from_bytes([kind, step, rest @ ..]: [u8; LENGTH]) -> Self {
        let errno = i32::from_ne_bytes(rest);
        if kind == MET { Self::Met(errno) } else { Self::NotEntered { step, errno } }
    }

    pub(super) fn to_bytes(self) -> [u8; LENGTH] {
        let (kind, step, errno) = match self {
            Self::NotEntered { step, errno } => (NOT_ENTERED, step, errno),
            Self::Met(errno) | Self::Ended(errno) | Self::NoChild(errno) => (MET, 0, errno),
            Self::Late => (MET, 0, libc::ETIMEDOUT),
        };
        let [a, b, c, d] = errno.to_ne_bytes();
        [kind, step, a, b, c, d]
    }
}

impl From<Met> for Answer {
    fn from(met: Met) -> Self {
        Self::Met(met.map_or_else(|errno| errno.raw_os_error(), |()| 0))
    }
}

const LENGTH: usize = 6;
const MET: u8 = 1;
const NOT_ENTERED: u8 = 2;

/// Does `work` in a child and gives its answer.
pub(super) fn in_child(limit: Duration, work: impl FnOnce() -> Answer) -> Answer {
    let child = Child::start(|answers| {
        // Without a reader there is nobody left to tell.
        let _ = answers.write_all(&work().to_bytes());
    });
    match child {
        Ok(child) => child.answer(limit),
        Err(error) => Answer::NoChild(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// Enters a sandbox, for good.
pub(super) fn enter(sandbox: &PreparedSandbox) -> Result<(), Answer> {
    sandbox.apply().map_err(|error| match error {
        NonoError::Enforce(error) => {
            Answer::NotEntered { step: error.step as u8, errno: error.errno }
        }
        _ => Answer::NotEntered { step: 0, errno: libc::EIO },
    })
}

/// Takes all capabilities from this process, for good.
pub(super) fn drop_capabilities() -> rustix::io::Result<()> {
    let none = Capabilities::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// A child process. The kernel kills it when this process ends.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    answers: UnixStream,
    is_reaped: bool,
}

impl Child {
    pub(super) fn start(work: impl FnOnce(&mut UnixStream)) -> io::Result<Self> {
        let (answers, mut to_parent) = UnixStream::pair()?;
        let parent = getpid();
        let pid = sys::fork(|| {
            let bound = set_parent_process_death_signal(Some(Signal::KILL));
            // The parent may have ended before the signal was asked for.
            if bound.is_ok() && getppid() == Some(parent) {
                work(&mut to_parent);
            }
        })?;
        Ok(Self { pid, answers, is_reaped: false })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn answer(mut self, limit: Duration) -> Answer {
        let mut bytes = [0; LENGTH];
        let limited = self.answers.set_read_timeout(Some(limit));
        match limited.and_then(|()| self.answers.read_exact(&mut bytes)) {
            Ok(()) => Answer::from_bytes(bytes),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Answer::Ended(self.reap()),
            Err(_) => Answer::Late,
        }
    }

    /// Waits for the end; gives the signal that caused it.
    fn reap(&mut self) -> i32 {
        self.is_reaped = true;
        let ended = waitpid(Some(self.pid), WaitOptions::empty());
        ended.ok().flatten().and_then(|(_, status)| status.terminating_signal()).unwrap_or(0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            // Cannot fail for a child that was not waited for.
            let _ = kill_process(self.pid, Signal::KILL);
            self.reap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    #[test]
    fn an_answer_is_read_as_it_was_given() {
        for answer in [Answer::Met(13), Answer::NotEntered { step: 3, errno: 1 }] {
            assert_eq!(Answer::from_bytes(answer.to_bytes()), answer);
        }
    }

    #[test]
    fn a_child_that_hangs_is_late_and_killed() {
        let child = Child::start(|_| {
            loop {
                std::thread::park();
            }
        });
        let child = child.unwrap();
        let pid = child.pid();
        assert_eq!(child.answer(LIMIT), Answer::Late);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn a_child_that_dies_names_its_signal() {
        let died = in_child(Duration::from_secs(60), || {
            let _ = kill_process(getpid(), Signal::KILL);
            Answer::Met(0)
        });
        assert_eq!(died, Answer::Ended(9));
    }
}
