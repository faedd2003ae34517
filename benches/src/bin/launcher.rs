//! The floor of starting a program in a sandbox: opens, Landlock calls, exec, and nothing else.
//!
//! `launcher RULES PROGRAM ARGUMENT…`, with the rules as `BareRules::to_arguments` makes them.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nono_benches::Result;
use nono_benches::bare::BareRules;

fn main() -> ExitCode {
    match launch() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("launcher: {error}");
            ExitCode::FAILURE
        }
    }
}

fn launch() -> Result<std::convert::Infallible> {
    let mut arguments = std::env::args_os().skip(1);
    let rules = BareRules::from_arguments(&mut arguments)?;
    let program = arguments.next().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    rules.enforce()?;
    Err(command.exec().into())
}
