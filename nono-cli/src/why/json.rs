//! A finding as JSON; docs/why.md says what is stable.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nono::why::{Caveat, Found, Place};
use serde_json::{Value, json};

use super::words::{caveat, flags, meaning};
use super::{Finding, Question};

pub(super) fn text(finding: &Finding<'_>) -> String {
    let answer = &finding.answer;
    let allowed_by: Vec<Value> =
        answer.remedies.iter().flat_map(flags).map(|word| text_or_bytes(&word)).collect();
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
            json!({ "op": op.name(), "path": text_or_bytes(path) })
        }
        Question::Port { op, port, host } => {
            json!({ "op": op.name(), "port": port, "host": host })
        }
    }
}

fn place(place: &Place) -> Value {
    json!({
        "path": text_or_bytes(&place.path),
        "exists": matches!(place.found, Found::Object { .. }),
    })
}

/// The entry that denies, else the grant that allows or does not suffice.
fn rule(finding: &Finding<'_>) -> Value {
    let answer = &finding.answer;
    match (&answer.denied_by, &answer.grant) {
        (Some((path, source)), _) if !answer.reason.allows() => json!({
            "rule": "denied",
            "path": text_or_bytes(path),
            "source": source.to_string(),
        }),
        (_, Some(grant)) => json!({
            "rule": "grant",
            "path": text_or_bytes(grant.resolved()),
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

/// A string where it is UTF-8, else `{"base64": "…"}` of its bytes, as in a stored state.
fn text_or_bytes(word: impl AsRef<OsStr>) -> Value {
    let word = word.as_ref();
    match word.to_str() {
        Some(text) => json!(text),
        None => json!({ "base64": STANDARD.encode(word.as_bytes()) }),
    }
}
