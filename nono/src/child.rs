//! What happens in a child between fork and exec, and how it says what went wrong.

use std::io;
use std::os::fd::OwnedFd;

use nono_core::{EnforceError, EnforceStep};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::sandbox::PreparedSandbox;
use crate::sys;

/// One thing to do before exec.
pub(crate) enum ChildStep {
    /// Close inherited descriptors and enter the sandbox.
    Enter {
        /// The sandbox.
        sandbox: PreparedSandbox,
        /// Where to tell the parent which step failed.
        status: OwnedFd,
    },
    /// Let the program inherit a descriptor.
    Keep(OwnedFd),
    /// Be killed when this parent ends.
    DieWith(Pid),
}

impl ChildStep {
    /// Makes system calls and nothing else: no allocation, no lock.
    pub(crate) fn run(&self) -> io::Result<()> {
        match self {
            Self::Enter { sandbox, status } => {
                enter(sandbox).map_err(|failure| report(status, failure))
            }
            Self::Keep(descriptor) => Ok(fcntl_setfd(descriptor, FdFlags::empty())?),
            Self::DieWith(parent) => die_with(*parent),
        }
    }
}

fn enter(sandbox: &PreparedSandbox) -> Result<(), EnforceError> {
    sys::close_others_on_exec().map_err(|error| EnforceError {
        step: EnforceStep::Descriptors,
        errno: error.raw_os_error().unwrap_or(0),
    })?;
    sandbox.enforce()
}

fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the signal was asked for.
    if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
}

/// Tells the parent which step failed; the returned error makes the child give up.
fn report(status: &OwnedFd, failure: EnforceError) -> io::Error {
    let [a, b, c, d] = failure.errno.to_ne_bytes();
    // Should this fail, the parent still sees the error number, as that of exec.
    let _ = rustix::io::write(status, &[failure.step as u8, a, b, c, d]);
    io::Error::from_raw_os_error(failure.errno)
}

/// What a child reported before it gave up, if it did.
pub(crate) fn reported(status: &OwnedFd) -> Option<EnforceError> {
    let mut record = [0; 5];
    let length = rustix::io::read(status, &mut record).ok()?;
    let [step, errno @ ..] = record;
    let step = EnforceStep::from_number(step).filter(|_| length == record.len())?;
    Some(EnforceError { step, errno: i32::from_ne_bytes(errno) })
}
