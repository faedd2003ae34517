//! The `nono` command.
//!
//! ```text
//! arguments ──cli──▶ Options ──request──▶ Request ──launch──▶ the program, and its exit status
//! ```
//!
//! What was typed (`Options`, `Grants`) and what is used (`Request`) are two types; everything
//! that can be refused is refused between them, before anything starts.

mod ask;
mod audit;
mod cli;
mod completions;
mod doctor;
mod dry_run;
mod environment;
mod failure;
mod floor;
mod grants;
mod grants_file;
mod help;
mod hint;
mod launch;
mod man;
mod names;
mod options;
mod policy;
mod report;
mod request;
mod run;
mod setup;
mod shell;
mod signals;
mod state_file;
mod supervise;
mod sys;
mod usage;
mod version;
mod wait;
mod why;
mod witness;

use std::process::ExitCode;

use cli::Command;
use failure::Failure;
use report::Report;

fn main() -> ExitCode {
    match refuse_set_id().and_then(|()| cli::parse()) {
        Ok(Some(Command::Run(arguments))) => run::run(&arguments),
        Ok(Some(Command::Shell(arguments))) => shell::run(&arguments),
        Ok(Some(Command::Ask(arguments))) => ask::run(&arguments),
        Ok(Some(Command::Doctor(arguments))) => doctor::run(arguments),
        Ok(Some(Command::Audit(arguments))) => audit::run(&arguments),
        Ok(Some(Command::Policy(arguments))) => policy::run(&arguments),
        Ok(Some(Command::Setup(arguments))) => setup::run(arguments),
        Ok(Some(Command::Completions(arguments))) => completions::run(&arguments),
        Ok(Some(Command::Man(arguments))) => man::run(&arguments),
        Ok(Some(Command::Why(arguments))) => why::run(&arguments),
        Ok(None) => ExitCode::SUCCESS,
        Err(failure) => Report::new(false, asks_for_json()).failed(&failure),
    }
}

/// Whether messages are to be JSON, also where the arguments as a whole are not understood.
fn asks_for_json() -> bool {
    std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json")
}

/// A sandbox is made of what its caller may do; a set-id nono would lend its own rights.
fn refuse_set_id() -> Result<(), Failure> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let lent = getuid() != geteuid() || getgid() != getegid() || sys::is_secure_execution();
    if lent { Err(Failure::SetId) } else { Ok(()) }
}
