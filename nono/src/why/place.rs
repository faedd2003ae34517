//! Where a path leads, as the kernel would follow it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nono_core::{NonoError, ObjectId, Result};

/// As many links as path_resolution(7) follows.
const MAX_LINKS: u32 = 40;

/// A path after every symlink and `..` has been followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The absolute path without symlinks and `..`.
    pub path: PathBuf,
    /// What is there.
    pub found: Found,
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An object.
    Object {
        /// Which.
        id: ObjectId,
        /// Of what kind.
        kind: Kind,
        /// How many names it has.
        links: u64,
    },
    /// Nothing yet.
    Nothing {
        /// The nearest directory above that exists.
        directory: PathBuf,
    },
}

/// Kinds of objects that rules treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A Unix socket.
    Socket,
    /// A regular file, a device, a FIFO.
    File,
}

impl Kind {
    fn of(found: fs::FileType) -> Self {
        match found {
            _ if found.is_dir() => Self::Directory,
            _ if found.is_socket() => Self::Socket,
            _ => Self::File,
        }
    }
}

impl Place {
    /// Follows `path`. A link to something missing leads to where that would be made.
    ///
    /// # Errors
    /// [`NonoError::PathCanonicalization`] when a part cannot be looked up, or `..` follows a
    /// name that does not exist.
    pub fn resolve(path: &Path) -> Result<Self> {
        let failed = |source| NonoError::PathCanonicalization { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        follow(&absolute, MAX_LINKS).map_err(failed)
    }
}

fn follow(path: &Path, links_left: u32) -> io::Result<Place> {
    match fs::canonicalize(path) {
        Ok(canonical) => {
            let found = fs::symlink_metadata(&canonical)?;
            let id = ObjectId { device: found.dev(), inode: found.ino() };
            let found =
                Found::Object { id, kind: Kind::of(found.file_type()), links: found.nlink() };
            return Ok(Place { path: canonical, found });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
        return Err(ErrorKind::NotFound.into());
    };
    let parent = follow(parent, links_left)?;
    let path = parent.path.join(name);
    match parent.found {
        Found::Object { .. } => match fs::read_link(&path) {
            Ok(target) if links_left > 0 => follow(&parent.path.join(target), links_left - 1),
            _ => Ok(Place { path, found: Found::Nothing { directory: parent.path } }),
        },
        Found::Nothing { directory } => Ok(Place { path, found: Found::Nothing { directory } }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_dots_lead_where_the_kernel_goes() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("a/b", root.join("link")).unwrap();
        symlink("a/new", root.join("dangling")).unwrap();
        let place = |path: &str| Place::resolve(&root.join(path));

        assert_eq!(place("link/..").unwrap().path, root.join("a"));
        let nothing = |directory: &str| Found::Nothing { directory: root.join(directory) };
        let expected = Place { path: root.join("a/new"), found: nothing("a") };
        assert_eq!(place("dangling").unwrap(), expected);
        let expected = Place { path: root.join("a/b/x/y"), found: nothing("a/b") };
        assert_eq!(place("link/x/y").unwrap(), expected);
        assert!(place("missing/../a").is_err());
    }
}
