//! What is written about a request.

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use nono_core::pipeline::Pinned;
use nono_core::wire::Request;
use nono_core::{
    ApprovalDecision, AuditEntry, CapabilityRequest, JournalRecord, ObjectId, Operation, Outcome,
    Peer, ReasonCode, Scope,
};

/// What is known of a request, more and more with every step.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) request: CapabilityRequest,
    pub(super) operation: Operation,
    pub(super) peer: Peer,
    pub(super) spelled: PathBuf,
    pub(super) object: Option<ObjectId>,
    pub(super) is_directory: bool,
    begun: Instant,
}

/// What was decided.
#[derive(Debug, Clone)]
pub(super) struct Decided<'a> {
    pub(super) decision: &'a ApprovalDecision,
    pub(super) code: Option<&'a ReasonCode>,
    pub(super) scope: Scope,
    pub(super) backend: &'a str,
}

impl Facts {
    /// What is known at first. The request names the process and the session by the supervisor's
    /// word, not by its own.
    pub(super) fn new(request: &Request, peer: &Peer, session: &str) -> Self {
        let operation = Operation::Open(request.open.unwrap_or_default());
        let spelled = request.request.path.clone();
        let request = CapabilityRequest {
            child_pid: peer.pid,
            session_id: session.to_owned(),
            ..request.request.clone()
        };
        let peer = peer.clone();
        let begun = Instant::now();
        Self { request, operation, peer, spelled, object: None, is_directory: false, begun }
    }

    /// Adds what the path led to.
    pub(super) fn pinned(&mut self, pinned: &Pinned) {
        pinned.canonical().clone_into(&mut self.request.path);
        self.object = Some(pinned.object());
        self.is_directory = pinned.kind() == nono_core::pipeline::ObjectKind::Directory;
    }

    pub(super) fn record(&self, decided: &Decided<'_>, outcome: Option<Outcome>) -> JournalRecord {
        let entry = AuditEntry {
            timestamp: SystemTime::now(),
            request: self.request.clone(),
            decision: decided.decision.clone(),
            backend: decided.backend.to_owned(),
            duration_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        JournalRecord {
            entry,
            peer: self.peer.clone(),
            operation: self.operation,
            spelled: (self.spelled != self.request.path).then(|| self.spelled.clone()),
            object: self.object,
            code: decided.code.cloned(),
            scope: decided.scope,
            outcome,
        }
    }
}
