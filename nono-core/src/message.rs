//! The specified messages between a sandboxed program and its supervisor.

use serde::{Deserialize, Serialize};

use crate::wire::Reply;
use crate::{ApprovalDecision, CapabilityRequest};

/// What a sandboxed program sends. [`wire::Message`](crate::wire::Message) is the same with the
/// optional fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SupervisorMessage {
    /// A request for a file or directory.
    Request(CapabilityRequest),
}

/// What a supervisor answers. [`wire::Reply`](crate::wire::Reply) is the same with the optional
/// fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Reply")]
pub enum SupervisorResponse {
    /// The answer to one request.
    Decision {
        /// The request's own id.
        request_id: String,
        /// The answer.
        decision: ApprovalDecision,
    },
}
