//! Records, and a directory for them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use nono_core::wire::OpenIntent;
use nono_core::{
    AccessMode, ApprovalDecision, AuditEntry, CapabilityRequest, JournalRecord, ObjectId,
    Operation, Outcome, Peer, ReasonCode, Scope,
};
use nono_supervisor::journal::{Begin, Directory, JournalSink, Summary};
use proptest::prelude::*;
use tempfile::TempDir;

pub(crate) const SESSION: &str = "session-1";

/// A directory of journals that is removed at the end.
pub(crate) struct Journals {
    pub(crate) directory: Directory,
    pub(crate) path: PathBuf,
    _temporary: TempDir,
}

impl Journals {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("state").join("audit");
        Self { directory: Directory::create(&path).unwrap(), path, _temporary: temporary }
    }

    pub(crate) fn sink(&self) -> JournalSink {
        JournalSink::create(&self.directory, &Begin::now(SESSION, None)).unwrap()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path.join(format!("{SESSION}.jsonl"))
    }

    pub(crate) fn summary(&self) -> Summary {
        self.directory.summary(SESSION).unwrap()
    }

    /// What a file of these bytes is said to be.
    pub(crate) fn summary_of(&self, bytes: &[u8]) -> Summary {
        fs::write(self.file(), bytes).unwrap();
        self.summary()
    }
}

pub(crate) fn record(id: &str) -> JournalRecord {
    JournalRecord {
        entry: AuditEntry {
            timestamp: SystemTime::now(),
            request: CapabilityRequest {
                request_id: id.to_owned(),
                path: "/home/user/notes".into(),
                access: AccessMode::Read,
                reason: None,
                child_pid: 7,
                session_id: SESSION.into(),
            },
            decision: ApprovalDecision::Granted,
            backend: "policy".into(),
            duration_ms: 1,
        },
        peer: Peer::new(7, 1000, 1000),
        operation: Operation::Open(OpenIntent::default()),
        spelled: None,
        object: Some(ObjectId { device: 1, inode: 2 }),
        code: None,
        scope: Scope::Once,
        outcome: None,
    }
}

fn any_path() -> impl Strategy<Value = PathBuf> {
    prop::collection::vec(1_u8..=255, 0..40).prop_map(|bytes| OsString::from_vec(bytes).into())
}

fn any_decision() -> impl Strategy<Value = ApprovalDecision> {
    prop_oneof![
        Just(ApprovalDecision::Granted),
        Just(ApprovalDecision::Timeout),
        any::<String>().prop_map(|reason| ApprovalDecision::Denied { reason }),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        any::<(bool, u32)>().prop_map(|(create, mode)| {
            Operation::Open(OpenIntent { create, mode, ..OpenIntent::default() })
        }),
        any::<u16>().prop_map(Operation::Connect),
        any::<u16>().prop_map(Operation::Bind),
    ]
}

prop_compose! {
    /// Whatever a supervisor may have to keep.
    pub(crate) fn any_record()(
        id in "[ -~]{1,128}", path in any_path(), reason: Option<String>, decision in any_decision(),
        backend: String, since in 0_u64..1 << 40, spelled in prop::option::of(any_path()),
        executable in prop::option::of(any_path()), operation in any_operation(),
        object in prop::option::of(any::<(u64, u64)>()), failed: Option<i32>, denied: bool,
    ) -> JournalRecord {
        let mut record = record(&id);
        record.entry.timestamp = SystemTime::UNIX_EPOCH + Duration::from_millis(since);
        record.entry.request.path = path;
        record.entry.request.reason = reason;
        record.entry.decision = decision;
        record.entry.backend = backend;
        record.peer.executable = executable;
        record.operation = operation;
        record.spelled = spelled;
        record.object = object.map(|(device, inode)| ObjectId { device, inode });
        record.outcome = failed.map(Outcome::Failed);
        record.code = denied.then_some(ReasonCode::NeverGrant);
        record
    }
}
