//! An object that a path led to, held.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::{Purpose, Refusal, Subject, Vet, Vetted};
use crate::{AccessMode, ObjectId};

/// What one resolution of a path led to: a handle on the object, or on the directory in which a new
/// one is to be made, and what was true of it then.
#[derive(Debug)]
pub struct Pinned {
    handle: OwnedFd,
    spelled: PathBuf,
    canonical: PathBuf,
    object: ObjectId,
    kind: ObjectKind,
    links: u64,
    new_name: Option<OsString>,
}

/// What kind of object was pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A FIFO, a socket or a device: opening it can have effects or wait.
    Special,
}

impl Pinned {
    /// An object that is there: `canonical` is the path of the handle, `links` its number of names.
    #[must_use]
    pub fn existing(
        handle: OwnedFd,
        spelled: PathBuf,
        canonical: PathBuf,
        object: ObjectId,
        kind: ObjectKind,
        links: u64,
    ) -> Self {
        Self { handle, spelled, canonical, object, kind, links, new_name: None }
    }

    /// A file that is to be made: `parent` is a handle on its directory, `directory` that one's path
    /// and `object` its identity.
    #[must_use]
    pub fn new_file(
        parent: OwnedFd,
        spelled: PathBuf,
        directory: &Path,
        object: ObjectId,
        name: OsString,
    ) -> Self {
        let canonical = directory.join(&name);
        let (kind, links) = (ObjectKind::File, 1);
        Self { handle: parent, spelled, canonical, object, kind, links, new_name: Some(name) }
    }

    /// The path as it was asked for.
    #[must_use]
    pub fn spelled(&self) -> &Path {
        &self.spelled
    }

    /// Where the object is, without links or dots.
    #[must_use]
    pub fn canonical(&self) -> &Path {
        &self.canonical
    }

    /// The identity of what is held: of the object, or of the directory of a new one.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        self.object
    }

    /// What kind of object it is.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// Whether the object has other names than the one that led to it.
    #[must_use]
    pub fn has_several_names(&self) -> bool {
        self.kind != ObjectKind::Directory && self.links > 1
    }

    /// The name of a file that is to be made.
    #[must_use]
    pub fn new_name(&self) -> Option<&OsStr> {
        self.new_name.as_deref()
    }

    /// Looks at the path and the object for what is never granted.
    ///
    /// # Errors
    /// What `vet` refuses.
    pub fn vet(self, vet: &dyn Vet, access: AccessMode) -> Result<Vetted, Refusal> {
        let purpose = Purpose::of(access, self.new_name.is_some());
        vet.vet(&self.subject(purpose))?;
        Ok(Vetted::new(self, access))
    }

    /// What a [`Vet`] looks at.
    #[must_use]
    pub fn subject(&self, purpose: Purpose) -> Subject<'_> {
        Subject {
            spelled: &self.spelled,
            canonical: &self.canonical,
            object: self.object,
            links: if self.has_several_names() { self.links } else { 1 },
            purpose,
        }
    }
}

impl AsFd for Pinned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}
