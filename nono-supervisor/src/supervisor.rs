//! Decides about requests and acts on the decisions.

mod builder;
mod case;
mod pending;
mod pool;
mod prompts;
mod record;
mod remembered;

use std::io;
use std::sync::Arc;

use nono_core::pipeline::{Desk, Opener, Submission, Transport, Vet};
use nono_core::{ApprovalBackend, AuditSink, CapabilitySet, Durability};

pub use builder::{AuditSync, Limits, SupervisorBuilder};
use case::Case;
use pending::Pending;
use pool::Pool;
use prompts::PromptRate;
use remembered::Remembered;

/// One session: what its programs hold, what is never granted, who decides and where it is written.
///
/// It serves any number of connections and transports at the same time. What has to wait, for a disk
/// or a person, waits on threads of its own and delays nobody else.
#[derive(Clone)]
pub struct Supervisor {
    session: Arc<Session>,
}

/// What every request of a session is decided with.
struct Session {
    id: String,
    user: u32,
    caps: CapabilitySet,
    vet: Arc<dyn Vet>,
    opener: Arc<dyn Opener>,
    backend: Arc<dyn ApprovalBackend>,
    sink: Arc<dyn AuditSink>,
    sync: AuditSync,
    pending: Pending,
    prompts: PromptRate,
    remembered: Remembered,
    pool: Pool,
}

impl Supervisor {
    /// A supervisor of the session `id`, for programs that hold `caps`.
    pub fn builder(id: impl Into<String>, caps: CapabilitySet) -> SupervisorBuilder {
        SupervisorBuilder::new(id.into(), caps)
    }

    /// The name of the session.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session.id
    }

    /// Serves a transport on this thread, until no process is left that could ask over it.
    ///
    /// # Errors
    /// What keeps the transport from receiving.
    pub fn serve(&self, mut transport: impl Transport) -> io::Result<()> {
        transport.serve(self)
    }
}

impl Desk for Supervisor {
    fn submit(&self, submission: Submission) {
        Case::new(Arc::clone(&self.session), submission).start();
    }
}

impl Session {
    /// How durable the record of a decision has to be before its answer leaves.
    fn durability(&self, by_backend: bool) -> Durability {
        match self.sync {
            AuditSync::All => Durability::Synced,
            AuditSync::Decisions if by_backend => Durability::Synced,
            AuditSync::Decisions | AuditSync::Never => Durability::Written,
        }
    }
}
