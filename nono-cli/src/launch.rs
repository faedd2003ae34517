//! From a request to the end of the program.

use std::io::ErrorKind;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use nono::private_tmp::PrivateTmp;
use nono::{CapabilitySource, Command, Decision, Denial, FsCapability, NonoError, Query};

use crate::dry_run;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::hint;
use crate::options::Options;
use crate::report::Report;
use crate::request::{Program, Request};
use crate::shell;
use crate::state_file::StateFile;
use crate::supervise::{self, Session};
use crate::wait;

/// Runs the program as the options say, and gives its exit status, or nono's own with a reason.
pub(crate) fn run(options: &Options, program: Program<'_>) -> ExitCode {
    let report = Report::new(options.silent, options.json);
    try_run(options, program, &report).unwrap_or_else(|failure| report.failed(&failure))
}

/// When nothing is left to do after the program, nono replaces itself by it; else it waits.
fn try_run(options: &Options, program: Program<'_>, report: &Report) -> Result<ExitCode, Failure> {
    let mut request = Request::new(options, program, report)?;
    if options.dry_run {
        dry_run::tell(&request, options.json)?;
        request.warn_about_names(report);
        return Ok(ExitCode::SUCCESS);
    }
    let supervised = options.supervise.supervised;
    let environment = environment::of(options, request.user.as_ref(), report)?;
    if supervised {
        add_own_program(&mut request)?;
    } else if !request.base {
        let mut command = command(&request, &environment, options, report)?;
        warn(&request, report);
        tell_of_shell(&request, program, report);
        return Err(command.exec().into());
    }
    let tmp = request.base.then(|| add_private_tmp(&mut request)).transpose()?;
    let state = tmp.as_ref().map(|tmp| StateFile::beside(tmp, &mut request.caps)).transpose()?;
    let mut command = command(&request, &environment, options, report)?;
    if let Some(state) = state {
        state.hand_over(&request.caps, &mut command)?;
    }
    warn(&request, report);
    tell_of_shell(&request, program, report);
    if let Some(tmp) = &tmp {
        command.env("TMPDIR", tmp.path());
    }
    let meanwhile = || {
        // What cannot be removed now is tried again by a later run.
        let _ = tmp.as_ref().map(PrivateTmp::remove_stale);
    };
    let ended = if supervised {
        let session = Session::new(&options.supervise, &request);
        supervise::run(command, session, meanwhile, report)
    } else {
        wait::run(command.die_with_parent(), meanwhile)
    };
    remove(tmp, report);
    let ended = ended.map_err(|failure| explain(failure, &request))?;
    // The last command of a shell is no news to whoever typed it.
    if ended.has_failed && matches!(program, Program::Command(_)) {
        hint::give(&request, &environment, options, report);
    }
    Ok(ended.status)
}

/// A program that is never granted needs no advice to grant it.
fn explain(failure: Failure, request: &Request) -> Failure {
    let refused = matches!(&failure, Failure::Start(NonoError::Exec { source, .. })
        if source.kind() == ErrorKind::PermissionDenied);
    let path = request.program.canonicalize().unwrap_or_else(|_| request.program.clone());
    let by_floor = |entry: &Path| {
        request.caps.denied_paths().iter().any(|denied| {
            denied.resolved() == entry && *denied.source() == CapabilitySource::System
        })
    };
    match request.caps.decide(&Query::execute(&path)) {
        Decision::Denied(Denial::DeniedPath(entry)) if refused && by_floor(entry) => {
            Failure::NeverGranted { path, entry: entry.to_owned() }
        }
        _ => failure,
    }
}

fn remove(tmp: Option<PrivateTmp>, report: &Report) {
    if let Some(Err(error)) = tmp.map(PrivateTmp::remove) {
        report.warning(format_args!("cannot remove the temporary directory: {error}"));
    }
}

/// The program asks with `nono request`, wherever nono is installed.
fn add_own_program(request: &mut Request) -> Result<(), Failure> {
    let program = std::env::current_exe()
        .map_err(|source| Failure::System { call: "readlink /proc/self/exe", source })?;
    let grant = FsCapability::new_executable(&program)?.with_source(CapabilitySource::System);
    request.caps.add_fs(grant);
    Ok(())
}

/// What the caller may not have meant. Said when nothing else keeps the program from starting.
fn warn(request: &Request, report: &Report) {
    request.warn_about_names(report);
    warn_of_root(request, report);
}

/// Without a single capability user 0 still owns the machine's files.
fn warn_of_root(request: &Request, report: &Report) {
    if !request.is_root() {
        return;
    }
    let kept: Vec<_> = request.caps.kept_privileges().iter().map(|kept| kept.name()).collect();
    let with = if kept.is_empty() {
        "without its capabilities".to_owned()
    } else {
        format!("with {}", kept.join(", "))
    };
    report.warning(format_args!(
        "running as root {with}: root still owns the system's files and can change those that a \
         write grant covers; run the program as another user: --user NAME"
    ));
}

/// Whoever types into a shell in a sandbox sees that it is one; its prompt is as ever.
fn tell_of_shell(request: &Request, program: Program<'_>, report: &Report) {
    if matches!(program, Program::Shell(_)) && std::io::stdin().is_terminal() {
        report.note(shell::told(&request.caps));
    }
}

fn add_private_tmp(request: &mut Request) -> Result<PrivateTmp, Failure> {
    let mut tmp = PrivateTmp::new().map_err(Failure::Tmp)?;
    if let Some(user) = &request.user {
        tmp.give_to(user.identity())?;
    }
    request.caps.add_fs(tmp.capability()?);
    Ok(tmp)
}

/// The program in its sandbox, ready to start.
fn command(
    request: &Request,
    environment: &Environment,
    options: &Options,
    report: &Report,
) -> Result<Command, Failure> {
    let sandbox = request.sandbox()?;
    if options.verbose {
        for line in request.caps.summary().lines() {
            report.note(line);
        }
        for directory in &sandbox.enforcement().carved {
            report.note(format_args!(
                "{} cannot be listed, and what is made in it later is not granted, since something \
                 in it is denied",
                directory.display()
            ));
        }
        for mechanism in &sandbox.enforcement().mechanisms {
            report.note(format_args!("enforced by {mechanism}"));
        }
        for gap in &sandbox.enforcement().gaps {
            report.note(format_args!("not protected: {gap}"));
        }
    }
    let mut command = Command::with_sandbox(&request.program, sandbox)?;
    let mut words = request.command.iter();
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words);
    command.env_clear();
    for (name, value) in environment {
        command.env(name, value);
    }
    Ok(command)
}
