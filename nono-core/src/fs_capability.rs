//! One grant of a file or a directory.

use std::path::{Path, PathBuf};

use crate::lookup::{Resolved, Resolver};
use crate::{AccessMode, CapabilitySource, NonoError, Result, Rights};

/// What kind of object a path led to when it was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A directory: the grant holds for everything below it.
    Directory,
    /// A character or block device.
    Device,
    /// Anything else: a regular file, a FIFO, a socket.
    File,
}

/// The identity of an object: a name may lead elsewhere later, this does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ObjectId {
    /// `st_dev` of stat(2).
    pub device: u64,
    /// `st_ino` of stat(2).
    pub inode: u64,
}

/// A grant of access to one file, or to one directory and all below it.
///
/// The path is resolved once, when the value is made; what is granted is the object found then.
/// Preparing a sandbox fails when the resolved path has come to name another object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsCapability {
    pub(crate) original: PathBuf,
    pub(crate) resolved: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) id: ObjectId,
    pub(crate) access: AccessMode,
    pub(crate) execute: bool,
    pub(crate) device_ioctl: bool,
    pub(crate) optional: bool,
    pub(crate) source: CapabilitySource,
}

impl FsCapability {
    /// Grants `access` to the directory at `path` and everything below it.
    ///
    /// # Errors
    /// [`NonoError::PathNotFound`], [`NonoError::PathCanonicalization`], or
    /// [`NonoError::ExpectedDirectory`] when something else is there.
    pub fn new_dir(path: impl AsRef<Path>, access: AccessMode) -> Result<Self> {
        Resolver::new().dir(path, access)
    }

    /// Grants `access` to the one file at `path`. Devices, FIFOs and sockets are files here.
    ///
    /// # Errors
    /// [`NonoError::PathNotFound`], [`NonoError::PathCanonicalization`], or
    /// [`NonoError::ExpectedFile`] when a directory is there.
    pub fn new_file(path: impl AsRef<Path>, access: AccessMode) -> Result<Self> {
        Resolver::new().file(path, access)
    }

    /// Grants `access` to whatever is at `path`: one file, or a directory and all below it.
    ///
    /// # Errors
    /// [`NonoError::PathNotFound`] or [`NonoError::PathCanonicalization`].
    pub fn new_any(path: impl AsRef<Path>, access: AccessMode) -> Result<Self> {
        Resolver::new().any(path, access)
    }

    /// Grants execution, and the reading it needs, of the file at `path` or of all files below
    /// the directory there, also in a set that asks for explicit execution.
    ///
    /// # Errors
    /// [`NonoError::PathNotFound`] or [`NonoError::PathCanonicalization`].
    pub fn new_executable(path: impl AsRef<Path>) -> Result<Self> {
        Resolver::new().executable(path)
    }

    pub(crate) fn new(spelled: &Path, found: Resolved, access: AccessMode) -> Self {
        Self {
            original: spelled.to_owned(),
            device_ioctl: found.kind == FileKind::Device,
            resolved: found.path,
            kind: found.kind,
            id: found.id,
            access,
            execute: false,
            optional: false,
            source: CapabilitySource::User,
        }
    }

    /// The same grant on behalf of `source`.
    #[must_use]
    pub fn with_source(self, source: CapabilitySource) -> Self {
        Self { source, ..self }
    }

    /// Adds the right to send device ioctls to what is below a directory, which terminals need.
    /// A grant of a device has it without being asked.
    #[must_use]
    pub fn with_device_ioctl(self) -> Self {
        Self { device_ioctl: true, ..self }
    }

    /// The same grant on another object: what is at `path`, which must be canonical. It is part of
    /// a greater grant, so that it is no mistake if it is gone when the sandbox is prepared.
    ///
    /// # Errors
    /// [`NonoError::PathNotFound`], [`NonoError::PathCanonicalization`], or
    /// [`NonoError::ObjectChanged`] when the path leads elsewhere than it reads.
    pub fn on(&self, path: &Path) -> Result<Self> {
        let found = Resolver::new().resolve(path)?;
        if found.path != path {
            return Err(NonoError::ObjectChanged(path.to_owned()));
        }
        let device_ioctl = match found.kind {
            FileKind::Device => true,
            FileKind::Directory => self.device_ioctl,
            FileKind::File => false,
        };
        Ok(Self {
            original: path.to_owned(),
            resolved: found.path,
            kind: found.kind,
            id: found.id,
            device_ioctl,
            optional: true,
            ..self.clone()
        })
    }

    /// The path as it was spelled.
    #[must_use]
    pub fn original(&self) -> &Path {
        &self.original
    }

    /// The absolute path without symlinks and `..` that it led to.
    #[must_use]
    pub fn resolved(&self) -> &Path {
        &self.resolved
    }

    /// What kind of object was found.
    #[must_use]
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Whether the grant holds for everything below the path.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// Whether the grant holds for the one object at the path.
    #[must_use]
    pub fn is_file(&self) -> bool {
        !self.is_dir()
    }

    /// The object that was found.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// What may be done.
    #[must_use]
    pub fn access(&self) -> AccessMode {
        self.access
    }

    /// Whether execution was granted by name.
    #[must_use]
    pub fn grants_execute(&self) -> bool {
        self.execute
    }

    /// Whether device ioctls are part of the grant.
    #[must_use]
    pub fn grants_device_ioctl(&self) -> bool {
        self.device_ioctl
    }

    /// Whether the grant is left out, and no error, when its object is gone or replaced.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Who asked for the grant.
    #[must_use]
    pub fn source(&self) -> &CapabilitySource {
        &self.source
    }

    /// The rights the grant gives in a set where execution must be explicit, or need not be.
    #[must_use]
    pub fn rights(&self, explicit_execute: bool) -> Rights {
        let rights = self.access.rights();
        if self.execute || (!explicit_execute && rights.contains(Rights::READ)) {
            rights | Rights::EXECUTE
        } else {
            rights
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_path_is_resolved_before_its_type_is_checked() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.path().join("link")).unwrap();

        let grant = FsCapability::new_dir(root.path().join("link"), AccessMode::Read).unwrap();

        assert_eq!(grant.resolved(), root.path().canonicalize().unwrap().join("real"));
        assert_eq!(grant.original(), root.path().join("link"));
    }

    #[test]
    fn the_wrong_type_or_nothing_at_all_is_a_typed_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();

        let read = AccessMode::Read;
        let wrong = FsCapability::new_dir(&file, read).unwrap_err();
        assert!(matches!(wrong, NonoError::ExpectedDirectory(path) if path == file));
        let wrong = FsCapability::new_file(root.path(), read).unwrap_err();
        assert!(matches!(wrong, NonoError::ExpectedFile(path) if path == root.path()));
        let missing = FsCapability::new_file(root.path().join("none"), read).unwrap_err();
        assert!(matches!(missing, NonoError::PathNotFound(_)));
        let below_file = FsCapability::new_file(file.join("x"), read).unwrap_err();
        assert!(matches!(below_file, NonoError::PathCanonicalization { .. }));
        let nul = FsCapability::new_file("a\0b", read).unwrap_err();
        assert!(matches!(nul, NonoError::PathCanonicalization { .. }));
    }

    #[test]
    fn a_device_brings_its_ioctls() {
        let null = FsCapability::new_file("/dev/null", AccessMode::Read).unwrap();
        assert!(null.grants_device_ioctl() && null.kind() == FileKind::Device);
    }
}
