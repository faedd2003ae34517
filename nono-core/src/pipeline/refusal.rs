//! A no, from any step.

use crate::{ApprovalDecision, ReasonCode, Verdict};

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For machines.
    pub code: ReasonCode,
    /// For people.
    pub reason: String,
    /// The operating system's error number, where it refused.
    pub errno: Option<i32>,
}

impl Refusal {
    /// A refusal of nono's own.
    #[must_use]
    pub fn new(code: ReasonCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), errno: None }
    }

    /// A refusal of the operating system.
    #[must_use]
    pub fn system(error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => ReasonCode::NotFound,
            _ => ReasonCode::OsError,
        };
        Self { code, reason: error.to_string(), errno: error.raw_os_error() }
    }

    /// The refusal as a decision.
    pub fn decision(&self) -> ApprovalDecision {
        ApprovalDecision::Denied { reason: self.reason.clone() }
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::denied(refusal.code, refusal.reason)
    }
}
