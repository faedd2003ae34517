//! Signal handlers and fork: the calls that neither std nor rustix offers.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::signals::Arrival;

/// Whether this process was given rights by its file. Source: `AT_SECURE` of getauxval(3).
pub(crate) fn is_secure_execution() -> bool {
    // SAFETY: the call takes a number and reads the vector the kernel left for this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The length of a record in the pipe; writes of this size are atomic (pipe(7)).
pub(crate) const RECORD_BYTES: usize = 8;

static SENDER: AtomicI32 = AtomicI32::new(-1);
static KEEP_OPEN: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Has the handlers write to this descriptor. One is open for as long as the process lives: a second
/// call is for a forked child, which leaves its parent's alone.
pub(crate) fn send_signals_to(sender: OwnedFd) {
    SENDER.store(sender.as_raw_fd(), Ordering::Release);
    let mut kept = KEEP_OPEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *kept = Some(sender);
}

/// Catches one signal, unless it is being ignored; but SIGCHLD always, since without it the end of
/// the program would not be seen. Source: sigaction(2).
pub(crate) fn catch_signal(number: i32) -> io::Result<()> {
    // SAFETY: all zeros is a valid sigaction: the default action, an empty mask and no flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the old action is written to a local of the right type, and no new one is set.
    check(unsafe { libc::sigaction(number, std::ptr::null(), &raw mut action) })?;
    if action.sa_sigaction == libc::SIG_IGN && number != libc::SIGCHLD {
        return Ok(());
    }
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // One after the other, so that the records are in the order in which the kernel delivers.
    // SAFETY: the mask is a field of a live local.
    check(unsafe { libc::sigfillset(&raw mut action.sa_mask) })?;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for and calls only write(2).
    check(unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) })
}

/// Lets a signal through that the caller of nono has blocked. Source: sigprocmask(2).
pub(crate) fn unblock(number: i32) -> io::Result<()> {
    // SAFETY: all zeros is a valid signal set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is a live local.
    check(unsafe { libc::sigaddset(&raw mut set, number) })?;
    // SAFETY: the set is a live local.
    check(unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) })
}

extern "C" fn on_signal(number: i32, info: *const libc::siginfo_t, _: *const ()) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO a valid siginfo.
    let code = unsafe { (*info).si_code };
    let [a, b, c, d] = number.to_ne_bytes();
    let [e, f, g, h] = code.to_ne_bytes();
    let record = [a, b, c, d, e, f, g, h];
    // SAFETY: the C library answers with the address of this thread's errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address is valid for as long as the thread lives.
    let interrupted = unsafe { errno.read() };
    let sender = SENDER.load(Ordering::Acquire);
    // SAFETY: the record is a live local of the given length. A full pipe loses the signal, as one
    // that is pending already is lost.
    unsafe { libc::write(sender, record.as_ptr().cast(), RECORD_BYTES) };
    // SAFETY: as above; the interrupted code must find errno as it was.
    unsafe { errno.write(interrupted) };
}

/// Reads a record that the handler wrote.
pub(crate) fn decode(record: [u8; RECORD_BYTES]) -> Arrival {
    let [a, b, c, d, e, f, g, h] = record;
    let code = i32::from_ne_bytes([e, f, g, h]);
    Arrival {
        number: i32::from_ne_bytes([a, b, c, d]),
        by_process: matches!(code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL),
    }
}

/// Sends a signal by number, so that real-time ones can be sent too. Source: kill(2).
pub(crate) fn kill(process: rustix::process::Pid, number: i32) -> io::Result<()> {
    // SAFETY: the call takes two numbers.
    check(unsafe { libc::kill(process.as_raw_nonzero().get(), number) })
}

/// Returns when every system call that was sending a signal to this process has sent it to the rest
/// of its group. The kernel walks through a group in one read-side section, and this call waits for
/// the end of all that have begun. It takes some milliseconds. Source: `MEMBARRIER_CMD_GLOBAL` of
/// membarrier(2).
pub(crate) fn wait_for_senders() {
    // SAFETY: the call takes numbers. Where it is refused, the caller goes on without waiting.
    unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
}

/// Stops this process as the signal would have without a handler.
pub(crate) fn stop_self() -> io::Result<()> {
    // SAFETY: the call takes a number. SIGSTOP has no handler to run.
    check(unsafe { libc::raise(libc::SIGSTOP) })
}

/// Forks a child that blocks every signal and sleeps until it is killed, or its parent ends.
pub(crate) fn fork_sleeper() -> io::Result<rustix::process::Pid> {
    // SAFETY: all zeros is a valid signal set.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: all zeros is a valid signal set.
    let mut before: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is a live local.
    check(unsafe { libc::sigfillset(&raw mut all) })?;
    // SAFETY: both sets are live locals.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before) })?;
    let parent = rustix::process::getpid();
    // SAFETY: this process has one thread, so the child may go on as usual; it only sleeps.
    let child = unsafe { libc::fork() };
    if child == 0 {
        sleep_until_the_end_of(parent);
    }
    let failed = io::Error::last_os_error();
    // SAFETY: the set is a live local.
    check(unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut())
    })?;
    if child < 0 { Err(failed) } else { rustix::process::Pid::from_raw(child).ok_or(failed) }
}

/// Forks; `None` in the child, which goes on as its parent would. This process has to have one thread.
/// Source: fork(2).
pub(crate) fn fork() -> io::Result<Option<rustix::process::Pid>> {
    // SAFETY: this process has one thread, so that no lock is held in the child.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(rustix::process::Pid::from_raw(pid)),
    }
}

fn sleep_until_the_end_of(parent: rustix::process::Pid) -> ! {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // It may have ended before the signal was asked for.
    if rustix::process::getppid() != Some(parent) {
        // SAFETY: nothing is left to do in this child.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: nothing in this child uses a descriptor.
    unsafe { libc::syscall(libc::SYS_close_range, 0_u32, u32::MAX, 0_u32) };
    loop {
        // SAFETY: the call takes nothing.
        unsafe { libc::pause() };
    }
}

fn check(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
