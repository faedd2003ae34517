//! The record of a decision.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{ApprovalDecision, CapabilityRequest, ObjectId, Operation, Peer, ReasonCode, Scope};

/// One decision, whatever its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When the decision was made.
    pub timestamp: SystemTime,
    /// What was asked for.
    pub request: CapabilityRequest,
    /// What was answered.
    pub decision: ApprovalDecision,
    /// The name of the backend that decided.
    pub backend: String,
    /// How long deciding took, in milliseconds.
    pub duration_ms: u64,
}

/// What happened, with all that is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The specified record.
    pub entry: AuditEntry,
    /// Who asked, by the kernel's word.
    pub peer: Peer,
    /// What was to be done.
    pub operation: Operation,
    /// The path as the program spelled it, where it differs from the request's.
    pub spelled: Option<PathBuf>,
    /// The object, once it was found.
    pub object: Option<ObjectId>,
    /// Why it was denied, for machines.
    pub code: Option<ReasonCode>,
    /// How far the decision reaches.
    pub scope: Scope,
    /// What came of acting on the decision, in a second record of the same request.
    pub outcome: Option<Outcome>,
}

/// What came of acting on a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It failed with this error number.
    Failed(i32),
    /// The answer could not be delivered.
    Undelivered,
}

/// What has to have happened to a record before the answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Its write has completed: it survives the end of this process.
    Written,
    /// It is on the disk: it survives a power failure.
    Synced,
}

/// Keeps records.
pub trait AuditSink: Send + Sync {
    /// Keeps `record`, and returns once that is as durable as asked for. Called by many threads at
    /// a time.
    ///
    /// # Errors
    /// The record may not have been kept; what it was about is then denied.
    fn record(&self, record: &JournalRecord, durability: Durability) -> io::Result<()>;
}
