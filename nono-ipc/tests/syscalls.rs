//! What a round trip costs in system calls, as strace sees it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nono_core::wire::{Message, Reply, Request, Response};
use nono_core::{AccessMode, CapabilityRequest};
use nono_ipc::{ClientEnd, SupervisorEnd};

/// What the test's own program is to be when strace runs it; its end of the connection is stdin.
const ROLE: &str = "NONO_IPC_TEST_ROLE";
const WARM_UP: usize = 10;
const TURNS: usize = 1_000;
/// A call that nothing else makes, before and behind what is counted.
const MARK: &str = "getppid";

#[test]
fn a_round_trip_is_four_system_calls() {
    if let Ok(role) = std::env::var(ROLE) {
        return play(&role);
    }
    if !strace_is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let logs = ["client", "supervisor"].map(|role| dir.path().join(role));
    let (near, far) = UnixStream::pair().unwrap();
    let client = trace("client", near, &logs[0]);
    let supervisor = trace("supervisor", far, &logs[1]);
    let outputs = [client, supervisor].map(|child| child.wait_with_output().unwrap());
    if !ptrace_works(&outputs) {
        return;
    }
    let once_a_turn = BTreeMap::from([("recvmsg".to_owned(), TURNS), ("sendto".to_owned(), TURNS)]);
    for log in logs {
        assert_eq!(calls(&std::fs::read_to_string(&log).unwrap()), once_a_turn, "{log:?}");
    }
}

/// Whether strace is installed. Without it the test says so and has nothing to show, unless
/// `NONO_REQUIRE_PROGRAMS` is set: then it fails.
fn strace_is_there() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    found || not_tested("strace is not installed")
}

/// Whether strace may trace here; some containers forbid it.
fn ptrace_works(outputs: &[Output]) -> bool {
    outputs.iter().all(|output| {
        let text = String::from_utf8_lossy(&output.stderr);
        let forbidden = text.contains("PTRACE") || text.contains("ptrace(");
        assert!(output.status.success() || forbidden, "{text}");
        output.status.success() || not_tested("ptrace is forbidden here")
    })
}

fn not_tested(why: &str) -> bool {
    let required = std::env::var_os("NONO_REQUIRE_PROGRAMS").is_some();
    assert!(!required, "{why}, and NONO_REQUIRE_PROGRAMS is set");
    eprintln!("not tested: {why}");
    false
}

fn trace(role: &str, end: UnixStream, log: &Path) -> Child {
    Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_round_trip_is_four_system_calls", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::from(OwnedFd::from(end)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The calls between the marks, by name, on the thread that made the marks.
fn calls(log: &str) -> BTreeMap<String, usize> {
    let entries: Vec<_> = log.lines().filter_map(entry).collect();
    let marks: Vec<_> = (0..entries.len()).filter(|at| entries[*at].1 == MARK).collect();
    let [first, last] = marks[..] else { panic!("{} marks", marks.len()) };
    let mut counts = BTreeMap::new();
    for (thread, call) in &entries[first + 1..last] {
        if *thread == entries[first].0 {
            *counts.entry((*call).to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Thread and call of a line such as `17 sendto(3, …) = 4`. The second half of a call that another
/// thread interrupted is no call.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, _) = rest.trim_start().split_once('(')?;
    (!call.contains(' ')).then_some((thread, call))
}

fn play(role: &str) {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    match role {
        "client" => {
            let mut end: ClientEnd = ClientEnd::from_stream(stream).unwrap();
            let message = request();
            turns(|| {
                end.send(&message).unwrap();
                drop(end.recv().unwrap().unwrap());
            });
        }
        _ => {
            let mut end: SupervisorEnd = SupervisorEnd::from_stream(stream).unwrap();
            turns(|| {
                let Message::Request(asked) = end.recv().unwrap().unwrap().message else {
                    panic!("no request");
                };
                let response = Response::granted(asked.request.request_id);
                end.send(&Reply::Decision(response)).unwrap();
            });
        }
    }
}

fn turns(mut turn: impl FnMut()) {
    (0..WARM_UP).for_each(|_| turn());
    let _ = rustix::process::getppid();
    (0..TURNS).for_each(|_| turn());
    let _ = rustix::process::getppid();
}

fn request() -> Message {
    let request = CapabilityRequest {
        request_id: "17".into(),
        path: "/home/user/notes.txt".into(),
        access: AccessMode::Read,
        reason: Some("to show them".into()),
        child_pid: std::process::id(),
        session_id: "s".into(),
    };
    Message::Request(Request { request, version: Some(1), open: None })
}
