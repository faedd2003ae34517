//! The only place in this crate that asks the file system anything.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::{FileKind, NonoError, ObjectId, Result};

/// A path as the file system sees it at one moment.
pub(crate) struct Resolved {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) id: ObjectId,
}

/// Follows every symlink and `..` of `path` and looks at what is there.
pub(crate) fn resolve(path: &Path) -> Result<Resolved> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => NonoError::PathNotFound(path.to_owned()),
        _ => NonoError::PathCanonicalization { path: path.to_owned(), source },
    };
    let canonical = fs::canonicalize(path).map_err(failed)?;
    let metadata = fs::symlink_metadata(&canonical).map_err(failed)?;
    Ok(Resolved { kind: kind_of(&metadata), id: id_of(&metadata), path: canonical })
}

/// Resolves the longest part of `path` that can be looked up and appends the rest as it is spelled.
///
/// # Errors
/// A rest that has `..` in it cannot be placed and is refused.
pub(crate) fn resolve_existing_part(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path)
        .map_err(|source| NonoError::PathCanonicalization { path: path.to_owned(), source })?;
    let mut rest = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match resolve(existing) {
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
