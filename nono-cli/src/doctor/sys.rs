//! The system calls that doctor tries and that neither std nor rustix offers, and fork.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;
#[cfg(target_arch = "x86_64")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// What a call met: nothing, or the error.
pub(super) type Met = rustix::io::Result<()>;

/// Has the end of children wait to be seen, whatever the caller of nono does with `SIGCHLD`.
pub(super) fn see_children() {
    // SAFETY: sets a default action; no handler is involved.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Forks a child that does `work` and ends.
pub(super) fn fork(work: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: this process has one thread, so the child may go on as usual.
    let child = unsafe { libc::fork() };
    if child == 0 {
        work();
        // SAFETY: ends the child without running what belongs to its parent.
        unsafe { libc::_exit(0) };
    }
    Pid::from_raw(child).filter(|_| child > 0).ok_or_else(io::Error::last_os_error)
}

/// Makes a system call with nulls, flags, lengths and descriptors. None of what doctor passes is an
/// address: where a call wants one it gets null, and ends before it reads or writes anything.
pub(super) fn call(number: libc::c_long, arguments: [u32; 4]) -> Met {
    let [a, b, c, d] = arguments.map(libc::c_ulong::from);
    // SAFETY: no argument is the address of memory of this process.
    met(unsafe { libc::syscall(number, a, b, c, d, 0_u64, 0_u64) })
}

/// An ioctl that reads at most one byte, which is an x. Source: `TIOCSTI` of ioctl_tty(2).
pub(super) fn ioctl(terminal: BorrowedFd<'_>, request: libc::Ioctl) -> Met {
    let key = [b'x'; 8];
    // SAFETY: the requests that doctor makes read at most what the live local holds, and write less.
    met(unsafe { libc::ioctl(terminal.as_raw_fd(), request, key.as_ptr()) }.into())
}

/// Source: truncate(2).
pub(super) fn truncate(path: &CStr) -> Met {
    // SAFETY: the path ends with a null and outlives the call.
    met(unsafe { libc::truncate(path.as_ptr(), 0) }.into())
}

/// Executes a file that is no program, so that the call never succeeds. Source: execve(2).
pub(super) fn execute(path: &CStr) -> Met {
    let none = [std::ptr::null::<libc::c_char>()];
    let words = [path.as_ptr(), std::ptr::null()];
    // SAFETY: the path and both lists are valid and end as they must.
    met(unsafe { libc::execve(path.as_ptr(), words.as_ptr(), none.as_ptr()) }.into())
}

/// Reads a byte of another process that was forked from this one, so that the address is mapped
/// there. Source: process_vm_readv(2).
pub(super) fn read_memory(process: Pid) -> Met {
    static THERE: u8 = 1;
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: (&raw const THERE).cast_mut().cast(), iov_len: 1 };
    let process = process.as_raw_nonzero().get();
    // SAFETY: the kernel writes one byte to the live local and only reads the other process.
    let length =
        unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
    met(i64::try_from(length).unwrap_or(-1))
}

/// `getpid` by the 32-bit interface. A kernel without it ends the process, and shall not dump it.
#[cfg(target_arch = "x86_64")]
pub(super) fn call_as_i386() -> Met {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let answer: i32;
    // SAFETY: the call reads no memory; the registers that the kernel's entry clears are declared.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    if answer < 0 { Err(Errno::from_raw_os_error(-answer)) } else { Ok(()) }
}

/// There is no other interface that could be tried here.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn call_as_i386() -> Met {
    Err(Errno::NOTSUP)
}

/// The call that the listener of [`listen`] traps. It changes nothing and no library makes it.
const TRAPPED: libc::c_long = libc::SYS_sched_get_priority_max;

/// Puts a filter on this process that hands one harmless call to the listener that it gives back.
/// Source: `SECCOMP_FILTER_FLAG_NEW_LISTENER` of seccomp(2).
pub(super) fn listen(flags: libc::c_ulong) -> rustix::io::Result<OwnedFd> {
    // Load the number; one instruction further unless it is the trapped call; ask; allow.
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut filter = [
        statement(0x20, 0),
        libc::sock_filter {
            code: 0x15,
            jt: 0,
            jf: 1,
            k: u32::try_from(TRAPPED).unwrap_or(u32::MAX),
        },
        statement(0x06, libc::SECCOMP_RET_USER_NOTIF),
        statement(0x06, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    let flags = flags | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let (number, mode) = (libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER);
    // SAFETY: the program has the four instructions that it says and outlives the call.
    let listener = unsafe { libc::syscall(number, mode, flags, &raw const program) };
    met(listener)?;
    let listener = i32::try_from(listener).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just made the descriptor for this caller.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Makes the trapped call; gives what it is answered.
pub(super) fn trapped_call() -> libc::c_long {
    // SAFETY: the call takes a number.
    unsafe { libc::syscall(TRAPPED, 0) }
}

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of linux/seccomp.h, Linux 6.6.
const SYNC_WAKE_UP: u64 = 1;

/// Source: `SECCOMP_IOCTL_NOTIF_SET_FLAGS` of linux/seccomp.h.
pub(super) fn wake_in_sync(listener: BorrowedFd<'_>) -> Met {
    let (fd, request) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS);
    // SAFETY: this request takes a number, not an address.
    met(unsafe { libc::ioctl(fd, request, SYNC_WAKE_UP) }.into())
}

/// Waits for a trapped call; gives its id and who made it. Source: seccomp_unotify(2).
pub(super) fn receive(listener: BorrowedFd<'_>) -> rustix::io::Result<(u64, Option<Pid>)> {
    // A later kernel may write more than this build knows of.
    #[repr(C)]
    struct Room {
        notification: libc::seccomp_notif,
        more: [u64; 32],
    }
    // SAFETY: all zeros is a valid value, and what the kernel wants to be given.
    let mut room: Room = unsafe { std::mem::zeroed() };
    let (fd, request) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV);
    // SAFETY: the kernel writes a notification to the live local.
    met(unsafe { libc::ioctl(fd, request, &raw mut room) }.into())?;
    let pid = i32::try_from(room.notification.pid).ok().and_then(Pid::from_raw);
    Ok((room.notification.id, pid))
}

/// Answers a trapped call with a descriptor of its own, in one step.
/// Source: `SECCOMP_ADDFD_FLAG_SEND` of seccomp_unotify(2).
pub(super) fn answer_with(listener: BorrowedFd<'_>, id: u64, given: BorrowedFd<'_>) -> Met {
    let answer = libc::seccomp_notif_addfd {
        id,
        flags: u32::try_from(libc::SECCOMP_ADDFD_FLAG_SEND).unwrap_or(0),
        srcfd: given.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: 0,
    };
    let (fd, request) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD);
    // SAFETY: the kernel reads the answer, which outlives the call.
    met(unsafe { libc::ioctl(fd, request, &raw const answer) }.into())
}

fn met(answer: libc::c_long) -> Met {
    if answer >= 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}
