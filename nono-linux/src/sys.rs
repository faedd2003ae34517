//! The system calls that neither rustix nor the landlock crate offers as they are needed here.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// `LANDLOCK_RULE_PATH_BENEATH`.
const RULE_PATH_BENEATH: u32 = 1;

/// `struct landlock_path_beneath_attr` of linux/landlock.h.
#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent_fd: RawFd,
}

use rustix::io::Errno;

/// Asks for the version of Landlock (flag 1) or its errata (flag 2).
/// Source: landlock_create_ruleset(2).
pub(crate) fn landlock_query(flag: u32) -> io::Result<u32> {
    // SAFETY: with a query flag the kernel takes a null attribute of size zero and reads no memory.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<()>(), 0_usize, flag)
    };
    u32::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// Grants `access` to an object and what is below it. Source: landlock_add_rule(2).
pub(crate) fn landlock_add_path(
    ruleset: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    access: u64,
) -> io::Result<()> {
    let rule = PathBeneath { allowed_access: access, parent_fd: object.as_raw_fd() };
    let (ruleset, kind, flags) = (ruleset.as_raw_fd(), RULE_PATH_BENEATH, 0_u32);
    // SAFETY: the kernel reads the rule, which outlives the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset, kind, &raw const rule, flags)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Enters the domain of a ruleset. Source: landlock_restrict_self(2).
pub(crate) fn landlock_restrict_self(ruleset: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    // SAFETY: the call takes a descriptor and a number and touches no memory of this process.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), flags) };
    if answer == 0 { Ok(()) } else { Err(last_error()) }
}

/// Whether this process has one thread; needs no /proc, unlike counting them. Leaving a thread group
/// is a no-op for its only member and EINVAL for others; any other error tells nothing.
/// Source: `CLONE_THREAD` in unshare(2).
pub(crate) fn is_single_threaded() -> Option<bool> {
    // SAFETY: with this flag the call either changes nothing or fails.
    match unsafe { libc::unshare(libc::CLONE_THREAD) } {
        0 => Some(true),
        _ if last_error() == Errno::INVAL => Some(false),
        _ => None,
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}
