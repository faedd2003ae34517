//! Nothing is granted when anything is unclear.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nono_core::wire::OpenIntent;
use nono_core::{AccessMode, Outcome as Effect, ReasonCode, Scope};
use nono_ipc::{Client, Outcome, Wanted};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::common::{Keeps, Setup, answer, assert_denied, content, park, request, yes};

#[test]
fn what_cannot_be_recorded_is_neither_done_nor_granted() {
    for keeps in [Keeps::Nothing, Keeps::Panics] {
        for is_immediate in [true, false] {
            let setup = Setup { keeps, is_immediate, ..Setup::new() };
            let session = setup.decided_by(|_| yes(Scope::Session));
            let path = session.file("notes");
            for _ in 0..2 {
                assert_denied(&session.ask(&path, AccessMode::Read), &ReasonCode::AuditFailed);
            }
            let new = session.path("new");
            let wanted = Wanted::new(&new, AccessMode::Write).with_intent(OpenIntent {
                create: true,
                mode: 0o600,
                ..OpenIntent::default()
            });
            let outcome = session.client().request(&wanted).unwrap();
            assert_denied(&outcome, &ReasonCode::AuditFailed);
            assert!(!new.exists());
            // A no needs a record as well.
            let missing = session.path("missing");
            assert_denied(&session.ask(&missing, AccessMode::Read), &ReasonCode::AuditFailed);
        }
    }
}

#[test]
fn a_backend_that_never_answers_is_a_timeout() {
    let mut setup = Setup::new();
    setup.limits.approval = Duration::from_millis(50);
    let session = setup.decided_by(|_| park());
    let path = session.file("notes");
    assert!(matches!(session.ask(&path, AccessMode::Read), Outcome::TimedOut));
    let records = session.sink.records();
    assert_eq!(records[0].code, Some(ReasonCode::TimedOut));
    assert_eq!(records.len(), 1);
}

#[test]
fn more_than_may_wait_is_denied_and_the_rest_still_waits() {
    let mut setup = Setup::new();
    setup.limits.pending = 4;
    let (open, gate) = std::sync::mpsc::channel();
    let gate = std::sync::Mutex::new(gate);
    let session = setup.decided_by(move |_| {
        gate.lock().unwrap().recv().unwrap();
        yes(Scope::Once)
    });
    let mut end = session.end();
    for name in ["1", "2", "3", "4", "5"] {
        end.send(&request(name, &session.file(name))).unwrap();
    }
    let (id, code, _) = answer(&mut end);
    assert_eq!((&*id, code), ("5", Some(ReasonCode::TooManyPending)));
    for _ in 0..4 {
        open.send(()).unwrap();
    }
    assert_eq!((0..4).filter(|_| answer(&mut end).2.is_some()).count(), 4);
}

#[test]
fn only_questions_to_somebody_count_against_their_rate() {
    let mut setup = Setup::new();
    setup.limits.prompts_per_minute = 2;
    setup.never = vec![setup.path("secret").to_str().unwrap().to_owned()];
    let session = setup.decided_by(|_| yes(Scope::Once));
    let [path, secret] = session.files(["notes", "secret"]);
    for _ in 0..10 {
        assert_denied(&session.ask(&secret, AccessMode::Read), &ReasonCode::NeverGrant);
    }
    for _ in 0..2 {
        assert_eq!(content(session.ask(&path, AccessMode::Read)), "notes");
    }
    assert_denied(&session.ask(&path, AccessMode::Read), &ReasonCode::RateLimited);
}

#[test]
fn another_sessions_name_buys_nothing() {
    let session = Setup::new().decided_by(|_| panic!("asked"));
    let path = session.file("notes");
    let client = Client::through(&session.door, "another".into()).unwrap();
    let outcome = client.request(&Wanted::new(&path, AccessMode::Read)).unwrap();
    assert_denied(&outcome, &ReasonCode::WrongSession);
    assert_eq!(session.sink.records()[0].entry.request.session_id, "session");
}

#[test]
fn what_one_session_remembers_another_one_asks_about() {
    let one = Setup::new().decided_by(|_| yes(Scope::Session));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let other = Setup::new().decided_by(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        yes(Scope::Once)
    });
    let path = one.file("notes");
    assert!(one.ask(&path, AccessMode::Read).is_granted());
    assert!(other.ask(&path, AccessMode::Read).is_granted());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// Lets the approver say yes after something has happened to the file, and asks for it.
fn after(
    setup: Setup,
    happens: impl Fn(&Path) + Send + Sync + 'static,
) -> (Outcome, Vec<(bool, Option<ReasonCode>, bool)>) {
    let session = setup.decided_by(move |prompt| {
        happens(&prompt.request.path);
        yes(Scope::Once)
    });
    let path = session.file("notes");
    let outcome = session.ask(&path, AccessMode::Read);
    let fact = |record: &nono_core::JournalRecord| {
        let failed = matches!(record.outcome, Some(Effect::Failed(_)));
        (record.entry.decision.is_granted(), record.code.clone(), failed)
    };
    (outcome, session.sink.records().iter().map(fact).collect())
}

#[test]
fn a_file_that_was_moved_among_what_is_never_granted_meanwhile_is_refused() {
    let mut setup = Setup::new();
    let secrets = setup.path("secrets");
    fs::create_dir(&secrets).unwrap();
    setup.never = vec![secrets.to_str().unwrap().to_owned()];
    let (outcome, records) =
        after(setup, move |path| fs::rename(path, secrets.join("notes")).unwrap());
    assert_denied(&outcome, &ReasonCode::NeverGrant);
    assert_eq!(records, [(true, None, false), (true, Some(ReasonCode::NeverGrant), true)]);
}

#[test]
fn a_file_that_was_moved_or_removed_meanwhile_is_refused() {
    let moved = |path: &Path| fs::rename(path, path.with_extension("moved")).unwrap();
    let (outcome, records) = after(Setup::new(), moved);
    assert_denied(&outcome, &ReasonCode::Changed);
    assert_eq!(records.len(), 2);
    let (outcome, _) = after(Setup::new(), |path| fs::remove_file(path).unwrap());
    assert_denied(&outcome, &ReasonCode::NotFound);
}

#[test]
fn what_was_closed_after_the_start_is_closed() {
    let mut setup = Setup::new();
    setup.never = vec![setup.path("later").to_str().unwrap().to_owned()];
    let session = setup.decided_by(|_| yes(Scope::Once));
    let later = session.file("later");
    let hard = session.path("hard");
    fs::hard_link(&later, &hard).unwrap();
    for path in [&later, &hard] {
        assert_denied(&session.ask(path, AccessMode::Read), &ReasonCode::NeverGrant);
    }
    assert_eq!(content(session.ask(&session.file("else"), AccessMode::Read)), "else");
}

#[test]
fn what_acts_when_it_is_opened_is_not_even_asked_about() {
    let session = Setup::new().decided_by(|_| panic!("asked"));
    let (fifo, socket) = (session.path("fifo"), session.path("socket"));
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for access in [AccessMode::Read, AccessMode::Write, AccessMode::ReadWrite] {
        for path in [&fifo, &socket] {
            assert_denied(&session.ask(path, access), &ReasonCode::NotRegular);
        }
    }
}

#[test]
fn the_supervisors_own_process_is_closed_however_it_is_spelled() {
    let session = Setup::new().decided_by(|_| panic!("asked"));
    let pid = std::process::id();
    let link = session.path("link");
    symlink("/proc/self/environ", &link).unwrap();
    let spelled = ["mem", "environ", "maps", "root/etc/passwd", "cwd", "exe", "fd/0", "ns/user"];
    let mut paths: Vec<PathBuf> = Vec::new();
    for name in spelled {
        paths.push(format!("/proc/{pid}/{name}").into());
        paths.push(format!("/proc/self/task/{pid}/../../{name}").into());
        paths.push(
            format!("{}/../../../proc/thread-self/{name}", session.path("").display()).into(),
        );
    }
    paths.push(link);
    for path in paths {
        let outcome = session.ask(&path, AccessMode::Read);
        assert!(!outcome.is_granted(), "{path:?}: {outcome:?}");
    }
}
