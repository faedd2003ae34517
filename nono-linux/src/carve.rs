//! Keeping an entry closed inside a grant.
//!
//! Landlock adds rights and takes none away, so a grant above a denied entry is replaced by grants
//! of everything beside the chain that leads to the entry:
//!
//! ```text
//! grant ~, deny ~/.config/gh     ─▶     grant ~/src, ~/notes, …, ~/.config/htop, ~/.config/git, …
//! ```
//!
//! The directories of the chain themselves (`~`, `~/.config`) get nothing: they cannot be listed,
//! and what is made there later is not granted. That holds for entries that do not exist too, so
//! that one made later stays closed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nono_core::{
    CapabilityError, CapabilitySet, CapabilitySource, FsCapability, NonoError, ObjectId, Result,
};

use crate::mounts::Mounts;

/// The most grants that carving may make out of all grants of a set.
pub const CARVE_LIMIT: usize = 4096;

/// A set whose denied entries lie in no grant, as the kernel can express it.
#[derive(Debug, Clone)]
pub struct Carved<'a> {
    pub(crate) caps: Cow<'a, CapabilitySet>,
    pub(crate) directories: Vec<PathBuf>,
}

impl Carved<'_> {
    /// The set to plan.
    #[must_use]
    pub fn caps(&self) -> &CapabilitySet {
        &self.caps
    }

    /// The directories that lie in a grant and get nothing themselves.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }
}

/// Replaces the grants above denied entries of `caps`, and drops those at or below one. A set
/// without denied entries is taken as it is, without a look at the file system.
///
/// An entry is closed under every name that a mount gives it. A further hard link of a denied file
/// is closed only where carving comes across it.
///
/// # Errors
/// [`CapabilityError::Narrowed`], since merging cannot be judged afterwards;
/// [`CapabilityError::CarvedTooWide`] beyond [`CARVE_LIMIT`] grants; [`NonoError::System`] when the
/// mounts cannot be read.
pub fn carve(caps: &CapabilitySet) -> Result<Carved<'_>> {
    caps.validate()?;
    if caps.denied_paths().is_empty() {
        return Ok(Carved { caps: Cow::Borrowed(caps), directories: Vec::new() });
    }
    let denied = Denied::new(caps)?;
    let mut carver = Carver { denied: &denied, made: Vec::new(), directories: Vec::new() };
    let mut merged = caps.clone();
    merged.deduplicate();
    let mut grants = Vec::new();
    for grant in merged.fs_capabilities() {
        if denied.closes(grant.resolved()) || denied.is_denied(grant) {
            continue;
        }
        let entries = denied.below(grant.resolved());
        if entries.is_empty() || grant.is_file() {
            grants.push(grant.clone());
        } else {
            carver.carve(grant, grant.resolved(), entries)?;
        }
    }
    grants.append(&mut carver.made);
    // Which source grants what has been settled; from here on grants of one path add up.
    let grants = grants.into_iter().map(|grant| grant.with_source(CapabilitySource::User));
    merged.set_fs(grants.collect());
    Ok(Carved { caps: Cow::Owned(merged), directories: carver.directories })
}

/// Every name of the denied entries, sorted by bytes, so that what lies below a path is one slice.
struct Denied {
    names: Vec<PathBuf>,
    objects: HashSet<ObjectId>,
}

impl Denied {
    fn new(caps: &CapabilitySet) -> Result<Self> {
        let mounts = Mounts::read()?;
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in caps.denied_paths() {
            for path in [entry.name(), entry.resolved()] {
                names.push(path.to_owned());
                names.extend(mounts.other_names(path));
            }
        }
        names.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
        names.dedup();
        let objects = names.iter().filter_map(|path| object_id(path)).collect();
        Ok(Self { names, objects })
    }

    /// The entries strictly below `path`.
    fn below(&self, path: &Path) -> &[PathBuf] {
        below(&self.names, path)
    }

    /// Whether `path` is an entry or lies below one.
    fn closes(&self, path: &Path) -> bool {
        path.ancestors()
            .any(|above| self.names.binary_search_by(|name| bytes(name).cmp(bytes(above))).is_ok())
    }

    /// Whether the grant's object is a denied one under another name.
    fn is_denied(&self, grant: &FsCapability) -> bool {
        self.objects.contains(&grant.id())
    }
}

struct Carver<'a> {
    denied: &'a Denied,
    made: Vec<FsCapability>,
    directories: Vec<PathBuf>,
}

impl Carver<'_> {
    /// Grants what is in `directory` but for `entries`, which all lie below it.
    fn carve(&mut self, grant: &FsCapability, directory: &Path, entries: &[PathBuf]) -> Result<()> {
        self.directories.push(directory.to_owned());
        // What nono cannot list it cannot grant piece by piece; it stays closed.
        let Ok(listing) = fs::read_dir(directory) else { return Ok(()) };
        for found in listing.flatten() {
            let path = found.path();
            // A link needs no right of its own, and where it leads is granted there or not at all.
            let Ok(kind) = found.file_type() else { continue };
            if kind.is_symlink() || self.denied.closes(&path) {
                continue;
            }
            match below(entries, &path) {
                deeper @ [_, ..] if kind.is_dir() => self.carve(grant, &path, deeper)?,
                _ => self.grant(grant, &path, entries)?,
            }
        }
        Ok(())
    }

    fn grant(&mut self, grant: &FsCapability, path: &Path, entries: &[PathBuf]) -> Result<()> {
        let piece = match grant.on(path) {
            Ok(piece) => piece,
            // It went away, or was never ours to look at.
            Err(NonoError::PathNotFound(_) | NonoError::ObjectChanged(_)) => return Ok(()),
            Err(NonoError::PathCanonicalization { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.denied.is_denied(&piece) {
            return Ok(());
        }
        if self.made.len() == CARVE_LIMIT {
            return Err(NonoError::Capability(CapabilityError::CarvedTooWide {
                grant: grant.resolved().to_owned(),
                entry: entries.first().cloned().unwrap_or_default(),
                limit: CARVE_LIMIT,
            }));
        }
        self.made.push(piece);
        Ok(())
    }
}

/// The part of sorted `names` that lies strictly below `path`.
fn below<'a>(names: &'a [PathBuf], path: &Path) -> &'a [PathBuf] {
    let mut prefix: OsString = path.into();
    if prefix != "/" {
        prefix.push("/");
    }
    let prefix = prefix.into_vec();
    let start = names.partition_point(|name| bytes(name) <= prefix.as_slice());
    let length = names[start..].partition_point(|name| bytes(name).starts_with(&prefix));
    &names[start..start + length]
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn object_id(path: &Path) -> Option<ObjectId> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(ObjectId { device: found.dev(), inode: found.ino() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_found_by_component_not_by_prefix() {
        let names: Vec<PathBuf> =
            ["/a", "/a-b", "/a/b", "/a/b/c", "/ab", "/b"].iter().map(Into::into).collect();
        let found = |path: &str| below(&names, Path::new(path)).to_vec();
        assert_eq!(found("/a"), [Path::new("/a/b"), Path::new("/a/b/c")]);
        assert_eq!(found("/a/b/c"), [] as [&Path; 0]);
        assert_eq!(found("/").len(), names.len());
    }
}
