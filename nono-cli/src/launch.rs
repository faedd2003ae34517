//! From a request to the end of the program.

use std::io::IsTerminal;
use std::process::ExitCode;

use nono::Command;
use nono::private_tmp::PrivateTmp;

use crate::dry_run;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::hint;
use crate::options::Options;
use crate::report::Report;
use crate::request::{Program, Request};
use crate::shell;
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
    let environment = environment::of(options, request.user.as_ref(), report)?;
    if !request.base {
        let mut command = command(&request, &environment, options, report)?;
        warn(&request, report);
        tell_of_shell(&request, program, report);
        return Err(command.exec().into());
    }
    let tmp = add_private_tmp(&mut request)?;
    let mut command = command(&request, &environment, options, report)?;
    warn(&request, report);
    tell_of_shell(&request, program, report);
    command.env("TMPDIR", tmp.path()).die_with_parent();
    let ended = wait::run(&mut command, || {
        // What cannot be removed now is tried again by a later run.
        let _ = tmp.remove_stale();
    });
    if let Err(error) = tmp.remove() {
        report.warning(format_args!("cannot remove the temporary directory: {error}"));
    }
    let ended = ended?;
    // The last command of a shell is no news to whoever typed it.
    if ended.has_failed && matches!(program, Program::Command(_)) {
        hint::give(&request, &environment, options, report);
    }
    Ok(ended.status)
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
    let tmp = PrivateTmp::new().map_err(Failure::Tmp)?;
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
