//! `nono request`: asking the supervisor from inside.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use nono::AccessMode;
use nono::supervisor::wire::OpenIntent;
use nono::supervisor::{Client, Outcome, Wanted};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::failure::{Failure, NOT_EXECUTABLE, NOT_FOUND};
use crate::report::Report;

/// Ask the supervisor for a file, from inside the sandbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nono request ~/notes.txt                      print it
  nono request ~/data.csv -- sort               run a command with it as standard input
  nono request ~/data.csv -- sqlite3 :memory: '.import {} t'   a read-only copy, by name
  echo done | nono request --write ~/log.txt    write standard input to it

Exit status: 0, or the command's; 1 when the answer is no; 125 when nono failed.")]
pub(crate) struct AskArgs {
    /// Read it: the default
    #[arg(long)]
    read: bool,
    /// Write it: it is made, or emptied first, and gets standard input
    #[arg(long, conflicts_with = "read")]
    write: bool,
    /// Read and write it, as the standard input of the command
    #[arg(long, conflicts_with_all = ["read", "write"], requires = "command")]
    allow: bool,
    /// Why, for whoever decides
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The file or directory
    path: PathBuf,
    /// What to run with it as standard input; `{}` in an argument stands for the path of a copy
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The most bytes that are copied for `{}`.
const COPY_MAX: u64 = 1 << 30;

/// Asks, and does with the answer what was asked for.
pub(crate) fn run(arguments: &AskArgs) -> ExitCode {
    let report = Report::default();
    match ask(arguments) {
        Ok(Outcome::Granted(file)) => {
            use_it(arguments, file).unwrap_or_else(|failure| report.failed(&failure))
        }
        Ok(Outcome::Denied { reason, code, .. }) => {
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            report.error(format_args!("{}: denied: {reason}{code}", arguments.path.display()));
            ExitCode::FAILURE
        }
        Ok(Outcome::TimedOut) => {
            report.error(format_args!("{}: nobody decided in time", arguments.path.display()));
            ExitCode::FAILURE
        }
        Err(failure) => report.failed(&failure),
    }
}

fn ask(arguments: &AskArgs) -> Result<Outcome, Failure> {
    let access = match (arguments.write, arguments.allow) {
        (true, _) => AccessMode::Write,
        (_, true) => AccessMode::ReadWrite,
        _ => AccessMode::Read,
    };
    let mut wanted = Wanted::new(&arguments.path, access);
    if arguments.write && arguments.command.is_empty() {
        wanted = wanted.with_intent(OpenIntent {
            create: true,
            truncate: true,
            mode: 0o666,
            ..OpenIntent::default()
        });
    }
    if let Some(reason) = &arguments.reason {
        wanted = wanted.because(reason);
    }
    Client::from_env().and_then(|client| client.open(&wanted)).map_err(Failure::Ipc)
}

fn use_it(arguments: &AskArgs, file: File) -> Result<ExitCode, Failure> {
    let failed = |source| Failure::System { call: "copying the file", source };
    if !arguments.command.is_empty() {
        return run_with(&arguments.command, file);
    }
    if arguments.write {
        io::copy(&mut io::stdin().lock(), &mut &file).map_err(failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_directory = file.metadata().map_err(failed)?.is_dir();
    let printed = if is_directory { list(&file) } else { print(file) };
    match printed {
        // Whoever reads has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => printed.map(|()| ExitCode::SUCCESS).map_err(failed),
    }
}

fn print(mut file: File) -> io::Result<()> {
    io::copy(&mut file, &mut io::stdout().lock()).map(drop)
}

fn list(directory: &File) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_bytes() != b"." && name.as_bytes() != b".." {
            out.write_all(name.as_bytes())?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// Replaces this process by the command. Returns only when that failed.
fn run_with(command: &[OsString], mut file: File) -> Result<ExitCode, Failure> {
    let Some((program, arguments)) = command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut run = Command::new(program);
    if arguments.iter().any(|argument| mentions_copy(argument)) {
        let copy = sealed_copy(&mut file)?;
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        run.args(arguments.iter().map(|argument| with_copy(argument, &path)));
        // The program inherits it; this process has nothing left to do with it.
        std::mem::forget(copy);
    } else {
        run.args(arguments).stdin(file);
    }
    let error = run.exec();
    Report::default().error(format_args!("{}: {error}", Path::new(program).display()));
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    Ok(if is_missing { NOT_FOUND } else { NOT_EXECUTABLE }.into())
}

const COPY: &[u8] = b"{}";

fn mentions_copy(argument: &OsStr) -> bool {
    argument.as_bytes().windows(COPY.len()).any(|part| part == COPY)
}

fn with_copy(argument: &OsStr, path: &str) -> OsString {
    let mut out = Vec::new();
    let mut rest = argument.as_bytes();
    while let Some(at) = rest.windows(COPY.len()).position(|part| part == COPY) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(path.as_bytes());
        rest = &rest[at + COPY.len()..];
    }
    out.extend_from_slice(rest);
    OsStr::from_bytes(&out).to_owned()
}

/// A copy in memory that nobody can change, open over exec: the kernel lets it be opened by name,
/// which it refuses for the file itself.
fn sealed_copy(file: &mut File) -> Result<OwnedFd, Failure> {
    let failed = |source| Failure::System { call: "copying the file", source };
    let copy = memfd_create(c"nono", MemfdFlags::ALLOW_SEALING).map_err(|e| failed(e.into()))?;
    let mut target = File::from(copy);
    let copied = io::copy(&mut file.take(COPY_MAX + 1), &mut target).map_err(failed)?;
    if copied > COPY_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 GiB")));
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(target.as_fd(), seals).map_err(|errno| failed(errno.into()))?;
    Ok(target.into())
}
