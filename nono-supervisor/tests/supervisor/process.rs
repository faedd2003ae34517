//! This test binary again, in processes of their own.

use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use nono_core::{AccessMode, ReasonCode};
use nono_ipc::{Client, ClientEnd, Wanted};

use crate::common::{PATIENCE, answer, content, request};

const ROLE: &str = "NONO_SUPERVISOR_TEST_ROLE";
const WORK: &str = "NONO_SUPERVISOR_TEST_WORK";
const ALONE: &str = "NONO_SUPERVISOR_TEST_ALONE";

/// A process that plays a role with its standard input, a door or a stream.
pub(crate) fn program(role: &str, work: &str, input: impl Into<OwnedFd>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::as_another_process", "--nocapture"]);
    command.env(ROLE, role).env(WORK, work).env_remove(ALONE).stdin(input.into());
    command
}

/// What the other processes do; nothing when it runs as a test.
#[test]
fn as_another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let work = std::env::var(WORK).unwrap_or_default();
    match &*role {
        "asks" => asks(&work),
        "borrows" => borrows(&work),
        "waits" => {
            let _ = client().request(&Wanted::new(&*work, AccessMode::Read));
        }
        "supervises" => crate::killed::supervises(&work),
        "reports" => crate::killed::reports(&work),
        "soaks" => crate::soak::soaks(&work),
        _ => panic!("no such role"),
    }
}

pub(crate) fn client() -> Client {
    let client = Client::through(stdin().as_fd(), String::new()).unwrap();
    client.set_timeout(Some(PATIENCE));
    client
}

/// Asks for one file and reads it.
fn asks(path: &str) {
    let outcome = client().request(&Wanted::new(path, AccessMode::Read)).unwrap();
    assert!(path.ends_with(&content(outcome)));
}

/// Asks over a stream that belongs to another process.
fn borrows(path: &str) {
    let stream = stdin().as_fd().try_clone_to_owned().unwrap();
    let mut end: ClientEnd = ClientEnd::from_stream(stream.into()).unwrap();
    end.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    end.send(&request("borrowed", path.as_ref())).unwrap();
    assert_eq!(answer(&mut end).1, Some(ReasonCode::Unverified));
}

/// Runs a test in a process of its own, where nobody else opens descriptors or takes memory.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var(ALONE).is_ok_and(|alone| alone == name) {
        return test();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let status = command.args(["--exact", name, "--nocapture"]).env(ALONE, name).status().unwrap();
    assert!(status.success(), "{name}: {status}");
}
