//! Nobody is asked.

use nono_core::{
    ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, ReasonCode, Result,
    Verdict,
};

use super::{NOBODY, decision_alone};

/// Denies everything with [`ReasonCode::NoApprover`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl ApprovalBackend for DenyAll {
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        decision_alone(self, request)
    }

    fn backend_name(&self) -> &str {
        "deny-all"
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn consider(&self, _: &Prompt) -> Result<Opinion> {
        Ok(Opinion::Decided(Verdict::denied(ReasonCode::NoApprover, NOBODY)))
    }
}
