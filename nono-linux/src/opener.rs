//! Opening on behalf of a sandboxed program, with the supervisor's own rights.
//!
//! ```text
//! path ─openat2─▶ O_PATH handle ─fstat, fstatfs, readlink─▶ Pinned … Approved ─reopen the handle─▶ descriptor
//! ```

mod create;
mod handle;
mod ready;
mod walk;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nono_core::pipeline::{Approved, Asked, ObjectKind, Opened, Opener, PinError, Pinned, Refusal};
use nono_core::wire::OpenIntent;
use nono_core::{AccessMode, Peer, ReasonCode};
use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, fcntl_setfl, fstat, ftruncate, open, openat2,
};
use rustix::io::Errno;

use handle::{identity, path_of};
use ready::Ready;
use walk::Stop;

/// Opens through handles that openat2(2) resolved; below Linux 5.6, and where a sandbox refuses that
/// call, through handles that are resolved name by name.
#[derive(Debug, Default, Clone)]
#[non_exhaustive]
pub struct LinuxOpener {
    /// Resolve name by name always.
    pub without_openat2: bool,
    ready: Ready,
}

/// As many links as the kernel follows. Source: path_resolution(7).
const LINKS_MAX: usize = 40;

impl Opener for LinuxOpener {
    fn pin(&self, asked: &Asked<'_>) -> Result<Pinned, PinError> {
        let Asked { path, intent, may_wait, .. } = *asked;
        let ends_in_slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        match intent {
            // As Linux since 6.4, which made directories or files of it before. Source: open(2).
            OpenIntent { create: true, directory: true, .. } => {
                return Err(refused(Errno::INVAL).into());
            }
            // The last name is not followed.
            OpenIntent { create: true, exclusive, .. } if exclusive || ends_in_slash => {
                return self.pin_new(asked);
            }
            _ => {}
        }
        match self.resolve(path, may_wait) {
            Ok(handle) => self.pin_existing(handle, asked),
            Err(Stop::System(Errno::NOENT | Errno::NOTDIR)) if intent.create => self.pin_new(asked),
            Err(stop) => Err(stop.into()),
        }
    }

    fn open(&self, approved: &Approved) -> Result<Opened, Refusal> {
        let descriptor = match approved.pinned().new_name() {
            Some(name) => create::create(approved, name)?,
            None => reopen(approved).map_err(refused)?,
        };
        let stat = fstat(&descriptor).map_err(refused)?;
        let canonical = path_of(&descriptor, &stat)?;
        Ok(Opened { descriptor, canonical, object: identity(&stat) })
    }

    fn complete(&self, approved: &Approved, opened: Opened) -> Result<OwnedFd, Refusal> {
        if approved.intent().truncate && approved.access() != AccessMode::Read {
            ftruncate(&opened.descriptor, 0).map_err(refused)?;
        }
        Ok(opened.descriptor)
    }

    fn executable(&self, peer: &Peer) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/exe", peer.pid)).ok()
    }
}

impl LinuxOpener {
    /// An opener that knows of these paths' filesystems whether they answer at once, so that the first
    /// request for something there need not wait behind others. May wait for them now.
    #[must_use]
    pub fn knowing<'a>(self, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        for path in paths {
            if let Ok(handle) = self.resolve(path, true) {
                // What cannot be looked at is not known.
                let _ = self.ready.look(&handle, true);
            }
        }
        self
    }

    /// A handle on what the path leads to. Magic links of procfs, which would lead to what *we* have
    /// open, lead nowhere.
    fn resolve(&self, path: &Path, may_wait: bool) -> Result<OwnedFd, Stop> {
        if !self.without_openat2 {
            let cached = if may_wait { ResolveFlags::empty() } else { ResolveFlags::CACHED };
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS | cached) {
                Err(Errno::NOSYS) => {}
                // A circle or a magic link: the walk tells which.
                Err(Errno::LOOP) => {}
                // Linux 5.6 to 5.11 has no RESOLVE_CACHED.
                Err(Errno::AGAIN | Errno::INVAL) if !may_wait => return Err(Stop::WouldWait),
                resolved => return resolved.map_err(Stop::System),
            }
        }
        if may_wait { walk::resolve(path) } else { Err(Stop::WouldWait) }
    }

    /// What is there. With `O_CREAT` too it is opened without: `fs.protected_regular`, which keeps a
    /// program from writing into what another user planted in `/tmp`, is left to the approver, who
    /// is shown the path.
    fn pin_existing(&self, handle: OwnedFd, asked: &Asked<'_>) -> Result<Pinned, PinError> {
        let stat = self.ready.look(&handle, asked.may_wait)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => ObjectKind::File,
            FileType::Directory => ObjectKind::Directory,
            _ => return Err(not_regular("it is a FIFO, a device or a socket").into()),
        };
        match kind {
            ObjectKind::File if asked.intent.directory => return Err(refused(Errno::NOTDIR).into()),
            ObjectKind::Directory if asked.access != AccessMode::Read || asked.intent.create => {
                return Err(refused(Errno::ISDIR).into());
            }
            _ => {}
        }
        let canonical = path_of(&handle, &stat)?;
        #[allow(clippy::useless_conversion)] // Its type differs between architectures.
        let links = u64::from(stat.st_nlink);
        let spelled = asked.path.to_owned();
        Ok(Pinned::existing(handle, spelled, canonical, identity(&stat), kind, links))
    }
}

/// Opens what the handle holds, whatever name it has by now. It does not wait for a lease to be given
/// up, and no terminal comes with it.
fn reopen(approved: &Approved) -> Result<OwnedFd, Errno> {
    let link = format!("/proc/self/fd/{}", approved.pinned().as_fd().as_raw_fd());
    let always = OFlags::CLOEXEC | OFlags::NOCTTY;
    let descriptor = open(&*link, flags(approved) | always | OFlags::NONBLOCK, Mode::empty())?;
    fcntl_setfl(&descriptor, flags(approved) & OFlags::APPEND)?;
    Ok(descriptor)
}

fn flags(approved: &Approved) -> OFlags {
    let access = match approved.access() {
        AccessMode::Read => OFlags::RDONLY,
        AccessMode::Write => OFlags::WRONLY,
        AccessMode::ReadWrite => OFlags::RDWR,
    };
    let intent = approved.intent();
    let append = if intent.append { OFlags::APPEND } else { OFlags::empty() };
    let directory = if intent.directory { OFlags::DIRECTORY } else { OFlags::empty() };
    access | append | directory
}

fn refused(errno: Errno) -> Refusal {
    Refusal::system(&io::Error::from(errno))
}

fn not_regular(reason: &str) -> Refusal {
    Refusal::new(ReasonCode::NotRegular, reason)
}
