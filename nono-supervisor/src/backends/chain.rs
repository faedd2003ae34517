//! One backend after the other.

use std::fmt;
use std::sync::Arc;

use nono_core::{
    ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, ReasonCode, Result,
    Verdict,
};

use super::{NOBODY, decision_alone};

/// Asks backends in their order until one does not pass; where all do, it is a denial with
/// [`ReasonCode::NoApprover`]. One that fails ends the chain too: whoever comes after it might grant
/// what it would have denied.
#[derive(Clone, Default)]
pub struct Chain {
    backends: Vec<Arc<dyn ApprovalBackend>>,
}

impl Chain {
    /// Asks the first one first.
    #[must_use]
    pub fn new(backends: Vec<Arc<dyn ApprovalBackend>>) -> Self {
        Self { backends }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.backends.iter().map(|backend| backend.backend_name())).finish()
    }
}

impl ApprovalBackend for Chain {
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        decision_alone(self, request)
    }

    fn backend_name(&self) -> &str {
        "chain"
    }

    fn is_immediate(&self) -> bool {
        self.backends.iter().all(|backend| backend.is_immediate())
    }

    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        for backend in &self.backends {
            let failed = |error| {
                Opinion::Decided(Verdict::denied(ReasonCode::BackendFailed, format!("{error}")))
            };
            if let Opinion::Decided(mut verdict) = backend.consider(prompt).unwrap_or_else(failed) {
                verdict.decided_by.get_or_insert_with(|| backend.backend_name().to_owned());
                return Ok(Opinion::Decided(verdict));
            }
        }
        Ok(Opinion::Decided(Verdict::denied(ReasonCode::NoApprover, NOBODY)))
    }
}
