//! `nono run`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ValueHint;

use crate::launch;
use crate::options::Options;
use crate::request::Program;

/// Run a program in a sandbox
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A program gets the base set (programs and libraries of the system, certificates, /proc, a few
devices, a private TMPDIR) and what is granted; --dry-run shows both. Nothing in the home directory
is in the base set, and secrets such as ~/.ssh are kept out of every grant.

Examples:
  nono run --allow . -- make                   build here, and write nowhere else
  nono run --read ~/data -- ./report.py        read one directory
  nono run --allow . --deny .git -- ./tool     all but one part
  nono run --allow . --allow-connect 443 -- npm ci
                                               HTTPS, and no other port
  nono run --grants sandbox.toml -- ./tool     these flags from a file
  nono run --allow . --dry-run -- make         only print what would be granted

Exit status: the program's own; 128+N when signal N ended it; 125 when nono failed,
126 when the program cannot be executed, 127 when it is not found.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) options: Options,

    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub(crate) command: Vec<OsString>,
}

pub(crate) fn run(arguments: &RunArgs) -> ExitCode {
    launch::run(&arguments.options, Program::Command(&arguments.command))
}
