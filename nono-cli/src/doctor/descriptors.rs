//! Whether a program finds a descriptor that it was not meant to have.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, ExitStatus};

use nono::{CapabilitySet, Gap, NonoError, presets};
use rustix::io::{Errno, dup};

use super::scene::Place;
use super::sys::Met;

const SHELL: &str = "/bin/sh";
const ASK: &str = "test -e /proc/self/fd/$1 && exit 10; exit 11";
const THERE: i32 = 10;
const CLOSED: i32 = 11;

/// Starts a program that looks for a descriptor of this process: without nono, with it, and where
/// it is to be kept. `EBADF` when the program does not find it.
pub(super) fn is_inherited(place: Place) -> Met {
    let descriptor = inheritable()?;
    let number = descriptor.as_raw_fd().to_string();
    let words = ["-c", ASK, SHELL, &number];
    let status = match place {
        Place::Control | Place::Unprivileged => {
            Command::new(SHELL).args(words).status().map_err(errno)?
        }
        Place::Outside => in_sandbox(&words, None)?,
        Place::Granted => in_sandbox(&words, Some(descriptor))?,
    };
    match status.code() {
        Some(THERE) => Ok(()),
        Some(CLOSED) => Err(Errno::BADF),
        _ => Err(Errno::CHILD),
    }
}

/// A descriptor that programs inherit.
fn inheritable() -> rustix::io::Result<OwnedFd> {
    dup(File::open("/dev/null").map_err(errno)?)
}

fn in_sandbox(words: &[&str], kept: Option<OwnedFd>) -> rustix::io::Result<ExitStatus> {
    let mut caps = CapabilitySet::new().block_network().allow_gap(Gap::NoLandlock);
    let start = || {
        presets::add_base(&mut caps)?;
        let mut command = nono::Command::new(SHELL, &caps)?;
        command.args(words).die_with_parent();
        if let Some(descriptor) = kept {
            command.keep_descriptor(descriptor);
        }
        command.status()
    };
    let failed = |error| match error {
        NonoError::Enforce(error) => Errno::from_raw_os_error(error.errno),
        NonoError::Exec { source, .. } | NonoError::System { source, .. } => errno(source),
        _ => Errno::IO,
    };
    start().map_err(failed)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
