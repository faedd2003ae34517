//! A session with a tree of files, a backend made of a function, and clients.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nono_core::pipeline::{
    Approved, Asked, Opened, Opener, PinError, Pinned, Refusal, Subject, Vet,
};
use nono_core::wire::{Message, Reply, Request};
use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, AuditSink, CapabilityRequest, CapabilitySet,
    Durability, JournalRecord, Opinion, Peer, Prompt, ReasonCode, Result, Scope, Verdict,
};
use nono_ipc::{Client, ClientEnd, Door, Outcome, SocketTransport, Wanted};
use nono_linux::LinuxOpener;
use nono_supervisor::{AuditSync, Limits, MemorySink, NeverGrantChecker, Supervisor};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};
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

/// What a sink does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    All,
    Nothing,
    Panics,
}

/// A sink that tests can look into.
struct Shared {
    records: Arc<MemorySink>,
    keeps: Keeps,
}

impl AuditSink for Shared {
    fn record(&self, record: &JournalRecord, durability: Durability) -> std::io::Result<()> {
        match self.keeps {
            Keeps::All => self.records.record(record, durability),
            Keeps::Nothing => Err(std::io::ErrorKind::StorageFull.into()),
            Keeps::Panics => panic!("on purpose"),
        }
    }
}

/// An opener for which looking up what has `hung` in its name never ends.
struct Mounts(LinuxOpener);

impl Opener for Mounts {
    fn pin(&self, asked: &Asked<'_>) -> std::result::Result<Pinned, PinError> {
        if asked.path.to_str().is_none_or(|path| !path.contains("hung")) {
            return self.0.pin(asked);
        }
        if !asked.may_wait {
            return Err(PinError::WouldWait);
        }
        park()
    }

    fn open(&self, approved: &Approved) -> std::result::Result<Opened, Refusal> {
        self.0.open(approved)
    }

    fn complete(
        &self,
        approved: &Approved,
        opened: Opened,
    ) -> std::result::Result<OwnedFd, Refusal> {
        self.0.complete(approved, opened)
    }

    fn executable(&self, peer: &Peer) -> Option<PathBuf> {
        self.0.executable(peer)
    }
}

/// A list that takes for ever to look an object up that has several names, one with `slow` in it.
struct List(NeverGrantChecker);

impl Vet for List {
    fn vet(&self, subject: &Subject<'_>) -> std::result::Result<(), Refusal> {
        let is_slow = subject.canonical.to_str().is_some_and(|path| path.contains("slow"));
        if is_slow && subject.links > 1 {
            park();
        }
        Vet::vet(&self.0, subject)
    }
}

/// Never returns.
pub(crate) fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// A supervisor that serves a door, and the other end of it.
pub(crate) struct Session {
    pub(crate) tree: TempDir,
    pub(crate) sink: Arc<MemorySink>,
    pub(crate) door: OwnedFd,
}

/// What a session is made of, where tests differ.
pub(crate) struct Setup {
    pub(crate) caps: CapabilitySet,
    pub(crate) never: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) is_immediate: bool,
    pub(crate) keeps: Keeps,
    pub(crate) sync: AuditSync,
    pub(crate) tree: TempDir,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        let (caps, limits) = (CapabilitySet::new(), Limits::default());
        let (never, is_immediate) = (vec![], false);
        let (keeps, sync) = (Keeps::All, AuditSync::Never);
        Self { caps, never, limits, is_immediate, keeps, sync, tree }
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
        let supervisor =
            Supervisor::builder("session", self.caps).sync(self.sync).limits(self.limits).build(
                List(NeverGrantChecker::new(&self.never).unwrap()),
                Decides { function, is_immediate: self.is_immediate },
                Shared { records: Arc::clone(&sink), keeps: self.keeps },
                Mounts(LinuxOpener::default().knowing([self.tree.path()])),
            );
        std::thread::spawn(move || supervisor.serve(transport).unwrap());
        Session { tree: self.tree, sink, door: theirs }
    }
}

impl Session {
    pub(crate) fn client(&self) -> Client {
        let client = Client::through(&self.door, String::new()).unwrap();
        client.set_timeout(Some(PATIENCE));
        client
    }

    /// A connection without a client that keeps to the rules.
    pub(crate) fn stream(&self) -> UnixStream {
        knock(&self.door)
    }

    /// The same with frames.
    pub(crate) fn end(&self) -> ClientEnd {
        let end = ClientEnd::from_stream(self.stream()).unwrap();
        end.set_read_timeout(Some(PATIENCE)).unwrap();
        end
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

    /// Makes files of these names, each with its name as content.
    pub(crate) fn files<const N: usize>(&self, names: [&str; N]) -> [PathBuf; N] {
        names.map(|name| self.file(name))
    }

    pub(crate) fn ask(&self, path: &Path, access: AccessMode) -> Outcome {
        self.client().request(&Wanted::new(path, access)).unwrap()
    }
}

/// How long anything may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Knocks at a door and takes the stream.
pub(crate) fn knock(door: &OwnedFd) -> UnixStream {
    send(door, &[], SendFlags::empty()).unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut version = [0];
    let mut body = [IoSliceMut::new(&mut version)];
    recvmsg(door, &mut body, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let Some(RecvAncillaryMessage::ScmRights(mut descriptors)) = control.drain().next() else {
        panic!("the door stays shut")
    };
    descriptors.next().unwrap().into()
}

/// A request as it travels.
pub(crate) fn request(id: &str, path: &Path) -> Message {
    Message::Request(Request {
        request: CapabilityRequest {
            request_id: id.to_owned(),
            path: path.to_owned(),
            access: AccessMode::Read,
            reason: None,
            child_pid: 1,
            session_id: String::new(),
        },
        version: None,
        open: None,
    })
}

/// The id, the code and the descriptor of the next answer.
pub(crate) fn answer(end: &mut ClientEnd) -> (String, Option<ReasonCode>, Option<OwnedFd>) {
    let answer = end.recv().unwrap().unwrap();
    let Reply::Decision(response) = answer.reply;
    let is_granted = response.decision.is_granted();
    let descriptor = answer.descriptor.into_result().unwrap();
    assert_eq!(descriptor.is_some(), is_granted);
    (response.request_id, response.code, descriptor)
}

pub(crate) fn content(outcome: Outcome) -> String {
    match outcome {
        Outcome::Granted(file) => std::io::read_to_string(file).unwrap(),
        other => panic!("not granted: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_denied(outcome: &Outcome, expected: &ReasonCode) {
    match outcome {
        Outcome::Denied { code: Some(code), .. } => assert_eq!(code, expected),
        other => panic!("not denied: {other:?}"),
    }
}

/// Waits for what is true soon or never.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let due = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < due, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
