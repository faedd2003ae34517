//! Requests that wait for somebody's decision.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nono_core::wire::OpenIntent;
use nono_core::{AccessMode, ObjectId};

use super::case::Waiting;

/// What makes two requests the same question: who asks, for what object, to do what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) pid: u32,
    pub(super) object: ObjectId,
    pub(super) new_name: Option<OsString>,
    pub(super) access: AccessMode,
    pub(super) intent: OpenIntent,
}

/// Every question under way, and who waits for its answer.
pub(super) struct Pending {
    limit: usize,
    questions: Mutex<HashMap<Question, Vec<Waiting>>>,
}

/// What became of a request that has to wait.
pub(super) enum Queued {
    /// It is the first with its question, which has to be asked now.
    Ask,
    /// It waits for the answer to the same question.
    Waits,
    /// Too many wait already.
    Full(Box<Waiting>),
}

impl Pending {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, questions: Mutex::default() }
    }

    pub(super) fn add(&self, question: Question, waiting: Waiting) -> Queued {
        let mut questions = self.lock();
        let count: usize = questions.values().map(Vec::len).sum();
        if count >= self.limit {
            return Queued::Full(Box::new(waiting));
        }
        match questions.entry(question) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().push(waiting);
                Queued::Waits
            }
            Entry::Vacant(entry) => {
                entry.insert(vec![waiting]);
                Queued::Ask
            }
        }
    }

    /// Everybody who waits for the answer to a question, which is not under way any more.
    pub(super) fn take(&self, question: &Question) -> Vec<Waiting> {
        self.lock().remove(question).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Vec<Waiting>>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
