//! Why nono gives up, and the exit status for it.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::path::PathBuf;

use nono::executable::ExecutableError;
use nono::supervisor::{IpcError, PolicyError};
use nono::{NonoError, UserError};
use nono_supervisor::journal::JournalError;
use rustix::io::Errno;

use crate::grants_file::ProfileError;
use crate::state_file::StateFileError;

/// The exit statuses of nono's own, as env(1) and the shells use them.
pub(crate) const NONO_FAILED: u8 = 125;
pub(crate) const NOT_EXECUTABLE: u8 = 126;
pub(crate) const NOT_FOUND: u8 = 127;

/// A reason not to run the program. The text is one line and ends with the next step.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong: what, and the next step.
    Usage(String),
    /// nono would lend rights that its caller lacks.
    SetId,
    /// The file of grants is wrong.
    Profile(ProfileError),
    /// The program cannot be found or executed.
    Program(ExecutableError),
    /// A grant cannot be made.
    Grant {
        /// The flag, as it was typed.
        flag: &'static str,
        /// What is wrong with it.
        error: NonoError,
    },
    /// A grant names what is never granted.
    NeverGranted {
        /// What was to be granted.
        path: PathBuf,
        /// The entry that closes it.
        entry: PathBuf,
    },
    /// It is not known where the secrets of the user lie.
    NoHome,
    /// A file of grants is reached through a link that the program could replace.
    ChangeableLink {
        /// The file as it was named.
        file: PathBuf,
        /// The link.
        link: PathBuf,
    },
    /// The private temporary directory cannot be made.
    Tmp(NonoError),
    /// The working directory cannot be entered.
    Workdir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of variables cannot be read.
    EnvironmentFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program cannot run as the user that was named.
    User(UserError),
    /// Another user was named, and only root may become one.
    UserNeedsRoot,
    /// The sandbox that nono is in is not known.
    NoState,
    /// The sandbox or the program cannot be started.
    Start(NonoError),
    /// The supervisor cannot be reached, or its program cannot reach it.
    Ipc(IpcError),
    /// A journal cannot be read or kept.
    Journal(JournalError),
    /// The record of decisions lies in a grant.
    GrantedJournal(PathBuf),
    /// A policy lies in a write grant.
    GrantedPolicy(PathBuf),
    /// A policy cannot be read.
    Policy(PolicyError),
    /// The manual pages cannot be written.
    ManPages {
        /// The directory for them.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What `NONO_STATE` names does not tell of a sandbox.
    State {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: StateFileError,
    },
    /// The operating system failed nono.
    System {
        /// The call.
        call: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl Failure {
    /// The status nono exits with.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Program(ExecutableError::NotFound { .. }) => NOT_FOUND,
            Self::Program(_) => NOT_EXECUTABLE,
            Self::Start(NonoError::Exec { source, .. }) => match source.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            },
            _ => NONO_FAILED,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::SetId => f.write_str(
                "refusing to run set-id or with file capabilities; \
                 remove the bits: chmod ug-s, setcap -r",
            ),
            Self::Profile(error) => error.fmt(f),
            Self::Program(error) => write!(f, "{error}; {}", program_step(error)),
            Self::Grant { flag, error } => write!(f, "{flag}: {error}"),
            Self::NeverGranted { path, entry } => write!(
                f,
                "{} is never granted ({} is on the list of secrets and of nono's own files); \
                 give the program a copy of what it needs",
                path.display(),
                entry.display()
            ),
            Self::NoHome => f.write_str(
                "cannot tell which secrets to keep: neither HOME nor /etc/passwd names a home \
                 directory; set HOME",
            ),
            Self::ChangeableLink { file, link } => write!(
                f,
                "--grants {}: the program could replace the link {}; name the file itself",
                file.display(),
                link.display()
            ),
            Self::Tmp(error) => {
                let elsewhere = "set TMPDIR to a directory where you may make one";
                let step = match error {
                    NonoError::System { source, .. } => limit_step(source).unwrap_or(elsewhere),
                    _ => elsewhere,
                };
                write!(f, "{error}; {step}")
            }
            Self::Workdir { path, source } => {
                write!(f, "--workdir {}: {source}; name a directory you may enter", path.display())
            }
            Self::EnvironmentFile { file, source } => {
                write!(f, "--env-file {}: {source}; name a file you may read", file.display())
            }
            Self::User(error) => write!(f, "--user: {error}"),
            Self::UserNeedsRoot => {
                f.write_str("--user: only root may run a program as a user; run nono as root, or leave --user out")
            }
            Self::NoState => f.write_str(
                "--self: there is a sandbox, and NONO_STATE does not tell which, as with --no-base; \
                 ask without --self, with the grants that were given",
            ),
            Self::State { file, error } => write!(
                f,
                "NONO_STATE {}: {error}; unset NONO_STATE, and name the grants to ask about",
                file.display()
            ),
            Self::Start(error @ NonoError::GapRefused { gap, .. }) => {
                write!(f, "{error}: --allow-gap {gap}")
            }
            Self::Start(error @ NonoError::Exec { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                write!(f, "{error}; it, its interpreter or its loader is not granted or not executable: --exec grants one, --dry-run shows what is granted")
            }
            Self::Start(error @ NonoError::System { source, .. }) => {
                write!(f, "{error}; {}", system_step(source))
            }
            Self::Start(error) => error.fmt(f),
            Self::Ipc(error @ IpcError::NoSupervisor) => {
                write!(f, "{error}; start the program with nono run --supervised")
            }
            Self::Ipc(error) => write!(f, "the supervisor cannot be reached: {error}"),
            Self::Journal(error) => write!(f, "{error}; {}", journal_step(error)),
            Self::GrantedJournal(path) => write!(
                f,
                "the program could reach the record of its requests in {}; name another directory: \
                 --audit-dir",
                path.display()
            ),
            Self::GrantedPolicy(path) => write!(
                f,
                "the program could change the policy {} for the next run; keep it outside of what \
                 the program may write",
                path.display()
            ),
            Self::Policy(error) => write!(f, "--approve policy: {error}"),
            Self::ManPages { path, source } => {
                write!(f, "{}: {source}; name a directory you may write", path.display())
            }
            Self::System { call, source } => {
                write!(f, "{call}: {source}; {}", system_step(source))
            }
        }
    }
}

/// What to do about a program that cannot be started.
fn program_step(error: &ExecutableError) -> &'static str {
    match error {
        ExecutableError::NotFound { program } if program.as_os_str().is_empty() => "name a program",
        ExecutableError::NotFound { program } if program.components().count() == 1 => {
            "install it, or add its directory to PATH"
        }
        ExecutableError::NotFound { .. } => "check the path",
        ExecutableError::NotExecutable { source, .. }
            if source.kind() == io::ErrorKind::IsADirectory =>
        {
            "name a program in it"
        }
        ExecutableError::NotExecutable { .. } => "make it executable for you: chmod +x",
        ExecutableError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "install it, or correct the line that names it"
        }
        ExecutableError::Unreadable { .. } => "make it readable for you: chmod +r",
        ExecutableError::TooManyInterpreters { .. } => "name the last interpreter yourself",
        _ => "name a program built for this machine",
    }
}

/// What to do about a journal that cannot be read.
fn journal_step(error: &JournalError) -> &'static str {
    match error {
        JournalError::OpenToOthers { .. } => "what others could write proves nothing: chmod go=",
        JournalError::Owner { .. } => "read it as that user",
        JournalError::Link(_) | JournalError::Kind { .. } => "name the directory itself",
        _ => "nono audit list names the sessions, --audit-dir another directory",
    }
}

/// What to do about a call that the system refused nono.
fn system_step(error: &io::Error) -> &'static str {
    limit_step(error).unwrap_or(match errno(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "make room where it is written to",
        Some(Errno::PIPE) => "have the reader read to the end",
        Some(Errno::PERM | Errno::ACCESS | Errno::NOSYS) => {
            "something around nono refuses the call: run it outside of that, or allow it there"
        }
        _ => "try again; if it stays, nono doctor says what this system supports",
    })
}

/// What to do where a limit is in the way.
fn limit_step(error: &io::Error) -> Option<&'static str> {
    match errno(error)? {
        Errno::MFILE | Errno::NFILE => Some("raise the limit of open files: ulimit -n"),
        Errno::AGAIN => Some("end other programs, or raise the limit of processes: ulimit -u"),
        Errno::NOMEM => Some("end other programs, or raise the limit of memory"),
        _ => None,
    }
}

/// The number that the system gave, also where a library has put it into an error of its own.
fn errno(error: &io::Error) -> Option<Errno> {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let inner = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
    iter::once(error).chain(inner).find_map(Errno::from_io_error)
}

impl From<NonoError> for Failure {
    fn from(error: NonoError) -> Self {
        Self::Start(error)
    }
}
