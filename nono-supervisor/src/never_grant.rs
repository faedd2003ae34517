//! What is never granted, whoever says yes.
//!
//! ```text
//!                  ┌ spelled path ───▶ at or below an entry? above one?
//! Subject ──vet──▶ ├ canonical path ─▶ at or below an entry? above one?
//!                  └ (device, inode) of the object and of the directories above it
//!                                  ──▶ the same as an entry's? as those of one above an entry?
//! ```
//!
//! Identities catch what names hide: hard links, bind mounts, another case on file systems that
//! fold it, and entries that came to lead elsewhere.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nono_core::pipeline::{Refusal, Vet};
use nono_core::{CapabilitySource, DeniedPath, NonoError, ObjectId, ReasonCode, Result};

mod entries;
mod hard_links;
mod identities;
mod sequences;
mod subject;

use entries::Entries;
use hard_links::HardLinks;
use identities::Recent;
pub use nono_core::pipeline::{Purpose, Subject};
pub use subject::{Blocked, NeverGrantResult};

/// A list of paths that are never granted. It cannot be changed once it is made.
///
/// An entry closes itself and everything below it, component by component: `/etc/shadow` says
/// nothing about `/etc/shadow2`. An entry need not exist; it counts from when it is made.
///
/// ```
/// use nono_supervisor::NeverGrantChecker;
///
/// let checker = NeverGrantChecker::new(&["/etc/shadow".to_owned()])?;
/// assert!(checker.is_blocked("/etc/shadow".as_ref()));
/// assert!(!checker.is_blocked("/etc/shadow2".as_ref()));
/// # Ok::<(), nono_core::NonoError>(())
/// ```
#[derive(Debug)]
pub struct NeverGrantChecker {
    entries: Entries,
    identities: Recent,
    hard_links: HardLinks,
}

impl NeverGrantChecker {
    /// A list of absolute paths, of paths that begin with `~/`, which is what `HOME` says, and of
    /// names that begin with `**/` and are meant wherever they follow each other.
    ///
    /// # Errors
    /// [`NonoError::NoHome`] for `~/` without an absolute `HOME`, [`NonoError::NotAbsolute`] for any
    /// other path that is not absolute, and those of [`DeniedPath::new`].
    pub fn new(paths: &[String]) -> Result<Self> {
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self::with_home(&paths, &[], home.as_deref())
    }

    /// A list for a user whose home directory is `home`. Whatever is in `write_only` may be read if
    /// somebody says yes, and never changed: start-up files, hooks.
    ///
    /// # Errors
    /// As [`new`](Self::new); a home directory that is not absolute counts as none.
    pub fn with_home(paths: &[&str], write_only: &[&str], home: Option<&Path>) -> Result<Self> {
        let entries = Entries::new(paths, write_only, home)?;
        let identities = Recent::new(&entries);
        Ok(Self { entries, identities, hard_links: HardLinks::default() })
    }

    /// Whether `path` is on the list; see [`check`](Self::check).
    #[must_use]
    pub fn is_blocked(&self, path: &Path) -> bool {
        self.check(path).is_blocked()
    }

    /// Whether `path` is at or below an entry, of either kind, as it is spelled, where it leads, or as
    /// the object that it is. A path that does not exist is judged by its longest existing part; one
    /// that cannot be resolved is blocked.
    ///
    /// This looks a name up. A name can lead elsewhere afterwards: what is about to be opened is
    /// checked by [`vet`](Self::vet).
    pub fn check(&self, path: &Path) -> NeverGrantResult {
        match self.look_up(path) {
            Ok(()) => NeverGrantResult::Allowed,
            Err(blocked) => NeverGrantResult::Blocked { matched_rule: blocked.to_string() },
        }
    }

    fn look_up(&self, path: &Path) -> Result<(), Blocked> {
        let unclear = |source| Blocked::Unclear { path: path.to_owned(), source };
        let spelled = std::path::absolute(path).map_err(unclear)?;
        let place = DeniedPath::new(path, CapabilitySource::System).map_err(|error| {
            unclear(match error {
                NonoError::PathCanonicalization { source, .. } => source,
                other => io::Error::other(other),
            })
        })?;
        let canonical = place.resolved();
        let found = fs::symlink_metadata(canonical).ok();
        let looks = canonical.ancestors().skip(1).filter_map(|path| identify(path).ok());
        let ancestors: Vec<_> = looks.collect();
        let object = found.as_ref().map(id_of).or(ancestors.first().copied());
        let subject = Subject {
            spelled: &spelled,
            canonical,
            object: object.ok_or_else(|| unclear(io::ErrorKind::NotFound.into()))?,
            links: found.filter(|found| !found.is_dir()).map_or(1, |found| found.nlink()),
            // What is asked of a directory as that of what it is made in: not what is below.
            purpose: Purpose::Create,
        };
        match self.vet_below(&subject, &ancestors) {
            Err(Blocked::Above { .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether an operation on an object may be asked for at all. May wait for the file system: it
    /// looks at the directories above the object.
    ///
    /// What came to be an entry by a symlink or a mount is noticed within a second, and at once by
    /// the entry's own name; a further hard link to an entry at once, one to a file below an entry within
    /// a second. Below entries that may be read not everything is looked at where that is a lot.
    ///
    /// # Errors
    /// [`Blocked`], also when it cannot be told.
    pub fn vet(&self, subject: &Subject<'_>) -> Result<(), Blocked> {
        let above = subject.canonical.ancestors().skip(1);
        let ancestors: Vec<_> = above.map(identify).collect::<Result<_, _>>()?;
        self.vet_below(subject, &ancestors)
    }

    /// As [`vet`](Self::vet) for one who knows the directories above the object already.
    ///
    /// # Errors
    /// As there.
    pub fn vet_below(&self, subject: &Subject<'_>, ancestors: &[ObjectId]) -> Result<(), Blocked> {
        self.entries.judge(subject)?;
        let identities = if subject.links > 1 {
            self.identities.fresh(&self.entries)
        } else {
            self.identities.recent(&self.entries)
        };
        identities.judge(subject, ancestors, &self.entries)?;
        self.hard_links.judge(subject, &self.entries)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.rules().len()
    }

    /// Whether there are none: everything may be asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.rules().is_empty()
    }
}

fn identify(directory: &Path) -> Result<ObjectId, Blocked> {
    let metadata = fs::symlink_metadata(directory);
    let metadata =
        metadata.map_err(|source| Blocked::Unclear { path: directory.to_owned(), source })?;
    Ok(id_of(&metadata))
}

fn id_of(metadata: &fs::Metadata) -> ObjectId {
    ObjectId { device: metadata.dev(), inode: metadata.ino() }
}

impl Vet for NeverGrantChecker {
    fn vet(&self, subject: &Subject<'_>) -> std::result::Result<(), Refusal> {
        Self::vet(self, subject)
            .map_err(|blocked| Refusal::new(ReasonCode::NeverGrant, blocked.to_string()))
    }
}
