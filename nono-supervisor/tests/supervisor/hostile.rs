//! Clients that keep to no rule, and others beside them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nono_core::{AccessMode, ReasonCode, Scope};
use nono_ipc::{Header, Wanted};
use nono_supervisor::AuditSync;
use serde_json::json;

use crate::common::{Setup, answer, content, park, request, until, yes};
use crate::process::{alone, program};

#[test]
fn a_repeated_id_is_refused_and_another_one_served() {
    let session = Setup::new().decided_by(|_| yes(Scope::Once));
    let path = session.file("notes");
    let mut end = session.end();
    for (id, code) in [("a", None), ("b", None), ("a", Some(ReasonCode::Replayed)), ("c", None)] {
        end.send(&request(id, &path)).unwrap();
        assert_eq!(answer(&mut end).1, code);
    }
    assert_eq!(session.sink.records().len(), 4);
}

#[test]
fn paths_that_no_client_of_ours_sends_are_typed_denials() {
    let session = Setup::new().decided_by(|_| panic!("asked"));
    let mut end = session.end();
    for (path, code) in [
        ("", ReasonCode::InvalidPath),
        ("notes", ReasonCode::NotAbsolute),
        ("./notes", ReasonCode::NotAbsolute),
        ("~/notes", ReasonCode::NotAbsolute),
    ] {
        let id = format!("the request for {path}");
        end.send(&request(&id, Path::new(path))).unwrap();
        let (answered, refused, descriptor) = answer(&mut end);
        assert_eq!((answered, refused, descriptor.is_none()), (id, Some(code), true));
    }
}

#[test]
fn a_stream_of_another_process_is_of_no_use() {
    let session = Setup::new().decided_by(|_| yes(Scope::Session));
    let path = session.file("notes");
    let stream = session.stream();
    let mut end: nono_ipc::ClientEnd =
        nono_ipc::ClientEnd::from_stream(stream.try_clone().unwrap()).unwrap();
    end.send(&request("1", &path)).unwrap();
    assert!(answer(&mut end).2.is_some());
    let borrower = program("borrows", path.to_str().unwrap(), stream).status().unwrap();
    assert!(borrower.success());
}

/// Sends more requests than fit anywhere, and reads no answer.
fn flood(session: &crate::common::Session, path: &Path) -> std::os::unix::net::UnixStream {
    let mut stream = session.stream();
    stream.set_nonblocking(true).unwrap();
    for number in 0..20_000 {
        let body = json!({"Request": {
            "request_id": number.to_string(), "path": path, "access": "Read",
            "reason": null, "child_pid": 1, "session_id": "",
        }})
        .to_string();
        let header = Header::new(body.len(), false).unwrap().to_bytes();
        let frame = [&header[..], body.as_bytes()].concat();
        // A part of a frame is as good as a whole one here.
        if stream.write_all(&frame).is_err() {
            break;
        }
        std::thread::yield_now();
    }
    stream
}

#[test]
fn a_client_that_never_reads_takes_few_descriptors_and_delays_nobody() {
    alone("hostile::a_client_that_never_reads_takes_few_descriptors_and_delays_nobody", || {
        let setup = Setup { is_immediate: true, ..Setup::new() };
        let session = setup.decided_by(|_| yes(Scope::Once));
        let path = session.file("notes");
        let other = session.client();
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        let floods: Vec<_> = (0..4).map(|_| flood(&session, &path)).collect();
        for _ in 0..20 {
            let wanted = Wanted::new(&path, AccessMode::Read);
            assert_eq!(content(other.request(&wanted).unwrap()), "notes");
        }
        assert!(open() < before + 100, "{} descriptors are open", open() - before);
        drop(floods);
        until("all is closed", || open() <= before);
    });
}

#[test]
fn a_client_that_dies_while_somebody_is_asked_leaves_no_watch_behind() {
    alone("hostile::a_client_that_dies_while_somebody_is_asked_leaves_no_watch_behind", || {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let session = Setup::new().decided_by(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            park()
        });
        let path = session.file("notes");
        let door = session.door.try_clone().unwrap();
        let before = watched();
        let mut client = program("waits", path.to_str().unwrap(), door).spawn().unwrap();
        until("it is asked", || asked.load(Ordering::SeqCst) == 1);
        assert!(watched() > before);
        client.kill().unwrap();
        client.wait().unwrap();
        // What is closed and still watched wakes the thread that receives again and again.
        until("no more is watched than before", || watched() == before);
    });
}

/// How many descriptors this process's epoll watches. Source: proc_pid_fdinfo(5).
fn watched() -> usize {
    let watches = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("tfd:")).count()
    };
    fs::read_dir("/proc/self/fdinfo").unwrap().flatten().map(watches).sum()
}

#[test]
fn a_backend_that_is_stuck_with_one_client_leaves_the_others_alone() {
    let session = Setup::new().decided_by(|prompt| {
        if prompt.request.path.ends_with("stuck") { park() } else { yes(Scope::Once) }
    });
    let [stuck, notes] = session.files(["stuck", "notes"]);
    let mut end = session.end();
    end.send(&request("1", &stuck)).unwrap();
    for _ in 0..20 {
        assert_eq!(content(session.ask(&notes, AccessMode::Read)), "notes");
    }
}

#[test]
fn look_ups_that_hang_delay_no_decision_of_others() {
    let setup = Setup { is_immediate: true, sync: AuditSync::Decisions, ..Setup::new() };
    let session = setup.decided_by(|_| yes(Scope::Once));
    let notes = session.file("notes");
    let mut end = session.end();
    for number in 0..200 {
        let path = session.path(&format!("hung/{number}"));
        end.send(&request(&number.to_string(), &path)).unwrap();
    }
    for _ in 0..5 {
        assert_eq!(content(session.ask(&notes, AccessMode::Read)), "notes");
    }
}

#[test]
fn vetting_a_file_with_many_names_delays_no_decision_of_others() {
    let setup = Setup { is_immediate: true, ..Setup::new() };
    let session = setup.decided_by(|_| yes(Scope::Once));
    let [slow, notes] = session.files(["slow", "notes"]);
    fs::hard_link(&slow, session.path("slow too")).unwrap();
    let mut end = session.end();
    end.send(&request("1", &slow)).unwrap();
    assert_eq!(content(session.ask(&notes, AccessMode::Read)), "notes");
}
