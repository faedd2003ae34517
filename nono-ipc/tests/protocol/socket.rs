//! The specified socket, and the non-blocking mode of the ends.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::Duration;

use nono_core::wire::{Message, Reply, Response};
use nono_core::{
    AccessMode, ApprovalDecision, CapabilityRequest, SupervisorMessage, SupervisorResponse,
};
use nono_ipc::{ClientEnd, FrameError, IpcError, Passed, SupervisorEnd, SupervisorSocket};

fn request(id: &str) -> CapabilityRequest {
    CapabilityRequest {
        request_id: id.into(),
        path: "/some/path".into(),
        access: AccessMode::ReadWrite,
        reason: Some("because".into()),
        child_pid: 1,
        session_id: "s".into(),
    }
}

fn decision(id: &str, decision: ApprovalDecision) -> SupervisorResponse {
    SupervisorResponse::Decision { request_id: id.into(), decision }
}

fn inode(file: &File) -> u64 {
    file.metadata().unwrap().ino()
}

#[test]
fn messages_and_responses_cross_and_a_descriptor_waits_for_recv_fd() {
    let (mut supervisor, mut child) = SupervisorSocket::pair().unwrap();
    let message = SupervisorMessage::Request(request("1"));
    child.send_message(&message).unwrap();
    assert_eq!(supervisor.recv_message().unwrap(), message);

    let file = tempfile::tempfile().unwrap();
    let granted = decision("1", ApprovalDecision::Granted);
    supervisor.send_response_with_fd(&granted, &file).unwrap();
    supervisor.send_response(&decision("2", ApprovalDecision::Timeout)).unwrap();
    assert_eq!(child.recv_response().unwrap(), granted);
    assert_eq!(inode(&File::from(child.recv_fd().unwrap())), inode(&file));
    let (timeout, descriptor) = child.recv_response_with_fd().unwrap();
    assert_eq!(timeout, decision("2", ApprovalDecision::Timeout));
    assert!(descriptor.is_none());
}

#[test]
fn a_descriptor_alone_crosses_on_an_empty_frame_and_is_closed_on_exec() {
    let (mut one, mut other) = SupervisorSocket::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    one.send_fd(file.as_raw_fd()).unwrap();
    let received = other.recv_fd().unwrap();
    assert!(rustix::io::fcntl_getfd(&received).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    assert_eq!(inode(&received.into()), inode(&file));
    assert!(matches!(one.send_fd(-1), Err(IpcError::System { .. })));
    assert!(matches!(one.send_fd(1 << 20), Err(IpcError::System { .. })));
}

#[test]
fn a_response_where_a_descriptor_should_come_is_an_error() {
    let (mut supervisor, mut child) = SupervisorSocket::pair().unwrap();
    supervisor.send_response(&decision("1", ApprovalDecision::Granted)).unwrap();
    assert!(matches!(child.recv_fd(), Err(IpcError::NoDescriptor)));
}

#[test]
fn the_read_timeout_ends_a_wait_and_not_the_connection() {
    let (mut supervisor, mut child) = SupervisorSocket::pair().unwrap();
    supervisor.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(matches!(supervisor.recv_message(), Err(IpcError::TimedOut)));
    let message = SupervisorMessage::Request(request("1"));
    child.send_message(&message).unwrap();
    assert_eq!(supervisor.recv_message().unwrap(), message);
}

#[test]
fn the_end_of_the_peer_is_a_typed_error_and_no_signal() {
    let (mut supervisor, child) = SupervisorSocket::pair().unwrap();
    drop(child);
    assert!(matches!(supervisor.recv_message(), Err(IpcError::Closed)));
    let response = decision("1", ApprovalDecision::Granted);
    assert!(matches!(supervisor.send_response(&response), Err(IpcError::Closed)));
}

#[test]
fn every_message_names_its_sender() {
    let (mut supervisor, mut child): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    child.send(&Message::from(SupervisorMessage::Request(request("1")))).unwrap();
    let sender = supervisor.recv().unwrap().unwrap().sender.unwrap();
    assert_eq!(sender.pid, std::process::id());
    assert_eq!(sender.uid, rustix::process::getuid().as_raw());
}

#[test]
fn polling_never_waits_and_sees_the_end() {
    let (mut supervisor, mut child): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    assert_eq!(supervisor.poll_recv().unwrap(), Poll::Pending);
    assert_eq!(supervisor.due(), None);
    let message = Message::from(SupervisorMessage::Request(request("1")));
    child.send(&message).unwrap();
    child.send(&message).unwrap();
    for _ in 0..2 {
        let Poll::Ready(Some(incoming)) = supervisor.poll_recv().unwrap() else {
            panic!("no message")
        };
        assert_eq!(incoming.message, message);
    }
    assert_eq!(supervisor.poll_recv().unwrap(), Poll::Pending);
    drop(child);
    assert_eq!(supervisor.poll_recv().unwrap(), Poll::Ready(None));
}

#[test]
fn a_polled_frame_that_stays_incomplete_is_an_error_at_its_deadline() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut supervisor: SupervisorEnd<Message, Reply> = SupervisorEnd::from_stream(ours).unwrap();
    supervisor.set_frame_deadline(Duration::ZERO);
    theirs.write_all(&[0, 0, 0, 9, b'{']).unwrap();
    let slow = supervisor.poll_recv().unwrap_err();
    assert!(matches!(slow, IpcError::Frame(FrameError::Slow(Duration::ZERO))), "{slow}");
}

#[test]
fn replies_that_wait_arrive_in_order_with_their_descriptors() {
    let (mut supervisor, mut child): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    let long = "x".repeat(60_000);
    let mut sent = 0;
    loop {
        sent += 1;
        let reply = Reply::Decision(Response::denied(
            sent.to_string(),
            nono_core::ReasonCode::Policy,
            &long,
        ));
        if !supervisor.queue(&reply, None).unwrap() {
            break;
        }
    }
    let file = tempfile::tempfile().unwrap();
    let granted = Reply::Decision(Response::granted("last"));
    assert!(!supervisor.queue(&granted, Some(file.try_clone().unwrap().into())).unwrap());
    assert!(supervisor.due().is_some());
    for number in 1..=sent {
        supervisor.flush().unwrap();
        let Reply::Decision(response) = child.recv().unwrap().unwrap().reply;
        assert_eq!(response.request_id, number.to_string());
    }
    assert!(supervisor.flush().unwrap());
    let last = child.recv().unwrap().unwrap();
    assert_eq!(last.reply, granted);
    let Passed::Descriptor(descriptor) = last.descriptor else { panic!("no descriptor") };
    assert_eq!(inode(&descriptor.into()), inode(&file));
}

#[test]
fn a_reply_that_is_sent_comes_behind_those_that_wait() {
    let (mut supervisor, mut child): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    let denied = |id: u32| {
        let long = "x".repeat(60_000);
        Reply::Decision(Response::denied(id.to_string(), nono_core::ReasonCode::Policy, long))
    };
    let waiting = (0..).find(|id| !supervisor.queue(&denied(*id), None).unwrap()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| supervisor.send(&denied(waiting + 1)).unwrap());
        for id in 0..=waiting + 1 {
            assert_eq!(child.recv().unwrap().unwrap().reply, denied(id));
        }
    });
}

#[test]
fn a_limit_that_is_never_reached_is_no_limit() {
    let (mut supervisor, mut child): (SupervisorEnd, ClientEnd) = SupervisorEnd::pair().unwrap();
    supervisor.set_frame_deadline(Duration::MAX);
    child.set_frame_deadline(Duration::MAX);
    child.set_read_timeout(Some(Duration::MAX)).unwrap();
    let long =
        Reply::Decision(Response::denied("1", nono_core::ReasonCode::Policy, "x".repeat(60_000)));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..10).for_each(|_| supervisor.send(&long).unwrap()));
        (0..10).for_each(|_| assert_eq!(child.recv().unwrap().unwrap().reply, long));
    });
}

#[test]
fn a_socket_of_both_directions_reads_from_a_stream_on_which_senders_are_named() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let named: SupervisorEnd = SupervisorEnd::from_stream(ours.try_clone().unwrap()).unwrap();
    let mut socket = SupervisorSocket::from_stream(ours).unwrap();
    let mut child: SupervisorSocket = SupervisorSocket::from_stream(theirs).unwrap();
    let request = nono_core::SupervisorMessage::Request(nono_core::CapabilityRequest {
        request_id: "1".into(),
        path: "/a".into(),
        access: nono_core::AccessMode::Read,
        reason: None,
        child_pid: 1,
        session_id: "s".into(),
    });
    child.send_message(&request).unwrap();
    assert_eq!(socket.recv_message().unwrap(), request);
    drop(named);
}
