//! Letting a sandboxed program ask for more while it runs.
//!
//! ```text
//! program ──request──▶ Supervisor ──▶ never-grant list ──▶ ApprovalBackend
//!         ◀─descriptor──────────────◀── opens the object ◀── yes, and recorded
//! ```
//!
//! The supervisor stays outside of the sandbox. The program holds the other end of a [`Door`], and asks
//! through a [`Client`].

pub use nono_core::pipeline;
pub use nono_core::wire;
pub use nono_core::{
    ApprovalBackend, ApprovalDecision, AuditEntry, AuditSink, CapabilityRequest, Durability,
    JournalRecord, Operation, Opinion, Outcome as RecordedOutcome, PROTOCOL_VERSION, Peer, Prompt,
    ReasonCode, Scope, SupervisorMessage, SupervisorResponse, Verdict,
};
pub use nono_ipc::{
    Client, Door, FD_VARIABLE, IpcError, Outcome, PATH_VARIABLE, SESSION_VARIABLE,
    SupervisorSocket, TOKEN_VARIABLE, Wanted,
};
#[cfg(target_os = "linux")]
pub use nono_ipc::{SocketTransport, Stopper};
pub use nono_supervisor::{
    AuditSync, CallbackApproval, CallbackSink, Chain, Deadline, DenyAll, Limits, MemorySink,
    NeverGrantChecker, NeverGrantResult, PolicyApproval, PolicyError, Supervisor,
    SupervisorBuilder, journal, never_grant, policy,
};

#[cfg(target_os = "linux")]
pub use crate::platform::opener;

/// The specified types, under the path where they were asked for.
pub mod types {
    pub use super::{
        ApprovalBackend, ApprovalDecision, AuditEntry, CapabilityRequest, SupervisorMessage,
        SupervisorResponse,
    };
}

/// The specified socket, under the path where it was asked for.
pub mod socket {
    pub use super::SupervisorSocket;
}
