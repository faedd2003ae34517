//! Journals for people. Paths and reasons are quoted, so that none can pass for the words around it.

use std::path::Path;

use nono_core::{AccessMode, ApprovalDecision, JournalRecord, Operation, Outcome, Scope};
use nono_supervisor::journal::{Begin, Counts, Entry, State, Summary};

use super::utc::rfc3339;
use crate::report::printable;

/// One session a line, the newest last.
pub(super) fn list(sessions: &[Summary]) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let width = sessions.iter().map(|session| session.session_id.len()).max().unwrap_or(0);
    sessions.iter().map(|session| line(&of_session(session, width))).collect()
}

/// What checking a journal showed.
pub(super) fn verdict(summary: &Summary) -> String {
    let session = &summary.session_id;
    let counts = counts(summary.counts);
    line(&match &summary.state {
        State::Complete => format!("{session}: complete: {counts}"),
        State::OpenEnded { torn } => {
            let torn = if *torn { ", and its last line is torn" } else { "" };
            format!(
                "{session}: open-ended: {counts}; it has no end{torn}: the session runs, was \
                 killed, or lines were cut off"
            )
        }
        State::Broken(broken) => format!("{session}: broken: {broken}; before it: {counts}"),
    })
}

/// One entry as a line.
pub(super) fn entry(entry: &Entry) -> String {
    line(&match entry {
        Entry::Begin(begin) => of_begin(begin),
        Entry::Record(record) => of_record(record),
        Entry::End(end) => format!("{}  end", rfc3339(end.time)),
    })
}

fn line(text: &str) -> String {
    printable(text) + "\n"
}

fn of_session(summary: &Summary, width: usize) -> String {
    let begin = summary.begin.as_ref();
    let time = begin.map_or_else(|| "unknown".to_owned(), |begin| rfc3339(begin.time));
    let program = begin.and_then(|begin| begin.program.as_deref());
    let state = match &summary.state {
        State::Complete => "complete".to_owned(),
        State::OpenEnded { .. } => "open-ended".to_owned(),
        State::Broken(broken) => format!("BROKEN at line {}", broken.line),
    };
    format!(
        "{:<width$}  {time:<24}  {state:<10}  {}{}",
        summary.session_id,
        counts(summary.counts),
        quoted("  ", program)
    )
}

fn counts(counts: Counts) -> String {
    let Counts { granted, denied, timed_out, failed } = counts;
    let mut words = vec![format!("{granted} granted"), format!("{denied} denied")];
    words.extend((timed_out > 0).then(|| format!("{timed_out} timed out")));
    words.extend((failed > 0).then(|| format!("{failed} failed")));
    words.join(", ")
}

fn of_begin(begin: &Begin) -> String {
    let Begin { session_id, time, pid, program, nono } = begin;
    let program = quoted(", program ", program.as_deref());
    format!(
        "{}  begin      session {session_id}, pid {pid}{program}, nono {nono:?}",
        rfc3339(*time)
    )
}

fn of_record(record: &JournalRecord) -> String {
    let entry = &record.entry;
    let (decision, why) = match (&record.outcome, &entry.decision) {
        (Some(Outcome::Failed(errno)), _) => ("failed", format!(": error {errno}")),
        (Some(Outcome::Undelivered), _) => ("failed", ": not delivered".to_owned()),
        (None, ApprovalDecision::Granted) => ("granted", String::new()),
        (None, ApprovalDecision::Denied { reason }) => ("denied", format!(": {reason:?}")),
        (None, ApprovalDecision::Timeout) => ("timed out", String::new()),
    };
    let code = record.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
    let scope = match record.scope {
        Scope::Once => "",
        Scope::Session => " for the session",
        Scope::Subtree => " for all below",
    };
    let claim = entry.request.reason.as_ref();
    format!(
        "{}  {decision:<9}  {}{scope}, by {}{code}{why}; pid {} user {}{}{}{}, {} ms",
        rfc3339(entry.timestamp),
        asked(record),
        entry.backend,
        record.peer.pid,
        record.peer.uid,
        quoted(" ", record.peer.executable.as_deref()),
        quoted(", spelled ", record.spelled.as_deref()),
        claim.map_or_else(String::new, |claim| format!(", which claims {claim:?}")),
        entry.duration_ms,
    )
}

fn asked(record: &JournalRecord) -> String {
    let request = &record.entry.request;
    match record.operation {
        Operation::Connect(port) => format!("connect {port}"),
        Operation::Bind(port) => format!("bind {port}"),
        _ => {
            let access = match request.access {
                AccessMode::Read => "read",
                AccessMode::Write => "write",
                AccessMode::ReadWrite => "read+write",
            };
            format!("{access}{}", quoted(" ", Some(&request.path)))
        }
    }
}

fn quoted(before: &str, path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{before}{path:?}"))
}
