//! The entries by the objects they are at present.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nono_core::ObjectId;

use super::entries::{Entries, Place, RuleNumber};
use super::{Blocked, Purpose, Subject, id_of};

/// How long a look at the entries is relied on, where names cannot be many.
const MAX_AGE: Duration = Duration::from_secs(1);

/// What the entries were when somebody looked.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// Every entry and every directory above one.
    objects: HashMap<ObjectId, Place>,
    /// Names that are not there, by the directory in which they would be made.
    missing: HashMap<ObjectId, HashMap<OsString, Place>>,
}

/// Directories that were looked at, and what they are.
type Directories<'a> = HashMap<&'a Path, Option<ObjectId>>;

impl Identities {
    fn look(entries: &Entries) -> Self {
        let mut identities = Self::default();
        let mut directories = Directories::new();
        for (number, rule) in entries.rules().iter().enumerate() {
            if let Some(path) = rule.path() {
                identities.add(number, path, &mut directories);
            }
        }
        identities
    }

    fn add<'a>(&mut self, number: RuleNumber, path: &'a Path, directories: &mut Directories<'a>) {
        let object = fs::metadata(path).ok();
        if let Some(metadata) = &object {
            self.objects.entry(id_of(metadata)).or_default().at.get_or_insert(number);
        }
        let mut below = path;
        while let Some(directory) = below.parent() {
            let known = *directories
                .entry(directory)
                .or_insert_with(|| self.add_directory(number, directory));
            match (known, below.file_name()) {
                (Some(_), _) if object.is_some() => return,
                (Some(id), Some(name)) => {
                    let missing = self.missing.entry(id).or_default();
                    let missing = missing.entry(name.to_owned()).or_default();
                    let slot = if below == path { &mut missing.at } else { &mut missing.above };
                    slot.get_or_insert(number);
                    return;
                }
                _ => below = directory,
            }
        }
    }

    /// Adds a directory above an entry and all above it, where they are and not as they are spelled.
    fn add_directory(&mut self, number: RuleNumber, directory: &Path) -> Option<ObjectId> {
        let canonical = directory.canonicalize().ok()?;
        let ids = canonical.ancestors().map(|path| fs::metadata(path).ok().as_ref().map(id_of));
        let ids: Vec<_> = ids.collect();
        for id in ids.iter().flatten() {
            self.objects.entry(*id).or_default().above.get_or_insert(number);
        }
        ids.first().copied().flatten()
    }

    /// Judges by the object and by the directories above it, the innermost first.
    pub(super) fn judge(
        &self,
        subject: &Subject<'_>,
        ancestors: &[ObjectId],
        entries: &Entries,
    ) -> Result<(), Blocked> {
        let purpose = subject.purpose;
        for id in std::iter::once(&subject.object).chain(ancestors) {
            entries.judge_at(self.objects.get(id).and_then(|place| place.at), purpose)?;
        }
        if purpose != Purpose::Create {
            let place = self.objects.get(&subject.object);
            return entries.judge_above(place.and_then(|place| place.above), purpose);
        }
        match self.missing_name(subject.canonical, ancestors) {
            Some(missing) => {
                entries.judge_at(missing.at, purpose)?;
                entries.judge_above(missing.above, purpose)
            }
            None => Ok(()),
        }
    }

    /// The name below the innermost of the directories, if it is one that is missing.
    fn missing_name(&self, path: &Path, ancestors: &[ObjectId]) -> Option<&Place> {
        let names = self.missing.get(ancestors.first()?)?;
        names.get(path.components().nth(ancestors.len())?.as_os_str())
    }
}

/// What the entries were a short time ago.
#[derive(Debug)]
pub(super) struct Recent(Mutex<Look>);

#[derive(Debug)]
struct Look {
    identities: Arc<Identities>,
    at: Instant,
    is_under_way: bool,
}

impl Recent {
    pub(super) fn new(entries: &Entries) -> Self {
        let identities = Arc::new(Identities::look(entries));
        Self(Mutex::new(Look { identities, at: Instant::now(), is_under_way: false }))
    }

    /// What the entries are now.
    pub(super) fn fresh(&self, entries: &Entries) -> Arc<Identities> {
        let at = Instant::now();
        let identities = Arc::new(Identities::look(entries));
        let mut look = self.lock();
        *look = Look { identities: Arc::clone(&identities), at, is_under_way: false };
        identities
    }

    /// What they were within [`MAX_AGE`]. One thread looks anew and nobody waits for it: an entry
    /// may lie on a file system that does not answer.
    pub(super) fn recent(&self, entries: &Entries) -> Arc<Identities> {
        let mut look = self.lock();
        if look.is_under_way || look.at.elapsed() < MAX_AGE {
            return Arc::clone(&look.identities);
        }
        look.is_under_way = true;
        drop(look);
        self.fresh(entries)
    }

    fn lock(&self) -> MutexGuard<'_, Look> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
