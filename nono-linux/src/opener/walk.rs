//! Resolving a path name by name, where openat2(2) cannot.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, fstatfs, open, openat, readlinkat};
use rustix::io::Errno;

use super::{LINKS_MAX, NEVER_OPENED};

/// A handle on what an absolute path leads to, through links as the kernel follows them, but for the
/// magic ones of procfs.
pub(super) fn resolve(path: &Path) -> Result<OwnedFd, Errno> {
    let mut at = root()?;
    let mut rest: Vec<OsString> = names(path);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = openat(&at, &name, flags, Mode::empty())?;
        let kind = FileType::from_raw_mode(fstat(&next)?.st_mode);
        if kind != FileType::Symlink {
            at = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX || is_magic(&next)? {
            return Err(Errno::LOOP);
        }
        let target =
            PathBuf::from(OsString::from_vec(readlinkat(&next, c"", Vec::new())?.into_bytes()));
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

fn is_magic(link: &OwnedFd) -> Result<bool, Errno> {
    let magic = u64::try_from(fstatfs(link)?.f_type & 0xffff_ffff).unwrap_or(0);
    Ok(NEVER_OPENED.contains(&magic))
}
