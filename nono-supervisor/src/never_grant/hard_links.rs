//! Further names of files that lie below an entry.

use std::fs;
use std::path::{Path, PathBuf};

use nono_core::ObjectId;

use super::entries::Rule;
use super::{Blocked, Subject, id_of};

/// How many objects below the entries are looked at before a file with several names is refused.
const LIMIT: usize = 200_000;

/// Refuses a file with several names of which one lies below an entry that is a directory: no list
/// of the entries' own objects has it. It is looked for among what is there now.
///
/// Entries that are meant anywhere have no place in which to look.
pub(super) fn judge(subject: &Subject<'_>, rules: &[Rule]) -> Result<(), Blocked> {
    if subject.links < 2 {
        return Ok(());
    }
    let mut left = LIMIT;
    for rule in rules.iter().filter(|rule| rule.closes(subject.purpose)) {
        let Some(path) = rule.path() else { continue };
        if is_below(path, subject.object, &mut left) || left == 0 {
            return Err(rule.blocks());
        }
    }
    Ok(())
}

/// Whether `object` lies below the directory that `top` leads to. What this process cannot list
/// is left out.
fn is_below(top: &Path, object: ObjectId, left: &mut usize) -> bool {
    let mut directories = vec![PathBuf::from(top)];
    while let Some(directory) = directories.pop() {
        let Ok(listing) = fs::read_dir(directory) else { continue };
        for found in listing.flatten() {
            // Not followed: where a link leads is no part of the entry.
            let Ok(metadata) = found.metadata() else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 || id_of(&metadata) == object {
                return true;
            }
            if metadata.is_dir() {
                directories.push(found.path());
            }
        }
    }
    false
}
