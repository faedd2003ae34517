//! System calls as an attacker makes them: raw.
#![allow(unsafe_code)]

use libc::{c_int, c_long};

/// Makes a call and gives its errno, or 0 where it succeeded.
pub(crate) fn errno_of(number: c_long, args: [u64; 6]) -> i32 {
    match call(number, args) {
        -1 => std::io::Error::last_os_error().raw_os_error().unwrap(),
        _ => 0,
    }
}

/// Makes a call and gives what it returns.
pub(crate) fn call(number: c_long, args: [u64; 6]) -> c_long {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the tests pass numbers, null and pointers to buffers that outlive the call.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

/// Forks through clone(2) with these flags; the new process ends at once.
pub(crate) fn errno_of_clone(flags: u64) -> i32 {
    match call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) {
        -1 => std::io::Error::last_os_error().raw_os_error().unwrap(),
        0 => exit_now(),
        _ => 0,
    }
}

fn exit_now() -> ! {
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(0) }
}

/// `getpid` by the 32-bit interface: the pid, or minus an errno.
#[cfg(target_arch = "x86_64")]
pub(crate) fn getpid_i386() -> i32 {
    let result: i32;
    // SAFETY: the call reads no memory; the registers that the entry clears are declared.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    result
}

/// Gives up root for the user and group 65534.
pub(crate) fn become_nobody() {
    const NOBODY: libc::uid_t = 65534;
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::setresgid(NOBODY, NOBODY, NOBODY) }, 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) }, 0);
}

pub(crate) fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

pub(crate) fn no_new_privs() {
    let (on, zero): (c_int, c_int) = (1, 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, zero, zero, zero) }, 0);
}
