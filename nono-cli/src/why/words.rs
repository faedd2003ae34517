//! A finding in words.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use nono::why::{Caveat, Found, Reason, Remedy};
use nono::{AccessMode, CapabilitySource, FsCapability};

use super::{Finding, Op, Question};
use crate::report::printable;

pub(super) fn text(finding: &Finding<'_>) -> String {
    let answer = &finding.answer;
    let allows = answer.reason.allows();
    let status = if allows { "allowed" } else { "denied" };
    let mut lines = vec![format!("{status}: {}", question(&finding.question))];
    let mut say = |label: &str, text: String| lines.push(format!("  {label:<9} {text}"));
    if let Some(place) = &answer.place {
        let is_missing = matches!(place.found, Found::Nothing { .. });
        let missing = if is_missing { ", where nothing is" } else { "" };
        say("path", format!("{}{missing}", place.path.display()));
    }
    say("reason", format!("{} ({})", meaning(answer.reason), answer.reason.code()));
    match (&answer.denied_by, &answer.grant) {
        (Some((path, source)), _) if !allows => {
            say("rule", format!("{} is denied by {}", path.display(), who_denies(source)));
        }
        (_, Some(grant)) => say("rule", rule(grant)),
        _ => answer.ports.iter().for_each(|ports| say("rule", format!("TCP {ports}"))),
    }
    if !allows {
        let words: Vec<String> =
            answer.remedies.iter().flat_map(flags).map(|word| quoted(&word)).collect();
        let none = || "nothing that can be granted".to_owned();
        say("allow by", if words.is_empty() { none() } else { words.join(" ") });
    }
    for &it in &answer.caveats {
        say("but", format!("{} ({})", caveat(it), it.code()));
    }
    lines.iter().map(|line| printable(line) + "\n").collect()
}

pub(super) fn not_sandboxed() -> String {
    "not sandboxed: NONO_STATE is not set, so no sandbox of nono is known here\n".to_owned()
}

fn question(question: &Question<'_>) -> String {
    match *question {
        Question::Path { op, path, .. } => {
            let verb = if op == Op::Readwrite { "read and write" } else { op.name() };
            format!("{verb} {}", path.display())
        }
        Question::Port { op: Op::Bind, port, .. } => format!("bind TCP port {port}"),
        Question::Port { port, host: Some(host), .. } => {
            format!("connect to TCP port {port} of {host}")
        }
        Question::Port { port, .. } => format!("connect to TCP port {port}"),
    }
}

fn rule(grant: &FsCapability) -> String {
    let below = if grant.is_dir() { " and all below it" } else { "" };
    let execute = if grant.grants_execute() { "+execute" } else { "" };
    let source = who_grants(grant.source());
    format!(
        "{}{execute} {}{below}, granted by {source}",
        grant.access(),
        grant.resolved().display()
    )
}

fn who_grants(source: &CapabilitySource) -> String {
    match source {
        CapabilitySource::User => "a flag".to_owned(),
        CapabilitySource::Profile => "a file of grants".to_owned(),
        CapabilitySource::Group(name) => format!("the group {name}"),
        CapabilitySource::System => "nono itself".to_owned(),
    }
}

fn who_denies(source: &CapabilitySource) -> String {
    match source {
        CapabilitySource::System => "the list of what is never granted".to_owned(),
        source => who_grants(source),
    }
}

/// The words of a command line.
pub(super) fn flags(remedy: &Remedy) -> Vec<OsString> {
    match remedy {
        Remedy::Grant(grant) => vec![flag(grant).into(), grant.resolved().into()],
        Remedy::Connect(port) => vec!["--allow-connect".into(), port.to_string().into()],
        Remedy::Bind(port) => vec!["--allow-bind".into(), port.to_string().into()],
        _ => vec![],
    }
}

fn flag(grant: &FsCapability) -> &'static str {
    match (grant.grants_execute(), grant.is_dir(), grant.access()) {
        (true, ..) => "--exec",
        (false, true, AccessMode::Read) => "--read",
        (false, true, AccessMode::Write) => "--write",
        (false, true, AccessMode::ReadWrite) => "--allow",
        (false, false, AccessMode::Read) => "--read-file",
        (false, false, AccessMode::Write) => "--write-file",
        (false, false, AccessMode::ReadWrite) => "--allow-file",
    }
}

/// A word as a shell takes it, and a terminal shows it, whatever its bytes.
fn quoted(word: &OsStr) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    match word.to_str() {
        Some(word) if word.bytes().all(is_plain) => word.to_owned(),
        Some(word) if printable(word) == word => format!("'{}'", word.replace('\'', "'\\''")),
        _ => {
            let bytes = word.as_bytes().iter();
            let escaped = bytes.map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

pub(super) fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Granted => "a grant covers it",
        Reason::GrantedByAnotherName => "the same object is granted under another name",
        Reason::Unrestricted => "the network is not restricted",
        Reason::PortGranted => "the port is granted",
        Reason::NoGrant => "no grant covers it",
        Reason::InsufficientAccess => "what covers it does not grant this",
        Reason::DeniedPath => "it, a directory above it, or another name of it is denied",
        Reason::NeverGrant => "it is never granted",
        Reason::CarvedDirectory => {
            "something in the directory is denied, so that it cannot be listed, and what is made in \
             it is not granted"
        }
        Reason::ObjectReplaced => "what was granted has been replaced since",
        Reason::InterpreterNotGranted => "its interpreter or loader may not be executed",
        Reason::IsDirectory => "a directory cannot be executed",
        Reason::FileMode => "its mode or owner forbids it, in a sandbox or outside",
        Reason::PortNotGranted => "the port is not granted",
        _ => "see docs/why.md",
    }
}

pub(super) fn caveat(caveat: Caveat) -> &'static str {
    match caveat {
        Caveat::Metadata => {
            "mode, owner, times and attributes are not covered by grants: a program can look at \
             them, and change those of its user's files"
        }
        Caveat::HardLinks => "the file has further names: a grant of one opens it under all",
        Caveat::DeniedUnderOneName => {
            "one name of it is denied and another is not: the kernel closes it beside a denied path, \
             and not in another granted directory"
        }
        Caveat::AtomicReplace => {
            "the grant is of this file, not of its name: what is renamed over it is not granted"
        }
        Caveat::Carving => {
            "something in the directory is denied: what is made beside that later is not granted"
        }
        Caveat::DoesNotExist => {
            "nothing is there: what is made later is covered by grants of its directories alone"
        }
        Caveat::OtherUser => {
            "its mode and owner were judged for you, and the program runs as another user"
        }
        Caveat::UnixSocket => {
            "connecting to a Unix socket is neither reading nor writing: --allow-unix allows all"
        }
        Caveat::AnyAddress => "port rules have no address: they hold for every host",
        Caveat::NameLookup => "the name cannot be looked up over UDP, which is blocked",
        Caveat::OuterSandbox => "there is another sandbox around this one, which may refuse more",
        Caveat::StateNotProtected => {
            "the sandbox may write where NONO_STATE lies, so that this may have been forged"
        }
        _ => "see docs/why.md",
    }
}
