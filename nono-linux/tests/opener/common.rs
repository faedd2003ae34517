//! Trees, and a request's way through the pipeline without a supervisor.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nono_core::pipeline::{Approved, Asked, Opener, PinError, Pinned, Refusal, Subject, Vet};
use nono_core::wire::OpenIntent;
use nono_core::{AccessMode, ApprovalDecision, ObjectId, Peer, ReasonCode, Verdict};
use nono_linux::LinuxOpener;
use tempfile::TempDir;

/// What is below these directories is never granted.
#[derive(Debug, Default)]
pub(crate) struct Denied(pub(crate) Vec<PathBuf>);

impl Vet for Denied {
    fn vet(&self, subject: &Subject<'_>) -> Result<(), Refusal> {
        if self.0.iter().any(|denied| subject.canonical.starts_with(denied)) {
            return Err(Refusal::new(ReasonCode::NeverGrant, "denied"));
        }
        Ok(())
    }
}

/// One way of asking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    pub(crate) access: AccessMode,
    pub(crate) intent: OpenIntent,
}

impl Want {
    pub(crate) fn new(access: AccessMode) -> Self {
        Self { access, intent: OpenIntent::default() }
    }

    pub(crate) fn read() -> Self {
        Self::new(AccessMode::Read)
    }

    /// As `O_CREAT` for writing.
    pub(crate) fn create(mode: u32) -> Self {
        let intent = OpenIntent { create: true, mode, ..OpenIntent::default() };
        Self { access: AccessMode::Write, intent }
    }
}

/// The opener both ways.
pub(crate) fn openers() -> [LinuxOpener; 2] {
    let mut walks = LinuxOpener::default();
    walks.without_openat2 = true;
    [LinuxOpener::default(), walks]
}

pub(crate) fn tree() -> (TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().canonicalize().unwrap();
    (tree, path)
}

pub(crate) fn try_pin(
    opener: &LinuxOpener,
    path: &Path,
    want: Want,
    may_wait: bool,
) -> Result<Pinned, PinError> {
    let peer = Peer::new(std::process::id(), 0, 0);
    let Want { access, intent } = want;
    opener.pin(&Asked { path, access, intent, peer: &peer, may_wait })
}

pub(crate) fn pin(opener: &LinuxOpener, path: &Path, want: Want) -> Result<Pinned, Refusal> {
    try_pin(opener, path, want, true).map_err(|error| match error {
        PinError::Refused(refusal) => refusal,
        PinError::WouldWait => panic!("it may wait"),
    })
}

/// Somebody said yes.
pub(crate) fn approve(pinned: Pinned, want: Want, vet: &dyn Vet) -> Result<Approved, Refusal> {
    let yes = Verdict::once(ApprovalDecision::Granted);
    pinned.vet(vet, want.access)?.approve(&yes, want.intent, vet)
}

/// What follows a yes.
pub(crate) fn act(
    opener: &LinuxOpener,
    approved: &Approved,
    vet: &dyn Vet,
) -> Result<OwnedFd, Refusal> {
    let opened = opener.open(approved)?;
    approved.confirm(&opened, vet)?;
    opener.complete(approved, opened)
}

/// The whole way, with a yes.
pub(crate) fn open(
    opener: &LinuxOpener,
    path: &Path,
    want: Want,
    vet: &dyn Vet,
) -> Result<File, Refusal> {
    let approved = approve(pin(opener, path, want)?, want, vet)?;
    act(opener, &approved, vet).map(File::from)
}

pub(crate) fn identity(file: &File) -> ObjectId {
    let metadata = file.metadata().unwrap();
    ObjectId { device: metadata.dev(), inode: metadata.ino() }
}

pub(crate) fn fifo(path: &Path) {
    let kind = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
}
