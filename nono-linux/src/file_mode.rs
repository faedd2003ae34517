//! What owner and mode of a file allow, apart from any sandbox.

use std::collections::BTreeSet;
use std::path::Path;

use nono_core::{Privilege, Rights};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// The privileges that make root pass every mode.
const OVERRIDING: [(Privilege, CapabilitySet); 2] = [
    (Privilege::DAC_OVERRIDE, CapabilitySet::DAC_OVERRIDE),
    (Privilege::DAC_READ_SEARCH, CapabilitySet::DAC_READ_SEARCH),
];

/// Whether owner, mode, access lists and mount options let the calling user do `wanted` with what
/// is at `path`, with those privileges of root that a sandbox takes away left out: root without
/// them is an ordinary user. The calling thread is without them while it asks.
///
/// Executing is judged without reading, which only some programs need. What cannot be told is
/// allowed. Source: access(2), capabilities(7).
#[must_use]
pub fn mode_allows(path: &Path, wanted: Rights, kept: &BTreeSet<Privilege>) -> bool {
    let mut access = Access::empty();
    access.set(Access::EXEC_OK, wanted.contains(Rights::EXECUTE));
    access.set(Access::READ_OK, wanted.contains(Rights::READ) && !access.contains(Access::EXEC_OK));
    access.set(Access::WRITE_OK, wanted.contains(Rights::WRITE));
    if wanted.contains(Rights::WRITE) && path.is_dir() {
        // Entries are changed by name, which is to search the directory.
        access |= Access::EXEC_OK;
    }
    let _lowered = Lowered::but(kept);
    let answer = accessat(CWD, path, access, AtFlags::EACCESS);
    !matches!(answer, Err(Errno::ACCESS | Errno::PERM | Errno::ROFS))
}

/// The calling thread without the overriding privileges, until this is dropped.
struct Lowered(Option<CapabilitySets>);

impl Lowered {
    fn but(kept: &BTreeSet<Privilege>) -> Self {
        let taken = OVERRIDING.iter().filter(|(privilege, _)| !kept.contains(privilege));
        let taken: CapabilitySet = taken.map(|&(_, bit)| bit).collect();
        let Ok(held) = capabilities(None) else { return Self(None) };
        if !held.effective.intersects(taken) {
            return Self(None);
        }
        let lowered = CapabilitySets { effective: held.effective - taken, ..held };
        Self(set_capabilities(None, lowered).is_ok().then_some(held))
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        if let Some(held) = self.0 {
            // What is permitted may always be made effective.
            let _ = set_capabilities(None, held);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_mode_that_forbids_something_forbids_it_to_root_too_and_leaves_its_privileges() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "").unwrap();
        let before = capabilities(None).unwrap();
        let allows = |mode: u32, wanted| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            mode_allows(&path, wanted, &BTreeSet::new())
        };

        assert!(allows(0o400, Rights::READ) && !allows(0o400, Rights::WRITE));
        assert!(allows(0o200, Rights::WRITE) && !allows(0o200, Rights::READ));
        assert!(allows(0o100, Rights::READ | Rights::EXECUTE) && !allows(0o600, Rights::EXECUTE));
        assert_eq!(capabilities(None).unwrap(), before);
    }

    #[test]
    fn a_directory_that_cannot_be_searched_cannot_be_changed() {
        let directory = tempfile::tempdir().unwrap();
        let allows = |mode: u32, wanted| {
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            mode_allows(directory.path(), wanted, &BTreeSet::new())
        };

        assert!(allows(0o400, Rights::READ) && !allows(0o600, Rights::WRITE));
        assert!(allows(0o700, Rights::WRITE));
    }
}
