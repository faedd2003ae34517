//! The one thing that std calls unsafe.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has `step` run in the child. It must make system calls only.
pub(crate) fn before_exec(
    command: &mut Command,
    step: impl Fn() -> rustix::io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: the callers' steps neither allocate nor lock, so they may run after fork.
    unsafe { command.pre_exec(move || step().map_err(io::Error::from)) };
}
