//! What a handle tells of its object.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nono_core::pipeline::Refusal;
use nono_core::{ObjectId, ReasonCode};
use rustix::fs::{AtFlags, CWD, Stat, readlinkat, statat};

use super::refused;

/// Where the handle's object is now. The kernel appends ` (deleted)` to the path of one that is
/// nowhere, and a file can be named so; their identities tell. Source: proc_pid_fd(5).
pub(super) fn path_of(handle: impl AsFd, stat: &Stat) -> Result<PathBuf, Refusal> {
    let link = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
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

pub(super) fn identity(stat: &Stat) -> ObjectId {
    ObjectId { device: stat.st_dev, inode: stat.st_ino }
}
