//! Resolving a path name by name, where openat2(2) cannot.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nono_core::PATH_MAX;
use nono_core::pipeline::PinError;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat};
use rustix::io::Errno;

use super::ready::is_never_opened;
use super::{LINKS_MAX, not_regular, refused};

/// Why a path was not resolved.
pub(super) enum Stop {
    /// It would wait, and may not.
    WouldWait,
    /// It leads through a link of procfs.
    Magic,
    /// The kernel says no.
    System(Errno),
}

/// A handle on what an absolute path leads to, through links as the kernel follows them, but for
/// those of procfs. Of the links in a sticky directory that anybody may write to, only those of ours
/// and of its owner's are followed, as if `fs.protected_symlinks` were set.
pub(super) fn resolve(path: &Path) -> Result<OwnedFd, Stop> {
    if path.as_os_str().len() > PATH_MAX {
        return Err(Stop::System(Errno::NAMETOOLONG));
    }
    let mut at = root()?;
    let mut rest: Vec<OsString> = names(path);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = openat(&at, &name, flags, Mode::empty())?;
        let stat = fstat(&next)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            at = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(Stop::System(Errno::LOOP));
        }
        if is_never_opened(&next)? {
            return Err(Stop::Magic);
        }
        if is_planted(&stat, &fstat(&at)?) {
            return Err(Stop::System(Errno::ACCESS));
        }
        let target = readlinkat(&next, c"", Vec::new())?.into_bytes();
        let target = PathBuf::from(OsString::from_vec(target));
        if target.is_absolute() {
            at = root()?;
        }
        rest.extend(names(&target));
    }
    Ok(at)
}

/// The names of a path, last first. A slash at its end asks for a directory, as `.` does.
fn names(path: &Path) -> Vec<OsString> {
    let bytes = path.as_os_str().as_bytes();
    let names = bytes.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let mut names: Vec<_> = names.map(|name| OsString::from_vec(name.to_vec())).collect();
    if bytes.ends_with(b"/") {
        names.push(".".into());
    }
    names.reverse();
    names
}

fn root() -> Result<OwnedFd, Errno> {
    open(c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Whether a link may be somebody else's trap. Source: `fs.protected_symlinks` in proc_sys_fs(5).
fn is_planted(link: &Stat, directory: &Stat) -> bool {
    let shared = Mode::SVTX | Mode::WOTH;
    let ours = rustix::process::geteuid().as_raw();
    Mode::from_raw_mode(directory.st_mode).contains(shared)
        && link.st_uid != ours
        && link.st_uid != directory.st_uid
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<Stop> for PinError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::WouldWait => Self::WouldWait,
            Stop::Magic => not_regular("its path leads through procfs").into(),
            Stop::System(errno) => refused(errno).into(),
        }
    }
}
