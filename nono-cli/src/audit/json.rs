//! Journals for programs.

use nono_supervisor::journal::{Entry, State, Summary};
use serde_json::{Value, json};

use super::utc::rfc3339;

pub(super) fn list(sessions: &[Summary]) -> String {
    format!("{:#}\n", Value::Array(sessions.iter().map(value).collect()))
}

pub(super) fn summary(summary: &Summary) -> String {
    format!("{:#}\n", value(summary))
}

/// The entry as the journal has it, on a line of its own.
pub(super) fn entry(entry: &Entry) -> String {
    format!("{}\n", json!(entry))
}

fn value(summary: &Summary) -> Value {
    let begin = summary.begin.as_ref();
    let counts = summary.counts;
    let (state, torn, broken) = match &summary.state {
        State::Complete => ("complete", false, None),
        State::OpenEnded { torn } => ("open-ended", *torn, None),
        State::Broken(broken) => {
            let broken = json!({ "line": broken.line, "why": broken.flaw.to_string() });
            ("broken", false, Some(broken))
        }
    };
    json!({
        "session_id": summary.session_id,
        "begin": begin.map(|begin| rfc3339(begin.time)),
        "end": summary.end.as_ref().map(|end| rfc3339(end.time)),
        "pid": begin.map(|begin| begin.pid),
        "program": begin.and_then(|begin| begin.program.as_ref()).map(|path| path.to_string_lossy()),
        "nono": begin.map(|begin| begin.nono.as_str()),
        "granted": counts.granted,
        "denied": counts.denied,
        "timed_out": counts.timed_out,
        "failed": counts.failed,
        "state": state,
        "torn": torn,
        "broken": broken,
    })
}
