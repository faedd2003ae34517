//! From a request to the end of the program.

use std::process::ExitCode;

use nono::private_tmp::PrivateTmp;
use nono::{AccessMode, Command, FsCapability, Sandbox};

use crate::cli::RunArgs;
use crate::dry_run;
use crate::failure::Failure;
use crate::report::Report;
use crate::request::Request;
use crate::wait;

/// Runs what was asked for, and gives its exit status.
///
/// When nothing is left to do after the program, nono replaces itself by it; else it waits.
pub(crate) fn run(arguments: &RunArgs, report: &Report) -> Result<ExitCode, Failure> {
    let mut request = Request::new(arguments, report)?;
    if arguments.dry_run {
        dry_run::print(&request, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !request.base {
        let mut command = command(&request, arguments, report)?;
        return Err(command.exec().into());
    }
    let tmp = add_private_tmp(&mut request)?;
    let mut command = command(&request, arguments, report)?;
    command.env("TMPDIR", tmp.path()).die_with_parent();
    let status = wait::run(&mut command);
    if let Err(error) = tmp.remove() {
        report.warning(format_args!("cannot remove the temporary directory: {error}"));
    }
    status
}

fn add_private_tmp(request: &mut Request) -> Result<PrivateTmp, Failure> {
    let tmp = PrivateTmp::new()?;
    let grant = FsCapability::new_dir(tmp.path(), AccessMode::ReadWrite)?;
    request.caps.add_fs(grant.with_source(nono::CapabilitySource::System));
    Ok(tmp)
}

/// The program in its sandbox, ready to start.
fn command(request: &Request, arguments: &RunArgs, report: &Report) -> Result<Command, Failure> {
    let sandbox = Sandbox::prepare(&request.caps)?;
    if arguments.verbose {
        for line in request.caps.summary().lines() {
            report.note(line);
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
    command.args(words).current_dir(&request.workdir);
    Ok(command)
}
