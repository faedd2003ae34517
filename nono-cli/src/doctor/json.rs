//! An examination as JSON; docs/doctor.md says what is stable.

use nono::PROTOCOL_VERSION;
use nono_linux::{Landlock, NEWEST_USED_ABI};
use serde_json::{Value, json};

use super::child::Answer;
use super::judgement::{Mechanism, State};
use super::{Examination, Finding, Kernel, supervision};

pub(super) fn text(examination: &Examination) -> String {
    let Examination { kernel, findings, supervision, verdict } = examination;
    let is_available = supervision.iter().all(|found| found.works() || !found.feature.is_needed);
    let value = json!({
        "status": if verdict.is_enforced() { "enforced" } else { "not-enforced" },
        "reason": verdict.name(),
        "message": verdict.words(),
        "nono": { "version": env!("CARGO_PKG_VERSION"), "protocol": PROTOCOL_VERSION },
        "kernel": about(kernel),
        "protections": findings.iter().map(protection).collect::<Vec<_>>(),
        "supervision": {
            "available": is_available,
            "features": supervision.iter().map(feature).collect::<Vec<_>>(),
        },
    });
    format!("{value:#}\n")
}

fn about(kernel: &Kernel) -> Value {
    let errata = match kernel.landlock {
        Landlock::Abi { errata, .. } => errata,
        Landlock::Missing(_) => 0,
    };
    json!({
        "release": kernel.release,
        "landlock_abi": kernel.abi(),
        "landlock_abi_known": NEWEST_USED_ABI,
        "landlock_errata": errata,
        "filters_around": kernel.filters,
        "root": kernel.is_root,
    })
}

fn protection(finding: &Finding) -> Value {
    let Finding { group, protection, state, answers } = finding;
    let (state, by, gap, why) = match state {
        State::Enforced(Mechanism::Landlock) => ("enforced", Some("landlock"), None, None),
        State::Enforced(Mechanism::Seccomp) => ("closed-by-seccomp", Some("seccomp"), None, None),
        State::Enforced(Mechanism::Capabilities) => ("enforced", Some("capabilities"), None, None),
        State::Enforced(Mechanism::Descriptors) => ("enforced", Some("descriptors"), None, None),
        State::Gap(report) => ("gap", None, Some(report.gap), Some(report.detail)),
        State::NotTried(why) => ("not-tried", None, None, Some(why.as_str())),
        State::Failed(why) => ("failed", None, None, Some(why.as_str())),
    };
    let errno = answers.map(|answers| {
        json!({
            "without_sandbox": errno(answers.control),
            "without_capabilities": answers.unprivileged.and_then(errno),
            "inside": answers.inside.and_then(errno),
            "granted": answers.granted.and_then(errno),
        })
    });
    json!({
        "id": protection.id,
        "group": group,
        "tried": protection.tried,
        "state": state,
        "by": by,
        "gap": gap,
        "why": why,
        "errno": errno,
    })
}

fn feature(finding: &supervision::Finding) -> Value {
    json!({
        "id": finding.feature.id,
        "what": finding.feature.what,
        "needed": finding.feature.is_needed,
        "state": if finding.works() { "works" } else { "missing" },
        "why": finding.why(),
    })
}

/// The number that a call met, 0 for none; nothing where none was made.
fn errno(answer: Answer) -> Option<i32> {
    match answer {
        Answer::Met(errno) => Some(errno),
        _ => None,
    }
}
