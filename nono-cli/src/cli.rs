//! What is typed.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::ask::AskArgs;
use crate::audit::AuditArgs;
use crate::completions::CompletionsArgs;
use crate::doctor::DoctorArgs;
use crate::failure::Failure;
use crate::help;
use crate::man::ManArgs;
use crate::policy::PolicyArgs;
use crate::run::RunArgs;
use crate::setup::SetupArgs;
use crate::shell::ShellArgs;
use crate::usage;
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
    Shell(Box<ShellArgs>),
    #[command(name = "request")]
    Ask(AskArgs),
    Doctor(DoctorArgs),
    Audit(AuditArgs),
    Policy(PolicyArgs),
    Setup(SetupArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Why(Box<WhyArgs>),
}

/// `nono run` and nothing else.
#[derive(Debug, Parser)]
#[command(name = "nono", disable_help_subcommand = true)]
struct RunAlone {
    #[command(subcommand)]
    command: RunCommand,
}

#[derive(Debug, Subcommand)]
enum RunCommand {
    Run(Box<RunArgs>),
}

/// All that can be typed, for help, completions and manual pages too.
pub(crate) fn command() -> clap::Command {
    help::grouped(Cli::command())
}

/// The arguments of this process; nothing when help or the version was asked for and printed.
pub(crate) fn parse() -> Result<Option<Command>, Failure> {
    let is_run = std::env::args_os().nth(1).is_some_and(|word| word == "run");
    if is_run && let Some(run) = parse_run(std::env::args_os()) {
        return Ok(Some(Command::Run(run)));
    }
    match parse_from(std::env::args_os()) {
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
            _ => Err(Failure::Usage(usage::one_line(&error, std::env::args_os().nth(1)))),
        },
    }
}

/// The arguments of `nono run`, when they are in order. What every other subcommand takes need not be
/// described for that, which took half a millisecond of every start; what is wrong with a command line
/// is found with all that can be typed.
fn parse_run(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Option<Box<RunArgs>> {
    let RunAlone { command: RunCommand::Run(arguments) } = RunAlone::try_parse_from(words).ok()?;
    Some(arguments)
}

fn parse_from(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    command().try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn run_alone_is_read_as_it_is_among_the_others() {
        for words in [
            &["nono", "run", "true"][..],
            &["nono", "run", "--allow", ".", "-s", "--", "ls", "--help", "-v"],
            &["nono", "run", "--supervised", "--approve", "deny", "--env", "A=b", "x"],
        ] {
            let Command::Run(among) = parse_from(words).unwrap().command else { panic!("not run") };
            assert_eq!(format!("{:?}", parse_run(words).unwrap()), format!("{among:?}"));
        }
        for words in [
            &["nono"][..],
            &["nono", "run"],
            &["nono", "run", "--help"],
            &["nono", "run", "--alow", ".", "true"],
            &["nono", "--version"],
            &["nono", "doctor"],
        ] {
            assert!(parse_run(words).is_none(), "{words:?}");
        }
    }

    fn line(arguments: &[&str]) -> String {
        let word = arguments.get(1).map(OsString::from);
        usage::one_line(&parse_from(arguments).unwrap_err(), word)
    }

    #[test]
    fn a_mistyped_flag_gets_one_line_with_a_suggestion() {
        let line = line(&["nono", "run", "--alow", ".", "true"]);
        assert!(
            line.contains("--alow") && line.contains("did you mean --allow? See nono run --help"),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_mistyped_name_of_a_gap_gets_one_line_with_a_suggestion() {
        let line = line(&["nono", "run", "--allow-gap", "metdata", "true"]);
        assert!(line.contains("did you mean metadata? See nono run --help"), "{line}");
    }

    #[test]
    fn a_capability_is_taken_however_it_is_written_and_suggested_when_mistyped() {
        for name in ["net_raw", "NET_RAW", "cap_net_raw", "CAP_NET_RAW"] {
            let cli = parse_from(["nono", "run", "--keep-cap", name, "true"]).unwrap();
            let Command::Run(arguments) = cli.command else { panic!("{cli:?}") };
            assert_eq!(arguments.options.grants.keep_cap, [nono::Privilege::NET_RAW], "{name}");
        }
        let line = line(&["nono", "run", "--keep-cap", "net_rw", "true"]);
        assert!(line.ends_with("<NAME>'; did you mean net_raw? See nono run --help"), "{line}");
    }

    #[test]
    fn values_are_listed_where_none_is_near_and_they_are_few() {
        let gaps = line(&["nono", "run", "--allow-gap", "gravity", "true"]);
        assert!(gaps.contains("loopback-only, ") && gaps.contains("root-writes]"), "{gaps}");
        let capabilities = line(&["nono", "run", "--keep-cap", "everything", "true"]);
        assert!(
            capabilities.ends_with("'--keep-cap <NAME>'; see nono run --help"),
            "{capabilities}"
        );
    }

    #[test]
    fn a_word_that_is_no_subcommand_may_be_meant_as_one_or_as_a_program() {
        let both = line(&["nono", "make"]);
        assert!(both.ends_with("did you mean man, or nono run -- make? See nono --help"), "{both}");
        let program = line(&["nono", "rustc"]);
        assert!(program.ends_with("did you mean nono run -- rustc? See nono --help"), "{program}");
    }

    #[test]
    fn what_is_meant_but_out_of_place_is_answered_with_where_to_go() {
        let flag = line(&["nono", "--allow", ".", "make"]);
        assert!(flag.ends_with("; a subcommand comes first: nono run; see nono --help"), "{flag}");
        let help = line(&["nono", "help", "run"]);
        assert!(help.ends_with("'help'; see nono --help"), "{help}");
        let nothing = line(&["nono"]);
        assert!(nothing.contains("needed: run, shell, "), "{nothing}");
        let below = line(&["nono", "audit"]);
        assert!(
            below.ends_with("needed: list, show, verify, tail; see nono audit --help"),
            "{below}"
        );
        let program = line(&["nono", "audit", "make"]);
        assert!(!program.contains("nono run"), "{program}");
    }

    #[test]
    fn a_missing_command_gets_one_line() {
        let line = line(&["nono", "run"]);
        assert!(line.contains("COMMAND") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn flags_behind_the_command_are_the_commands_own() {
        let cli = parse_from(["nono", "run", "ls", "--silent", "-v"]).unwrap();
        let Command::Run(arguments) = cli.command else { panic!("{cli:?}") };
        assert_eq!(arguments.command, ["ls", "--silent", "-v"]);
        assert!(!arguments.options.silent && !arguments.options.verbose);
    }
}
