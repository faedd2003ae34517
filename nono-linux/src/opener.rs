//! Opening on behalf of a sandboxed program, with the supervisor's own rights.
//!
//! ```text
//! path ─openat2─▶ O_PATH handle ─fstat, fstatfs, readlink─▶ Pinned … Approved ─reopen the handle─▶ descriptor
//! ```

mod walk;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nono_core::pipeline::{Approved, Asked, ObjectKind, Opened, Opener, PinError, Pinned, Refusal};
use nono_core::{AccessMode, ObjectId, Peer, ReasonCode};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, fchmod, fchown,
    fcntl_setfl, fstat, fstatfs, ftruncate, open, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;

/// Opens through handles that openat2(2) resolved; below Linux 5.6, and where a sandbox refuses that
/// call, through handles that are resolved name by name.
#[derive(Debug, Default, Clone, Copy)]
#[non_exhaustive]
pub struct LinuxOpener {
    /// Resolve name by name always.
    pub without_openat2: bool,
}

/// Filesystems whose files act on the kernel or on processes when they are opened, read or written.
/// Source: linux/magic.h.
const NEVER_OPENED: [u64; 9] = [
    0x9fa0,      // procfs
    0x6e73_6673, // nsfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x0000_1cd1, // devpts
];

/// As many links as the kernel follows. Source: path_resolution(7).
const LINKS_MAX: usize = 40;

impl Opener for LinuxOpener {
    fn pin(&self, asked: &Asked<'_>) -> Result<Pinned, PinError> {
        match self.resolve(asked.path, asked.may_wait) {
            Ok(_) if asked.intent.create && asked.intent.exclusive => {
                Err(refused(Errno::EXIST).into())
            }
            Ok(handle) => existing(handle, asked),
            Err(Errno::NOENT) if asked.intent.create && !asked.intent.directory => {
                self.pin_new(asked)
            }
            Err(errno) => Err(pin_error(errno, asked)),
        }
    }

    fn open(&self, approved: &Approved) -> Result<Opened, Refusal> {
        let pinned = approved.pinned();
        let descriptor = match pinned.new_name() {
            Some(_) => create(approved),
            None => reopen(approved),
        }
        .map_err(refused)?;
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
    /// A handle on what the path leads to. Magic links of procfs, which would lead to what *we* have
    /// open, lead nowhere.
    fn resolve(&self, path: &Path, may_wait: bool) -> Result<OwnedFd, Errno> {
        if !self.without_openat2 {
            let cached = if may_wait { ResolveFlags::empty() } else { ResolveFlags::CACHED };
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS | cached) {
                Err(Errno::NOSYS) => {}
                // Linux 5.6 to 5.11 has no RESOLVE_CACHED.
                Err(Errno::INVAL) if !may_wait => return Err(Errno::AGAIN),
                resolved => return resolved,
            }
        }
        if may_wait { walk::resolve(path) } else { Err(Errno::AGAIN) }
    }

    /// The directory of what is to be made. A link that leads nowhere is followed: what it names is
    /// made.
    fn pin_new(&self, asked: &Asked<'_>) -> Result<Pinned, PinError> {
        let mut path = asked.path.to_owned();
        for _ in 0..LINKS_MAX {
            let (parent, name) = split(&path).ok_or_else(|| refused(Errno::ISDIR))?;
            let parent =
                self.resolve(parent, asked.may_wait).map_err(|errno| pin_error(errno, asked))?;
            let stat = fstat(&parent).map_err(refused)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                return Err(refused(Errno::NOTDIR).into());
            }
            never_opened(&parent)?;
            let directory = path_of(&parent, &stat)?;
            match statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {
                    let (spelled, object) = (asked.path.to_owned(), identity(&stat));
                    return Ok(Pinned::new_file(parent, spelled, &directory, object, name));
                }
                Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
                    let target = readlinkat(&parent, &name, Vec::new()).map_err(refused)?;
                    path = directory.join(OsString::from_vec(target.into_bytes()));
                }
                // Somebody made it just now.
                Ok(_) => return Err(refused(Errno::EXIST).into()),
                Err(errno) => return Err(refused(errno).into()),
            }
        }
        Err(refused(Errno::LOOP).into())
    }
}

/// The directory and the last name of a path; nothing where no file can have it.
fn split(path: &Path) -> Option<(&Path, OsString)> {
    let bytes = path.as_os_str().as_bytes();
    let slash = bytes.iter().rposition(|byte| *byte == b'/')?;
    let name = &bytes[slash + 1..];
    if name.is_empty() || name == b"." || name == b".." {
        return None;
    }
    let parent = if slash == 0 { &bytes[..1] } else { &bytes[..slash] };
    Some((Path::new(std::ffi::OsStr::from_bytes(parent)), OsString::from_vec(name.to_vec())))
}

fn existing(handle: OwnedFd, asked: &Asked<'_>) -> Result<Pinned, PinError> {
    let stat = fstat(&handle).map_err(refused)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => ObjectKind::File,
        FileType::Directory => ObjectKind::Directory,
        _ => return Err(not_regular("it is a FIFO, a device or a socket").into()),
    };
    never_opened(&handle)?;
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

fn never_opened(handle: &OwnedFd) -> Result<(), Refusal> {
    let filesystem = fstatfs(handle).map_err(refused)?;
    // The field is as wide as the architecture's word; the numbers have 32 bits.
    let magic = u64::try_from(filesystem.f_type & 0xffff_ffff).unwrap_or(0);
    if NEVER_OPENED.contains(&magic) {
        return Err(not_regular("it lies on a filesystem that is never opened for others"));
    }
    Ok(())
}

/// Where the handle's object is now. The kernel appends ` (deleted)` to the path of one that is
/// nowhere, and a file can be named so; their identities tell. Source: proc_pid_fd(5).
fn path_of(handle: &OwnedFd, stat: &Stat) -> Result<PathBuf, Refusal> {
    let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let path = readlinkat(CWD, &*link, Vec::with_capacity(256)).map_err(refused)?.into_bytes();
    let gone = || Refusal::new(ReasonCode::NotFound, "it was removed");
    if stat.st_nlink == 0 || !path.starts_with(b"/") {
        return Err(gone());
    }
    let is_ambiguous = path.ends_with(b" (deleted)");
    let path = PathBuf::from(OsString::from_vec(path));
    if is_ambiguous {
        let found = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| gone())?;
        if identity(&found) != identity(stat) {
            return Err(gone());
        }
    }
    Ok(path)
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

/// Makes a file in the directory that is held. Its mode is what was asked for, as the requester's
/// umask has been applied to it; its owner is the requester.
fn create(approved: &Approved) -> Result<OwnedFd, Errno> {
    let pinned = approved.pinned();
    let name = pinned.new_name().ok_or(Errno::INVAL)?;
    let once = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let descriptor = openat(pinned, name, flags(approved) | once, Mode::RUSR | Mode::WUSR)?;
    let mode = Mode::from_raw_mode(approved.intent().mode & 0o777);
    fchmod(&descriptor, mode)?;
    if let Some((uid, gid)) = approved.owner() {
        fchown(&descriptor, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
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

fn identity(stat: &Stat) -> ObjectId {
    ObjectId { device: stat.st_dev, inode: stat.st_ino }
}

fn refused(errno: Errno) -> Refusal {
    Refusal::system(&io::Error::from(errno))
}

fn not_regular(reason: &str) -> Refusal {
    Refusal::new(ReasonCode::NotRegular, reason)
}

fn pin_error(errno: Errno, asked: &Asked<'_>) -> PinError {
    match errno {
        Errno::AGAIN if !asked.may_wait => PinError::WouldWait,
        // A magic link, as likely as a circle of links.
        Errno::LOOP => not_regular("its path leads through procfs, or in a circle").into(),
        errno => refused(errno).into(),
    }
}
