//! What is typed.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use crate::doctor::DoctorArgs;
use crate::failure::Failure;
use crate::run::RunArgs;
use crate::setup::SetupArgs;
use crate::shell::ShellArgs;
use crate::version;

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
    Shell(Box<ShellArgs>),
    Doctor(DoctorArgs),
    Setup(SetupArgs),
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
        line = "a subcommand is needed: nono run, nono doctor".to_owned();
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
        assert!(!arguments.options.silent && !arguments.options.verbose);
    }
}
