//! A temporary directory that belongs to one run and goes with it.
//!
//! ```text
//! $TMPDIR/nono-UID/          ours, and nothing that others may list, or refused: one per user, so
//!   │                        that looking for what is left over reads a few names, not all of /tmp
//!   ├─ RANDOM/               0700, the directory that the program is granted, locked by flock(2)
//!   │                        for as long as the run lasts
//!   └─ RANDOM.state          0400, what is written beside it, and goes when it goes
//! ```
//!
//! The lock is shared: the program may take another, and then keeps its directory for as long as it
//! lives, but it cannot take ours away. Ours is gone when nono's process is, however it ended, and
//! what nobody holds is removed by [`PrivateTmp::remove_stale`] of a later run.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nono_core::{AccessMode, CapabilitySource, FsCapability, Identity, NonoError, Result};
use rustix::fs::{AtFlags, FlockOperation, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::process::Pid;

use removal::{Progress, Removal};
use user_directory::UserDirectory;

mod removal;
mod user_directory;

/// Others may pass through, to a name they know.
const PASSABLE: Mode = Mode::RWXU.union(Mode::XGRP).union(Mode::XOTH);

/// What stands beside the directory of a run is called like it, with this at the end.
const STATE_SUFFIX: &[u8] = b".state";

/// How often making a directory is tried again after another run took it for stale between its
/// creation and its lock.
const MAX_ATTEMPTS: u32 = 16;

/// What one call of [`PrivateTmp::remove_stale`] does at most: names looked at, and files
/// and directories removed.
const MAX_PROBED: usize = 128;
const MAX_REMOVED: u64 = 4096;

/// An empty directory that only the calling user can enter, until it is removed or dropped.
#[must_use = "dropping it removes the directory"]
#[derive(Debug)]
pub struct PrivateTmp {
    path: PathBuf,
    user: UserDirectory,
    name: OsString,
    locked: OwnedFd,
    given_to: Option<(Uid, Gid)>,
    owner: Pid,
    is_removed: bool,
}

impl PrivateTmp {
    /// Makes one below the directory for temporary files: `$TMPDIR`, or `/tmp`.
    ///
    /// # Errors
    /// [`NonoError::System`] with the call that failed.
    pub fn new() -> Result<Self> {
        let directory = std::env::temp_dir();
        let is_empty = directory.as_os_str().is_empty();
        Self::new_in(if is_empty { Path::new("/tmp") } else { &directory })
    }

    /// Makes one below `directory`, which other users may share if it is sticky, as `/tmp` is.
    ///
    /// # Errors
    /// [`NonoError::System`] with the call that failed.
    pub fn new_in(directory: &Path) -> Result<Self> {
        let directory = std::path::absolute(directory).map_err(|source| NonoError::System {
            call: "getcwd",
            path: Some(directory.into()),
            source,
        })?;
        let user = UserDirectory::open(&directory)?;
        let (name, locked) = make_locked(&user)?;
        Ok(Self {
            path: user.path().join(&name),
            user,
            name,
            locked,
            given_to: None,
            owner: rustix::process::getpid(),
            is_removed: false,
        })
    }

    /// The absolute path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands it to the user whose program will use it. To get there that user, and so any other,
    /// may pass through the directory above it, but not see what is in it.
    ///
    /// # Errors
    /// [`NonoError::System`]; only root may do this.
    pub fn give_to(&mut self, user: &Identity) -> Result<()> {
        let path = &self.path;
        let failed = |call| move |errno| failure(call, path, errno);
        let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
        rustix::fs::fchown(&self.locked, Some(uid), Some(gid)).map_err(failed("chown"))?;
        rustix::fs::fchmod(&self.user, PASSABLE).map_err(failed("fchmod"))?;
        self.given_to = Some((uid, gid));
        Ok(())
    }

    /// The grant that lets a program use it.
    ///
    /// # Errors
    /// Those of [`FsCapability::new_dir`].
    pub fn capability(&self) -> Result<FsCapability> {
        let capability = FsCapability::new_dir(&self.path, AccessMode::ReadWrite)?;
        Ok(capability.with_source(CapabilitySource::System))
    }

    /// Makes an empty file beside the directory, which goes with it, and the grant to read it. No
    /// other grant that was made here covers it, so that the program cannot change what it says.
    ///
    /// # Errors
    /// [`NonoError::System`] when it cannot be made, or is there already.
    pub fn state_file(&self) -> Result<(File, FsCapability)> {
        let name = state_name(self.name.as_bytes());
        let path = self.user.path().join(OsStr::from_bytes(name.to_bytes()));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.user, &name, flags, Mode::RUSR)
            .map_err(|errno| failure("open", &path, errno))?;
        if let Some((uid, gid)) = self.given_to {
            rustix::fs::fchown(&file, Some(uid), Some(gid))
                .map_err(|errno| failure("chown", &path, errno))?;
        }
        let grant = FsCapability::new_file(&path, AccessMode::Read)?;
        Ok((file.into(), grant.with_source(CapabilitySource::System)))
    }

    /// Removes the directory and all that is in it, whatever the program made of it: closed
    /// directories, any depth, processes that still rename things in it. Nothing outside is
    /// touched, since no path and no link is followed; what is mounted in it is an error.
    ///
    /// # Errors
    /// [`NonoError::System`]; a later [`remove_stale`](Self::remove_stale) tries again.
    pub fn remove(mut self) -> Result<()> {
        self.remove_once()
    }

    /// Removes what runs of the same user left behind when they were killed, and says how many
    /// there were. A bounded part of the work is done in one call; the rest waits for later ones.
    ///
    /// # Errors
    /// The first failure, after the others were tried; none of them concerns this directory.
    pub fn remove_stale(&self) -> Result<usize> {
        let failed = |(call, errno)| failure(call, self.user.path(), errno);
        let mut budget = MAX_REMOVED;
        let mut removed = 0;
        let mut outcome = Ok(());
        let names = removal::names(self.user.as_fd(), MAX_PROBED).map_err(failed)?;
        for name in names.iter().filter(|name| name.as_bytes() != self.name.as_bytes()) {
            match self.user.remove_if_stale(name, &mut budget) {
                Ok(true) => removed += 1,
                Ok(false) => {}
                Err(error) => outcome = outcome.and(Err(failed(error))),
            }
        }
        outcome.map(|()| removed)
    }

    fn remove_once(&mut self) -> Result<()> {
        self.is_removed = true;
        let failed = |(call, errno)| failure(call, &self.path, errno);
        let name = CString::new(self.name.as_bytes()).unwrap_or_default();
        let remove = || Removal::new(self.user.as_fd(), &name, &mut { u64::MAX }).run();
        let outcome = match remove() {
            // The program may have closed the directory above its own.
            Err((_, Errno::ACCESS)) => self.user.reopen().and_then(|()| remove()),
            outcome => outcome,
        };
        outcome.map_err(failed)?;
        self.user.remove_state(&name).map_err(failed)?;
        self.user.remove_if_for_one_run()
    }
}

/// A child between fork and exec, or one that unwinds, leaves its parent's directory alone.
impl Drop for PrivateTmp {
    fn drop(&mut self) {
        if !self.is_removed && rustix::process::getpid() == self.owner {
            let _ = self.remove_once();
        }
    }
}

/// Makes a locked directory. Another run that takes it for stale before it is locked removes it;
/// then a new one is made.
fn make_locked(user: &UserDirectory) -> Result<(OsString, OwnedFd)> {
    for _ in 0..MAX_ATTEMPTS {
        let name = user.make_random()?;
        match lock(user, &name) {
            Ok(locked) => return Ok((name, locked)),
            Err((_, Errno::NOENT | Errno::WOULDBLOCK)) => {}
            Err((call, errno)) => return Err(failure(call, &user.path().join(&name), errno)),
        }
    }
    Err(failure("flock", user.path(), Errno::AGAIN))
}

fn lock(user: &UserDirectory, name: &OsStr) -> Result<OwnedFd, (&'static str, Errno)> {
    let locked = user.open_entry(name).map_err(|errno| ("open", errno))?;
    rustix::fs::flock(&locked, FlockOperation::NonBlockingLockShared)
        .map_err(|errno| ("flock", errno))?;
    // Whoever held the lock before may have removed it.
    let held = rustix::fs::fstat(&locked).map_err(|errno| ("fstat", errno))?;
    if held.st_nlink == 0 { Err(("flock", Errno::NOENT)) } else { Ok(locked) }
}

impl UserDirectory {
    /// Removes the entry if it is a directory of ours that nobody holds the lock of.
    fn remove_if_stale(
        &self,
        name: &CStr,
        budget: &mut u64,
    ) -> Result<bool, (&'static str, Errno)> {
        if let Some(run) = name.to_bytes().strip_suffix(STATE_SUFFIX) {
            let run = CString::new(run).unwrap_or_default();
            return self.remove_state_without(&run).map(|()| false);
        }
        let Some(entry) = removal::open(self.as_fd(), name)? else {
            return Ok(false);
        };
        if rustix::fs::flock(&entry, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(false);
        }
        let is_gone = Removal::new(self.as_fd(), name, budget).run()? == Progress::Done;
        if is_gone {
            self.remove_state(name)?;
        }
        Ok(is_gone)
    }

    /// Removes the state of a run whose directory is gone. A directory is made before its state.
    fn remove_state_without(&self, run: &CStr) -> Result<(), (&'static str, Errno)> {
        match rustix::fs::statat(self, run, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => self.remove_state(run),
            _ => Ok(()),
        }
    }

    /// Removes what stands beside the directory of a run, whatever a program that may write there
    /// made of it.
    fn remove_state(&self, run: &CStr) -> Result<(), (&'static str, Errno)> {
        let name = state_name(run.to_bytes());
        Removal::new(self.as_fd(), &name, &mut { MAX_REMOVED }).run().map(drop)
    }
}

/// The name of what stands beside the directory of a run.
fn state_name(run: &[u8]) -> CString {
    CString::new([run, STATE_SUFFIX].concat()).unwrap_or_default()
}

fn failure(call: &'static str, path: &Path, errno: Errno) -> NonoError {
    NonoError::System { call, path: Some(path.into()), source: errno.into() }
}
