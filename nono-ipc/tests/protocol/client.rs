//! Programs that ask: after exec, from grandchildren, from many threads, with descriptors closed.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use nono_core::wire::{Message, OpenIntent, Reply, Request, Response};
use nono_core::{AccessMode, ReasonCode};
use nono_ipc::{
    Client, ClientEnd, Door, FD_VARIABLE, IpcError, Listener, Outcome, PATH_VARIABLE,
    SupervisorEnd, TOKEN_VARIABLE, Wanted,
};
use rustix::event::{PollFd, PollFlags, poll};

const ROLE: &str = "NONO_IPC_TEST_ROLE";
const LONG: Duration = Duration::from_secs(60);

/// This test binary, to run one function of itself in another process.
fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "client::as_another_process", "--nocapture"]).env(ROLE, role);
    command
}

/// What the other processes do; nothing when it runs as a test.
#[test]
fn as_another_process() {
    match std::env::var(ROLE).as_deref() {
        Ok("asks") => asks(&Client::from_env().unwrap(), "/granted/one"),
        Ok("threads") => ask_in_threads(),
        Ok("grandparent") => assert!(program("asks").status().unwrap().success()),
        Ok("forks") => fork_refuses(),
        Ok("waits") => wait_in_vain(),
        _ => {}
    }
}

fn asks(client: &Client, path: &str) {
    let wanted = Wanted::new(path, AccessMode::Read).because("a test");
    let Outcome::Granted(mut file) = client.request(&wanted).unwrap() else {
        panic!("not granted")
    };
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(content, path);
    let denied = client.request(&Wanted::new("/denied", AccessMode::Write)).unwrap();
    assert!(matches!(denied, Outcome::Denied { code: Some(ReasonCode::Policy), .. }), "{denied:?}");
}

fn ask_in_threads() {
    let client = Client::from_env().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for number in 0..200 {
                    asks(client, &format!("/granted/{thread}/{number}"));
                }
            });
        }
    });
}

fn fork_refuses() {
    let client = Client::from_env().unwrap();
    asks(&client, "/granted/before");
    // Asking from the wrong process is what a fork does; a process id is all that tells them apart.
    let child = program("asks").spawn().unwrap().wait().unwrap();
    assert!(child.success());
}

/// Prints a line, and ends when the timeout does.
fn wait_in_vain() {
    let (_supervisor, mut end): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    end.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    println!("waiting");
    assert!(matches!(end.recv(), Err(IpcError::TimedOut)));
}

/// A stop and its end interrupt a receive that has a timeout. Source: signal(7).
#[test]
fn signals_do_not_put_a_timeout_off_for_ever() {
    let mut waiting = program("waits").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&waiting);
    let ended = (0..100).any(|_| {
        for signal in [rustix::process::Signal::STOP, rustix::process::Signal::CONT] {
            // A stop that ends before it is noticed interrupts nothing.
            std::thread::sleep(Duration::from_millis(50));
            rustix::process::kill_process(pid, signal).unwrap();
        }
        waiting.try_wait().unwrap().is_some_and(|status| status.success())
    });
    let _ = waiting.kill();
    waiting.wait().unwrap();
    assert!(ended);
}

/// Grants what lies below /granted: a file that holds the path it was asked for.
fn reply(request: &Request) -> (Reply, Option<File>) {
    let id = request.request.request_id.clone();
    if !request.request.path.starts_with("/granted") {
        return (Reply::Decision(Response::denied(id, ReasonCode::Policy, "no")), None);
    }
    let mut file = tempfile::tempfile().unwrap();
    write!(file, "{}", request.request.path.display()).unwrap();
    file.rewind().unwrap();
    (Reply::Decision(Response::granted(id)), Some(file))
}

fn serve(mut end: SupervisorEnd) {
    while let Some(incoming) = end.recv().unwrap() {
        assert!(incoming.sender.is_some_and(|sender| sender.pid > 0));
        let Message::Request(request) = incoming.message else { continue };
        match reply(&request) {
            (reply, Some(file)) => end.send_with_fd(&reply, file).unwrap(),
            (reply, None) => end.send(&reply).unwrap(),
        }
    }
}

/// Opens the door until every process that could knock is gone; how many knocked.
fn attend(door: &Door) -> usize {
    let mut knocks = 0;
    std::thread::scope(|scope| {
        loop {
            poll(&mut [PollFd::new(door, PollFlags::IN)], None).unwrap();
            match door.poll_knock().unwrap() {
                Poll::Pending => {}
                Poll::Ready(None) => return knocks,
                Poll::Ready(Some(_)) => {
                    knocks += 1;
                    let end = door.answer().unwrap().unwrap();
                    scope.spawn(move || serve(end));
                }
            }
        }
    })
}

/// Runs a program that inherits the end of a door, as its standard input.
fn run_behind_door(mut command: Command, theirs: OwnedFd) {
    let status = command.stdin(theirs).env(FD_VARIABLE, "0").status().unwrap();
    assert!(status.success(), "{status}");
}

fn knocks_of(role: &str) -> usize {
    let (door, theirs) = Door::new().unwrap();
    std::thread::scope(|scope| {
        let knocks = scope.spawn(|| attend(&door));
        run_behind_door(program(role), theirs);
        knocks.join().unwrap()
    })
}

#[test]
fn a_program_asks_through_the_door_that_it_inherited_over_exec() {
    assert_eq!(knocks_of("asks"), 1);
}

#[test]
fn a_grandchild_asks_over_a_connection_of_its_own() {
    assert_eq!(knocks_of("grandparent"), 1);
    assert_eq!(knocks_of("forks"), 2);
}

#[test]
fn many_threads_ask_over_one_connection_and_each_gets_its_own_answer() {
    assert_eq!(knocks_of("threads"), 1);
}

#[test]
fn a_program_that_was_started_with_descriptors_closed_asks_by_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    let asked = program("asks");
    let mut python = Command::new("python3");
    // What it gives the program as standard input is not the door either.
    let run =
        "import subprocess as s,sys; sys.exit(s.run(sys.argv[1:], stdin=s.DEVNULL).returncode)";
    python.arg("-c").arg(run);
    python.arg(asked.get_program()).args(asked.get_args());
    python.env(ROLE, "asks").env(PATH_VARIABLE, &path).env(TOKEN_VARIABLE, "secret");
    let (_door, theirs) = Door::new().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept(LONG).unwrap();
            let mut end: SupervisorEnd = SupervisorEnd::from_stream(stream).unwrap();
            let hello = end.recv().unwrap().unwrap().message;
            assert!(matches!(hello, Message::Hello(hello) if hello.token == "secret"));
            serve(end);
        });
        run_behind_door(python, theirs);
    });
}

#[test]
fn a_program_whose_door_is_shut_asks_by_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    let mut asks = program("asks");
    asks.env(PATH_VARIABLE, &path).env(TOKEN_VARIABLE, "secret");
    let (door, theirs) = Door::new().unwrap();
    rustix::net::shutdown(&theirs, rustix::net::Shutdown::Both).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let Ok((stream, _)) = listener.accept(Duration::from_secs(20)) else { return };
            serve(SupervisorEnd::from_stream(stream).unwrap());
        });
        run_behind_door(asks, theirs);
    });
    drop(door);
}

fn connected() -> (Client, SupervisorEnd) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Client::on(theirs, "s".into()).unwrap(), SupervisorEnd::from_stream(ours).unwrap())
}

/// One answer to one request; what was asked for.
fn answer_one(mut end: SupervisorEnd, answer: impl FnOnce(String) -> Response) -> Request {
    let Message::Request(request) = end.recv().unwrap().unwrap().message else {
        panic!("no request")
    };
    let reply = Reply::Decision(answer(request.request.request_id.clone()));
    end.send(&reply).unwrap();
    request
}

#[test]
fn a_relative_path_is_made_absolute_and_what_is_to_be_created_follows_the_umask() {
    let (client, end) = connected();
    let request = std::thread::scope(|scope| {
        let answered =
            scope.spawn(|| answer_one(end, |id| Response::denied(id, ReasonCode::User, "no")));
        let intent = OpenIntent { create: true, mode: 0o777, ..OpenIntent::default() };
        let wanted = Wanted::new("sub/../file", AccessMode::Write).with_intent(intent);
        let outcome = client.request(&wanted).unwrap();
        assert!(matches!(outcome, Outcome::Denied { code: Some(ReasonCode::User), .. }));
        answered.join().unwrap()
    });
    assert_eq!(request.request.path, std::env::current_dir().unwrap().join("sub/../file"));
    assert_eq!(request.request.child_pid, std::process::id());
    assert_eq!(request.request.session_id, "s");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:\t")).unwrap();
    let umask = u32::from_str_radix(umask, 8).unwrap();
    assert_eq!(request.open.unwrap().mode, 0o777 & !umask);
}

#[test]
fn what_the_program_may_open_itself_is_not_asked_for() {
    let (client, end) = connected();
    let file = tempfile::NamedTempFile::new().unwrap();
    let Outcome::Granted(opened) =
        client.open(&Wanted::new(file.path(), AccessMode::Read)).unwrap()
    else {
        panic!("not opened")
    };
    assert_eq!(opened.metadata().unwrap().ino(), file.as_file().metadata().unwrap().ino());
    let missing = client.open(&Wanted::new("/no/such/file", AccessMode::Read)).unwrap_err();
    assert!(
        matches!(&missing, IpcError::System { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound),
        "{missing}"
    );
    let mut polled = [PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN)];
    assert_eq!(poll(&mut polled, Some(&Default::default())).unwrap(), 0, "nobody asked");
}

#[test]
fn a_grant_without_a_descriptor_is_an_error() {
    let (client, end) = connected();
    std::thread::scope(|scope| {
        scope.spawn(|| answer_one(end, Response::granted));
        let outcome = client.request(&Wanted::new("/a", AccessMode::Read));
        assert!(matches!(outcome, Err(IpcError::NoDescriptor)), "{outcome:?}");
    });
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_the_next_ones() {
    let (client, mut end) = connected();
    client.set_timeout(Some(Duration::from_millis(50)));
    let late = client.request(&Wanted::new("/late", AccessMode::Read));
    assert!(matches!(late, Err(IpcError::TimedOut)), "{late:?}");
    client.set_timeout(None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                let Message::Request(request) = end.recv().unwrap().unwrap().message else {
                    panic!("no request")
                };
                let id = request.request.request_id;
                let why = request.request.path.display().to_string();
                let denied = Response::denied(id, ReasonCode::Policy, why);
                end.send(&Reply::Decision(denied)).unwrap();
            }
        });
        let outcome = client.request(&Wanted::new("/next", AccessMode::Read)).unwrap();
        assert!(matches!(outcome, Outcome::Denied { reason, .. } if reason == "/next"));
    });
}

#[test]
fn every_thread_that_waits_learns_that_the_supervisor_is_gone() {
    let (client, mut end) = connected();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let outcome = client.request(&Wanted::new("/a", AccessMode::Read));
                assert!(matches!(outcome, Err(IpcError::Closed)), "{outcome:?}");
            });
        }
        for _ in 0..4 {
            end.recv().unwrap().unwrap();
        }
        drop(end);
    });
    let after = client.request(&Wanted::new(Path::new("/b"), AccessMode::Read));
    assert!(matches!(after, Err(IpcError::Closed)), "{after:?}");
}

#[test]
fn a_timeout_that_is_never_reached_is_none() {
    let (client, end) = connected();
    client.set_timeout(Some(Duration::MAX));
    std::thread::scope(|scope| {
        scope.spawn(|| answer_one(end, |id| Response::denied(id, ReasonCode::User, "no")));
        let outcome = client.request(&Wanted::new("/a", AccessMode::Read)).unwrap();
        assert!(matches!(outcome, Outcome::Denied { .. }));
    });
}
