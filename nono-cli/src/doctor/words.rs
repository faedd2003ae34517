//! An examination for people.

use std::fmt::Write;

use nono::{Gap, GapReport, PROTOCOL_VERSION};
use nono_linux::NEWEST_USED_ABI;

use super::judgement::{Mechanism, State};
use super::{Examination, Finding, Kernel, supervision};
use crate::report::printable;

/// One fact a line, and the verdict last.
pub(super) fn text(examination: &Examination) -> String {
    let mut lines = about(&examination.kernel);
    let mut group = "";
    for finding in &examination.findings {
        if finding.group != group {
            group = finding.group;
            lines.extend([String::new(), group.to_owned()]);
        }
        lines.push(protection(finding));
    }
    lines.extend([String::new(), "supervision of unchanged programs".to_owned()]);
    lines.extend(examination.supervision.iter().map(feature));
    lines.push(String::new());
    if !examination.findings.is_empty() {
        lines.push(summary(&examination.findings));
    }
    lines.push(examination.verdict.words());
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", printable(line).trim_end());
        text
    })
}

fn about(kernel: &Kernel) -> Vec<String> {
    let fact = |name: &str, value: &str| format!("{name:<18}{value}");
    let landlock = match kernel.abi() {
        0 => "none".to_owned(),
        abi => format!("ABI {abi}; nono makes use of up to {NEWEST_USED_ABI}"),
    };
    let around = match kernel.filters {
        Some(0) => "no system call filter around nono".to_owned(),
        Some(1) => "one system call filter, of a container or a sandbox".to_owned(),
        Some(count) => format!("{count} system call filters, of containers or sandboxes"),
        None => "unknown: the kernel does not say which filters are around nono".to_owned(),
    };
    let nono = format!("{} (protocol {PROTOCOL_VERSION})", env!("CARGO_PKG_VERSION"));
    vec![
        fact("nono", &nono),
        fact("kernel", &kernel.release),
        fact("Landlock", &landlock),
        fact("around", &around),
        fact("user", if kernel.is_root { "root" } else { "not root" }),
    ]
}

fn protection(finding: &Finding) -> String {
    let (state, why) = match &finding.state {
        State::Enforced(mechanism) => (by(*mechanism).to_owned(), None),
        // What is missing and what to do is said once, at the end.
        State::Gap(GapReport { gap: gap @ Gap::NoLandlock, .. }) => (format!("gap {gap}"), None),
        State::Gap(report) => (format!("gap {}", report.gap), Some(report.detail)),
        State::NotTried(why) => ("not tried".to_owned(), Some(why.as_str())),
        State::Failed(why) => ("FAILED".to_owned(), Some(why.as_str())),
    };
    line(finding.protection.id, &state, finding.protection.tried, why)
}

fn feature(finding: &supervision::Finding) -> String {
    let state = if finding.works() { "works" } else { "missing" };
    line(finding.feature.id, state, finding.feature.what, finding.why().as_deref())
}

fn line(id: &str, state: &str, what: &str, why: Option<&str>) -> String {
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    format!("  {id:<18}{state:<22}{what}{why}")
}

fn by(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Landlock => "enforced by Landlock",
        Mechanism::Seccomp => "closed by seccomp",
        Mechanism::Capabilities => "capabilities dropped",
        Mechanism::Descriptors => "descriptors closed",
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |is: fn(&State) -> bool| findings.iter().filter(|found| is(&found.state)).count();
    let counts = [
        (
            count(|state| matches!(state, State::Enforced(by) if *by != Mechanism::Seccomp)),
            "enforced",
        ),
        (count(|state| matches!(state, State::Enforced(Mechanism::Seccomp))), "closed by seccomp"),
        (count(|state| matches!(state, State::Gap(_))), "with a gap"),
        (count(|state| matches!(state, State::NotTried(_))), "not tried"),
        (count(|state| matches!(state, State::Failed(_))), "FAILED"),
    ];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!("{} protections: {}", findings.len(), counts.join(", "))
}
