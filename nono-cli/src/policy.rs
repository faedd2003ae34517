//! `nono policy`: trying rules before they decide.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use nono::AccessMode;
use nono::supervisor::{
    ApprovalBackend, ApprovalDecision, CapabilityRequest, Opinion, PolicyApproval, Prompt, Scope,
};

use crate::failure::Failure;
use crate::floor;
use crate::report::{Report, print, printable};

/// Check the rules of a policy, and try them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nono policy check rules.toml
  nono policy test rules.toml --path ~/data/a.csv --access read

Exit status of test: 0 granted, 1 denied or left to the next approver; 125 when nono failed.")]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Read a policy and try the examples in it
    Check {
        /// The policy
        file: PathBuf,
    },
    /// Say what a policy decides
    Test {
        /// The policy
        file: PathBuf,
        /// The path that is asked for; where it leads is what rules are about
        #[arg(long)]
        path: PathBuf,
        /// What is to be done with it
        #[arg(long, value_enum, default_value = "read")]
        access: Access,
        /// The program that asks
        #[arg(long, value_name = "FILE")]
        exe: Option<PathBuf>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Access {
    Read,
    Write,
    Readwrite,
}

pub(crate) fn run(arguments: &PolicyArgs) -> ExitCode {
    let json = matches!(arguments.command, PolicyCommand::Test { json: true, .. });
    let done = match &arguments.command {
        PolicyCommand::Check { file } => check(file),
        PolicyCommand::Test { file, path, access, exe, json } => {
            test(file, path, *access, exe.as_ref(), *json)
        }
    };
    done.unwrap_or_else(|failure| Report::new(false, json).failed(&failure))
}

fn load(file: &std::path::Path) -> Result<PolicyApproval, Failure> {
    PolicyApproval::load(file, floor::home().as_deref()).map_err(Failure::Policy)
}

fn check(file: &std::path::Path) -> Result<ExitCode, Failure> {
    let policy = load(file)?;
    let plural = if policy.len() == 1 { "" } else { "s" };
    let text =
        format!("{}: {} rule{plural}\n", printable(&file.display().to_string()), policy.len());
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn test(
    file: &std::path::Path,
    path: &std::path::Path,
    access: Access,
    exe: Option<&PathBuf>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let policy = load(file)?;
    let prompt = prompt(path, access, exe)?;
    let line = policy.deciding_rule(&prompt).map(|position| position.line);
    let opinion = policy.consider(&prompt).map_err(Failure::Start)?;
    let (decision, scope, reason) = match opinion {
        Opinion::Pass => ("ask", Scope::Once, None),
        Opinion::Decided(verdict) => match verdict.decision {
            ApprovalDecision::Granted => ("grant", verdict.scope, None),
            ApprovalDecision::Denied { reason } => ("deny", verdict.scope, Some(reason)),
            ApprovalDecision::Timeout => ("deny", verdict.scope, None),
        },
    };
    let canonical = &prompt.request.path;
    let text = if json {
        let found = serde_json::json!({
            "decision": decision,
            "scope": scope,
            "line": line,
            "path": canonical.to_string_lossy(),
            "reason": reason,
        });
        format!("{found:#}\n")
    } else {
        let rule = line.map_or("no rule matches".to_owned(), |line| format!("rule at line {line}"));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let text = format!("{}: {decision} ({rule}){reason}", canonical.display());
        format!("{}\n", printable(&text))
    };
    print(text.as_bytes())?;
    Ok(ExitCode::from(u8::from(decision != "grant")))
}

/// What the supervisor would ask a policy, as far as it can be known without a program.
fn prompt(
    path: &std::path::Path,
    access: Access,
    exe: Option<&PathBuf>,
) -> Result<Prompt, Failure> {
    let absolute =
        std::path::absolute(path).map_err(|source| Failure::System { call: "getcwd", source })?;
    let canonical = absolute.canonicalize().unwrap_or(absolute);
    let is_directory = canonical.is_dir();
    let mut prompt = Prompt::new(CapabilityRequest {
        request_id: "test".into(),
        path: canonical,
        access: match access {
            Access::Read => AccessMode::Read,
            Access::Write => AccessMode::Write,
            Access::Readwrite => AccessMode::ReadWrite,
        },
        reason: None,
        child_pid: std::process::id(),
        session_id: String::new(),
    });
    prompt.is_directory = is_directory;
    prompt.peer.executable = exe.cloned();
    Ok(prompt)
}
