//! `nono why`: the rule behind an answer, and what would change it.
//!
//! ```text
//! the grants of flags and files ─┐
//!                                ├─▶ nono::why ──▶ Finding ──▶ words or JSON, and the exit status
//! the file that NONO_STATE names ┘
//! ```

mod json;
mod words;

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nono::why::{Answer, Caveat, Operation, Why};
use nono::{AccessMode, CapabilitySet, NetworkMode, Query, Sandbox};

use crate::failure::Failure;
use crate::floor;
use crate::grants::Grants;
use crate::report::Report;
use crate::request::Granted;
use crate::state_file;

/// Say why a path or port is allowed or denied, and what would allow it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nono why --path ~/.gitconfig                    may a program without grants read it?
  nono why --path out/x --op write --allow-cwd    may it make this file, with this grant?
  nono why --host localhost --port 443 --net-block
  nono why --self --path /etc/hosts               in a sandbox: may I?

With NONO_STATE set, as it is in a sandbox, and no grants given, the answer is for that sandbox.

Exit status: 0 allowed, 1 denied, 125 when nono failed.")]
pub(crate) struct WhyArgs {
    /// The path to ask about
    #[arg(long, required_unless_present = "port", conflicts_with = "port")]
    path: Option<PathBuf>,
    /// What to do with it; a port is connected to or bound
    #[arg(long, value_name = "OPERATION")]
    op: Option<Op>,
    /// The host to ask about; port rules hold for every host
    #[arg(long, requires = "port", conflicts_with = "path")]
    host: Option<String>,
    /// The TCP port to ask about
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Answer for the sandbox this runs in
    #[arg(long = "self")]
    of_self: bool,
    /// Write JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    grants: Grants,
    /// Read the grants in a TOML file; its keys are the names of these flags
    #[arg(long = "grants", value_name = "FILE", help_heading = "Grants")]
    grants_file: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Op {
    Read,
    Write,
    Readwrite,
    Execute,
    Connect,
    Bind,
}

/// What was asked.
enum Question<'a> {
    Path { op: Op, operation: Operation, path: &'a Path },
    Port { op: Op, port: u16, host: Option<&'a str> },
}

/// What is to be said.
struct Finding<'a> {
    question: Question<'a>,
    answer: Answer,
}

/// Answers, on standard output.
pub(crate) fn run(arguments: &WhyArgs) -> ExitCode {
    let report = Report::new(false, arguments.json);
    answer(arguments, &report).unwrap_or_else(|failure| report.failed(&failure))
}

fn answer(arguments: &WhyArgs, report: &Report) -> Result<ExitCode, Failure> {
    let question = arguments.question()?;
    let has_grants = arguments.grants != Grants::default() || !arguments.grants_file.is_empty();
    if arguments.of_self && has_grants {
        return Err(Failure::Usage("--self takes no grants: it answers for those that are".into()));
    }
    let named = std::env::var_os(state_file::VARIABLE).filter(|name| !name.is_empty());
    let state = named.filter(|_| !has_grants).map(PathBuf::from);
    let finding = match state {
        Some(file) => of_sandbox(question, &file)?,
        None if arguments.of_self && state_file::is_sandboxed() => return Err(Failure::NoState),
        None if arguments.of_self => {
            let said = if arguments.json { json::not_sandboxed() } else { words::not_sandboxed() };
            print(&said)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => of_grants(question, arguments, report)?,
    };
    print(&if arguments.json { json::text(&finding) } else { words::text(&finding) })?;
    Ok(ExitCode::from(u8::from(!finding.answer.reason.allows())))
}

/// For a sandbox that would be made of these grants.
fn of_grants<'a>(
    question: Question<'a>,
    arguments: &WhyArgs,
    report: &Report,
) -> Result<Finding<'a>, Failure> {
    let Granted { user, mut caps, .. } =
        Granted::new(&arguments.grants, &arguments.grants_file, report)?;
    let sandbox = Sandbox::prepare(&caps)?;
    floor::name_entries(&mut caps, user.as_ref())?;
    let mut finding = question.answer(&caps, sandbox.enforcement().carved_set.as_ref())?;
    if user.is_some() && finding.answer.place.is_some() {
        finding.answer.caveats.push(Caveat::OtherUser);
    }
    if state_file::is_sandboxed() {
        finding.answer.caveats.push(Caveat::OuterSandbox);
    }
    Ok(finding)
}

/// For the sandbox that a file tells of.
fn of_sandbox<'a>(question: Question<'a>, file: &Path) -> Result<Finding<'a>, Failure> {
    let state = state_file::read(file)?;
    let carved_set = state.to_carved_set();
    let mut caps = state.to_caps();
    floor::name_entries(&mut caps, None)?;
    let mut finding = question.answer(&caps, carved_set.as_ref())?;
    let directory = file.parent().unwrap_or(file);
    let is_open =
        directory.canonicalize().is_ok_and(|it| caps.decide(&Query::write(&it)).is_allowed());
    if state.is_within_another() {
        finding.answer.caveats.push(Caveat::OuterSandbox);
    }
    if is_open {
        finding.answer.caveats.push(Caveat::StateNotProtected);
    }
    Ok(finding)
}

impl WhyArgs {
    fn question(&self) -> Result<Question<'_>, Failure> {
        let wrong = |text: &str| Failure::Usage(format!("--op: {text}"));
        if let Some(path) = &self.path {
            let op = self.op.unwrap_or(Op::Read);
            let operation =
                op.on_path().ok_or_else(|| wrong("a path is read, written or executed"))?;
            return Ok(Question::Path { op, operation, path });
        }
        let port = self.port.ok_or_else(|| Failure::Usage("--path or --port is needed".into()))?;
        match self.op.unwrap_or(Op::Connect) {
            op @ (Op::Connect | Op::Bind) => {
                Ok(Question::Port { op, port, host: self.host.as_deref() })
            }
            _ => Err(wrong("a port is connected to or bound")),
        }
    }
}

impl Op {
    fn on_path(self) -> Option<Operation> {
        match self {
            Self::Read => Some(Operation::Access(AccessMode::Read)),
            Self::Write => Some(Operation::Access(AccessMode::Write)),
            Self::Readwrite => Some(Operation::Access(AccessMode::ReadWrite)),
            Self::Execute => Some(Operation::Execute),
            Self::Connect | Self::Bind => None,
        }
    }

    /// As it is typed.
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Readwrite => "readwrite",
            Self::Execute => "execute",
            Self::Connect => "connect",
            Self::Bind => "bind",
        }
    }
}

impl<'a> Question<'a> {
    fn answer(
        self,
        caps: &CapabilitySet,
        carved_set: Option<&CapabilitySet>,
    ) -> Result<Finding<'a>, Failure> {
        let why = Why::new(caps, carved_set);
        let answer = match self {
            Self::Path { path, operation, .. } => why.path(path, operation)?,
            Self::Port { op: Op::Bind, port, .. } => why.bind(port),
            Self::Port { port, host, .. } => {
                let mut answer = why.connect(port);
                if host.is_some_and(|host| needs_lookup(host, caps)) {
                    answer.caveats.push(Caveat::NameLookup);
                }
                answer
            }
        };
        Ok(Finding { question: self, answer })
    }
}

/// Whether the address of a host is asked for over UDP, and that is blocked.
fn needs_lookup(host: &str, caps: &CapabilitySet) -> bool {
    let is_address = host.parse::<IpAddr>().is_ok();
    let is_blocked = *caps.network_mode() != NetworkMode::AllowAll;
    !is_address && is_blocked && !caps.tcp_connect_ports().contains(53)
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|source| Failure::System { call: "write", source })
}
