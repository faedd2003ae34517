//! The flags that say what a program gets, whichever subcommand starts it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueHint;

use crate::grants::Grants;
use crate::supervise::SuperviseArgs;

/// What was typed about the sandbox, the environment and the messages.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) grants: Grants,
    /// Read the grants in a TOML file; its keys are the names of these flags
    #[arg(long = "grants", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Grants")]
    pub(crate) grants_file: Vec<PathBuf>,
    /// Pass a variable on that is left out otherwise, or set one
    #[arg(long, value_name = "NAME[=VALUE]", value_hint = ValueHint::Other, help_heading = "Environment")]
    pub(crate) env: Vec<OsString>,
    /// Read NAME and NAME=VALUE lines from a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Environment")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Pass no variable on but those that are named
    #[arg(long, help_heading = "Environment")]
    pub(crate) clear_env: bool,
    #[command(flatten)]
    pub(crate) supervise: SuperviseArgs,

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
}
