//! What must run in a child between fork and exec.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::child::ChildStep;

/// Has `step` run in the child, after the steps that were added before, last before exec.
pub(crate) fn before_exec(command: &mut Command, step: ChildStep) {
    // SAFETY: a step makes system calls only, so it may run in the child of a threaded program.
    unsafe { command.pre_exec(move || step.run()) };
}

/// Marks every descriptor from 3 on to be closed by exec. Source: close_range(2).
#[cfg(target_os = "linux")]
pub(crate) fn close_others_on_exec() -> io::Result<()> {
    // SAFETY: the flag changes no descriptor's state but its close-on-exec bit.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Marks every descriptor from 3 on to be closed by exec.
#[cfg(not(target_os = "linux"))]
pub(crate) fn close_others_on_exec() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
