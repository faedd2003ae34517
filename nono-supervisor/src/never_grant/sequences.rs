//! Entries that are meant wherever they lie: names that follow each other.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

use nono_core::{NonoError, Result};

use super::entries::{Place, RuleNumber};

/// Sequences of names by their first one, so that their number costs nothing.
#[derive(Debug, Default)]
pub(super) struct Sequences(HashMap<OsString, Vec<Sequence>>);

#[derive(Debug)]
struct Sequence {
    rule: RuleNumber,
    /// The names behind the first one.
    rest: Vec<OsString>,
}

impl Sequences {
    /// Adds names with slashes between them.
    ///
    /// # Errors
    /// [`NonoError::NotAbsolute`] where there is none, or `.` or `..`.
    pub(super) fn add(&mut self, names: &str, rule: RuleNumber) -> Result<()> {
        let plain = |component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            _ => None,
        };
        let names = Path::new(names);
        let components: Option<Vec<OsString>> = names.components().map(plain).collect();
        let Some([first, rest @ ..]) = components.as_deref() else {
            return Err(NonoError::NotAbsolute(Path::new("**").join(names)));
        };
        let sequence = Sequence { rule, rest: rest.to_vec() };
        self.0.entry(first.clone()).or_default().push(sequence);
        Ok(())
    }

    /// The places that sequences have on the way to `path`; the flag says whether the path ends there.
    pub(super) fn on(&self, path: &Path) -> impl Iterator<Item = (Place, bool)> {
        let mut components = if self.0.is_empty() { Path::new("") } else { path }.components();
        std::iter::from_fn(move || {
            let name = components.next()?.as_os_str();
            let after = components.as_path();
            Some(self.0.get(name).into_iter().flatten().filter_map(|found| found.place(after)))
        })
        .flatten()
    }
}

impl Sequence {
    /// The place in a path that goes on with `after` behind the first name.
    fn place(&self, after: &Path) -> Option<(Place, bool)> {
        let names: Vec<&OsStr> = after.iter().take(self.rest.len() + 1).collect();
        let follows = self.rest.iter().zip(&names).all(|(expected, name)| expected == name);
        let rule = Some(self.rule);
        match names.len() {
            _ if !follows => None,
            length if length < self.rest.len() => Some((Place { at: None, above: rule }, true)),
            length => Some((Place { at: rule, above: None }, length == self.rest.len())),
        }
    }
}
