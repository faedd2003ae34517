//! A function that decides.

use std::fmt;

use nono_core::{ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, Result};

use super::decision_alone;

/// Asks a function. For programs that embed the supervisor, and for other languages.
pub struct CallbackApproval<F> {
    name: String,
    callback: F,
}

impl<F> CallbackApproval<F>
where
    F: Fn(&Prompt) -> Result<Opinion> + Send + Sync,
{
    /// A backend that calls `callback`, from any thread and from several at a time, and is called
    /// `name` in records.
    pub fn new(name: impl Into<String>, callback: F) -> Self {
        Self { name: name.into(), callback }
    }
}

impl<F> fmt::Debug for CallbackApproval<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackApproval").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F> ApprovalBackend for CallbackApproval<F>
where
    F: Fn(&Prompt) -> Result<Opinion> + Send + Sync,
{
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        decision_alone(self, request)
    }

    fn backend_name(&self) -> &str {
        &self.name
    }

    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        (self.callback)(prompt)
    }
}
