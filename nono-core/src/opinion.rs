//! What a backend is told, and what it says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wire::OpenIntent;
use crate::{ApprovalDecision, CapabilityRequest, ObjectId, ReasonCode, path_text};

/// Everything a backend may base its decision on. What the kernel vouches for and what the program
/// says of itself are kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The request as the supervisor verified it: canonical path, the pid that the kernel named,
    /// the supervisor's own session id. The reason is a claim.
    pub request: CapabilityRequest,
    /// What the operation does.
    pub operation: Operation,
    /// Who asks, by the kernel's word.
    pub peer: Peer,
    /// The path as the program spelled it.
    pub spelled: PathBuf,
    /// The object that was found there, or the directory in which a new one is to be made.
    pub object: Option<ObjectId>,
    /// Whether the object is a directory.
    pub is_directory: bool,
}

impl Prompt {
    /// A prompt of the specified fields alone: an open as it is, by an unknown executable.
    #[must_use]
    pub fn new(request: CapabilityRequest) -> Self {
        let peer = Peer::new(request.child_pid, 0, 0);
        let spelled = request.path.clone();
        let operation = Operation::Open(OpenIntent::default());
        Self { request, operation, peer, spelled, object: None, is_directory: false }
    }
}

/// What is to be done with the object of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Operation {
    /// Opening it for the access of the request.
    Open(OpenIntent),
    /// A TCP connection to a port, of any address.
    Connect(u16),
    /// Listening on a TCP port.
    Bind(u16),
}

/// A process, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Its pid in the supervisor's namespace.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// The file it executes, if that could be read. Advice and no boundary: a program that was
    /// allowed to ask can execute another file afterwards.
    #[serde(default, with = "path_text::optional")]
    pub executable: Option<PathBuf>,
}

impl Peer {
    /// A process whose executable is not known.
    #[must_use]
    pub fn new(pid: u32, uid: u32, gid: u32) -> Self {
        Self { pid, uid, gid, executable: None }
    }
}

/// What a backend says to a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Opinion {
    /// Yes, no, or nobody answered.
    Decided(Verdict),
    /// Nothing: the next one is asked, and where there is none it is a denial.
    Pass,
}

/// A decision with what goes beyond the specified one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// The decision.
    pub decision: ApprovalDecision,
    /// How far it reaches.
    pub scope: Scope,
    /// Why it is a denial, for machines.
    pub code: Option<ReasonCode>,
    /// The name of the backend that decided, where others stand before it.
    pub decided_by: Option<String>,
}

impl Verdict {
    /// A decision about one operation.
    pub fn once(decision: ApprovalDecision) -> Self {
        Self { decision, scope: Scope::Once, code: None, decided_by: None }
    }

    /// A denial.
    pub fn denied(code: ReasonCode, reason: impl Into<String>) -> Self {
        let decision = ApprovalDecision::Denied { reason: reason.into() };
        Self { code: Some(code), ..Self::once(decision) }
    }
}

/// How far a decision reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One operation of one process.
    #[default]
    Once,
    /// The same access to the same object, until the session ends.
    Session,
    /// The same access to everything below the directory, until the session ends.
    Subtree,
}
