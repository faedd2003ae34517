//! What is asked, what is answered, and what is written about it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nono_core::{AccessMode, ApprovalDecision, Opinion, ReasonCode, Scope, Verdict};
use nono_ipc::{Outcome, Wanted};

use crate::common::{Setup, yes};

fn content(outcome: Outcome) -> String {
    match outcome {
        Outcome::Granted(file) => std::io::read_to_string(file).unwrap(),
        other => panic!("not granted: {other:?}"),
    }
}

#[track_caller]
fn assert_denied(outcome: &Outcome, expected: &ReasonCode) {
    match outcome {
        Outcome::Denied { code: Some(code), .. } => assert_eq!(code, expected),
        other => panic!("not denied: {other:?}"),
    }
}

#[test]
fn a_grant_is_an_open_file_and_one_record() {
    let session = Setup::new().decided_by(|_| yes(Scope::Once));
    let path = session.file("notes");
    assert_eq!(content(session.ask(&path, AccessMode::Read)), "notes");
    let records = session.sink.records();
    let [record] = &*records else { panic!("{records:?}") };
    assert_eq!(record.entry.request.path, path);
    assert_eq!(record.entry.request.child_pid, std::process::id());
    assert_eq!(record.entry.request.session_id, "session");
    assert_eq!(record.entry.decision, ApprovalDecision::Granted);
    assert_eq!(record.entry.backend, "test");
}

#[test]
fn the_approver_sees_where_a_link_leads_and_a_swap_meanwhile_changes_nothing() {
    let setup = Setup::new();
    let (link, other) = (setup.path("innocent"), setup.path("other"));
    let secret = setup.path("secret");
    let swap = {
        let (link, other, secret) = (link.clone(), other.clone(), secret.clone());
        move |prompt: &nono_core::Prompt| {
            assert_eq!((&prompt.request.path, &prompt.spelled), (&secret, &link));
            fs::remove_file(&link).unwrap();
            symlink(&other, &link).unwrap();
            yes(Scope::Once)
        }
    };
    let session = setup.decided_by(swap);
    session.file("secret");
    session.file("other");
    symlink(&secret, &link).unwrap();
    assert_eq!(content(session.ask(&link, AccessMode::Read)), "secret");
}

#[test]
fn what_is_never_granted_is_not_even_asked_about() {
    let mut setup = Setup::new();
    setup.never = vec![setup.path("secret").to_str().unwrap().to_owned()];
    let session = setup.decided_by(|_| panic!("asked"));
    let secret = session.file("secret");
    let link = session.path("link");
    symlink(&secret, &link).unwrap();
    let hard = session.path("hard");
    fs::hard_link(&secret, &hard).unwrap();
    let dotted = session.path("./x/../secret");
    fs::create_dir(session.path("x")).unwrap();
    for path in [&secret, &link, &hard, &dotted] {
        assert_denied(&session.ask(path, AccessMode::Read), &ReasonCode::NeverGrant);
    }
    assert_denied(&session.ask(&session.path(""), AccessMode::Write), &ReasonCode::OsError);
    assert_eq!(session.sink.records().len(), 5);
}

#[test]
fn requests_that_make_no_sense_are_typed_denials() {
    let session = Setup::new().decided_by(|_| panic!("asked"));
    let client = session.client();
    let ask = |path: &Path| client.request(&Wanted::new(path, AccessMode::Read)).unwrap();
    let long = format!("/{}", "x/".repeat(2500));
    assert_denied(&ask(Path::new(&long)), &ReasonCode::InvalidPath);
    assert_denied(&ask(Path::new("/a\0b")), &ReasonCode::InvalidPath);
    assert_denied(&ask(Path::new("/no/such/thing")), &ReasonCode::NotFound);
    for special in
        ["/proc/self/status", "/proc/self/fd/0", "/proc/1/environ", "/dev/null", "/dev/fd/0"]
    {
        assert_denied(&ask(Path::new(special)), &ReasonCode::NotRegular);
    }
}

#[test]
fn once_asks_again_and_a_session_does_not() {
    for (scope, expected) in [(Scope::Once, 3), (Scope::Session, 1)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let session = Setup::new().decided_by(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            yes(scope)
        });
        let path = session.file("notes");
        for _ in 0..3 {
            assert_eq!(content(session.ask(&path, AccessMode::Read)), "notes");
        }
        assert_eq!(asked.load(Ordering::SeqCst), expected);
        // More than what was decided about is asked.
        let _ = session.ask(&path, AccessMode::Write);
        assert_eq!(asked.load(Ordering::SeqCst), expected + 1);
    }
}

#[test]
fn whatever_goes_wrong_with_a_backend_is_a_denial() {
    let session = Setup::new().decided_by(|prompt| {
        match prompt.request.path.file_name().unwrap().to_str().unwrap() {
            "panics" => panic!("on purpose"),
            "errs" => Err(nono_core::NonoError::PathNotFound("x".into())),
            "passes" => Ok(Opinion::Pass),
            _ => Ok(Opinion::Decided(Verdict::once(ApprovalDecision::Timeout))),
        }
    });
    for (name, code) in [
        ("panics", ReasonCode::BackendPanicked),
        ("errs", ReasonCode::BackendFailed),
        ("passes", ReasonCode::NoApprover),
    ] {
        let path = session.file(name);
        assert_denied(&session.ask(&path, AccessMode::Read), &code);
    }
    let path = session.file("sleeps");
    assert!(matches!(session.ask(&path, AccessMode::Read), Outcome::TimedOut));
    assert_eq!(session.sink.records().len(), 4);
}

#[test]
fn what_the_set_covers_is_answered_so_and_not_recorded() {
    let mut setup = Setup::new();
    let tree = setup.path("");
    setup.caps = setup.caps.allow_path(tree, AccessMode::Read).unwrap();
    let session = setup.decided_by(|_| panic!("asked"));
    let path = session.file("notes");
    assert_denied(&session.ask(&path, AccessMode::Read), &ReasonCode::Covered);
    assert!(session.sink.records().is_empty());
}
