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
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nono_core::{
    CapabilitySet, CapabilitySource, Decision, Denial, DeniedPath, FsCapability, ObjectId, Query,
    Result, Rights, Rule,
};

mod answer;
mod mode;
mod place;
mod remedy;

pub use answer::{Answer, Caveat, Operation, Reason, Remedy};
pub use place::{Found, Kind, Place};

/// A set of capabilities as the kernel has it.
#[derive(Debug)]
pub struct Why<'a> {
    caps: &'a CapabilitySet,
    rules: HashMap<ObjectId, (Rights, &'a FsCapability)>,
    denied: HashMap<ObjectId, &'a DeniedPath>,
}

impl<'a> Why<'a> {
    /// Explains `caps`, for which the kernel is asked for the grants of `carved_set`
    /// ([`Enforcement::carved_set`](crate::Enforcement::carved_set)), if they are others.
    #[must_use]
    pub fn new(caps: &'a CapabilitySet, carved_set: Option<&'a CapabilitySet>) -> Self {
        let mut rules = HashMap::new();
        for grant in carved_set.unwrap_or(caps).effective_grants() {
            let rule = rules.entry(grant.capability.id());
            rule.or_insert((Rights::NONE, grant.capability)).0 |= grant.rights;
        }
        let names = |entry: &'a DeniedPath| [entry.name(), entry.resolved()].map(|n| (n, entry));
        let denied = caps.denied_paths().iter().flat_map(names);
        let denied = denied.filter_map(|(name, entry)| Some((object_id(name)?, entry))).collect();
        Self { caps, rules, denied }
    }

    /// Whether `operation` on `path` is allowed, and why.
    ///
    /// # Errors
    /// Those of [`Place::resolve`].
    pub fn path(&self, path: &Path, operation: Operation) -> Result<Answer> {
        let place = Place::resolve(path)?;
        let wanted = operation.rights();
        // What does not exist is made in the directory that holds it.
        let target = match &place.found {
            Found::Nothing { directory } if wanted.contains(Rights::WRITE) => directory,
            _ => &place.path,
        };
        let mut answer = self.judge(&place, target, wanted);
        if operation == Operation::Execute {
            self.judge_execution(&place, &mut answer);
        }
        if answer.reason.allows() && !mode::allows(target, wanted) {
            answer.reason = Reason::FileMode;
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
        let held = self.held(target);
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
            Decision::Allowed(_) if self.is_carved(target, by_name) => Reason::CarvedDirectory,
            Decision::Allowed(_) => Reason::ObjectReplaced,
            Decision::Denied(Denial::Insufficient { .. }) => Reason::InsufficientAccess,
            Decision::Denied(_) => Reason::NoGrant,
        };
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
            answer.remedies = remedy::grants(self.caps, target, wanted, held);
        }
        answer
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
            let held = self.held(&file);
            if held.contains(wanted) {
                continue;
            }
            if answer.reason.allows() {
                answer.reason = Reason::InterpreterNotGranted;
            }
            let grants = match self.denied_entry(&file) {
                Some(_) => Vec::new(),
                None => remedy::grants(self.caps, &file, wanted, held),
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
        let is_carved = remedy::is_above_denied(self.caps, directory);
        let known = [
            (Caveat::HardLinks, links > 1 && kind != Some(Kind::Directory)),
            (Caveat::AtomicReplace, allows && is_of_file),
            (Caveat::Carving, is_carved && matches!(kind, None | Some(Kind::Directory))),
            (Caveat::DoesNotExist, kind.is_none()),
            (Caveat::FileMode, allows && !mode::is_certain(target, wanted)),
            (Caveat::UnixSocket, kind == Some(Kind::Socket)),
            (Caveat::Metadata, !wanted.contains(Rights::EXECUTE)),
        ];
        known.into_iter().filter_map(|(caveat, holds)| holds.then_some(caveat)).collect()
    }

    /// What the kernel finds granted: the rights on the object and on every directory above it.
    fn held(&self, path: &Path) -> Rights {
        self.rules_above(path).fold(Rights::NONE, |held, (rights, _)| held | rights)
    }

    /// The grant, as it was asked for, behind the nearest rule over `path` that helps.
    fn rule_over(&self, path: &Path, wanted: Rights) -> Option<&'a FsCapability> {
        let (_, rule) = self.rules_above(path).find(|(rights, _)| rights.intersects(wanted))?;
        match self.caps.decide(&Query::Path { path: rule.resolved(), rights: wanted }) {
            Decision::Allowed(Rule::Grant(grant))
            | Decision::Denied(Denial::Insufficient { nearest: grant, .. }) => Some(grant),
            _ => Some(rule),
        }
    }

    fn rules_above(&self, path: &Path) -> impl Iterator<Item = (Rights, &'a FsCapability)> {
        path.ancestors().filter_map(|above| self.rules.get(&object_id(above)?).copied())
    }

    /// The entry that denies `path` by name or, as carving does, by object.
    fn denied_entry(&self, path: &Path) -> Option<&DeniedPath> {
        let by_name = path.ancestors().find_map(|above| {
            let is_it = |entry: &&DeniedPath| entry.resolved() == above || entry.name() == above;
            self.caps.denied_paths().iter().find(is_it)
        });
        by_name.or_else(|| self.denied.get(&object_id(path)?).copied())
    }

    /// Whether `path` has no rule because carving gave rules to what `grant` covers, piece by piece:
    /// it is a directory of the chain to a denied entry, or was made later in one.
    fn is_carved(&self, path: &Path, grant: Option<&FsCapability>) -> bool {
        let in_grant = |directory: &&Path| {
            grant.is_some_and(|grant| grant.is_dir() && directory.starts_with(grant.resolved()))
        };
        let mut chain = path.ancestors().take(2).filter(in_grant);
        chain.any(|directory| remedy::is_above_denied(self.caps, directory))
    }
}

fn is_never_granted(entry: &DeniedPath) -> bool {
    *entry.source() == CapabilitySource::System
}

fn object_id(path: &Path) -> Option<ObjectId> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(ObjectId { device: found.dev(), inode: found.ino() })
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
