//! No backend holds the supervisor up.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nono_core::{
    ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, Prompt, ReasonCode, Result,
    Verdict,
};

use super::decision_alone;
use super::places::{Entry, Places};

/// As good as never, and far from what the clock cannot count.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Gives a backend a limited time, and turns whatever it does wrong into a denial with its own code.
///
/// * Nobody answered in time: [`ApprovalDecision::Timeout`]. The thread that asked is left alone.
/// * Eight threads are in the backend: others wait for their turn, within their own deadline. Once
///   all eight are past theirs, requests are denied at once with [`ReasonCode::BackendBusy`].
/// * It panicked: [`ReasonCode::BackendPanicked`]; it is asked again for the next request.
/// * It returned an error: [`ReasonCode::BackendFailed`].
///
/// A backend that [is immediate](ApprovalBackend::is_immediate) is asked on the calling thread.
pub struct Deadline {
    backend: Arc<dyn ApprovalBackend>,
    limit: Duration,
    places: Arc<Places>,
}

impl Deadline {
    /// Gives `backend` so long for each request.
    #[must_use]
    pub fn new(backend: Arc<dyn ApprovalBackend>, limit: Duration) -> Self {
        Self { backend, limit: limit.min(LONGEST), places: Arc::default() }
    }

    /// Asks on a thread of its own, which holds its place in the backend until it comes back.
    fn ask(&self, prompt: &Prompt, deadline: Instant) -> Opinion {
        let place = match Places::enter(&self.places, deadline) {
            Entry::Free(place) => place,
            Entry::AllStuck => return denied(ReasonCode::BackendBusy, "the backend is stuck"),
            Entry::TimedOut => return timed_out(),
        };
        let ticket = place.ticket();
        let (answer, answered) = mpsc::sync_channel(1);
        let (backend, prompt) = (Arc::clone(&self.backend), prompt.clone());
        let work = move || {
            let opinion = consider(&*backend, &prompt);
            // Left first: whoever gets the answer may count on the place.
            drop(place);
            // Nobody listens any more once the deadline has passed.
            let _ = answer.send(opinion);
        };
        let name = format!("nono {}", self.backend.backend_name());
        if let Err(error) = thread::Builder::new().name(name).spawn(work) {
            return denied(ReasonCode::BackendFailed, error);
        }
        match answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(opinion) => opinion,
            Err(RecvTimeoutError::Timeout) => {
                self.places.give_up(ticket);
                timed_out()
            }
            Err(RecvTimeoutError::Disconnected) => panicked("its thread ended"),
        }
    }
}

/// Asks on this thread; whatever goes wrong is a denial.
fn consider(backend: &dyn ApprovalBackend, prompt: &Prompt) -> Opinion {
    // A backend that leaves its own state broken is its own problem: ours is not touched by it.
    match catch_unwind(AssertUnwindSafe(|| backend.consider(prompt))) {
        Ok(Ok(opinion)) => opinion,
        Ok(Err(error)) => denied(ReasonCode::BackendFailed, error),
        Err(payload) => panicked(message(&*payload)),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn panicked(message: &str) -> Opinion {
    denied(ReasonCode::BackendPanicked, format_args!("the backend panicked: {message}"))
}

fn denied(code: ReasonCode, reason: impl fmt::Display) -> Opinion {
    Opinion::Decided(Verdict::denied(code, reason.to_string()))
}

fn timed_out() -> Opinion {
    let verdict = Verdict::once(ApprovalDecision::Timeout);
    Opinion::Decided(Verdict { code: Some(ReasonCode::TimedOut), ..verdict })
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (backend, limit) = (self.backend_name(), self.limit);
        f.debug_struct("Deadline").field("backend", &backend).field("limit", &limit).finish()
    }
}

impl ApprovalBackend for Deadline {
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        decision_alone(self, request)
    }

    fn backend_name(&self) -> &str {
        self.backend.backend_name()
    }

    fn is_immediate(&self) -> bool {
        self.backend.is_immediate()
    }

    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        if self.is_immediate() {
            return Ok(consider(&*self.backend, prompt));
        }
        Ok(self.ask(prompt, Instant::now() + self.limit))
    }
}
