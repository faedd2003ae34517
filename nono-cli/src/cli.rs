//! What is typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};

use crate::doctor::DoctorArgs;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::setup::SetupArgs;
use crate::version;
use crate::why::WhyArgs;

/// Run a program with exactly the files, sockets and ports it was granted.
#[derive(Debug, Parser)]
#[command(name = "nono", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Doctor(DoctorArgs),
    Setup(SetupArgs),
    Why(Box<WhyArgs>),
}

/// Run a program in a sandbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nono run --allow . -- make               build here, and write nowhere else
  nono run --read ~/data -- ./report.py    read one directory
  nono run --allow-cwd --dry-run -- npm ci show what would be granted

Exit status: the program's own; 128+N when signal N ended it; 125 when nono failed,
126 when the program cannot be executed, 127 when it is not found.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) grants: Grants,
    /// Read the grants in a TOML file; its keys are the names of these flags
    #[arg(long = "grants", value_name = "FILE", help_heading = "Grants")]
    pub(crate) grants_file: Vec<PathBuf>,
    /// Pass a variable on that is left out otherwise, or set one
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = "Environment")]
    pub(crate) env: Vec<OsString>,
    /// Read NAME and NAME=VALUE lines from a file
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Pass no variable on but those that are named
    #[arg(long, help_heading = "Environment")]
    pub(crate) clear_env: bool,

    /// Print what would be granted, and start nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// Write --dry-run, and all messages, as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing but why nono failed
    #[arg(short = 's', long, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) silent: bool,
    /// Say what is granted and what is enforced before the program starts
    #[arg(short = 'v', long, help_heading = "Output")]
    pub(crate) verbose: bool,

    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// The arguments of this process; nothing when help or the version was asked for and printed.
pub(crate) fn parse() -> Result<Option<Command>, Failure> {
    match Cli::try_parse() {
        Ok(Cli { command }) => Ok(Some(command)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => {
                // A closed standard output is no reason to fail.
                let _ = error.print();
                Ok(None)
            }
            ErrorKind::DisplayVersion => {
                version::print();
                Ok(None)
            }
            _ => Err(Failure::Usage(one_line(&error))),
        },
    }
}

/// What clap says in a paragraph, as one line.
fn one_line(error: &clap::Error) -> String {
    let rendered = error.to_string();
    let first: Vec<_> =
        rendered.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let mut line = first.join(" ");
    if let Some(stripped) = line.strip_prefix("error: ") {
        line = stripped.to_owned();
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        line = "a subcommand is needed: nono run, nono why, nono doctor".to_owned();
    }
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        if let Some(suggestion) = error.get(kind).and_then(first_text) {
            line = format!("{line}; did you mean {suggestion}?");
        }
    }
    line
}

fn first_text(value: &ContextValue) -> Option<&str> {
    match value {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn line(arguments: &[&str]) -> String {
        one_line(&Cli::try_parse_from(arguments).unwrap_err())
    }

    #[test]
    fn a_mistyped_flag_gets_one_line_with_a_suggestion() {
        let line = line(&["nono", "run", "--alow", ".", "true"]);
        assert!(line.contains("--alow") && line.contains("did you mean --allow"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_missing_command_gets_one_line() {
        let line = line(&["nono", "run"]);
        assert!(line.contains("COMMAND") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn flags_behind_the_command_are_the_commands_own() {
        let cli = Cli::try_parse_from(["nono", "run", "ls", "--silent", "-v"]).unwrap();
        let Command::Run(arguments) = cli.command else { panic!("{cli:?}") };
        assert_eq!(arguments.command, ["ls", "--silent", "-v"]);
        assert!(!arguments.silent && !arguments.verbose);
    }
}
