//! The entries by their paths.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nono_core::{CapabilitySource, DeniedPath, NonoError, Result};

use super::sequences::Sequences;
use super::{Blocked, Purpose, Subject};

/// One entry.
#[derive(Debug)]
pub(super) struct Rule {
    /// As it was written.
    text: String,
    /// From the root, nothing resolved. None for an entry that has no place of its own.
    path: Option<PathBuf>,
    may_be_read: bool,
}

/// The number of a rule in its list.
pub(super) type RuleNumber = usize;

/// The strictest rule at a place, and the strictest of those below it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: Option<RuleNumber>,
    pub(super) above: Option<RuleNumber>,
}

/// Entries by path.
#[derive(Debug, Default)]
pub(super) struct Entries {
    rules: Vec<Rule>,
    /// Every entry and every directory above one.
    places: HashMap<Vec<u8>, Place>,
    /// Entries that are meant wherever they lie.
    sequences: Sequences,
}

impl Entries {
    pub(super) fn new(never: &[&str], write_only: &[&str], home: Option<&Path>) -> Result<Self> {
        // Stricter rules come first, so that the first rule of a path is its strictest.
        let never = never.iter().map(|text| (text, false));
        let write_only = write_only.iter().map(|text| (text, true));
        let mut entries = Self::default();
        for (text, may_be_read) in never.chain(write_only) {
            let path = match text.strip_prefix("**/") {
                Some(names) => {
                    entries.sequences.add(names, entries.rules.len())?;
                    None
                }
                None => Some(entries.add_path(&place(text, home)?)?),
            };
            entries.rules.push(Rule { text: (*text).to_owned(), path, may_be_read });
        }
        Ok(entries)
    }

    /// Adds every path of the rule that comes next; returns the one from the root.
    fn add_path(&mut self, path: &Path) -> Result<PathBuf> {
        let denied = DeniedPath::new(path, CapabilitySource::System)?;
        let path = without_dots(denied.original()).into_owned();
        for place in [&path, denied.name(), denied.resolved()] {
            self.add(place);
        }
        Ok(path)
    }

    /// Adds a path of the rule that comes next.
    fn add(&mut self, path: &Path) {
        let number = self.rules.len();
        self.place(path).at.get_or_insert(number);
        for directory in path.ancestors().skip(1) {
            let above = &mut self.place(directory).above;
            if above.is_some() {
                break;
            }
            *above = Some(number);
        }
    }

    fn place(&mut self, path: &Path) -> &mut Place {
        self.places.entry(bytes(path).to_vec()).or_default()
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Judges by both paths.
    pub(super) fn judge(&self, subject: &Subject<'_>) -> Result<(), Blocked> {
        self.judge_path(subject.canonical, subject.purpose)?;
        if bytes(subject.spelled) == bytes(subject.canonical) {
            return Ok(());
        }
        self.judge_path(&without_dots(subject.spelled), subject.purpose)
    }

    fn judge_path(&self, path: &Path, purpose: Purpose) -> Result<(), Blocked> {
        for (place, is_last) in self.sequences.on(path) {
            self.judge_at(place.at, purpose)?;
            self.judge_above(place.above.filter(|_| is_last), purpose)?;
        }
        let mut last = Place::default();
        for part in prefixes(bytes(path)) {
            // Where no entry is at or below a part, none is further down.
            let Some(place) = self.places.get(part) else { return Ok(()) };
            self.judge_at(place.at, purpose)?;
            last = *place;
        }
        self.judge_above(last.above, purpose)
    }

    /// Judges what is at or below an entry.
    pub(super) fn judge_at(
        &self,
        number: Option<RuleNumber>,
        purpose: Purpose,
    ) -> Result<(), Blocked> {
        match number.and_then(|number| self.rules.get(number)) {
            Some(rule) if rule.closes(purpose) => Err(rule.blocks()),
            _ => Ok(()),
        }
    }

    /// Judges what is above an entry: its names may be listed.
    pub(super) fn judge_above(
        &self,
        number: Option<RuleNumber>,
        purpose: Purpose,
    ) -> Result<(), Blocked> {
        let reaches = |rule: &Rule| purpose.reaches_below() && !rule.may_be_read;
        match number.and_then(|number| self.rules.get(number)) {
            Some(rule) if purpose.writes() || reaches(rule) => {
                Err(Blocked::Above { matched_rule: rule.text.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl Rule {
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) fn may_be_read(&self) -> bool {
        self.may_be_read
    }

    /// Whether it is closed for `purpose`.
    fn closes(&self, purpose: Purpose) -> bool {
        purpose.writes() || !self.may_be_read
    }

    /// That it closes what was asked for.
    fn blocks(&self) -> Blocked {
        Blocked::Entry { matched_rule: self.text.clone() }
    }
}

fn place(text: &str, home: Option<&Path>) -> Result<PathBuf> {
    let path = Path::new(text);
    match path.strip_prefix("~") {
        Ok(below) => match home.filter(|home| home.is_absolute()) {
            Some(home) => Ok(home.join(below)),
            None => Err(NonoError::NoHome(path.to_owned())),
        },
        Err(_) if path.is_absolute() => Ok(path.to_owned()),
        Err(_) => Err(NonoError::NotAbsolute(path.to_owned())),
    }
}

/// The path with `.`, `..` and doubled slashes taken out of its text. Where a symlink stands before
/// a `..` the path leads elsewhere; then the canonical path tells where.
fn without_dots(path: &Path) -> Cow<'_, Path> {
    let is_clean = |two: &[u8]| two != b"//" && two != b"/.";
    if bytes(path).windows(2).all(is_clean) {
        return path.into();
    }
    let mut clean = PathBuf::with_capacity(path.as_os_str().len());
    for component in path.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean.into()
}

fn bytes(path: &Path) -> &[u8] {
    OsStr::as_bytes(path.as_os_str())
}

/// `/`, `/a`, `/a/b` of `/a/b`.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inner = path.iter().enumerate().filter(|&(_, &byte)| byte == b'/');
    inner.map(|(at, _)| &path[..at.max(1)]).chain((path.len() > 1).then_some(path))
}

#[cfg(test)]
mod tests {
    use nono_core::{AccessMode, ObjectId};
    use proptest::prelude::*;

    use super::*;

    fn purposes() -> impl Strategy<Value = Purpose> {
        use AccessMode::{Read, ReadWrite, Write};
        let subtrees = [Read, Write, ReadWrite].map(Purpose::Subtree);
        let others = [Purpose::Read, Purpose::Write, Purpose::Create];
        prop::sample::select([&subtrees[..], &others].concat())
    }

    /// What the rules say of a path, one by one.
    fn is_blocked(path: &Path, purpose: Purpose, never: &[&str], write_only: &[&str]) -> bool {
        let blocks = |rule: &&str, closed: bool| {
            let (is_at, is_above) = (path.starts_with(rule), Path::new(rule).starts_with(path));
            is_at && closed
                || is_above && !is_at && (purpose.writes() || closed && purpose.reaches_below())
        };
        never.iter().any(|rule| blocks(rule, true))
            || write_only.iter().any(|rule| blocks(rule, purpose.writes()))
    }

    proptest! {
        #[test]
        fn two_paths_are_judged_as_every_rule_by_itself_would(
            never in prop::collection::vec("(/[ab]{1,2}){1,4}", 0..4),
            write_only in prop::collection::vec("(/[ab]{1,2}){1,4}", 0..4),
            [spelled, canonical] in prop::array::uniform2("(/[ab]{1,2}){1,5}"),
            purpose in purposes(),
        ) {
            // None of this exists, so that no name leads elsewhere.
            let place = |path: &String| format!("/nothing-here{path}");
            let [never, write_only] = [never, write_only].map(|rules| rules.iter().map(place).collect::<Vec<_>>());
            let [never, write_only] = [&never, &write_only].map(|rules| rules.iter().map(String::as_str).collect::<Vec<_>>());
            let [spelled, canonical] = [&spelled, &canonical].map(|path| PathBuf::from(place(path)));
            let entries = Entries::new(&never, &write_only, None).unwrap();
            let object = ObjectId { device: 0, inode: 0 };
            let subject = Subject { spelled: &spelled, canonical: &canonical, object, links: 1, purpose };

            let expected = [&spelled, &canonical]
                .into_iter()
                .any(|path| is_blocked(path, purpose, &never, &write_only));

            prop_assert_eq!(entries.judge(&subject).is_err(), expected);
        }
    }
}
