//! Starting a program in a sandbox.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus, Output, Stdio};

use nono_core::{CapabilitySet, Enforcement, NonoError, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::getpid;

use crate::child::{self, ChildStep};
use crate::sandbox::{PreparedSandbox, Sandbox};
use crate::sys;

/// A program to start with exactly the given capabilities; the calling process keeps its own.
///
/// Like [`std::process::Command`], with these differences: the sandbox is entered in the child
/// right before exec, inherited descriptors other than 0, 1, 2 and those
/// [kept](Self::keep_descriptor) are closed, and a failure in the child is a typed error here.
/// Either the program runs with all of the sandbox in place, or it does not run.
#[derive(Debug)]
pub struct Command {
    inner: process::Command,
    program: PathBuf,
    sandbox: PreparedSandbox,
    status: OwnedFd,
}

impl Command {
    /// Prepares to run `program`, which is looked up in `PATH` inside the sandbox unless it has a
    /// slash.
    ///
    /// # Errors
    /// Those of [`Sandbox::prepare`].
    pub fn new(program: impl AsRef<OsStr>, caps: &CapabilitySet) -> Result<Self> {
        Self::with_sandbox(program, Sandbox::prepare(caps)?)
    }

    /// Prepares to run `program` in a sandbox that is ready. If that was
    /// [prepared for a user](Sandbox::prepare_for), the program runs as that user, with `HOME`,
    /// `USER`, `LOGNAME` and `SHELL` set accordingly; its working directory is entered before.
    ///
    /// # Errors
    /// [`NonoError::System`] when no pipe can be had.
    pub fn with_sandbox(program: impl AsRef<OsStr>, sandbox: PreparedSandbox) -> Result<Self> {
        let (status, in_child) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|error| system("pipe2", error.into()))?;
        let mut inner = process::Command::new(program.as_ref());
        if let Some(user) = sandbox.user() {
            inner.envs(user.environment());
        }
        let enter = ChildStep::Enter { sandbox: sandbox.clone(), status: in_child };
        sys::before_exec(&mut inner, enter);
        Ok(Self { inner, program: program.as_ref().into(), sandbox, status })
    }

    /// What will be enforced on the program, and what stays open.
    pub fn enforcement(&self) -> &Enforcement {
        self.sandbox.enforcement()
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.inner.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.inner.args(arguments);
        self
    }

    /// Sets what the program sees as its own name.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.inner.arg0(name);
        self
    }

    /// Sets an environment variable.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.inner.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.inner.env_remove(name);
        self
    }

    /// Removes all environment variables.
    pub fn env_clear(&mut self) -> &mut Self {
        self.inner.env_clear();
        self
    }

    /// Sets the working directory. It needs no grant to be there, only to be read.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.inner.current_dir(directory);
        self
    }

    /// Sets the standard input; inherited by default.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.inner.stdin(stdin);
        self
    }

    /// Sets the standard output; inherited by default.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.inner.stdout(stdout);
        self
    }

    /// Sets the standard error; inherited by default.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.inner.stderr(stderr);
        self
    }

    /// Lets the program inherit a descriptor under its present number. What it gives access to is
    /// access the sandbox does not restrict.
    pub fn keep_descriptor(&mut self, descriptor: OwnedFd) -> &mut Self {
        sys::before_exec(&mut self.inner, ChildStep::Keep(descriptor));
        self
    }

    /// Has the kernel kill the program when the thread that spawned it ends (`PR_SET_PDEATHSIG`
    /// of prctl(2)). The program's own children live on.
    pub fn die_with_parent(&mut self) -> &mut Self {
        sys::before_exec(&mut self.inner, ChildStep::DieWith(getpid()));
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// [`NonoError::Enforce`] when the sandbox could not be entered and [`NonoError::Exec`] when
    /// the program could not be executed; in both cases nothing runs.
    pub fn spawn(&mut self) -> Result<Child> {
        self.inner.spawn().map_err(|source| self.failure(source))
    }

    /// Starts the program and waits for its end.
    ///
    /// # Errors
    /// Those of [`spawn`](Self::spawn).
    pub fn status(&mut self) -> Result<ExitStatus> {
        self.spawn()?.wait().map_err(|source| system("waitpid", source))
    }

    /// Starts the program and collects what it writes.
    ///
    /// # Errors
    /// Those of [`spawn`](Self::spawn).
    pub fn output(&mut self) -> Result<Output> {
        self.inner.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn()?.wait_with_output().map_err(|source| system("read", source))
    }

    /// Replaces the calling process by the program. Returns only when that failed; then the
    /// process may be restricted already and should end.
    pub fn exec(&mut self) -> NonoError {
        let source = self.inner.exec();
        self.failure(source)
    }

    /// What kept the program from running: the step that the child reported, or else exec.
    fn failure(&self, source: io::Error) -> NonoError {
        match child::reported(&self.status) {
            Some(failure) => failure.into(),
            None if is_shortage(&source) => system("fork", source),
            None => NonoError::Exec { program: self.program.clone(), source },
        }
    }
}

/// Whether what is missing is missing to this process, and not to the program.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    Errno::from_io_error(error).is_some_and(|errno| {
        [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM].contains(&errno)
    })
}

fn system(call: &'static str, source: io::Error) -> NonoError {
    NonoError::System { call, path: None, source }
}
