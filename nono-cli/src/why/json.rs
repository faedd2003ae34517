//! A finding as JSON; docs/why.md says what is stable.

use nono::why::{Caveat, Found, Place};
use serde_json::{Value, json};

use super::words::{caveat, flags, meaning};
use super::{Finding, Question};

pub(super) fn text(finding: &Finding<'_>) -> String {
    let answer = &finding.answer;
    let allowed_by: Vec<String> = answer.remedies.iter().flat_map(flags).collect();
    let caveats: Vec<_> = answer.caveats.iter().map(|&it| about_caveat(it)).collect();
    let value = json!({
        "status": if answer.reason.allows() { "allowed" } else { "denied" },
        "reason": answer.reason.code(),
        "message": meaning(answer.reason),
        "question": question(&finding.question),
        "resolved": answer.place.as_ref().map(place),
        "rule": rule(finding),
        "allowed_by": if allowed_by.is_empty() { Value::Null } else { json!(allowed_by) },
        "caveats": caveats,
    });
    format!("{value:#}\n")
}

pub(super) fn not_sandboxed() -> String {
    let value = json!({
        "status": "not_sandboxed",
        "reason": "not_sandboxed",
        "message": "NONO_STATE is not set",
    });
    format!("{value:#}\n")
}

fn question(question: &Question<'_>) -> Value {
    match *question {
        Question::Path { op, path, .. } => {
            json!({ "op": op.name(), "path": path.to_string_lossy() })
        }
        Question::Port { op, port, host } => {
            json!({ "op": op.name(), "port": port, "host": host })
        }
    }
}

fn place(place: &Place) -> Value {
    json!({
        "path": place.path.to_string_lossy(),
        "exists": matches!(place.found, Found::Object { .. }),
    })
}

/// The entry that denies, else the grant that allows or does not suffice.
fn rule(finding: &Finding<'_>) -> Value {
    let answer = &finding.answer;
    match (&answer.denied_by, &answer.grant) {
        (Some((path, source)), _) if !answer.reason.allows() => json!({
            "rule": "denied",
            "path": path.to_string_lossy(),
            "source": source.to_string(),
        }),
        (_, Some(grant)) => json!({
            "rule": "grant",
            "path": grant.resolved().to_string_lossy(),
            "kind": if grant.is_dir() { "directory" } else { "file" },
            "access": grant.access().to_string(),
            "execute": grant.grants_execute(),
            "source": grant.source().to_string(),
        }),
        _ => match answer.ports {
            Some(ports) => json!({ "rule": "ports", "ports": ports.to_string() }),
            None => Value::Null,
        },
    }
}

fn about_caveat(it: Caveat) -> Value {
    json!({ "code": it.code(), "message": caveat(it) })
}
