//! The file of a listening socket.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, RenameFlags, Stat, lstat, renameat_with, unlinkat};
use rustix::io::Errno;

/// A socket's file, removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub(crate) struct BoundPath {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl BoundPath {
    /// The file that was bound just now at `path`.
    pub(crate) fn of(path: &Path) -> Result<Self, Errno> {
        let found = lstat(path)?;
        let (device, inode) = identity(&found);
        Ok(Self { path: std::path::absolute(path).unwrap_or(path.to_owned()), device, inode })
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        let is_ours =
            |found: Stat| is_socket(&found) && identity(&found) == (self.device, self.inode);
        if lstat(&self.path).is_ok_and(is_ours) {
            // Nothing is to be done about a directory that cannot be written any more.
            let _ = unlinkat(CWD, &self.path, AtFlags::empty());
        }
    }
}

/// Removes the dead socket at `path`, for which `is_dead` has to vouch. Whether it is gone. It is put
/// aside first and looked at again there: what another process bound meanwhile is put back.
pub(crate) fn remove_dead(path: &Path, is_dead: impl Fn(&Path) -> bool) -> Result<bool, Errno> {
    let found = lstat(path)?;
    if !is_socket(&found) || !is_ours(&found) || !is_dead(path) {
        return Ok(false);
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    move_without_replacing(path, Path::new(&aside))?;
    let moved = lstat(Path::new(&aside))?;
    if identity(&moved) != identity(&found) {
        move_without_replacing(Path::new(&aside), path)?;
        return Ok(false);
    }
    unlinkat(CWD, &aside, AtFlags::empty())?;
    Ok(true)
}

fn is_socket(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::Socket
}

fn is_ours(found: &Stat) -> bool {
    found.st_uid == rustix::process::geteuid().as_raw()
}

#[allow(clippy::unnecessary_cast)] // Their types differ between systems.
fn identity(found: &Stat) -> (u64, u64) {
    (found.st_dev as u64, found.st_ino as u64)
}

fn move_without_replacing(from: &Path, to: &Path) -> Result<(), Errno> {
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}
