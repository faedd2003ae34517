//! A journal on the whole.

use std::time::SystemTime;

use nono_core::{ApprovalDecision, JournalRecord};

use super::{Begin, Broken, End, Entry, JournalError, Reader};

/// What a journal says on the whole, and whether it can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The session.
    pub session_id: String,
    /// How it began; missing when the first line is.
    pub begin: Option<Begin>,
    /// How it ended.
    pub end: Option<End>,
    /// What was decided, up to the first broken line.
    pub counts: Counts,
    /// What checking the lines showed.
    pub state: State,
}

/// How many records there are of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decisions that were yes.
    pub granted: u64,
    /// Decisions that were no.
    pub denied: u64,
    /// Requests that nobody decided in time.
    pub timed_out: u64,
    /// Grants that could not be carried out; each is among the granted as well.
    pub failed: u64,
}

/// What checking a journal showed. See [the module](super) for what it cannot show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every line is as it was written, from begin to end.
    Complete,
    /// Every line is as it was written, and the end is missing: the session runs, or was killed, or
    /// the last lines were removed.
    OpenEnded {
        /// A last line was begun and not finished. Its request was never answered.
        torn: bool,
    },
    /// A line is not what was written.
    Broken(Broken),
}

impl Summary {
    /// Reads to the end.
    pub(super) fn of(mut reader: Reader) -> Result<Self, JournalError> {
        let (mut begin, mut end, mut counts) = (None, None, Counts::default());
        while let Some(entry) = reader.next_entry()? {
            match entry {
                Entry::Begin(entry) => begin = Some(entry),
                Entry::Record(record) => counts.add(&record),
                Entry::End(entry) => end = Some(entry),
            }
        }
        let torn = reader.is_torn();
        let state = match reader.broken() {
            Some(broken) => State::Broken(broken.clone()),
            None if end.is_some() => State::Complete,
            None => State::OpenEnded { torn },
        };
        Ok(Self { session_id: reader.session_id().to_owned(), begin, end, counts, state })
    }

    /// By beginning, then by name.
    pub(super) fn order(&self) -> (Option<SystemTime>, &str) {
        (self.begin.as_ref().map(|begin| begin.time), &self.session_id)
    }
}

impl Counts {
    fn add(&mut self, record: &JournalRecord) {
        let count = match (&record.outcome, &record.entry.decision) {
            (Some(_), _) => &mut self.failed,
            (None, ApprovalDecision::Granted) => &mut self.granted,
            (None, ApprovalDecision::Denied { .. }) => &mut self.denied,
            (None, ApprovalDecision::Timeout) => &mut self.timed_out,
        };
        *count += 1;
    }
}
