//! Who decides, and what.

use serde::{Deserialize, Serialize};

use crate::{CapabilityRequest, Opinion, Prompt, Result, Verdict};

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[must_use]
pub enum ApprovalDecision {
    /// Yes; an open descriptor comes with the answer.
    Granted,
    /// No.
    Denied {
        /// Why, for people.
        reason: String,
    },
    /// Nobody decided in time.
    Timeout,
}

impl ApprovalDecision {
    /// Whether somebody said yes.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted)
    }

    /// Whether somebody said no. A timeout is neither.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

/// Decides about requests that the sandbox does not cover: a person, a policy, a service.
///
/// It is asked after the never-grant list, which no backend can overrule, and it may block: other
/// requests go on meanwhile. Two methods are all a backend needs:
///
/// ```
/// use nono_core::{ApprovalBackend, ApprovalDecision, CapabilityRequest, Result};
///
/// struct AutoDeny;
///
/// impl ApprovalBackend for AutoDeny {
///     fn request_capability(&self, _request: &CapabilityRequest) -> Result<ApprovalDecision> {
///         Ok(ApprovalDecision::Denied { reason: "nothing is granted here".into() })
///     }
///
///     fn backend_name(&self) -> &str {
///         "auto-deny"
///     }
/// }
/// ```
pub trait ApprovalBackend: Send + Sync {
    /// Decides. The request holds what the supervisor verified: the canonical path, the pid that
    /// the kernel named, the supervisor's own session id.
    ///
    /// # Errors
    /// Any error counts as a denial.
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision>;

    /// A short name for records and messages.
    fn backend_name(&self) -> &str;

    /// Whether it decides without waiting for anything, so that it may be asked on the thread that
    /// receives requests.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Decides with all that is known. What the supervisor calls; a backend that needs only the
    /// specified request leaves this as it is, and its answers reach one operation far.
    ///
    /// # Errors
    /// Any error counts as a denial.
    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        Ok(Opinion::Decided(Verdict::once(self.request_capability(&prompt.request)?)))
    }
}
