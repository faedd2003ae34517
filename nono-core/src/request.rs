//! What a sandboxed program asks for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::AccessMode;
use crate::wire::Request;

/// A sandboxed program's request to be given a file or directory.
///
/// As JSON the path is text. One that is not UTF-8 goes as its lossy text, for people, and beside it
/// as `path_bytes`, base64 (RFC 4648, padded) of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Request", into = "Request")]
pub struct CapabilityRequest {
    /// Names the request in answers and records: 1 to [`REQUEST_ID_MAX`](crate::REQUEST_ID_MAX)
    /// bytes, used once within a connection.
    pub request_id: String,
    /// What to open. Absolute; it is resolved in the requester's view.
    pub path: PathBuf,
    /// What is to be done with it.
    pub access: AccessMode,
    /// Why, in the program's own words: a claim that is shown as one.
    pub reason: Option<String>,
    /// Who the program says it is. A claim: the kernel names the sender.
    pub child_pid: u32,
    /// The session the program says it belongs to. A claim too.
    pub session_id: String,
}

impl From<Request> for CapabilityRequest {
    fn from(request: Request) -> Self {
        request.request
    }
}

impl From<CapabilityRequest> for Request {
    fn from(request: CapabilityRequest) -> Self {
        Self { request, version: None, open: None }
    }
}
