//! An object that may be opened.

use super::{Opened, Pinned, Purpose, Refusal, Subject, Vet};
use crate::wire::OpenIntent;
use crate::{AccessMode, ReasonCode};

/// A vetted object, for which somebody said yes.
#[derive(Debug)]
pub struct Approved {
    pinned: Pinned,
    access: AccessMode,
    intent: OpenIntent,
    owner: Option<(u32, u32)>,
}

impl Approved {
    pub(super) fn new(pinned: Pinned, access: AccessMode, intent: OpenIntent) -> Self {
        Self { pinned, access, intent, owner: None }
    }

    /// Names the user and group that a new file is to belong to, where the supervisor runs as another.
    #[must_use]
    pub fn owned_by(self, owner: Option<(u32, u32)>) -> Self {
        Self { owner, ..self }
    }

    /// The user and group that a new file is to belong to, if not to the supervisor's.
    #[must_use]
    pub fn owner(&self) -> Option<(u32, u32)> {
        self.owner
    }

    /// What may be opened.
    #[must_use]
    pub fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    /// For what.
    #[must_use]
    pub fn access(&self) -> AccessMode {
        self.access
    }

    /// How.
    #[must_use]
    pub fn intent(&self) -> OpenIntent {
        self.intent
    }

    /// Gives the approved object up again.
    #[must_use]
    pub fn into_pinned(self) -> Pinned {
        self.pinned
    }

    /// Compares what was opened with what was approved, and vets it where it is now: it may have been
    /// renamed meanwhile.
    ///
    /// # Errors
    /// [`ReasonCode::Changed`], and what `vet` refuses.
    pub fn confirm(&self, opened: &Opened, vet: &dyn Vet) -> Result<(), Refusal> {
        let changed = |reason| Err(Refusal::new(ReasonCode::Changed, reason));
        if self.pinned.new_name().is_none() && opened.object != self.pinned.object() {
            return changed("another object was opened than the one that was approved");
        }
        if opened.canonical == self.pinned.canonical() {
            return Ok(());
        }
        let purpose = Purpose::of(self.access, false);
        vet.vet(&Subject {
            spelled: &opened.canonical,
            canonical: &opened.canonical,
            object: opened.object,
            ..self.pinned.subject(purpose)
        })?;
        changed("the object was renamed while it was decided about")
    }
}
