//! Processes of root and of an ordinary user, and the error numbers of what they try.

use std::io::{self, Read};

/// The user `nobody`: owner of no file and of no other process of these tests.
pub(crate) const ORDINARY: u32 = 65_534;

pub(crate) fn is_root() -> bool {
    // SAFETY: the call takes nothing.
    unsafe { libc::geteuid() == 0 }
}

/// Whether a test for root can run, said aloud if not.
pub(crate) fn is_root_or_says_so() -> bool {
    let root = is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// The error number of a call, 0 for success.
pub(crate) fn errno(answer: i64) -> u8 {
    let error = io::Error::last_os_error().raw_os_error();
    if answer == -1 { u8::try_from(error.unwrap_or(255)).unwrap() } else { 0 }
}

/// A raw system call's error number.
pub(crate) fn try_call(number: i64, arguments: [u64; 6]) -> u8 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: whoever writes a test passes numbers, and addresses of what lives through the call.
    errno(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// The address of a value, for [`try_call`].
pub(crate) fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>() as u64
}

/// Makes this process, which has one thread, one of an ordinary user that others of the same user
/// may look at. Does nothing where it is that of an ordinary user already.
pub(crate) fn become_ordinary() {
    if !is_root() {
        return;
    }
    let id = u64::from(ORDINARY);
    assert_eq!(try_call(libc::SYS_setgroups, [0; 6]), 0);
    assert_eq!(try_call(libc::SYS_setresgid, [id, id, id, 0, 0, 0]), 0);
    assert_eq!(try_call(libc::SYS_setresuid, [id, id, id, 0, 0, 0]), 0);
    assert_eq!(try_call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0]), 0);
}

/// A process outside the sandbox that does nothing; it ends with the value.
pub(crate) struct Bystander {
    pub(crate) pid: i32,
}

impl Bystander {
    /// Starts one that has done `first`.
    pub(crate) fn start(first: impl FnOnce()) -> Self {
        let (mut ready, in_child) = io::pipe().unwrap();
        // SAFETY: the child has one thread and a copy of all memory.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork failed");
        if pid == 0 {
            first();
            drop(in_child);
            loop {
                // SAFETY: the call takes nothing.
                unsafe { libc::pause() };
            }
        }
        drop(in_child);
        // Ends when the child has closed its copy.
        ready.read_to_end(&mut Vec::new()).unwrap();
        Self { pid }
    }

    pub(crate) fn is_alive(&self) -> bool {
        let options = libc::WNOHANG;
        // SAFETY: the child is ours; no status is asked for.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), options) == 0 }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // SAFETY: the child is ours and has not been waited for, or the call fails.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // SAFETY: as above.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
    }
}
