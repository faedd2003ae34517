//! The record of a decision.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{
    ApprovalDecision, CapabilityRequest, ObjectId, Operation, Peer, ReasonCode, Scope, path_text,
};

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
    #[serde(default, with = "path_text::optional")]
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::AccessMode;

    #[test]
    fn a_record_with_paths_that_are_not_text_comes_back_from_its_json() {
        let raw: PathBuf = OsString::from_vec(b"/a/\xff\n".to_vec()).into();
        let request = CapabilityRequest {
            request_id: "r1".into(),
            path: raw.clone(),
            access: AccessMode::Read,
            reason: None,
            child_pid: 7,
            session_id: "s".into(),
        };
        let record = JournalRecord {
            entry: AuditEntry {
                timestamp: SystemTime::now(),
                request,
                decision: ApprovalDecision::Timeout,
                backend: "policy".into(),
                duration_ms: 3,
            },
            peer: Peer { executable: Some(raw.clone()), ..Peer::new(7, 1, 1) },
            operation: Operation::Connect(443),
            spelled: Some(raw),
            object: None,
            code: Some(ReasonCode::TimedOut),
            scope: Scope::Once,
            outcome: Some(Outcome::Failed(13)),
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<JournalRecord>(&json).unwrap(), record);
    }
}
