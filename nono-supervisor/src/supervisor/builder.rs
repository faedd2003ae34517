//! Setting a supervisor up.

use std::sync::Arc;
use std::time::Duration;

use nono_core::pipeline::{Opener, Vet};
use nono_core::{ApprovalBackend, AuditSink, CapabilitySet};

use super::{Pending, Pool, PromptRate, Remembered, Session, Supervisor};

/// Sets a [`Supervisor`] up.
#[must_use]
pub struct SupervisorBuilder {
    id: String,
    caps: CapabilitySet,
    user: u32,
    sync: AuditSync,
    limits: Limits,
}

/// Which records are on the disk before their answer leaves. All of them are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuditSync {
    /// Every one.
    All,
    /// Those of decisions that a backend made.
    #[default]
    Decisions,
    /// None: a power failure can lose the last ones.
    Never,
}

/// How much a session may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many requests may wait for a backend at a time; more are denied.
    pub pending: usize,
    /// How many times a minute somebody may be asked; more are denied. Decisions that need nobody do
    /// not count.
    pub prompts_per_minute: u32,
    /// How many decisions are remembered for the session; the oldest are forgotten, and asked again.
    pub remembered: usize,
    /// How long a backend may take.
    pub approval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending: 256,
            prompts_per_minute: 60,
            remembered: 1024,
            approval: Duration::from_secs(60),
        }
    }
}

impl SupervisorBuilder {
    pub(super) fn new(id: String, caps: CapabilitySet) -> Self {
        let user = rustix::process::getuid().as_raw();
        Self { id, caps, user, sync: AuditSync::default(), limits: Limits::default() }
    }

    /// The user whose processes may ask; the supervisor's own unless set.
    pub fn user(self, user: u32) -> Self {
        Self { user, ..self }
    }

    /// Which records are synced.
    pub fn sync(self, sync: AuditSync) -> Self {
        Self { sync, ..self }
    }

    /// How much the session may ask for.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The supervisor, with what it cannot do without: what is never granted, who decides, where it
    /// is written, and how this kernel opens.
    #[must_use]
    pub fn build(
        self,
        vet: impl Vet + 'static,
        backend: impl ApprovalBackend + 'static,
        sink: impl AuditSink + 'static,
        opener: impl Opener + 'static,
    ) -> Supervisor {
        let Self { id, caps, user, sync, limits } = self;
        let session = Session {
            id,
            user,
            caps,
            vet: Arc::new(vet),
            opener: Arc::new(opener),
            backend: Arc::new(backend),
            sink: Arc::new(sink),
            sync,
            pending: Pending::new(limits.pending),
            prompts: PromptRate::new(limits.prompts_per_minute),
            remembered: Remembered::new(limits.remembered),
            pool: Pool::default(),
        };
        Supervisor { session: Arc::new(session) }
    }
}
