//! A program in another language, written from the description of the protocol alone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::task::Poll;

use nono_core::ReasonCode;
use nono_core::wire::{Message, Reply, Response};
use nono_ipc::{Door, FD_VARIABLE};
use rustix::event::{PollFd, PollFlags, poll};

#[test]
fn a_c_program_knocks_asks_and_reads_a_denial_and_a_grant_with_its_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("client");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probes/client.c");
    let source = if source.exists() { source } else { "tests/probes/client.c".into() };
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source);
    assert!(compiler.status().unwrap().success());
    let granted = directory.path().join("granted");
    std::fs::write(&granted, "content").unwrap();

    let (door, theirs) = Door::new().unwrap();
    let mut command = Command::new(&program);
    command.arg("/denied").arg(&granted).stdin(theirs).env(FD_VARIABLE, "0");
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(command);

    poll(&mut [PollFd::new(&door, PollFlags::IN)], None).unwrap();
    let Poll::Ready(Some(sender)) = door.poll_knock().unwrap() else { panic!("nobody knocked") };
    assert_eq!(sender.pid, child.id());
    let mut end = door.answer().unwrap().unwrap();
    for _ in 0..2 {
        let incoming = end.recv().unwrap().unwrap();
        assert_eq!(incoming.sender.unwrap().pid, child.id());
        let Message::Request(request) = incoming.message else { panic!("no request") };
        let id = request.request.request_id;
        if request.request.path == granted {
            let file = std::fs::File::open(&granted).unwrap();
            end.send_with_fd(&Reply::Decision(Response::granted(id)), file).unwrap();
        } else {
            let denied = Response::denied(id, ReasonCode::NeverGrant, "never");
            end.send(&Reply::Decision(denied)).unwrap();
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        concat!(
            r#"{"Decision":{"request_id":"1","decision":{"Denied":{"reason":"never"}},"#,
            r#""code":"never_grant"}}"#,
            "\n",
            r#"{"Decision":{"request_id":"2","decision":"Granted"}}"#,
            "\ncontent\n"
        )
    );
}
