//! The `nono` command.
//!
//! ```text
//! arguments ──cli──▶ RunArgs ──request──▶ Request ──run──▶ the program, and its exit status
//! ```
//!
//! What was typed (`RunArgs`, `GrantsFile`) and what is used (`Request`) are two types; everything
//! that can be refused is refused between them, before anything starts.

mod cli;
mod dry_run;
mod environment;
mod failure;
mod floor;
mod grants;
mod grants_file;
mod launch;
mod report;
mod request;
mod signals;
mod sys;
mod wait;
mod witness;

use std::process::ExitCode;

use failure::Failure;
use report::Report;

fn main() -> ExitCode {
    match refuse_set_id().and_then(|()| cli::parse()) {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => ExitCode::SUCCESS,
        Err(failure) => Report::default().failed(&failure),
    }
}

fn run(arguments: &cli::RunArgs) -> ExitCode {
    let report = Report::new(arguments.silent, arguments.json);
    launch::run(arguments, &report).unwrap_or_else(|failure| report.failed(&failure))
}

/// A sandbox is made of what its caller may do; a set-id nono would lend its own rights.
fn refuse_set_id() -> Result<(), Failure> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let lent = getuid() != geteuid() || getgid() != getegid() || sys::is_secure_execution();
    if lent { Err(Failure::SetId) } else { Ok(()) }
}
