//! What every subject needs: the binary, files, programs, terminals, and an end to waiting.

mod opens;
mod outcome;
mod probe;
mod program;
mod started;
pub(crate) mod sys;
mod terminal;
mod tree;

use std::env;
use std::ffi::OsString;
use std::process::Command;

pub(crate) use opens::opens;
pub(crate) use outcome::Outcome;
pub(crate) use probe::probe;
pub(crate) use program::program;
pub(crate) use started::Started;
pub(crate) use terminal::Terminal;
pub(crate) use tree::Tree;

/// Where `nono` is: beside this test, or where `NONO_BIN` says when both were moved.
pub(crate) fn nono_path() -> OsString {
    env::var_os("NONO_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_nono").into())
}

/// `nono run` with these flags and what follows; nothing is run yet.
pub(crate) fn nono_run(words: &[&str]) -> Command {
    let mut command = Command::new(nono_path());
    command.arg("run").args(words);
    command
}

/// Runs to the end and collects what was written.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    Started::captured(command).outcome()
}

/// The end of `nono run` with these words.
pub(crate) fn run(words: &[&str]) -> Outcome {
    outcome(&mut nono_run(words))
}
