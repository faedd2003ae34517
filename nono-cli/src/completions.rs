//! `nono completions`.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::cli;
use crate::report::{Report, print};

/// For bash, whose completions of clap end where the command begins.
const BASH_COMMAND: &[u8] = include_bytes!("completions/command.bash");

/// Write what lets a shell complete nono's command line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nono completions bash > ~/.local/share/bash-completion/completions/nono
  nono completions zsh > ~/.zfunc/_nono      with ~/.zfunc in fpath
  nono completions fish > ~/.config/fish/completions/nono.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut cli::command(), "nono", &mut script);
    if arguments.shell == Shell::Bash {
        script.extend(BASH_COMMAND);
    }
    match print(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Report::default().failed(&failure),
    }
}
