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
    /// The object; for [`Purpose::Create`] the directory that it is to be made in.
    pub object: ObjectId,
    /// How many names the object has (`st_nlink`), 1 for a directory: its links are its own.
    pub links: u64,
    /// What is to be done.
    pub purpose: Purpose,
}

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Reading it: the content of a file, the names in a directory.
    Read,
    /// Changing it, removing it, renaming it.
    Write,
    /// Making it, in a directory that is there.
    Create,
    /// This access to all below it.
    Subtree(AccessMode),
}

impl Purpose {
    /// What an access to an object is.
    #[must_use]
    pub fn of(access: AccessMode, is_new: bool) -> Self {
        match access {
            _ if is_new => Self::Create,
            AccessMode::Read => Self::Read,
            AccessMode::Write | AccessMode::ReadWrite => Self::Write,
        }
    }

    /// Whether it changes something.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Subtree(AccessMode::Read))
    }

    /// Whether it reaches what lies below the object.
    #[must_use]
    pub fn reaches_below(self) -> bool {
        matches!(self, Self::Subtree(_))
    }
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
            vet.vet(&self.pinned.subject(Purpose::Subtree(self.access)))?;
        }
        Ok(Approved::new(self.pinned, self.access, intent))
    }
}
