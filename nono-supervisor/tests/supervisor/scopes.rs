//! How far a decision reaches.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use nono_core::{AccessMode, ApprovalDecision, Opinion, ReasonCode, Scope, Verdict};
use nono_ipc::Wanted;

use crate::common::{Session, Setup, answer, assert_denied, content, request, until, yes};
use crate::process::{alone, program};

/// A session whose backend says the same to all, and how often it was asked.
fn counted(setup: Setup, decision: ApprovalDecision, scope: Scope) -> (Session, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let session = setup.decided_by(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Opinion::Decided(Verdict { scope, ..Verdict::once(decision.clone()) }))
    });
    (session, asked)
}

#[test]
fn a_subtree_is_all_below_a_directory_and_nothing_beside_it() {
    let (session, asked) = counted(Setup::new(), ApprovalDecision::Granted, Scope::Subtree);
    let [inside, beside, linked] = session.files(["tree/a/b", "tree-beside", "linked"]);
    let tree = session.path("tree");
    assert!(session.ask(&tree, AccessMode::Read).is_granted());
    assert_eq!(content(session.ask(&inside, AccessMode::Read)), "tree/a/b");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let out = session.path("tree/out");
    symlink(&linked, &out).unwrap();
    for (before, path) in [&out, &beside].into_iter().enumerate() {
        assert!(session.ask(path, AccessMode::Read).is_granted());
        assert_eq!(asked.load(Ordering::SeqCst), before + 2, "{path:?}");
    }
    // More than what was decided about is asked.
    let _ = session.ask(&inside, AccessMode::Write);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[test]
fn another_directory_with_the_name_of_an_approved_one_is_asked_about() {
    let (session, asked) = counted(Setup::new(), ApprovalDecision::Granted, Scope::Subtree);
    let (tree, away) = (session.path("tree"), session.path("away"));
    session.file("tree/a");
    assert!(session.ask(&tree, AccessMode::Read).is_granted());
    fs::rename(&tree, away).unwrap();
    let other = session.file("tree/a");
    assert!(session.ask(&other, AccessMode::Read).is_granted());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_subtree_with_something_never_granted_below_is_not_granted() {
    let mut setup = Setup::new();
    setup.never = vec![setup.path("tree/secret").to_str().unwrap().to_owned()];
    let (session, _) = counted(setup, ApprovalDecision::Granted, Scope::Subtree);
    session.file("tree/secret");
    assert_denied(&session.ask(&session.path("tree"), AccessMode::Read), &ReasonCode::NeverGrant);
}

#[test]
fn a_file_that_takes_the_inode_of_an_approved_one_is_asked_about() {
    let (session, asked) = counted(Setup::new(), ApprovalDecision::Granted, Scope::Session);
    let path = session.file("one");
    let inode = fs::metadata(&path).unwrap().ino();
    assert!(session.ask(&path, AccessMode::Read).is_granted());
    fs::remove_file(&path).unwrap();
    for round in 0..200 {
        let path = session.file("one");
        // It is held, so that nobody gets its number while the decision holds.
        assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
        if round == 0 {
            assert!(session.ask(&path, AccessMode::Read).is_granted());
            assert_eq!(asked.load(Ordering::SeqCst), 2);
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_session_remembers_a_no_as_well() {
    let no = ApprovalDecision::Denied { reason: "no".into() };
    let (session, asked) = counted(Setup::new(), no, Scope::Session);
    let path = session.file("one");
    for _ in 0..3 {
        assert!(!session.ask(&path, AccessMode::Read).is_granted());
        assert!(!session.ask(&path, AccessMode::ReadWrite).is_granted());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(session.sink.records().len(), 6);
}

#[test]
fn a_decision_that_is_used_again_is_not_remembered_again() {
    alone("scopes::a_decision_that_is_used_again_is_not_remembered_again", || {
        let (session, asked) = counted(Setup::new(), ApprovalDecision::Granted, Scope::Session);
        let path = session.file("one");
        let client = session.client();
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let mut before = 0;
        for round in 0..300 {
            let wanted = Wanted::new(&path, AccessMode::Read);
            assert!(client.request(&wanted).unwrap().is_granted());
            if round == 0 {
                before = open();
            }
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        until("as many descriptors as before", || open() <= before);
    });
}

#[test]
fn every_process_is_asked_about_on_its_own() {
    let (session, asked) = counted(Setup::new(), ApprovalDecision::Granted, Scope::Once);
    let path = session.file("notes");
    let start = || {
        let door = session.door.try_clone().unwrap();
        program("asks", path.to_str().unwrap(), door).spawn().unwrap()
    };
    let mut processes: Vec<_> = (0..4).map(|_| start()).collect();
    let mut pids: Vec<_> = processes.iter().map(|process| process.id()).collect();
    assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let records = session.sink.records();
    let mut asking: Vec<_> = records.iter().map(|record| record.peer.pid).collect();
    pids.sort_unstable();
    asking.sort_unstable();
    assert_eq!(asking, pids);
}

#[test]
fn the_same_question_of_one_process_is_asked_once_while_it_is_open() {
    let gate = Arc::new(Barrier::new(2));
    let asked = Arc::new(AtomicUsize::new(0));
    let (wait, count) = (Arc::clone(&gate), Arc::clone(&asked));
    let session = Setup::new().decided_by(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        wait.wait();
        yes(Scope::Once)
    });
    let path = session.file("notes");
    let mut end = session.end();
    for number in 0..8 {
        end.send(&request(&number.to_string(), &path)).unwrap();
    }
    // Its answer shows that those before it were taken.
    end.send(&request("last", &session.path("missing"))).unwrap();
    assert_eq!(answer(&mut end).0, "last");
    gate.wait();
    let granted = (0..8).filter(|_| answer(&mut end).2.is_some()).count();
    assert_eq!((granted, asked.load(Ordering::SeqCst)), (8, 1));
    assert_eq!(session.sink.records().len(), 9);
}
