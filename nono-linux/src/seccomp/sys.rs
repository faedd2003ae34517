//! The system call that rustix lacks.
#![allow(unsafe_code)]

use std::ptr;

use rustix::io::Errno;

use super::bpf::Insn;

const _: () = assert!(size_of::<Insn>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<Insn>() == align_of::<libc::sock_filter>());

/// `seccomp(SECCOMP_SET_MODE_FILTER)` with a program of `length` instructions.
pub(super) fn set_mode_filter(insns: &[Insn], length: u16, tsync: bool) -> Result<(), Errno> {
    if usize::from(length) > insns.len() {
        return Err(Errno::INVAL);
    }
    // With TSYNC_ESRCH a thread that cannot follow is an error, not its number.
    let flags = if tsync {
        libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH
    } else {
        0
    };
    let program = libc::sock_fprog {
        len: length,
        // The kernel reads the program and does not write to it.
        filter: insns.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `program` points to `length` instructions in the kernel's layout, alive for the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            ptr::from_ref(&program),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    Errno::from_raw_os_error(code.unwrap_or(libc::EINVAL))
}
