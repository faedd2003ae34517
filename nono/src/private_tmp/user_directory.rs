//! The directory of one user that holds the directories of all runs.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nono_core::{NonoError, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{PASSABLE, failure};

/// How a directory is opened: never through a symlink at its last name.
const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A held directory that is known to be ours and closed to others.
#[derive(Debug)]
pub(super) struct UserDirectory {
    path: PathBuf,
    fd: OwnedFd,
    is_for_one_run: bool,
}

impl UserDirectory {
    /// Opens `nono-UID` in `directory`, or makes it. If somebody else was there before, with a
    /// directory, a link or wrong modes, theirs is left alone and a new one with a random name
    /// is made for this run.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let name = format!("nono-{}", rustix::process::geteuid().as_raw());
        let path = directory.join(&name);
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failure("mkdir", &path, errno)),
        }
        match open_private(&path).or_else(|errno| open_repaired(&path, errno)) {
            Ok(fd) => Ok(Self { path, fd, is_for_one_run: false }),
            Err(Errno::ACCESS | Errno::LOOP | Errno::NOTDIR | Errno::PERM) => {
                Self::make_for_one_run(directory, &name)
            }
            Err(errno) => Err(failure("open", &path, errno)),
        }
    }

    fn make_for_one_run(directory: &Path, name: &str) -> Result<Self> {
        let made = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(directory)
            .map_err(|source| mkdir_failure(directory, source))?;
        let path = made.keep();
        match open_private(&path) {
            Ok(fd) => Ok(Self { path, fd, is_for_one_run: true }),
            Err(errno) => Err(failure("open", &path, errno)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory with a random name.
    pub(super) fn make_random(&self) -> Result<OsString> {
        let mut name = OsString::new();
        let made = tempfile::Builder::new().prefix("").make_in(&self.path, |path| {
            name = path.file_name().unwrap_or_default().to_owned();
            Ok(rustix::fs::mkdirat(&self.fd, &name, Mode::RWXU)?)
        });
        let kept = made.and_then(|made| Ok(made.into_temp_path().keep()?));
        kept.map_err(|source| mkdir_failure(&self.path, source))?;
        Ok(name)
    }

    /// Opens an entry that is a directory. Nobody else can have put it here, whoever owns it.
    pub(super) fn open_entry(&self, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(&self.fd, name, OPEN, Mode::empty())
    }

    /// Gives the owner all rights to it again.
    pub(super) fn reopen(&self) -> Result<(), (&'static str, Errno)> {
        let mode = rustix::fs::fstat(&self.fd).map_err(|errno| ("fstat", errno))?.st_mode;
        let mode = Mode::from_raw_mode(mode).intersection(PASSABLE) | Mode::RWXU;
        rustix::fs::fchmod(&self.fd, mode).map_err(|errno| ("fchmod", errno))
    }

    pub(super) fn remove_if_for_one_run(&self) -> Result<()> {
        if self.is_for_one_run {
            rustix::fs::rmdir(&self.path).map_err(|errno| failure("rmdir", &self.path, errno))?;
        }
        Ok(())
    }
}

impl AsFd for UserDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A program may change the mode of the directory above its own, which is its user's: what is ours is
/// closed to others again. Otherwise the first error stands.
fn open_repaired(path: &Path, errno: Errno) -> Result<OwnedFd, Errno> {
    let held = rustix::fs::openat(CWD, path, OPEN | OFlags::PATH, Mode::empty())?;
    if rustix::fs::fstat(&held)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(errno);
    }
    let name = format!("/proc/self/fd/{}", held.as_raw_fd());
    rustix::fs::chmod(name, Mode::RWXU)?;
    open_private(path)
}

fn open_private(path: &Path) -> Result<OwnedFd, Errno> {
    let fd = rustix::fs::openat(CWD, path, OPEN, Mode::empty())?;
    check_private(&fd)?;
    Ok(fd)
}

/// Refuses with EPERM what others own, may list or may write: they may have put things there.
/// Passing through to a name they know is all that others may do.
fn check_private(fd: &OwnedFd) -> Result<(), Errno> {
    let status = rustix::fs::fstat(fd)?;
    let is_ours = status.st_uid == rustix::process::geteuid().as_raw();
    let open = Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let is_closed = Mode::from_raw_mode(status.st_mode).intersection(open).is_empty();
    let is_directory = FileType::from_raw_mode(status.st_mode) == FileType::Directory;
    if is_ours && is_closed && is_directory { Ok(()) } else { Err(Errno::PERM) }
}

fn mkdir_failure(path: &Path, source: io::Error) -> NonoError {
    NonoError::System { call: "mkdir", path: Some(path.into()), source }
}
