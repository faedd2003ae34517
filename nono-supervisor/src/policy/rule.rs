//! A rule, as it is written and as it is applied.

use std::num::NonZeroU16;
use std::ops::Range;
use std::path::Path;

use nono_core::{AccessMode, Operation, Position, Prompt, Scope};
use serde::Deserialize;
use toml::Spanned;

use super::PolicyErrorKind;
use super::glob::Glob;

/// A rule that was checked.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) position: Position,
    target: Target,
    executable: Option<Glob>,
    pub(super) decision: Decision,
    pub(super) scope: Scope,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone)]
enum Target {
    Path { glob: Glob, access: AccessMode },
    Port(u16),
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    Grant,
    Deny,
    Ask,
}

impl Rule {
    /// Whether the rule is about `prompt`, which takes `needed` access.
    pub(super) fn matches(&self, prompt: &Prompt, needed: AccessMode) -> bool {
        let is_target = match (&self.target, prompt.operation) {
            (Target::Path { glob, access }, Operation::Open(_)) => {
                let is_access = match self.decision {
                    Decision::Grant => access.covers(needed),
                    Decision::Deny | Decision::Ask => access.intersects(needed),
                };
                is_access && glob.matches(&prompt.request.path)
            }
            (Target::Port(port), Operation::Connect(asked)) => *port == asked,
            _ => false,
        };
        is_target && self.is_executable(prompt)
    }

    /// An executable that is not known is one that may be denied and not one that is granted.
    fn is_executable(&self, prompt: &Prompt) -> bool {
        match (&self.executable, &prompt.peer.executable) {
            (None, _) => true,
            (Some(glob), Some(path)) => glob.matches(path),
            (Some(_), None) => self.decision != Decision::Grant,
        }
    }

    /// Whether it keeps something at or below `directory` from being granted.
    pub(super) fn cuts_into(&self, directory: &Path) -> bool {
        match &self.target {
            Target::Path { glob, .. } => {
                self.decision != Decision::Grant && glob.reaches_below(directory)
            }
            Target::Port(_) => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    path: Option<Spanned<String>>,
    access: Option<Spanned<WrittenAccess>>,
    exe: Option<Spanned<String>>,
    port: Option<Spanned<NonZeroU16>>,
    decision: Decision,
    scope: Option<Spanned<Scope>>,
    reason: Option<String>,
    #[serde(default, rename = "match")]
    matching: Vec<Spanned<String>>,
    #[serde(default, rename = "not_match")]
    other: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenAccess {
    Read,
    Write,
    ReadWrite,
}

/// What is wrong, and the bytes in which it stands.
type Wrong = (Range<usize>, String);

/// Reads and checks every rule.
pub(super) fn parse(text: &str, home: Option<&Path>) -> Result<Vec<Rule>, PolicyErrorKind> {
    let malformed = |(span, message): Wrong| PolicyErrorKind::Malformed {
        position: Position::of(text, span.start),
        message,
    };
    let written: Written = toml::from_str(text).map_err(|error| {
        malformed((error.span().unwrap_or_default(), error.message().replace('\n', " ")))
    })?;
    let check = |rule: Spanned<WrittenRule>| {
        let span = rule.span();
        let position = Position::of(text, span.start);
        check(rule.into_inner(), span, position, home).map_err(malformed)
    };
    written.rule.into_iter().map(check).collect()
}

fn check(
    written: WrittenRule,
    span: Range<usize>,
    position: Position,
    home: Option<&Path>,
) -> Result<Rule, Wrong> {
    let scope = scope(&written)?;
    let executable = written.exe.as_ref().map(|exe| glob(exe, home)).transpose()?;
    let target = match (&written.path, &written.port) {
        (Some(path), None) => {
            let glob = glob(path, home)?;
            check_examples(&glob, &written, home)?;
            Target::Path { glob, access: access(&written, span)? }
        }
        (None, Some(port)) => {
            check_port_rule(&written)?;
            Target::Port(port.get_ref().get())
        }
        _ => return Err((span, "a rule has either a path or a port".into())),
    };
    let WrittenRule { decision, reason, .. } = written;
    Ok(Rule { position, target, executable, decision, scope, reason })
}

fn scope(written: &WrittenRule) -> Result<Scope, Wrong> {
    let Some(scope) = &written.scope else { return Ok(Scope::Once) };
    if written.decision == Decision::Grant {
        Ok(*scope.get_ref())
    } else {
        Err((scope.span(), "only a rule that grants has a scope".into()))
    }
}

fn access(written: &WrittenRule, span: Range<usize>) -> Result<AccessMode, Wrong> {
    match written.access.as_ref().map(Spanned::get_ref) {
        Some(WrittenAccess::Read) => Ok(AccessMode::Read),
        Some(WrittenAccess::Write) => Ok(AccessMode::Write),
        Some(WrittenAccess::ReadWrite) => Ok(AccessMode::ReadWrite),
        None if written.decision == Decision::Grant => {
            Err((span, "a rule that grants a path says for what access".into()))
        }
        None => Ok(AccessMode::ReadWrite),
    }
}

fn check_port_rule(written: &WrittenRule) -> Result<(), Wrong> {
    let examples = written.matching.iter().chain(&written.other).map(Spanned::span);
    let subtree = written.scope.as_ref().filter(|scope| *scope.get_ref() == Scope::Subtree);
    let of_a_path = written.access.iter().map(Spanned::span);
    match of_a_path.chain(subtree.map(Spanned::span)).chain(examples).next() {
        Some(span) => Err((span, "only a rule for a path has this".into())),
        None => Ok(()),
    }
}

fn check_examples(glob: &Glob, written: &WrittenRule, home: Option<&Path>) -> Result<(), Wrong> {
    let expected = written.matching.iter().map(|example| (example, true));
    let unexpected = written.other.iter().map(|example| (example, false));
    for (example, should_match) in expected.chain(unexpected) {
        let text = example.get_ref();
        let path = match (text.strip_prefix("~/"), home) {
            (Some(below), Some(home)) => home.join(below),
            _ => text.into(),
        };
        if !path.is_absolute() {
            return Err((example.span(), "an example is an absolute path".into()));
        }
        if glob.matches(&path) != should_match {
            let does = if should_match { "does not match" } else { "matches" };
            return Err((example.span(), format!("the path of the rule {does} this example")));
        }
    }
    Ok(())
}

fn glob(text: &Spanned<String>, home: Option<&Path>) -> Result<Glob, Wrong> {
    Glob::new(text.get_ref(), home).map_err(|error| (text.span(), error.to_string()))
}
