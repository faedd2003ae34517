//! Decisions that hold for the session.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nono_core::pipeline::Pinned;
use nono_core::{AccessMode, ApprovalDecision, ObjectId, Scope, Verdict};

/// The decisions of a session, each with its object held: a number that is used again for another
/// file cannot be mistaken for it.
#[derive(Debug)]
pub(super) struct Remembered {
    limit: usize,
    decisions: Mutex<VecDeque<Remember>>,
}

#[derive(Debug)]
struct Remember {
    object: ObjectId,
    canonical: PathBuf,
    access: AccessMode,
    scope: Scope,
    decision: ApprovalDecision,
    _held: OwnedFd,
}

impl Remembered {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, decisions: Mutex::default() }
    }

    /// Keeps a decision whose scope is wider than once; the oldest goes when there is no room.
    /// A decision about a file that is to be made is about that once.
    pub(super) fn keep(&self, pinned: &Pinned, access: AccessMode, verdict: &Verdict) {
        let of_file = pinned.new_name().is_some();
        if verdict.scope == Scope::Once || of_file || self.limit == 0 {
            return;
        }
        // Without a descriptor to hold the object with, it is asked again.
        let Ok(held) = std::os::fd::AsFd::as_fd(pinned).try_clone_to_owned() else { return };
        let mut decisions = self.lock();
        if decisions.len() >= self.limit {
            decisions.pop_front();
        }
        decisions.push_back(Remember {
            object: pinned.object(),
            canonical: pinned.canonical().to_owned(),
            access,
            scope: verdict.scope,
            decision: verdict.decision.clone(),
            _held: held,
        });
    }

    /// The latest decision that holds for an access to an object.
    pub(super) fn find(&self, pinned: &Pinned, access: AccessMode) -> Option<Verdict> {
        let decisions = self.lock();
        let found = decisions.iter().rev().find(|decision| decision.holds_for(pinned, access))?;
        Some(Verdict { scope: found.scope, ..Verdict::once(found.decision.clone()) })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Remember>> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remember {
    fn holds_for(&self, pinned: &Pinned, access: AccessMode) -> bool {
        // Yes covers what is less, no covers what is more.
        let is_covered = if self.decision.is_granted() {
            self.access.covers(access)
        } else {
            access.covers(self.access)
        };
        is_covered && self.reaches(pinned)
    }

    fn reaches(&self, pinned: &Pinned) -> bool {
        if pinned.new_name().is_none() && pinned.object() == self.object {
            return true;
        }
        self.scope == Scope::Subtree
            && pinned.canonical().starts_with(&self.canonical)
            && is_at(&self.canonical, self.object)
    }
}

/// Whether the directory is still where it was when it was decided about.
fn is_at(path: &Path, object: ObjectId) -> bool {
    let found = std::fs::symlink_metadata(path);
    found.is_ok_and(|found| (found.dev(), found.ino()) == (object.device, object.inode))
}
