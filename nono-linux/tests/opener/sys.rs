//! The system calls that rustix lacks.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::c_int;

/// `F_SETSIG` of fcntl(2).
const F_SETSIG: c_int = 10;

/// Takes a lease whose end is announced by a signal that does nothing.
pub(crate) fn lease(file: &File, kind: c_int) {
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) }, 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) }, 0);
}

/// Gives the calling thread mounts of its own, which end with it.
pub(crate) fn unshare_mounts() {
    // SAFETY: takes a number.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
    mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"");
}

/// Mounts a filesystem that the holder of this descriptor serves, or does not.
pub(crate) fn mount_fuse(at: &Path, server: RawFd) {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    let options = format!("fd={server},rootmode=40000,user_id=0,group_id=0");
    mount(c"fuse", &at, c"fuse", 0, &CString::new(options).unwrap());
}

fn mount(source: &CStr, at: &CStr, kind: &CStr, flags: libc::c_ulong, options: &CStr) {
    let [source, at, kind] = [source, at, kind].map(CStr::as_ptr);
    // SAFETY: the kernel reads the strings, which outlive the call.
    let answer = unsafe { libc::mount(source, at, kind, flags, options.as_ptr().cast()) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}

pub(crate) fn unmount(at: &Path) {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    // SAFETY: the kernel reads the string, which outlives the call.
    assert_eq!(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }, 0);
}
