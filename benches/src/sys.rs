//! Bare system calls: what the floors consist of.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::Pid;

const RULE_PATH_BENEATH: u32 = 1;

/// `struct landlock_ruleset_attr` of linux/landlock.h.
#[repr(C)]
struct RulesetAttributes {
    handled_fs: u64,
    handled_net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr` of linux/landlock.h.
#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent_fd: RawFd,
}

/// Makes a ruleset. Fields that an older kernel does not know have to be 0 there.
/// Source: landlock_create_ruleset(2).
///
/// # Errors
/// The system's.
pub fn landlock_create_ruleset(fs: u64, net: u64, scoped: u64) -> io::Result<OwnedFd> {
    let attributes = RulesetAttributes { handled_fs: fs, handled_net: net, scoped };
    let size = size_of::<RulesetAttributes>();
    // SAFETY: the kernel reads `size` bytes of the structure, which outlives the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) };
    let fd = RawFd::try_from(answer).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds the rule of one path. Source: landlock_add_rule(2).
///
/// # Errors
/// The system's.
pub fn landlock_add_path(
    ruleset: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    access: u64,
) -> io::Result<()> {
    let rule = PathBeneath { allowed_access: access, parent_fd: object.as_raw_fd() };
    let ruleset = ruleset.as_raw_fd();
    // SAFETY: the kernel reads the rule, which outlives the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset,
            RULE_PATH_BENEATH,
            &raw const rule,
            0_u32,
        )
    };
    succeeded(answer)
}

/// Enters the domain of a ruleset. Source: landlock_restrict_self(2).
///
/// # Errors
/// The system's.
pub fn landlock_restrict_self(ruleset: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes two numbers and touches no memory of this process.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) };
    succeeded(answer)
}

/// Forks; `None` in the child. For processes with one thread, as `ratios` is: there the child may
/// do whatever its parent could. Source: fork(2).
///
/// # Errors
/// The system's.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: no other thread exists that could hold a lock which the child would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends the process at once: no destructor removes what the parent still uses.
/// Source: _exit(2).
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: the call does not return and needs nothing.
    unsafe { libc::_exit(status) }
}

fn succeeded(answer: libc::c_long) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
