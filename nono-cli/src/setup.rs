//! `nono setup`: nono needs none, and says so.

use std::io::Write;
use std::process::ExitCode;

use crate::doctor::{self, DoctorArgs};

/// Check this machine; there is nothing to set up
#[derive(Debug, clap::Args)]
pub(crate) struct SetupArgs {
    /// Check what can be enforced here, as nono doctor does
    #[arg(long)]
    check_only: bool,
    /// Write JSON
    #[arg(long, requires = "check_only")]
    json: bool,
}

pub(crate) fn run(arguments: SetupArgs) -> ExitCode {
    if arguments.check_only {
        return doctor::run(DoctorArgs { json: arguments.json });
    }
    let line = "nono needs no setup; nono doctor says what can be enforced here";
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::SUCCESS
}
