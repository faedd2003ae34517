//! The only place in this crate that asks the file system anything.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::{AccessMode, FileKind, FsCapability, NonoError, ObjectId, Result};

/// A path as the file system sees it at one moment.
pub(crate) struct Resolved {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) id: ObjectId,
    is_symlink: bool,
}

/// The longest path the kernel takes, `PATH_MAX` of linux/limits.h.
const LONGEST_PATH: usize = 4096;

/// Makes the grants of one policy, and resolves a directory that several paths share only once.
///
/// Directories are remembered as they were first seen, so take a new one for each policy.
///
/// ```no_run
/// use nono_core::{AccessMode, CapabilitySet, Resolver};
///
/// let mut resolver = Resolver::new();
/// let mut caps = CapabilitySet::new();
/// for name in ["a.txt", "b.txt"] {
///     let path = std::path::Path::new("/srv/data").join(name);
///     caps.add_fs(resolver.file(path, AccessMode::Read)?);
/// }
/// # Ok::<(), nono_core::NonoError>(())
/// ```
#[derive(Debug, Default)]
pub struct Resolver {
    /// From a directory as it is spelled to where it is.
    directories: HashMap<OsString, PathBuf>,
}

impl Resolver {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What [`FsCapability::new_dir`] makes.
    ///
    /// # Errors
    /// As there.
    pub fn dir(&mut self, path: impl AsRef<Path>, access: AccessMode) -> Result<FsCapability> {
        let capability = self.any(path, access)?;
        if capability.is_dir() {
            Ok(capability)
        } else {
            Err(NonoError::ExpectedDirectory(capability.original))
        }
    }

    /// What [`FsCapability::new_file`] makes.
    ///
    /// # Errors
    /// As there.
    pub fn file(&mut self, path: impl AsRef<Path>, access: AccessMode) -> Result<FsCapability> {
        let capability = self.any(path, access)?;
        if capability.is_dir() {
            Err(NonoError::ExpectedFile(capability.original))
        } else {
            Ok(capability)
        }
    }

    /// What [`FsCapability::new_any`] makes.
    ///
    /// # Errors
    /// As there.
    pub fn any(&mut self, path: impl AsRef<Path>, access: AccessMode) -> Result<FsCapability> {
        let path = path.as_ref();
        Ok(FsCapability::new(path, self.resolve(path)?, access))
    }

    /// What [`FsCapability::new_executable`] makes.
    ///
    /// # Errors
    /// As there.
    pub fn executable(&mut self, path: impl AsRef<Path>) -> Result<FsCapability> {
        Ok(FsCapability { execute: true, ..self.any(path, AccessMode::Read)? })
    }

    /// Follows every symlink and `..` of `path` and looks at what is there.
    pub(crate) fn resolve(&mut self, path: &Path) -> Result<Resolved> {
        self.locate(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => NonoError::PathNotFound(path.to_owned()),
            _ => NonoError::PathCanonicalization { path: path.to_owned(), source },
        })
    }

    /// Looks only at the last component where it is a plain name in a known directory.
    fn locate(&mut self, path: &Path) -> io::Result<Resolved> {
        let Some((directory, name)) = split(path) else {
            return look_at(fs::canonicalize(path)?);
        };
        let found = look_at(self.place(directory, name)?)?;
        if found.is_symlink { look_at(fs::canonicalize(&found.path)?) } else { Ok(found) }
    }

    fn place(&mut self, directory: &OsStr, name: &OsStr) -> io::Result<PathBuf> {
        if let Some(known) = self.directories.get(directory) {
            return Ok(known.join(name));
        }
        let found = self.locate(Path::new(directory))?;
        let place = found.path.join(name);
        self.directories.insert(directory.to_owned(), found.path);
        Ok(place)
    }
}

/// A directory and a name in it. `None` where the text does not tell what the name stands for (`..`,
/// or `.` and a slash at the end, which demand a directory), where the path is relative or the
/// root, and where it is too long for the kernel anyway.
fn split(path: &Path) -> Option<(&OsStr, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    if !path.is_absolute() || bytes.len() >= LONGEST_PATH {
        return None;
    }
    let slash = bytes.iter().rposition(|&byte| byte == b'/')?;
    let name = &bytes[slash + 1..];
    let directory = if slash == 0 { b"/" } else { &bytes[..slash] };
    let is_plain = !matches!(name, b"" | b"." | b"..");
    is_plain.then(|| (OsStr::from_bytes(directory), OsStr::from_bytes(name)))
}

fn look_at(path: PathBuf) -> io::Result<Resolved> {
    let metadata = fs::symlink_metadata(&path)?;
    let is_symlink = metadata.is_symlink();
    Ok(Resolved { kind: kind_of(&metadata), id: id_of(&metadata), is_symlink, path })
}

/// The path from the root, with nothing resolved.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|source| NonoError::PathCanonicalization { path: path.to_owned(), source })
}

/// Resolves the longest part of `path` that can be looked up and appends the rest as it is spelled.
///
/// # Errors
/// A rest that has `..` in it cannot be placed and is refused.
pub(crate) fn resolve_existing_part(path: &Path) -> Result<PathBuf> {
    let absolute = absolute(path)?;
    let mut resolver = Resolver::new();
    let mut rest = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match resolver.resolve(existing) {
            Ok(found) => {
                return Ok(rest.iter().rev().fold(found.path, |path, name| path.join(name)));
            }
            Err(error) if is_out_of_reach(&error) => {}
            Err(error) => return Err(error),
        }
        match (existing.file_name(), existing.parent()) {
            (Some(name), Some(parent)) => {
                rest.push(name);
                existing = parent;
            }
            _ => return Err(NonoError::PathNotFound(path.to_owned())),
        }
    }
}

/// Whether nothing is there, or nothing that this process may look up.
fn is_out_of_reach(error: &NonoError) -> bool {
    match error {
        NonoError::PathNotFound(_) => true,
        NonoError::PathCanonicalization { source, .. } => {
            matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::NotADirectory)
        }
        _ => false,
    }
}

fn kind_of(metadata: &Metadata) -> FileKind {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_char_device() || file_type.is_block_device() {
        FileKind::Device
    } else {
        FileKind::File
    }
}

fn id_of(metadata: &Metadata) -> ObjectId {
    ObjectId { device: metadata.dev(), inode: metadata.ino() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// `real/file`, `link` to `real`, `real/up` to `../link/file`, and a loop.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        fs::write(root.path().join("real/file"), "").unwrap();
        symlink("real", root.path().join("link")).unwrap();
        symlink("../link/file", root.path().join("real/up")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        root
    }

    #[test]
    fn every_spelling_resolves_as_the_system_resolves_it() {
        let root = tree();
        let mut resolver = Resolver::new();
        let spellings = [
            "real",
            "real/",
            "real/.",
            "real/file",
            "link",
            "link/",
            "link/file",
            "link/up",
            "real/../link/file",
            "link/..",
            "link/../real/up",
            ".//real/./file",
            "real/file/",
            "real/file/.",
            "real/file/x",
            "none",
            "none/x",
            "none/..",
            "loop",
            "loop/x",
            "a\0b",
        ];
        for spelling in spellings {
            let path = root.path().join(spelling);
            let found = resolver.resolve(&path).map(|found| found.path).ok();
            assert_eq!(found, fs::canonicalize(&path).ok(), "{spelling}");
        }
    }

    #[test]
    fn a_relative_path_and_the_root_resolve_too() {
        let mut resolver = Resolver::new();
        for path in [".", "..", "/", "//", "/..", ""] {
            let found = resolver.resolve(Path::new(path)).map(|found| found.path).ok();
            assert_eq!(found, fs::canonicalize(path).ok(), "{path}");
        }
    }

    #[test]
    fn a_path_of_any_length_is_refused_and_not_walked() {
        let path = "/a".repeat(1_000_000);
        assert!(Resolver::new().resolve(Path::new(&path)).is_err());
    }
}
