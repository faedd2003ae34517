//! What mode bits and owners say, in a sandbox or outside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nono_core::Rights;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

/// Whether the file system lets the caller do it without a sandbox. Source: access(2).
pub(super) fn allows(path: &Path, wanted: Rights) -> bool {
    let mut access = Access::empty();
    if wanted.contains(Rights::EXECUTE) {
        // A program may be executed that cannot be read.
        access.insert(Access::EXEC_OK);
    } else {
        access.set(Access::READ_OK, wanted.contains(Rights::READ));
        access.set(Access::WRITE_OK, wanted.contains(Rights::WRITE));
    }
    let answer = accessat(CWD, path, access, AtFlags::EACCESS);
    !matches!(answer, Err(Errno::ACCESS | Errno::PERM | Errno::ROFS))
}

/// Whether what root may do here is what its program may do: that one loses root's capabilities, and
/// may run as another user. Everybody else's program runs as its caller does.
pub(super) fn is_certain(path: &Path, wanted: Rights) -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let Ok(found) = fs::metadata(path) else { return true };
    let mut bits = 0;
    for (right, bit) in [(Rights::READ, 4), (Rights::WRITE, 2), (Rights::EXECUTE, 1)] {
        if wanted.contains(right) {
            bits |= bit;
        }
    }
    let all = if found.uid() == 0 { found.mode() >> 6 } else { found.mode() };
    all & bits == bits
}
