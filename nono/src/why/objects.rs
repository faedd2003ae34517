//! What a set grants, by object, as the kernel has it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nono_core::{CapabilitySet, FsCapability, ObjectId, Rights};

/// The grants that the kernel is asked for, under the objects they are of.
#[derive(Debug)]
pub(super) struct Objects<'a>(HashMap<ObjectId, (Rights, &'a FsCapability)>);

impl<'a> Objects<'a> {
    /// Of a set whose denied entries have been cut out.
    pub(super) fn of(enforced: &'a CapabilitySet) -> Self {
        let mut objects = HashMap::new();
        for grant in enforced.effective_grants() {
            let entry = objects.entry(grant.capability.id());
            entry.or_insert((Rights::NONE, grant.capability)).0 |= grant.rights;
        }
        Self(objects)
    }

    /// The rights on the object at a canonical path: those on itself and on every directory above
    /// it. Source: landlock(7), and the kernel's documentation of path hierarchies.
    pub(super) fn held(&self, path: &Path) -> Rights {
        self.above(path).fold(Rights::NONE, |held, &(rights, _)| held | rights)
    }

    /// The nearest grant of the object, or of a directory above it, that has any of these rights.
    pub(super) fn nearest(&self, path: &Path, wanted: Rights) -> Option<&'a FsCapability> {
        self.above(path).find(|(rights, _)| rights.intersects(wanted)).map(|&(_, grant)| grant)
    }

    fn above(&self, path: &Path) -> impl Iterator<Item = &(Rights, &'a FsCapability)> {
        path.ancestors().filter_map(|above| self.0.get(&id(above)?))
    }
}

/// The object at a path, no link at its end followed.
pub(super) fn id(path: &Path) -> Option<ObjectId> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(ObjectId { device: found.dev(), inode: found.ino() })
}
