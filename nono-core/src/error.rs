//! What can go wrong, by whose fault it is.

use std::io;
use std::path::PathBuf;

use crate::{AccessMode, CapabilitySource, EnforceError, FsCapability, Gap, Privilege, StateError};

/// A result whose error is a [`NonoError`].
pub type Result<T, E = NonoError> = std::result::Result<T, E>;

/// Every way in which making, preparing or enforcing a sandbox fails. The text is for people;
/// programs match the variant or use [`code`](Self::code).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NonoError {
    /// Nothing is at the path.
    #[error("no such file or directory: {}", .0.display())]
    PathNotFound(PathBuf),
    /// A directory was asked for and something else is there.
    #[error("not a directory: {}; grant it as a file", .0.display())]
    ExpectedDirectory(PathBuf),
    /// A file was asked for and a directory is there.
    #[error("a directory, not a file: {}; grant it as a directory", .0.display())]
    ExpectedFile(PathBuf),
    /// The path cannot be resolved.
    #[error("cannot resolve {}: {source}", path.display())]
    PathCanonicalization {
        /// The path as it was spelled.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The set of capabilities contradicts itself or asks for what cannot be had.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// The path names another object than the one that was granted.
    #[error("{} was replaced after it was granted; resolve it again", .0.display())]
    ObjectChanged(PathBuf),
    /// The kernel cannot enforce something that was asked for.
    #[error("{gap}: {detail}; allow the gap by name to run without this protection", gap = gap.name())]
    GapRefused {
        /// What cannot be enforced.
        gap: Gap,
        /// Why.
        detail: &'static str,
    },
    /// No backend exists for this operating system or processor.
    #[error("no sandbox for {0}: nono enforces on Linux, on x86_64 and aarch64")]
    UnsupportedPlatform(&'static str),
    /// The calling process has other threads that would stay outside.
    #[error(
        "the process has {count} threads and this kernel restricts only the calling one; \
         apply the sandbox before starting threads, or run a new program in it"
    )]
    Threads {
        /// How many threads there are, the calling one included.
        count: usize,
    },
    /// The sandbox could not be put in place. Nothing was started.
    #[error("cannot enforce the sandbox: {0}")]
    Enforce(#[from] EnforceError),
    /// The program could not be started in the sandbox.
    #[error("cannot execute {}: {source}", program.display())]
    Exec {
        /// The program as it was named.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A system call failed.
    #[error("{call}{at}: {source}", at = at(path))]
    System {
        /// The call.
        call: &'static str,
        /// The path it was about, if any.
        path: Option<PathBuf>,
        /// What the system said.
        source: io::Error,
    },
    /// A privilege was to be kept that the calling process does not have.
    #[error("cannot keep {0}, which this process does not have: start it as root, or keep less")]
    PrivilegeNotHeld(Privilege),
    /// A stored state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A path begins with `~/` and the home directory is not known.
    #[error("{}: HOME is not set to an absolute path; write the whole path", .0.display())]
    NoHome(PathBuf),
    /// A path that has to be absolute is not.
    #[error("not an absolute path: {}", .0.display())]
    NotAbsolute(PathBuf),
}

fn at(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default()
}

impl NonoError {
    /// A stable number for the variant, as other languages see it.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::PathNotFound(_) => 1,
            Self::ExpectedDirectory(_) => 2,
            Self::ExpectedFile(_) => 3,
            Self::PathCanonicalization { .. } => 4,
            Self::Capability(_) => 5,
            Self::ObjectChanged(_) => 6,
            Self::GapRefused { .. } => 7,
            Self::UnsupportedPlatform(_) => 8,
            Self::Threads { .. } => 9,
            Self::Enforce(_) => 10,
            Self::Exec { .. } => 11,
            Self::System { .. } => 12,
            Self::State(_) => 13,
            Self::PrivilegeNotHeld(_) => 14,
            Self::NoHome(_) => 15,
            Self::NotAbsolute(_) => 16,
        }
    }
}

/// A set of capabilities that cannot be enforced as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// A grant would be narrower than one above it; the kernel only ever adds rights.
    #[error(
        "{asked_by} grants {access} on {}, but {above_by} grants {above_access} on {} above it \
         and that cannot be narrowed: grant the parts of the outer directory one by one",
        path.display(),
        above.display()
    )]
    Narrowed {
        /// The inner path.
        path: PathBuf,
        /// What was asked for there.
        access: AccessMode,
        /// By whom.
        asked_by: CapabilitySource,
        /// The outer path.
        above: PathBuf,
        /// What is granted there.
        above_access: AccessMode,
        /// By whom.
        above_by: CapabilitySource,
    },
    /// Keeping an entry closed would take more rules than the limit.
    #[error(
        "keeping {} closed inside {} takes more than {limit} rules: \
         grant the parts of {} that are needed instead of all of it",
        entry.display(),
        grant.display(),
        grant.display()
    )]
    CarvedTooWide {
        /// The directory that is granted.
        grant: PathBuf,
        /// The entry below it that stays closed.
        entry: PathBuf,
        /// The most rules that carving may make.
        limit: usize,
    },
}

impl CapabilityError {
    pub(crate) fn narrowed(narrow: &FsCapability, wide: &FsCapability) -> Self {
        Self::Narrowed {
            path: narrow.resolved.clone(),
            access: narrow.access,
            asked_by: narrow.source.clone(),
            above: wide.resolved.clone(),
            above_access: wide.access,
            above_by: wide.source.clone(),
        }
    }
}
