//! The system calls that rustix lacks.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

use libc::c_int;

/// `F_SETSIG` of fcntl(2).
const F_SETSIG: c_int = 10;

/// Takes a lease whose end is announced by a signal that does nothing.
pub(crate) fn lease(file: &File, kind: c_int) {
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) }, 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) }, 0);
}
