//! `nono man`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;

use crate::cli;
use crate::failure::Failure;
use crate::report::Report;

/// Write the manual pages: nono(1), and one for each subcommand
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nono man ~/.local/share/man/man1     then: man nono-run")]
pub(crate) struct ManArgs {
    /// An existing directory
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

pub(crate) fn run(arguments: ManArgs) -> ExitCode {
    match clap_mangen::generate_to(cli::command(), &arguments.directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(source) => {
            Report::default().failed(&Failure::ManPages { path: arguments.directory, source })
        }
    }
}
