//! Handing a program to the kernel.

use rustix::io::Errno;

use super::filter::Program;
use super::sys;

/// Which threads a filter is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread, and what it forks or starts from now on.
    Caller,
    /// Every thread of the process (`SECCOMP_FILTER_FLAG_TSYNC`), or none.
    All,
}

/// Puts `program` on the calling thread or on the whole process; it cannot be taken off again.
///
/// Allocates nothing, so it may run between fork and exec. The caller has set `no_new_privs`.
/// Source: seccomp(2).
///
/// # Errors
/// `EACCES` without `no_new_privs`; `ENOSYS` or `EINVAL` on a kernel without filters; `ENOMEM` when
/// the filters of the thread together are too long; `ESRCH` when [`Threads::All`] meets a thread
/// with a filter of its own.
pub fn install(program: &Program, threads: Threads) -> Result<(), Errno> {
    let insns = program.insns();
    let length = u16::try_from(insns.len()).map_err(|_| Errno::INVAL)?;
    sys::set_mode_filter(insns, length, threads == Threads::All)
}
