//! What is refused on files outside the grants.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use nono::Gap;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, makedev};
use rustix::io::Errno;

use super::{By, Need, Protection, met};
use crate::doctor::scene::{At, Place};
use crate::doctor::sys::{self, Met};

const OWN: Mode = Mode::RUSR.union(Mode::WUSR);
const SET_USER_ID: Mode = OWN.union(Mode::SUID);
/// Source: `O_ACCMODE` of open(2), which asks for nothing and opens for ioctl.
const MODE_3: OFlags = OFlags::from_bits_retain(3);
/// Source: fcntl(2); the lock that follows it is for reading.
const F_SETLEASE: u32 = 1024;
const F_RDLCK: u32 = 0;

pub(super) const FILES: &[Protection] = &[
    Protection::landlock("read", "read a file", |at| open(&at.file("file"), OFlags::RDONLY)),
    Protection::landlock("list", "list a directory", |at| {
        open(&at.file("."), OFlags::RDONLY | OFlags::DIRECTORY)
    }),
    Protection::landlock("write", "write a file", |at| open(&at.file("file"), OFlags::WRONLY)),
    Protection::landlock("create", "make a file", |at| {
        open(&at.file("new"), OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
    }),
    Protection::landlock("make-directory", "make a directory", |at| {
        met(fs::create_dir(at.file("newer")))
    }),
    Protection::landlock("remove", "remove a file", |at| met(fs::remove_file(at.file("gone")))),
    Protection::landlock("rename", "move a file to another directory", |at| {
        met(fs::rename(at.file("from/moved"), at.file("to/moved")))
    })
    .refused(&[Errno::ACCESS, Errno::XDEV])
    .gaps(&[Gap::Refer]),
    Protection::landlock("truncate", "empty a file by its name", |at| {
        sys::truncate(&at.c_file("file"))
    })
    .by(By::LandlockFrom(3))
    .granted_from(3),
    Protection::landlock("execute", "execute a file", |at| sys::execute(&at.c_file("program")))
        .passed(&[Errno::NOEXEC]),
    Protection::landlock("device-ioctl", "ioctl on a device that was not named", ioctl_on_device)
        .passed(&[Errno::NOTTY])
        .gaps(&[Gap::IoctlDev]),
    Protection::landlock("make-device", "make a device, also in a grant", |at| {
        rustix::fs::mknodat(CWD, at.file("null"), FileType::CharacterDevice, OWN, makedev(1, 3))
    })
    .refused(&[Errno::ACCESS, Errno::PERM])
    .at_granted()
    .needs(Need::Root),
    Protection::landlock("metadata", "change the mode of a file", |at| {
        rustix::fs::chmod(at.file("file"), OWN)
    })
    .never_granted()
    .gaps(&[Gap::Metadata]),
    Protection::seccomp("set-id", "mark a file set-user-ID", &[Errno::PERM], |at| {
        rustix::fs::chmodat(CWD, at.file("file"), SET_USER_ID, AtFlags::empty())
    })
    .at_granted(),
    Protection::seccomp("open-mode-3", "open a file in access mode 3", &[Errno::ACCESS], |at| {
        open(&at.file("file"), MODE_3)
    }),
    Protection::seccomp("openat2", "open by openat2, unseen by filters", &[Errno::NOSYS], |at| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let none = (Mode::empty(), ResolveFlags::empty());
        rustix::fs::openat2(CWD, at.file("file"), flags, none.0, none.1).map(drop)
    })
    .at_granted(),
    Protection::seccomp("file-handles", "open a file by its number", &[Errno::PERM], |_| {
        sys::call(libc::SYS_open_by_handle_at, [u32::MAX, 0, 0, 0])
    })
    .passed(&[Errno::BADF, Errno::FAULT]),
    Protection::seccomp("lease", "hold up those who open a file", &[Errno::PERM], |at| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(at.file("file"), flags, Mode::empty())?;
        let descriptor = file.as_raw_fd().cast_unsigned();
        sys::call(libc::SYS_fcntl, [descriptor, F_SETLEASE, F_RDLCK, 0])
    })
    .at_granted()
    .passed(&[Errno::AGAIN, Errno::INVAL]),
];

fn open(path: &Path, flags: OFlags) -> Met {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, OWN).map(drop)
}

/// Both can be read and neither is a terminal; one is granted by itself, the other by the directory.
fn ioctl_on_device(at: &At<'_>) -> Met {
    let device = if at.place == Place::Granted { "/dev/null" } else { "/dev/zero" };
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let device = rustix::fs::open(device, flags, Mode::empty())?;
    rustix::termios::tcgetwinsize(device).map(drop)
}
