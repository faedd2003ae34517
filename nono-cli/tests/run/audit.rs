//! `nono audit` over journals that the library wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use nono_core::wire::OpenIntent;
use nono_core::{
    AccessMode, ApprovalDecision, AuditEntry, AuditSink, CapabilityRequest, Durability,
    JournalRecord, ObjectId, Operation, Outcome, Peer, ReasonCode, Scope,
};
use nono_supervisor::journal::{Begin, Directory, JournalSink};
use serde_json::Value;

use crate::common::{Outcome as Ended, Started, Tree, nono_path, outcome};

/// The journals of two sessions: one that ended, with a record of each sort, and one that did not.
struct Audited {
    tree: Tree,
}

impl Audited {
    fn new() -> Self {
        let audited = Self { tree: Tree::new() };
        let sink = audited.begin("first", 0);
        for record in records() {
            sink.record(&record, Durability::Written).unwrap();
        }
        sink.end().unwrap();
        let sink = audited.begin("second", 60);
        sink.record(&granted(61), Durability::Written).unwrap();
        audited
    }

    fn begin(&self, session: &str, second: u64) -> JournalSink {
        let directory = Directory::create(&self.tree.at("state/nono/audit")).unwrap();
        let begin = Begin {
            session_id: session.into(),
            time: at(second),
            pid: 4321,
            program: Some("/usr/bin/make".into()),
            nono: "0.1.0".into(),
        };
        JournalSink::create(&directory, &begin).unwrap()
    }

    fn file(&self, session: &str) -> PathBuf {
        self.tree.at(&format!("state/nono/audit/{session}.jsonl"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(nono_path());
        command.arg("audit").args(words).env("XDG_STATE_HOME", self.tree.at("state"));
        command
    }

    fn audit(&self, words: &[&str]) -> Ended {
        outcome(&mut self.command(words))
    }

    /// Changes the first `from` in a session's journal.
    fn change(&self, session: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.file(session)).unwrap();
        assert!(text.contains(from));
        fs::write(self.file(session), text.replacen(from, to, 1)).unwrap();
    }
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second)
}

fn granted(second: u64) -> JournalRecord {
    JournalRecord {
        entry: AuditEntry {
            timestamp: at(second),
            request: CapabilityRequest {
                request_id: "r1".into(),
                path: "/home/user/notes".into(),
                access: AccessMode::Read,
                reason: None,
                child_pid: 7,
                session_id: "first".into(),
            },
            decision: ApprovalDecision::Granted,
            backend: "policy".into(),
            duration_ms: 3,
        },
        peer: Peer { executable: Some("/usr/bin/cat".into()), ..Peer::new(7, 1000, 1000) },
        operation: Operation::Open(OpenIntent::default()),
        spelled: None,
        object: Some(ObjectId { device: 1, inode: 2 }),
        code: None,
        scope: Scope::Session,
        outcome: None,
    }
}

fn records() -> Vec<JournalRecord> {
    let mut hidden = granted(2);
    hidden.entry.request.path = "/tmp/\u{1b}[2J\u{202e}txt\" by policy\n".into();
    hidden.entry.request.reason = Some("trust me\u{1b}]0;\u{7}\n1970 granted".into());
    hidden.entry.decision = ApprovalDecision::Denied { reason: "a rule\r".into() };
    hidden.code = Some(ReasonCode::Policy);
    hidden.spelled = Some("/tmp/link\u{200b}".into());
    hidden.scope = Scope::Once;

    let mut late = granted(3);
    late.entry.decision = ApprovalDecision::Timeout;
    late.operation = Operation::Connect(443);
    late.scope = Scope::Once;

    let mut failed = granted(4);
    failed.outcome = Some(Outcome::Failed(13));
    vec![granted(1), hidden, late, failed]
}

/// What was written, but for the time at which the session was ended.
fn masked(text: &str) -> String {
    let now: Vec<_> = text
        .lines()
        .map(|line| match line {
            line if line.ends_with("  end") => "[now]  end".to_owned(),
            line if line.trim_start().starts_with("\"end\": \"") => {
                r#"    "end": "[now]","#.to_owned()
            }
            line => line.to_owned(),
        })
        .collect();
    now.join("\n")
}

#[test]
fn the_list_has_a_line_for_each_session() {
    insta::assert_snapshot!(masked(Audited::new().audit(&["list"]).text()));
}

#[test]
fn the_list_as_json_is_an_array_of_sessions() {
    let audited = Audited::new();
    let listed = audited.audit(&["list", "--json"]);
    let sessions: Value = serde_json::from_str(listed.text()).unwrap();
    assert_eq!(sessions[0]["session_id"], "first");
    assert_eq!(sessions[1]["session_id"], "second");
    insta::assert_snapshot!(masked(listed.text()));
}

#[test]
fn a_session_is_shown_with_nothing_in_it_that_a_terminal_would_obey() {
    let audited = Audited::new();
    let shown = audited.audit(&["show", "first"]);
    assert_eq!(shown.text().lines().count(), 6);
    assert!(shown.text().chars().all(|one| one == '\n' || (' '..='~').contains(&one)));
    insta::assert_snapshot!(masked(shown.text()));
}

#[test]
fn a_session_as_json_is_an_entry_a_line_as_it_was_kept() {
    let audited = Audited::new();
    let shown = audited.audit(&["--json", "show", "first"]);
    let entries: Vec<Value> =
        shown.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 6);
    let kept: JournalRecord = serde_json::from_value(entries[2]["Record"].clone()).unwrap();
    assert_eq!(kept, records()[1]);
}

#[test]
fn a_journal_that_holds_is_verified() {
    let audited = Audited::new();
    let both = ["first", "second"].map(|session| audited.audit(&["verify", session]));
    insta::assert_snapshot!(both.map(|ended| ended.text().to_owned()).concat());
}

#[test]
fn the_first_changed_entry_is_named_and_the_status_is_1() {
    let audited = Audited::new();
    audited.change("first", "Granted", "Timeout");
    let ended = audited.audit(&["verify", "first"]);
    assert_eq!(ended.code(), 1);
    insta::assert_snapshot!(String::from_utf8(ended.stdout).unwrap());

    let ended = audited.audit(&["verify", "first", "--json"]);
    let verdict: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((ended.code(), &verdict["broken"]["line"]), (1, &Value::from(2)));
    assert!(audited.audit(&["list"]).text().contains("BROKEN at line 2"));

    let shown = audited.audit(&["show", "first"]);
    assert_eq!((shown.code(), shown.stdout.split(|&byte| byte == b'\n').count()), (1, 2));
    assert!(shown.said().contains("line 2"), "{}", shown.said());
}

#[test]
fn the_tail_is_the_newest_sessions_last_entries() {
    let audited = Audited::new();
    let newest = audited.audit(&["tail"]);
    assert_eq!(newest.text(), audited.audit(&["show", "second"]).text());
    let last = audited.audit(&["tail", "-n", "2", "first"]);
    let shown = audited.audit(&["show", "first"]);
    let lines: Vec<_> = shown.text().lines().collect();
    assert_eq!(last.text().lines().collect::<Vec<_>>(), lines[4..]);
}

#[test]
fn a_tail_that_follows_sees_what_comes_and_ends_with_the_session() {
    let audited = Audited::new();
    let sink = audited.begin("third", 120);
    let following = Started::captured(&mut audited.command(&["tail", "-n", "100", "-f", "--json"]));
    for second in 121..130 {
        sink.record(&granted(second), Durability::Written).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }
    sink.end().unwrap();
    assert_eq!(following.outcome().text().lines().count(), 11);
}

#[test]
fn without_any_session_the_list_is_empty() {
    let audited = Audited { tree: Tree::new() };
    assert_eq!(audited.audit(&["list"]).text(), "no sessions\n");
    assert_eq!(audited.audit(&["list", "--json"]).text(), "[]\n");
}

#[test]
fn what_cannot_be_read_is_named_in_one_line_and_the_status_is_125() {
    let audited = Audited::new();
    fs::set_permissions(audited.file("second"), fs::Permissions::from_mode(0o644)).unwrap();
    let directory = audited.tree.word("elsewhere");
    for (words, why) in [
        (&["show", "none"][..], "no such journal"),
        (&["show", "../first"], "is not a session"),
        (&["verify", "second"], "open to others"),
        (&["list", "--audit-dir", &directory], "no such journal"),
    ] {
        let ended = audited.audit(words);
        assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]), "{words:?}");
        assert_eq!(ended.said().lines().count(), 1, "{}", ended.said());
        assert!(ended.said().contains(why), "{}", ended.said());
    }
    let listed = audited.audit(&["list"]);
    assert_eq!(listed.text().lines().count(), 1);
    assert!(listed.said().contains("open to others"), "{}", listed.said());
}

#[test]
fn journals_can_be_elsewhere() {
    let audited = Audited::new();
    let elsewhere = audited.tree.at("moved");
    fs::rename(audited.tree.at("state/nono/audit"), &elsewhere).unwrap();
    let moved = audited.audit(&["--audit-dir", elsewhere.to_str().unwrap(), "verify", "first"]);
    assert!(moved.text().contains("complete"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let audited = Audited::new();
    let mut command = Command::new("sh");
    command.args(["-c", r#"{ "$@"; echo "$?" >&2; } | true"#, "sh"]).arg(nono_path());
    command.args(["audit", "show", "first"]).env("XDG_STATE_HOME", audited.tree.at("state"));
    assert_eq!(outcome(&mut command).said(), "0\n");
}
