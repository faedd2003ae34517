//! A child process that enters a sandbox and answers yes or no to each question.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, dead_code)]

pub(crate) mod process;
pub(crate) mod sets;

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nono::{CapabilitySet, Sandbox};

/// Something a program tries.
#[derive(Debug, Clone)]
pub(crate) enum Attempt {
    /// Open a file for reading.
    ReadFile(PathBuf),
    /// List a directory.
    List(PathBuf),
    /// Open an existing file for writing.
    WriteFile(PathBuf),
    /// Open an existing file for writing and empty it.
    Truncate(PathBuf),
    /// Ask the kernel whether a file may be executed.
    Execute(PathBuf),
    /// Make a file in a directory.
    CreateIn(PathBuf),
    /// Make a directory in a directory.
    MakeDirIn(PathBuf),
    /// Remove the file called `gone` from a directory.
    RemoveFrom(PathBuf),
}

impl Attempt {
    /// Whether the system allows it: refusal is EACCES (EXDEV for renames), all else is a bug of
    /// the test.
    pub(crate) fn is_allowed(&self) -> bool {
        let outcome = match self {
            Self::ReadFile(path) => File::open(path).map(drop),
            Self::List(path) => fs::read_dir(path).map(drop),
            Self::WriteFile(path) => OpenOptions::new().write(true).open(path).map(drop),
            Self::Truncate(path) => {
                OpenOptions::new().write(true).truncate(true).open(path).map(drop)
            }
            Self::Execute(path) => may_execute(path),
            Self::CreateIn(path) => {
                let new = path.join("new");
                let made = OpenOptions::new().write(true).create_new(true).open(&new);
                made.and_then(|_| fs::remove_file(&new))
            }
            Self::MakeDirIn(path) => {
                let new = path.join("new");
                fs::create_dir(&new).and_then(|()| fs::remove_dir(&new))
            }
            Self::RemoveFrom(path) => fs::remove_file(path.join("gone")),
        };
        match outcome {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => false,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }
}

/// `AT_EXECVE_CHECK` of execveat(2): the kernel's whole check without the execution, Linux 6.14.
const EXECVE_CHECK: i32 = 0x10000;

fn may_execute(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let none = [std::ptr::null::<libc::c_char>()];
    let argv = [path.as_ptr(), std::ptr::null()];
    // SAFETY: path, argv and envp are valid and end as they must; with this flag nothing is executed.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            libc::AT_FDCWD,
            path.as_ptr(),
            argv.as_ptr(),
            none.as_ptr(),
            EXECVE_CHECK,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the kernel knows how to be asked about execution.
pub(crate) fn can_ask_about_execution() -> bool {
    may_execute(Path::new("/bin/sh")).is_ok()
}

/// Enters the sandbox in a child and tries everything there, in order.
pub(crate) fn outcomes(caps: &CapabilitySet, attempts: &[Attempt]) -> Vec<bool> {
    outcomes_after(caps, || {}, attempts)
}

/// As [`outcomes`], with something done in the child before the sandbox is entered.
pub(crate) fn outcomes_after(
    caps: &CapabilitySet,
    first: impl FnOnce(),
    attempts: &[Attempt],
) -> Vec<bool> {
    outcomes_in(
        || {
            first();
            Sandbox::apply(caps).unwrap();
        },
        attempts,
    )
}

/// As [`outcomes`], in a sandbox that `enter` enters.
pub(crate) fn outcomes_in(enter: impl FnOnce(), attempts: &[Attempt]) -> Vec<bool> {
    let answers = in_child(|| {
        enter();
        attempts.iter().map(|attempt| u8::from(attempt.is_allowed())).collect()
    });
    assert_eq!(answers.len(), attempts.len(), "the child died; its message is above");
    answers.into_iter().map(|answer| answer == 1).collect()
}

/// Held for each fork, and by whoever writes files that are executed: a child that another thread
/// forks in between would keep the file open for writing, so that it is busy (ETXTBSY).
pub(crate) static FORK: Mutex<()> = Mutex::new(());

/// Runs `work` in a forked child and gives what it returns, or less if it panicked.
pub(crate) fn in_child(work: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = io::pipe().unwrap();
    let forking = FORK.lock();
    // SAFETY: the child has one thread and a copy of all memory; glibc keeps malloc usable in it.
    let child = unsafe { libc::fork() };
    drop(forking);
    assert!(child >= 0, "fork failed");
    if child == 0 {
        let work = std::panic::AssertUnwindSafe(work);
        if let Ok(answers) = std::panic::catch_unwind(work) {
            writer.write_all(&answers).unwrap();
        }
        // SAFETY: ends this process without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    drop(writer);
    let mut answers = Vec::new();
    reader.read_to_end(&mut answers).unwrap();
    // SAFETY: the child is ours and is waited for once.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    answers
}

/// Shows `what` at `place`, in a mount namespace of this process's own.
pub(crate) fn bind_mount(what: &Path, place: &Path) {
    // SAFETY: the call takes no argument.
    let user = if unsafe { libc::geteuid() } == 0 { 0 } else { libc::CLONE_NEWUSER };
    // SAFETY: the call takes flags.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNS | user) };
    assert_eq!(unshared, 0, "unshare: {}", io::Error::last_os_error());
    mount(Path::new("none"), Path::new("/"), libc::MS_REC | libc::MS_PRIVATE);
    mount(what, place, libc::MS_BIND);
}

fn mount(what: &Path, place: &Path, flags: libc::c_ulong) {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
    let (what, place) = (text(what), text(place));
    let null = std::ptr::null();
    // SAFETY: both paths are valid; the call needs no type and no data for these flags.
    let mounted = unsafe { libc::mount(what.as_ptr(), place.as_ptr(), null, flags, null.cast()) };
    assert_eq!(mounted, 0, "mount: {}", io::Error::last_os_error());
}
