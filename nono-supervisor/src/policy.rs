//! Decisions by rules that were written beforehand.
//!
//! ```toml
//! [[rule]]
//! path = "/srv/data/**"          # `*` within a component, `**` across
//! access = "read"                # read, write or readwrite
//! exe = "/usr/bin/*"             # advice: a process can execute another file after it asked
//! decision = "grant"             # grant, deny, or ask: leave it to who comes next
//! scope = "session"              # once (when left out), session or subtree
//! match = ["/srv/data/a"]        # examples, checked when the file is read
//! not_match = ["/srv/database"]
//!
//! [[rule]]
//! port = 443                     # connections to this port
//! decision = "deny"
//! reason = "no network here"
//! ```
//!
//! The first rule that matches decides; where none does, whoever comes next is asked. A rule that
//! grants matches what is all within its access, any other rule what has a part in it: whoever denies
//! writing denies reading and writing. Creating and truncating are writing.

use std::io;
use std::path::{Path, PathBuf};

use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, CapabilityRequest, Operation, Opinion, Position,
    Prompt, ReasonCode, Result, Scope, Verdict,
};

use crate::backends::decision_alone;

mod file;
mod glob;
mod rule;

use rule::{Decision, Rule};

/// Rules in their order.
#[derive(Debug, Clone)]
pub struct PolicyApproval {
    rules: Vec<Rule>,
}

/// Where a policy is wrong, and how.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", file.display())]
pub struct PolicyError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub kind: PolicyErrorKind,
}

/// What is wrong with a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// It cannot be read.
    #[error(": {0}")]
    Unreadable(io::Error),
    /// It is a directory, a link, a FIFO, a device.
    #[error(": not a regular file; name the file itself")]
    NotRegular,
    /// It belongs to neither this process's user nor root.
    #[error(": owned by user {uid}; a policy belongs to you or to root")]
    OwnedByOther {
        /// Whose it is.
        uid: u32,
    },
    /// Its group or everybody can change it.
    #[error(": others can write it (mode {mode:o}); take that away with chmod go-w")]
    WritableByOthers {
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than 1 MiB.
    #[error(": larger than {} bytes", file::MAX_BYTES)]
    TooLarge,
    /// It is not TOML, or no policy.
    #[error(":{}:{}: {message}", position.line, position.column)]
    Malformed {
        /// Where.
        position: Position,
        /// What is wrong there.
        message: String,
    },
}

impl PolicyApproval {
    /// Reads a policy from a regular file of at most 1 MiB that belongs to this process's user or to
    /// root and that nobody else can write. `~/` in it is `home`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn load(file: &Path, home: Option<&Path>) -> Result<Self, PolicyError> {
        let failed = |kind| PolicyError { file: file.to_owned(), kind };
        let text = file::read(file).map_err(failed)?;
        Self::parse(&text, home).map_err(failed)
    }

    /// Reads a policy from its text.
    ///
    /// # Errors
    /// [`PolicyErrorKind::Malformed`], with the place of what is wrong.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<Self, PolicyErrorKind> {
        rule::parse(text, home).map(|rules| Self { rules })
    }

    /// Where the rule stands that decides about `prompt`, if there is one.
    #[must_use]
    pub fn deciding_rule(&self, prompt: &Prompt) -> Option<Position> {
        self.first_match(prompt).map(|number| self.rules[number].position)
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn first_match(&self, prompt: &Prompt) -> Option<usize> {
        let needed = needed_access(prompt);
        self.rules.iter().position(|rule| rule.matches(prompt, needed))
    }

    /// How far a grant by the rule with this number reaches. It does not reach over an earlier rule
    /// that denies or asks about something below, and there is nothing below what is no directory.
    fn scope(&self, number: usize, prompt: &Prompt) -> Scope {
        let is_cut = |rule: &Rule| rule.cuts_into(&prompt.request.path);
        let is_whole = || prompt.is_directory && !self.rules[..number].iter().any(is_cut);
        match self.rules[number].scope {
            Scope::Subtree if !is_whole() => Scope::Session,
            scope => scope,
        }
    }
}

/// The access that an operation takes, whatever the request calls it.
fn needed_access(prompt: &Prompt) -> AccessMode {
    match prompt.operation {
        Operation::Open(intent) if intent.create || intent.truncate => {
            prompt.request.access.union(AccessMode::Write)
        }
        _ => prompt.request.access,
    }
}

impl ApprovalBackend for PolicyApproval {
    fn request_capability(&self, request: &CapabilityRequest) -> Result<ApprovalDecision> {
        decision_alone(self, request)
    }

    fn backend_name(&self) -> &str {
        "policy"
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn consider(&self, prompt: &Prompt) -> Result<Opinion> {
        let Some(number) = self.first_match(prompt) else { return Ok(Opinion::Pass) };
        let rule = &self.rules[number];
        Ok(match rule.decision {
            Decision::Ask => Opinion::Pass,
            Decision::Deny => {
                let reason = rule.reason.as_deref().unwrap_or("the policy denies this");
                Opinion::Decided(Verdict::denied(ReasonCode::Policy, reason))
            }
            Decision::Grant => Opinion::Decided(Verdict {
                scope: self.scope(number, prompt),
                ..Verdict::once(ApprovalDecision::Granted)
            }),
        })
    }
}
