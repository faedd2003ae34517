//! What a sandboxed program links to ask for more.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nono_core::wire::{Message, OpenIntent, Reply, Request, Response};
use nono_core::{AccessMode, ApprovalDecision, CapabilityRequest, PROTOCOL_VERSION, ReasonCode};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::decoder::Passed;
#[cfg(target_os = "linux")]
use crate::door::knock;
use crate::link::Link;
use crate::variables::SESSION_VARIABLE;
use crate::{IpcError, Result, rendezvous};

/// A sandboxed program's connection to its supervisor.
///
/// Any number of threads may ask at the same time; answers find the thread that asked. A forked child
/// makes a client of its own: this one refuses to work there.
///
/// ```no_run
/// use nono_core::AccessMode;
/// use nono_ipc::{Client, Outcome, Wanted};
///
/// let client = Client::from_env()?;
/// let wanted = Wanted::new("notes.txt", AccessMode::Read).because("to show them");
/// match client.open(&wanted)? {
///     Outcome::Granted(file) => println!("{}", std::io::read_to_string(file).unwrap_or_default()),
///     Outcome::Denied { reason, .. } => eprintln!("denied: {reason}"),
///     Outcome::TimedOut => eprintln!("nobody decided"),
/// }
/// # Ok::<(), nono_ipc::IpcError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    link: Link,
    session_id: String,
    next: AtomicU64,
    owner: u32,
}

/// What a program wants opened, and how.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    path: &'a Path,
    access: AccessMode,
    intent: Option<OpenIntent>,
    reason: Option<&'a str>,
}

/// What became of it.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// The open file or directory, close-on-exec.
    Granted(File),
    /// The answer is no.
    Denied {
        /// Why, for people.
        reason: String,
        /// Why, for machines.
        code: Option<ReasonCode>,
        /// The operating system's error number, where opening failed.
        errno: Option<i32>,
    },
    /// Nobody decided in time.
    TimedOut,
}

impl Outcome {
    /// Whether it is open.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

impl<'a> Wanted<'a> {
    /// The object at `path`, as it is: nothing is created or truncated.
    #[must_use]
    pub fn new<P: AsRef<Path> + ?Sized>(path: &'a P, access: AccessMode) -> Self {
        Self { path: path.as_ref(), access, intent: None, reason: None }
    }

    /// How to open it. The mode is reduced by the process's umask.
    #[must_use]
    pub fn with_intent(self, intent: OpenIntent) -> Self {
        Self { intent: Some(intent), ..self }
    }

    /// Why, for whoever decides; shown as what the program says of itself.
    #[must_use]
    pub fn because(self, reason: &'a str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn flags(&self) -> OFlags {
        let access = match self.access {
            AccessMode::Read => OFlags::RDONLY,
            AccessMode::Write => OFlags::WRONLY,
            AccessMode::ReadWrite => OFlags::RDWR,
        };
        let intent = self.intent.unwrap_or_default();
        [
            (intent.create, OFlags::CREATE),
            (intent.exclusive, OFlags::EXCL),
            (intent.truncate, OFlags::TRUNC),
            (intent.append, OFlags::APPEND),
            (intent.directory, OFlags::DIRECTORY),
        ]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(access | OFlags::CLOEXEC, |flags, (_, flag)| flags | flag)
    }
}

impl Client {
    /// Connects as the environment says: through the inherited door, or by path.
    ///
    /// # Errors
    /// [`IpcError::NoSupervisor`] when the process is not supervised; otherwise what kept the
    /// connection from being made.
    pub fn from_env() -> Result<Self> {
        let session_id = std::env::var(SESSION_VARIABLE).unwrap_or_default();
        Self::on(rendezvous::stream()?, session_id)
    }

    /// Connects through a door: the end of it that a program inherits.
    ///
    /// # Errors
    /// [`IpcError::TimedOut`] when the supervisor does not open it, [`IpcError::Closed`] when it is
    /// gone.
    #[cfg(target_os = "linux")]
    pub fn through(door: impl std::os::fd::AsFd, session_id: String) -> Result<Self> {
        Self::on(knock(door.as_fd(), rendezvous::DOOR_DEADLINE)?, session_id)
    }

    /// Takes a connected stream over. `session_id` is what requests claim to belong to; empty claims
    /// nothing.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn on(stream: UnixStream, session_id: String) -> Result<Self> {
        let owner = std::process::id();
        Ok(Self { link: Link::new(stream)?, session_id, next: AtomicU64::new(1), owner })
    }

    /// Limits how long a request may take; `None`, as at first, leaves it to the supervisor, which has
    /// a limit of its own.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.link.set_timeout(timeout);
    }

    /// Opens what the process may open itself, and asks for the rest.
    ///
    /// # Errors
    /// The system's error where asking cannot help, such as `ENOENT`; as of
    /// [`request`](Self::request).
    pub fn open(&self, wanted: &Wanted<'_>) -> Result<Outcome> {
        let refused = match self.open_itself(wanted) {
            Ok(file) => return Ok(Outcome::Granted(file)),
            Err(errno @ (Errno::ACCESS | Errno::PERM)) => errno,
            Err(errno) => return Err(IpcError::system("open")(errno)),
        };
        match self.request(wanted)? {
            // The sandbox allows it and the system does not.
            Outcome::Denied { code: Some(ReasonCode::Covered), .. } => {
                Err(IpcError::system("open")(refused))
            }
            outcome => Ok(outcome),
        }
    }

    fn open_itself(&self, wanted: &Wanted<'_>) -> Result<File, Errno> {
        let mode = Mode::from_raw_mode(mode_bits(wanted.intent.unwrap_or_default().mode));
        rustix::fs::open(wanted.path, wanted.flags(), mode).map(File::from)
    }

    /// Asks, without trying first.
    ///
    /// # Errors
    /// [`IpcError::Closed`] when the supervisor is gone, [`IpcError::TimedOut`] after the timeout,
    /// [`IpcError::DescriptorLost`] when the answer is yes and too many descriptors are open here,
    /// [`IpcError::OtherProcess`] in a forked child.
    pub fn request(&self, wanted: &Wanted<'_>) -> Result<Outcome> {
        if std::process::id() != self.owner {
            return Err(IpcError::OtherProcess);
        }
        let request_id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let message = Message::Request(self.message(request_id.clone(), wanted)?);
        let (Reply::Decision(response), descriptor) = self.link.ask(&request_id, &message)?;
        outcome(response, descriptor)
    }

    fn message(&self, request_id: String, wanted: &Wanted<'_>) -> Result<Request> {
        let path = std::path::absolute(wanted.path)
            .map_err(|source| IpcError::System { call: "getcwd", source })?;
        let request = CapabilityRequest {
            request_id,
            path,
            access: wanted.access,
            reason: wanted.reason.map(str::to_owned),
            child_pid: self.owner,
            session_id: self.session_id.clone(),
        };
        let open = wanted.intent.map(reduced_by_umask);
        Ok(Request { request, version: Some(PROTOCOL_VERSION), open })
    }
}

fn outcome(response: Response, descriptor: Passed<OwnedFd>) -> Result<Outcome> {
    Ok(match response.decision {
        ApprovalDecision::Granted => {
            let descriptor = descriptor.into_result()?.ok_or(IpcError::NoDescriptor)?;
            Outcome::Granted(descriptor.into())
        }
        ApprovalDecision::Denied { reason } => {
            Outcome::Denied { reason, code: response.code, errno: response.errno }
        }
        ApprovalDecision::Timeout => Outcome::TimedOut,
    })
}

/// The supervisor cannot see this process's umask.
fn reduced_by_umask(intent: OpenIntent) -> OpenIntent {
    if intent.create { OpenIntent { mode: intent.mode & !umask(), ..intent } } else { intent }
}

/// The umask, read without changing it, which no other thread would bear; the strictest one where it
/// cannot be read. Source: proc_pid_status(5).
fn umask() -> u32 {
    const STRICTEST: u32 = 0o077;
    let read = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    };
    read().unwrap_or(STRICTEST)
}

fn mode_bits(mode: u32) -> rustix::fs::RawMode {
    rustix::fs::RawMode::try_from(mode & 0o7777).unwrap_or(0)
}
