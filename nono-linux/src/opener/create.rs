//! Making files for others.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nono_core::ReasonCode;
use nono_core::pipeline::{Approved, Asked, PinError, Pinned, Refusal};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, getxattr, openat, readlinkat,
    statat,
};
use rustix::io::Errno;

use super::handle::{identity, path_of};
use super::{LINKS_MAX, LinuxOpener, flags, refused};

impl LinuxOpener {
    /// The directory of what is to be made. A link that leads nowhere is followed: what it names is
    /// made.
    pub(super) fn pin_new(&self, asked: &Asked<'_>) -> Result<Pinned, PinError> {
        let mut path = asked.path.to_owned();
        for _ in 0..=LINKS_MAX {
            let (parent, name) = split(&path);
            let parent = self.resolve(parent, asked.may_wait)?;
            let stat = self.ready.look(&parent, asked.may_wait)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                return Err(refused(Errno::NOTDIR).into());
            }
            let Some(name) = name else {
                let is_there =
                    asked.intent.exclusive && !path.as_os_str().as_bytes().ends_with(b"/");
                let errno = if is_there { Errno::EXIST } else { Errno::ISDIR };
                return Err(refused(errno).into());
            };
            let directory = path_of(&parent, &stat)?;
            match statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {
                    let (spelled, object) = (asked.path.to_owned(), identity(&stat));
                    return Ok(Pinned::new_file(parent, spelled, &directory, object, name));
                }
                Ok(found)
                    if FileType::from_raw_mode(found.st_mode) == FileType::Symlink
                        && !asked.intent.exclusive =>
                {
                    let target = readlinkat(&parent, &name, Vec::new()).map_err(refused)?;
                    path = directory.join(OsString::from_vec(target.into_bytes()));
                }
                // Somebody made it just now, or it is a link and has to be made anew.
                Ok(_) => return Err(refused(Errno::EXIST).into()),
                Err(errno) => return Err(refused(errno).into()),
            }
        }
        Err(refused(Errno::LOOP).into())
    }
}

/// The directory and the last name of an absolute path; no name where no file can have it.
fn split(path: &Path) -> (&Path, Option<OsString>) {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let start = bytes[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let name = &bytes[start..end];
    let is_file = end == bytes.len() && !matches!(name, b"" | b"." | b"..");
    let parent = Path::new(OsStr::from_bytes(&bytes[..start.max(1)]));
    (parent, is_file.then(|| OsString::from_vec(name.to_vec())))
}

/// Makes a file in the directory that is held, if that is still where it was. Should it be renamed at
/// this very moment, an empty file stays there that nobody was given: removing it would act on a name.
///
/// The file's mode is what was asked for, as the requester's umask has been applied to it, less what a
/// default ACL takes away; its owner is the requester.
pub(super) fn create(approved: &Approved, name: &OsStr) -> Result<OwnedFd, Refusal> {
    let directory = approved.pinned();
    let stat = fstat(directory).map_err(refused)?;
    if path_of(directory, &stat)?.join(name) != directory.canonical() {
        let reason = "its directory was renamed while it was decided about";
        return Err(Refusal::new(ReasonCode::Changed, reason));
    }
    let mode = Mode::from_raw_mode(approved.intent().mode & 0o777);
    let once = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = openat(directory, name, flags(approved) | once, mode).map_err(refused)?;
    if !has_default_acl(directory) {
        // Our own umask was applied. Where there is a default ACL, none is. Source: acl(5).
        fchmod(&file, mode).map_err(refused)?;
    }
    if let Some((uid, gid)) = approved.owner() {
        let takes_group = Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID);
        let gid = (!takes_group).then(|| Gid::from_raw(gid));
        fchown(&file, Some(Uid::from_raw(uid)), gid).map_err(refused)?;
    }
    Ok(file)
}

fn has_default_acl(directory: &Pinned) -> bool {
    let link = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
    getxattr(&*link, c"system.posix_acl_default", &mut [0_u8; 0]).is_ok()
}
