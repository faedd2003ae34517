//! Backends that need nothing but what they are given, and wrappers for others.
//!
//! ```text
//! Deadline ─▶ Chain ─▶ PolicyApproval      decides, or passes on
//!                 └──▶ CallbackApproval    decides
//! ```

use nono_core::{ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, Result};

mod callback;
mod chain;
mod deadline;
mod deny_all;
mod places;

pub use callback::CallbackApproval;
pub use chain::Chain;
pub use deadline::Deadline;
pub use deny_all::DenyAll;

/// Why a request that everybody passed on is denied.
const NOBODY: &str = "nobody is there to be asked";

/// What a backend that considers prompts decides about a plain request, with nobody to come after it.
pub(crate) fn decision_alone(
    backend: &impl ApprovalBackend,
    request: &CapabilityRequest,
) -> Result<ApprovalDecision> {
    Ok(match backend.consider(&Prompt::new(request.clone()))? {
        Opinion::Decided(verdict) => verdict.decision,
        Opinion::Pass => ApprovalDecision::Denied { reason: NOBODY.into() },
    })
}
