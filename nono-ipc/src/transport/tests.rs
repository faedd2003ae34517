//! Clients that keep others from being served, or the serving thread from resting.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Mutex;

use nono_core::pipeline::Submission;
use nono_core::wire::{Message, Response};
use nono_core::{AccessMode, CapabilityRequest, ReasonCode};
use rustix::net::{SendFlags, send};

use super::*;
use crate::{ClientEnd, Header};

/// Keeps what it is asked, and answers nothing.
#[derive(Default)]
struct Keeps(Mutex<Vec<Submission>>);

impl Desk for Keeps {
    fn submit(&self, submission: Submission) {
        self.0.lock().unwrap().push(submission);
    }
}

impl Keeps {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn request(id: usize) -> Message {
    Message::Request(
        CapabilityRequest {
            request_id: id.to_string(),
            path: "/a".into(),
            access: AccessMode::Read,
            reason: None,
            child_pid: 1,
            session_id: String::new(),
        }
        .into(),
    )
}

/// A transport with one client that has sent so many requests.
fn client_that_sent(requests: usize) -> (SocketTransport, ClientEnd) {
    let mut transport = SocketTransport::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    transport.add(ours, None);
    let mut client = ClientEnd::from_stream(theirs).unwrap();
    for id in 0..requests {
        client.send(&request(id)).unwrap();
    }
    (transport, client)
}

fn round(transport: &mut SocketTransport, desk: &Keeps) {
    assert!(transport.round(&mut Vec::with_capacity(8), desk).unwrap());
}

/// How many descriptors the transport waits for. Source: proc_pid_fdinfo(5).
fn watched(transport: &SocketTransport) -> usize {
    let path = format!("/proc/self/fdinfo/{}", transport.shared.epoll.as_raw_fd());
    std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("tfd:")).count()
}

#[test]
fn a_client_that_left_before_its_answer_is_not_waited_for_any_more() {
    let (mut transport, client) = client_that_sent(1);
    let before = watched(&transport);
    drop(client);
    let desk = Keeps::default();
    round(&mut transport, &desk);
    assert_eq!((desk.count(), transport.connections.len()), (1, 0));
    assert_eq!(watched(&transport), before - 1, "the answer that is due keeps its stream open");
}

#[test]
fn a_client_that_breaks_the_grammar_is_cut_off_while_an_answer_is_due() {
    let (mut transport, client) = client_that_sent(1);
    let mut stream = client.into_stream();
    stream.write_all(&[0; Header::SIZE]).unwrap();
    let desk = Keeps::default();
    round(&mut transport, &desk);
    assert_eq!(desk.count(), 1);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_client_that_only_stopped_sending_gets_the_answer_that_is_due() {
    let (mut transport, mut client) = client_that_sent(1);
    rustix::net::shutdown(&client, rustix::net::Shutdown::Write).unwrap();
    let desk = Keeps::default();
    round(&mut transport, &desk);
    let submission = desk.0.lock().unwrap().pop().unwrap();
    submission.responder.respond(Response::denied("0", ReasonCode::User, "no"), None).unwrap();
    assert!(client.recv().unwrap().is_some());
    assert!(client.recv().unwrap().is_none());
}

#[test]
fn a_client_that_is_busy_and_readable_has_one_turn_a_round() {
    let (mut transport, mut client) = client_that_sent(250);
    let desk = Keeps::default();
    for number in 1..=3 {
        round(&mut transport, &desk);
        assert_eq!(desk.count(), number * 64);
        // More is readable beside what was read ahead.
        client.send(&request(1000 + number)).unwrap();
    }
}

#[test]
fn answers_that_a_client_does_not_read_have_a_deadline() {
    let (mut transport, _client) = client_that_sent(6);
    let desk = Keeps::default();
    round(&mut transport, &desk);
    assert!(transport.unfinished.is_empty());
    for submission in desk.0.lock().unwrap().drain(..) {
        let reason = "x".repeat(60_000);
        let id = submission.request.request.request_id;
        let _ = submission.responder.respond(Response::denied(id, ReasonCode::User, reason), None);
    }
    round(&mut transport, &desk);
    assert_eq!(transport.unfinished.len(), 1);
}

#[test]
fn a_flood_of_knocks_is_answered_a_turn_at_a_time() {
    let (door, theirs) = Door::new().unwrap();
    let mut transport = SocketTransport::new().unwrap().with_door(door).unwrap();
    for _ in 0..TURN + 10 {
        send(&theirs, &[], SendFlags::DONTWAIT).unwrap();
    }
    round(&mut transport, &Keeps::default());
    assert_eq!(transport.connections.len(), TURN);
    round(&mut transport, &Keeps::default());
    assert_eq!(transport.connections.len(), TURN + 10);
}

#[test]
fn a_flood_of_messages_that_are_no_knocks_does_not_hold_the_door_up() {
    let (door, theirs) = Door::new().unwrap();
    for _ in 0..100 {
        send(&theirs, b"?", SendFlags::DONTWAIT).unwrap();
    }
    send(&theirs, &[], SendFlags::DONTWAIT).unwrap();
    assert!(door.poll_knock().unwrap().is_pending(), "it goes on when it is readable next");
    assert!(matches!(door.poll_knock().unwrap(), Poll::Ready(Some(_))));
}

#[test]
fn a_client_that_was_there_before_it_was_accepted_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    let stream = crate::listener::connect(&path).unwrap();
    let mut client: ClientEnd = ClientEnd::from_stream(stream).unwrap();
    let hello = nono_core::wire::Hello { version: 1, token: "secret".into() };
    client.send(&Message::Hello(hello)).unwrap();
    let transport = SocketTransport::new().unwrap();
    let mut transport = transport.with_listener(listener, "secret".into()).unwrap();
    let desk = Keeps::default();
    round(&mut transport, &desk);
    client.send(&request(1)).unwrap();
    round(&mut transport, &desk);
    let submissions = desk.0.lock().unwrap();
    assert_eq!((submissions.len(), &submissions[0].fault), (1, &None));
    assert_eq!(submissions[0].peer.pid, std::process::id());
}

#[test]
fn no_descriptor_is_taken_from_a_client_that_is_not_accepted_yet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    let client = crate::listener::connect(&path).unwrap();
    let (door, theirs) = Door::new().unwrap();
    let can_refuse = send_descriptor(&theirs) == Err(Errno::PERM);
    assert_eq!(send_descriptor(&client) == Err(Errno::PERM), can_refuse);
    drop((door, listener));
}

fn send_descriptor(socket: impl AsFd) -> std::result::Result<usize, Errno> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};
    let descriptors = [socket.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&socket, &[io::IoSlice::new(b"x")], &mut control, SendFlags::empty())
}

#[test]
fn whoever_connects_by_path_has_to_say_the_secret_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    let transport = SocketTransport::new().unwrap();
    let mut transport = transport.with_listener(listener, "secret".into()).unwrap();
    let _silent = crate::listener::connect(&path).unwrap();
    round(&mut transport, &Keeps::default());
    assert_eq!(transport.unfinished.len(), 1);
    for connection in transport.connections.values_mut() {
        connection.make_late();
    }
    transport.sweep(&Keeps::default()).unwrap();
    assert_eq!((transport.connections.len(), transport.unfinished.len()), (0, 0));
}
