//! Further names of files that lie below an entry.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nono_core::ObjectId;

use super::entries::{Entries, RuleNumber};
use super::{Blocked, Subject, id_of};

/// How long a look at what lies below the entries is relied on.
const MAX_AGE: Duration = Duration::from_secs(1);

/// How many objects below the entries are looked at. Beyond that a file with several names is refused
/// unseen.
const LIMIT: usize = 200_000;

/// How many objects are looked at below an entry that may be read, which can be as large as `/usr`.
/// What lies beyond is not known by its other names.
const LIMIT_READABLE: usize = 10_000;

/// The files with several names that lay below entries a short time ago. Nobody looks before such a
/// file is asked for.
#[derive(Debug, Default)]
pub(super) struct HardLinks(Mutex<Option<(Instant, Arc<Found>)>>);

#[derive(Debug)]
struct Found {
    files: HashMap<ObjectId, RuleNumber>,
    is_whole: bool,
}

impl HardLinks {
    /// Refuses a file with several names of which one lies below an entry that is a directory: the
    /// entries' own objects do not tell.
    pub(super) fn judge(&self, subject: &Subject<'_>, entries: &Entries) -> Result<(), Blocked> {
        if subject.links < 2 {
            return Ok(());
        }
        let found = self.recent(entries);
        if !found.is_whole {
            let source = io::Error::other("too much lies below the entries to look for its names");
            return Err(Blocked::Unclear { path: subject.canonical.to_owned(), source });
        }
        entries.judge_at(found.files.get(&subject.object).copied(), subject.purpose)
    }

    fn recent(&self, entries: &Entries) -> Arc<Found> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, found)) if at.elapsed() < MAX_AGE => Arc::clone(found),
            _ => {
                let found = Arc::new(Found::look(entries, LIMIT));
                *last = Some((Instant::now(), Arc::clone(&found)));
                found
            }
        }
    }
}

impl Found {
    /// Looks below every entry, at `limit` objects in all below those that are closed for everything.
    fn look(entries: &Entries, limit: usize) -> Self {
        let (mut found, mut left) = (Self { files: HashMap::new(), is_whole: true }, limit);
        for (number, rule) in entries.rules().iter().enumerate() {
            let Some(path) = rule.path() else { continue };
            if rule.may_be_read() {
                found.look_below(path, number, &mut LIMIT_READABLE.min(limit));
            } else {
                found.is_whole &= found.look_below(path, number, &mut left);
            }
        }
        found
    }

    /// Takes down the files below `top`; whether those were all. What this process cannot list is left
    /// out.
    fn look_below(&mut self, top: &Path, number: RuleNumber, left: &mut usize) -> bool {
        let mut directories = vec![PathBuf::from(top)];
        while let Some(directory) = directories.pop() {
            let Ok(listing) = fs::read_dir(directory) else { continue };
            for entry in listing.flatten() {
                let Some(fewer) = left.checked_sub(1) else { return false };
                *left = fewer;
                // Not followed: where a link leads is no part of the entry.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    directories.push(entry.path());
                } else if metadata.nlink() > 1 {
                    // The strictest rule came first.
                    self.files.entry(id_of(&metadata)).or_insert(number);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_too_many_objects_is_not_whole_and_one_at_what_may_be_read_always_is() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let path = [directory.path().to_str().unwrap()];
        let never = Entries::new(&path, &[], None).unwrap();
        assert!(Found::look(&never, 3).is_whole);
        assert!(!Found::look(&never, 2).is_whole);
        let readable = Entries::new(&[], &path, None).unwrap();
        assert!(Found::look(&readable, 2).is_whole);
    }
}
