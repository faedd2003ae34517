//! Why something is allowed or denied, and what would allow it.
//!
//! ```text
//! path ──Place──▶ object ──the kernel's rules, by object──▶ allowed or denied
//!                        └─CapabilitySet::decide, by name──▶ the rule that stands for it
//! ```
//!
//! The rule is named by [`CapabilitySet::decide`], which knows names. The kernel knows objects: it
//! adds the rights of the rules on an object and on every directory above it, so that a grant opens
//! every hard link of its file, and none of the file that replaces it. Where the two differ the
//! kernel's word counts, and the [`Reason`] and [`Caveat`]s say so.
//!
//! ```
//! use nono::why::{Operation, Why};
//! use nono::{AccessMode, CapabilitySet};
//!
//! let directory = tempfile::tempdir()?;
//! std::fs::write(directory.path().join("notes"), "")?;
//! let caps = CapabilitySet::new().allow_path(directory.path(), AccessMode::Read)?;
//!
//! let answer = Why::new(&caps, None)
//!     .path(&directory.path().join("notes"), Operation::Access(AccessMode::Write))?;
//! assert_eq!(answer.reason.code(), "insufficient_access");
//! assert_eq!(answer.remedies.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use nono_core::{
    CapabilitySet, CapabilitySource, Decision, Denial, DeniedPath, FsCapability, NonoError,
    ObjectId, Query, Result, Rights, Rule,
};

use crate::platform;
use objects::Objects;

mod answer;
mod objects;
mod place;
mod remedy;

pub use answer::{Answer, Caveat, Operation, Reason, Remedy};
pub use place::{Found, Kind, Place};

/// A set of capabilities as the kernel has it.
#[derive(Debug)]
pub struct Why<'a> {
    caps: &'a CapabilitySet,
    objects: Objects<'a>,
    denied: HashMap<ObjectId, &'a DeniedPath>,
}

impl<'a> Why<'a> {
    /// Explains `caps`, for which the kernel is asked for the grants of `carved_set`
    /// ([`Enforcement::carved_set`](crate::Enforcement::carved_set)), if they are others.
    #[must_use]
    pub fn new(caps: &'a CapabilitySet, carved_set: Option<&'a CapabilitySet>) -> Self {
        let names = |entry: &'a DeniedPath| [entry.name(), entry.resolved()].map(|n| (n, entry));
        let denied = caps.denied_paths().iter().flat_map(names);
        let denied = denied.filter_map(|(name, entry)| Some((objects::id(name)?, entry))).collect();
        Self { caps, objects: Objects::of(carved_set.unwrap_or(caps)), denied }
    }

    /// Whether `operation` on `path` is allowed, and why.
    ///
    /// # Errors
    /// Those of [`Place::resolve`], but for what may not be looked up: that is an answer.
    pub fn path(&self, path: &Path, operation: Operation) -> Result<Answer> {
        let place = match Place::resolve(path) {
            Err(NonoError::PathCanonicalization { source, .. })
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                return Ok(Answer::new(Reason::FileMode));
            }
            place => place?,
        };
        let wanted = operation.rights();
        // What does not exist gets what the directory has in which it will be made.
        let target = match &place.found {
            Found::Nothing { directory } => directory,
            Found::Object { .. } => &place.path,
        };
        let mut answer = self.judge(&place, target, wanted);
        if operation == Operation::Execute {
            self.judge_execution(&place, &mut answer);
        }
        answer.caveats = self.caveats(&place, target, wanted, &answer);
        Ok(Answer { place: Some(place), ..answer })
    }

    /// Whether connecting to a TCP port is allowed, whatever the address.
    pub fn connect(&self, port: u16) -> Answer {
        port_answer(&self.caps.decide(&Query::Connect(port)), Remedy::Connect(port))
    }

    /// Whether binding a TCP port is allowed.
    pub fn bind(&self, port: u16) -> Answer {
        port_answer(&self.caps.decide(&Query::Bind(port)), Remedy::Bind(port))
    }

    fn judge(&self, place: &Place, target: &Path, wanted: Rights) -> Answer {
        let held = self.objects.held(target);
        let decision = self.caps.decide(&Query::Path { path: target, rights: wanted });
        let denied = self.denied_entry(&place.path);
        let by_name = match decision {
            Decision::Allowed(Rule::Grant(grant))
            | Decision::Denied(Denial::Insufficient { nearest: grant, .. }) => Some(grant),
            _ => None,
        };
        let is_allowed = held.contains(wanted);
        let reason = match decision {
            Decision::Allowed(_) if is_allowed => Reason::Granted,
            _ if is_allowed => Reason::GrantedByAnotherName,
            _ if denied.is_some_and(is_never_granted) => Reason::NeverGrant,
            _ if denied.is_some() => Reason::DeniedPath,
            _ if remedy::is_above_denied(self.caps, target) => Reason::CarvedDirectory,
            Decision::Allowed(_) if self.is_made_later(target, by_name) => Reason::CarvedDirectory,
            Decision::Allowed(_) => Reason::ObjectReplaced,
            Decision::Denied(Denial::Insufficient { .. }) => Reason::InsufficientAccess,
            Decision::Denied(_) => Reason::NoGrant,
        };
        if (is_allowed || denied.is_none()) && !self.mode_allows(place, target, wanted) {
            return Answer::new(Reason::FileMode);
        }
        let has_remedy = !is_allowed && denied.is_none() && reason != Reason::CarvedDirectory;
        let grant = match reason {
            Reason::GrantedByAnotherName => self.rule_over(target, wanted),
            _ => by_name,
        };
        let mut answer = Answer::new(reason);
        answer.grant = grant.cloned();
        answer.denied_by =
            denied.map(|entry| (entry.resolved().to_owned(), entry.source().clone()));
        if has_remedy {
            answer.remedies = remedy::grants(self.caps, target, wanted | held);
        }
        answer
    }

    /// Whether owner and mode allow it. What does not exist will have those its maker gives it.
    fn mode_allows(&self, place: &Place, target: &Path, wanted: Rights) -> bool {
        let wanted = match place.found {
            Found::Object { .. } => wanted,
            Found::Nothing { .. } if wanted.contains(Rights::WRITE) => Rights::WRITE,
            Found::Nothing { .. } => Rights::NONE,
        };
        platform::mode_allows(target, wanted, self.caps.kept_privileges())
    }

    /// The kernel executes a script by its interpreter and a program by its loader, each of which
    /// must be granted too.
    fn judge_execution(&self, place: &Place, answer: &mut Answer) {
        let Found::Object { kind, .. } = place.found else { return };
        if kind == Kind::Directory {
            *answer = Answer::new(Reason::IsDirectory);
            return;
        }
        if !answer.reason.allows() && answer.remedies.is_empty() {
            return;
        }
        let wanted = Operation::Execute.rights();
        for file in crate::executable::interpreters(&place.path).unwrap_or_default() {
            let Ok(file) = file.canonicalize() else { continue };
            let held = self.objects.held(&file);
            if held.contains(wanted) {
                continue;
            }
            if answer.reason.allows() {
                answer.reason = Reason::InterpreterNotGranted;
            }
            let grants = match self.denied_entry(&file) {
                Some(_) => Vec::new(),
                None => remedy::grants(self.caps, &file, wanted | held),
            };
            if grants.is_empty() {
                // The others would not suffice.
                answer.remedies.clear();
                return;
            }
            answer.remedies.extend(grants);
        }
    }

    fn caveats(
        &self,
        place: &Place,
        target: &Path,
        wanted: Rights,
        answer: &Answer,
    ) -> Vec<Caveat> {
        let allows = answer.reason.allows();
        let (kind, links, directory) = match &place.found {
            Found::Object { kind, links, .. } => (Some(*kind), *links, target),
            Found::Nothing { directory } => (None, 0, directory.as_path()),
        };
        let is_of_file = answer.grant.as_ref().is_some_and(|grant| !grant.is_dir());
        let is_denied = answer.denied_by.is_some();
        let is_open_elsewhere = allows
            || answer.reason == Reason::InterpreterNotGranted
            || self.entry_named(&place.path).is_none();
        let is_carved = remedy::is_above_denied(self.caps, directory);
        let known = [
            (Caveat::HardLinks, links > 1 && kind != Some(Kind::Directory)),
            (Caveat::DeniedUnderOneName, is_denied && is_open_elsewhere),
            (Caveat::AtomicReplace, allows && is_of_file),
            (Caveat::Carving, is_carved && matches!(kind, None | Some(Kind::Directory))),
            (Caveat::DoesNotExist, kind.is_none()),
            (Caveat::UnixSocket, kind == Some(Kind::Socket)),
            (Caveat::Metadata, !wanted.contains(Rights::EXECUTE)),
        ];
        known.into_iter().filter_map(|(caveat, holds)| holds.then_some(caveat)).collect()
    }

    /// The grant, as it was asked for, behind the nearest rule over `path` that helps.
    fn rule_over(&self, path: &Path, wanted: Rights) -> Option<&'a FsCapability> {
        let rule = self.objects.nearest(path, wanted)?;
        match self.caps.decide(&Query::Path { path: rule.resolved(), rights: wanted }) {
            Decision::Allowed(Rule::Grant(grant))
            | Decision::Denied(Denial::Insufficient { nearest: grant, .. }) => Some(grant),
            _ => Some(rule),
        }
    }

    /// The entry that denies `path` by name or, as carving does, by object.
    fn denied_entry(&self, path: &Path) -> Option<&DeniedPath> {
        self.entry_named(path).or_else(|| self.denied.get(&objects::id(path)?).copied())
    }

    /// The entry that `path` lies at or below.
    fn entry_named(&self, path: &Path) -> Option<&DeniedPath> {
        path.ancestors().find_map(|above| {
            let is_it = |entry: &&DeniedPath| entry.resolved() == above || entry.name() == above;
            self.caps.denied_paths().iter().find(is_it)
        })
    }

    /// Whether `path` has no rule because it was made in a directory of `grant` that was carved: what
    /// was there got rules piece by piece.
    fn is_made_later(&self, path: &Path, grant: Option<&FsCapability>) -> bool {
        let in_grant = |directory: &&Path| {
            grant.is_some_and(|grant| grant.is_dir() && directory.starts_with(grant.resolved()))
        };
        let mut above = path.ancestors().take_while(in_grant);
        above.any(|directory| remedy::is_above_denied(self.caps, directory))
    }
}

fn is_never_granted(entry: &DeniedPath) -> bool {
    *entry.source() == CapabilitySource::System
}

fn port_answer(decision: &Decision<'_>, remedy: Remedy) -> Answer {
    match decision {
        Decision::Allowed(Rule::Unrestricted) => Answer::new(Reason::Unrestricted),
        Decision::Allowed(rule) => Answer {
            ports: if let Rule::Ports(range) = rule { Some(*range) } else { None },
            caveats: vec![Caveat::AnyAddress],
            ..Answer::new(Reason::PortGranted)
        },
        Decision::Denied(_) => Answer {
            remedies: vec![remedy],
            caveats: vec![Caveat::AnyAddress],
            ..Answer::new(Reason::PortNotGranted)
        },
    }
}
