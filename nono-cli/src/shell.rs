//! `nono shell`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use nono::{CapabilitySet, CapabilitySource};

use crate::launch;
use crate::options::Options;
use crate::request::Program;

/// Start your shell in a sandbox
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The shell is interactive when it is started on a terminal, and reads commands from standard input
when not. Its own files are not granted; grant them as you like: --read-file ~/.bashrc.

Examples:
  nono shell --allow .                         work here, and write nowhere else
  nono shell --shell /bin/dash --net-block     another shell, without the network

Exit status: as that of nono run.")]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) options: Options,

    /// The shell; by default the one in SHELL, else that of /etc/passwd, else /bin/sh
    #[arg(
        long,
        value_name = "PATH",
        help_heading = "Sandbox",
        value_hint = ValueHint::ExecutablePath
    )]
    pub(crate) shell: Option<PathBuf>,
}

pub(crate) fn run(arguments: &ShellArgs) -> ExitCode {
    launch::run(&arguments.options, Program::Shell(arguments.shell.as_deref()))
}

/// What the shell may do beyond the base set, in one line.
pub(crate) fn told(caps: &CapabilitySet) -> String {
    let asked = caps
        .effective_grants()
        .filter(|grant| *grant.capability.source() != CapabilitySource::System);
    let mut grants: Vec<_> = asked
        .map(|grant| format!("{} {}", grant.rights, grant.capability.resolved().display()))
        .collect();
    if grants.is_empty() {
        grants.push("no grants".to_owned());
    }
    grants.push(format!("network {}", caps.network_mode()));
    let ports = [("connect to", caps.tcp_connect_ports()), ("listen on", caps.tcp_bind_ports())];
    let ports = ports.into_iter().filter(|(_, ports)| !ports.is_empty());
    grants.extend(ports.map(|(what, ports)| format!("{what} TCP {ports}")));
    format!("in a sandbox until exit: {}", grants.join(", "))
}
