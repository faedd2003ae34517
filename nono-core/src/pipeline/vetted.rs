//! An object that is not among what is never granted.

use std::path::Path;

use super::{Approved, Pinned, Refusal};
use crate::wire::OpenIntent;
use crate::{AccessMode, ObjectId, ReasonCode, Scope, Verdict};

/// Refuses what is never granted, whoever approves.
pub trait Vet: Send + Sync {
    /// Looks at one object.
    ///
    /// # Errors
    /// A refusal with the code [`ReasonCode::NeverGrant`].
    fn vet(&self, subject: &Subject<'_>) -> Result<(), Refusal>;
}

/// What is vetted.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The path as it was asked for.
    pub spelled: &'a Path,
    /// Where the object is.
    pub canonical: &'a Path,
    /// Its identity; `None` for a file that is to be made.
    pub object: Option<ObjectId>,
    /// How many names the object has.
    pub links: u64,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// What it is asked for.
    pub purpose: Purpose,
}

/// What an object is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Reading it, or listing it.
    Read,
    /// Writing, making, renaming or removing it.
    Write,
    /// Everything below it.
    Subtree,
}

/// A [`Pinned`] that was vetted for an access.
#[derive(Debug)]
pub struct Vetted {
    pinned: Pinned,
    access: AccessMode,
}

impl Vetted {
    pub(super) fn new(pinned: Pinned, access: AccessMode) -> Self {
        Self { pinned, access }
    }

    /// What was vetted.
    #[must_use]
    pub fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    /// Takes a decision: yes makes it [`Approved`]. A subtree is vetted once more as a whole, since
    /// what is never granted may lie below it.
    ///
    /// # Errors
    /// The decision, when it is not yes.
    pub fn approve(
        self,
        verdict: &Verdict,
        intent: OpenIntent,
        vet: &dyn Vet,
    ) -> Result<Approved, Refusal> {
        if !verdict.decision.is_granted() {
            let code = verdict.code.clone().unwrap_or(ReasonCode::Backend);
            return Err(Refusal::new(code, "the decision is not yes"));
        }
        if verdict.scope == Scope::Subtree {
            vet.vet(&self.pinned.subject(Purpose::Subtree))?;
        }
        Ok(Approved::new(self.pinned, self.access, intent))
    }
}
