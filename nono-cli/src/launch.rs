//! From a request to the end of the program.

use std::process::ExitCode;

use nono::Command;
use nono::private_tmp::PrivateTmp;

use crate::cli::RunArgs;
use crate::dry_run;
use crate::environment;
use crate::failure::Failure;
use crate::report::Report;
use crate::request::Request;
use crate::state_file::{self, StateFile};
use crate::wait;

/// Runs what was asked for, and gives its exit status.
///
/// When nothing is left to do after the program, nono replaces itself by it; else it waits.
pub(crate) fn run(arguments: &RunArgs, report: &Report) -> Result<ExitCode, Failure> {
    let mut request = Request::new(arguments, report)?;
    if arguments.dry_run {
        dry_run::print(&request, arguments.json)?;
        request.warn_about_names(report);
        return Ok(ExitCode::SUCCESS);
    }
    if !request.base {
        let mut command = command(&request, arguments, report)?;
        command.env_remove(state_file::VARIABLE);
        warn(&request, report);
        return Err(command.exec().into());
    }
    let tmp = add_private_tmp(&mut request)?;
    let state = StateFile::beside(&tmp, &mut request.caps)?;
    let mut command = command(&request, arguments, report)?;
    state.hand_over(&request.caps, &mut command)?;
    warn(&request, report);
    command.env("TMPDIR", tmp.path()).die_with_parent();
    let ended = wait::run(&mut command, || {
        // What cannot be removed now is tried again by a later run.
        let _ = tmp.remove_stale();
    });
    if let Err(error) = tmp.remove() {
        report.warning(format_args!("cannot remove the temporary directory: {error}"));
    }
    ended.map(|ended| ended.status)
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

fn add_private_tmp(request: &mut Request) -> Result<PrivateTmp, Failure> {
    let mut tmp = PrivateTmp::new().map_err(Failure::Tmp)?;
    if let Some(user) = &request.user {
        tmp.give_to(user.identity())?;
    }
    request.caps.add_fs(tmp.capability()?);
    Ok(tmp)
}

/// The program in its sandbox, ready to start.
fn command(request: &Request, arguments: &RunArgs, report: &Report) -> Result<Command, Failure> {
    let sandbox = request.sandbox()?;
    if arguments.verbose {
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
    let environment = environment::of(arguments, request.user.as_ref(), report)?;
    command.env_clear();
    for (name, value) in environment {
        command.env(name, value);
    }
    Ok(command)
}
