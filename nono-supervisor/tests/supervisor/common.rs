//! A session with a tree of files, a backend made of a function, and clients.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, AuditSink, CapabilityRequest, CapabilitySet,
    Durability, JournalRecord, Opinion, Prompt, Result, Scope, Verdict,
};
use nono_ipc::{Client, Door, Outcome, SocketTransport, Wanted};
use nono_linux::LinuxOpener;
use nono_supervisor::{AuditSync, Limits, MemorySink, NeverGrantChecker, Supervisor};
use tempfile::TempDir;

/// A backend that is a function.
pub(crate) struct Decides<F> {
    pub(crate) function: F,
    pub(crate) is_immediate: bool,
}

impl<F: Fn(&Prompt) -> Result<Opinion> + Send + Sync> ApprovalBackend for Decides<F> {
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        match self.consider(&Prompt::new(request.clone()))? {
            Opinion::Decided(verdict) => Ok(verdict.decision),
            Opinion::Pass => Ok(ApprovalDecision::Denied { reason: "passed".into() }),
        }
    }

    fn backend_name(&self) -> &str {
        "test"
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }

    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        (self.function)(prompt)
    }
}

pub(crate) fn yes(scope: Scope) -> Result<Opinion> {
    Ok(Opinion::Decided(Verdict { scope, ..Verdict::once(ApprovalDecision::Granted) }))
}

/// A sink that tests can look into.
#[derive(Clone)]
struct Shared(Arc<MemorySink>);

impl AuditSink for Shared {
    fn record(&self, record: &JournalRecord, durability: Durability) -> std::io::Result<()> {
        self.0.record(record, durability)
    }
}

/// A supervisor that serves a door, and the other end of it.
pub(crate) struct Session {
    pub(crate) tree: TempDir,
    pub(crate) sink: Arc<MemorySink>,
    door: OwnedFd,
}

/// What a session is made of, where tests differ.
pub(crate) struct Setup {
    pub(crate) caps: CapabilitySet,
    pub(crate) never: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) is_immediate: bool,
    pub(crate) tree: TempDir,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        let (caps, limits) = (CapabilitySet::new(), Limits::default());
        Self { caps, never: vec![], limits, is_immediate: false, tree }
    }

    /// The canonical path of a name in the tree.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.tree.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn decided_by(
        self,
        function: impl Fn(&Prompt) -> Result<Opinion> + Send + Sync + 'static,
    ) -> Session {
        let (door, theirs) = Door::new().unwrap();
        let transport = SocketTransport::new().unwrap().with_door(door).unwrap();
        let sink = Arc::new(MemorySink::new(1 << 20));
        let supervisor = Supervisor::builder("session", self.caps)
            .sync(AuditSync::Never)
            .limits(self.limits)
            .build(
                NeverGrantChecker::new(&self.never).unwrap(),
                Decides { function, is_immediate: self.is_immediate },
                Shared(Arc::clone(&sink)),
                LinuxOpener::default(),
            );
        std::thread::spawn(move || supervisor.serve(transport).unwrap());
        Session { tree: self.tree, sink, door: theirs }
    }
}

impl Session {
    pub(crate) fn client(&self) -> Client {
        let client = Client::through(&self.door, String::new()).unwrap();
        client.set_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.tree.path().canonicalize().unwrap().join(name)
    }

    /// Makes a file with its own name as content.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        path
    }

    pub(crate) fn ask(&self, path: &Path, access: AccessMode) -> Outcome {
        self.client().request(&Wanted::new(path, access)).unwrap()
    }
}
