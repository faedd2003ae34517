//! What framing allocates once it is under way: nothing.
#![allow(clippy::unwrap_used)]

use std::fs::File;

use nono_core::wire::{Message, OpenIntent, Reply, Request, Response};
use nono_core::{AccessMode, CapabilityRequest, ReasonCode};
use nono_ipc::{ClientEnd, Passed, SupervisorEnd};

mod sys;

use sys::allocations;

const FRAMES: usize = 1_000;

/// The allocations of one turn, once a few turns have gone before. Each turn has to have the same.
fn each(mut turn: impl FnMut()) -> usize {
    (0..10).for_each(|_| turn());
    let counts: Vec<_> = (0..FRAMES).map(|_| allocations(&mut turn)).collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    counts[0]
}

fn pair() -> (SupervisorEnd, ClientEnd) {
    SupervisorEnd::pair().unwrap()
}

fn request(reason: Option<&str>) -> Message {
    Message::Request(Request {
        request: CapabilityRequest {
            request_id: "17".into(),
            path: "/home/user/notes.txt".into(),
            access: AccessMode::ReadWrite,
            reason: reason.map(str::to_owned),
            child_pid: 7,
            session_id: "s".into(),
        },
        version: Some(1),
        open: Some(OpenIntent { create: true, mode: 0o644, ..OpenIntent::default() }),
    })
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8]))), 1);
}

#[test]
fn bodies_go_either_way_without_an_allocation_whatever_their_length() {
    let (mut supervisor, mut client) = pair();
    for length in [1, 1_024, 65_536] {
        let body = vec![b'x'; length];
        let there_and_back = || {
            client.send_body(&body).unwrap();
            assert_eq!(supervisor.recv_body().unwrap().unwrap().body.len(), length);
            supervisor.send_body(&body).unwrap();
            assert_eq!(client.recv_body().unwrap().unwrap().body.len(), length);
        };
        assert_eq!(each(there_and_back), 0, "{length}");
    }
}

#[test]
fn descriptors_travel_without_an_allocation() {
    let (mut supervisor, mut client) = pair();
    let file = File::open("/dev/null").unwrap();
    let pass = || {
        supervisor.send_body_with_fd(b"x", &file).unwrap();
        let frame = client.recv_body().unwrap().unwrap();
        assert!(matches!(frame.descriptor, Passed::Descriptor(_)));
    };
    assert_eq!(each(pass), 0);
}

#[test]
fn many_frames_of_one_receive_need_no_allocation() {
    let (mut supervisor, mut client) = pair();
    let burst = || {
        (0..64).for_each(|_| client.send_body(b"one of many").unwrap());
        (0..64).for_each(|_| assert!(supervisor.recv_body().unwrap().is_some()));
    };
    assert_eq!(each(burst), 0);
}

#[test]
fn a_message_is_sent_without_an_allocation_and_received_with_those_of_its_fields() {
    let (mut supervisor, mut client) = pair();
    // The id, the path, the session, and the reason where there is one.
    for (message, fields) in [(request(None), 3), (request(Some("why")), 4)] {
        let sent = each(|| {
            client.send(&message).unwrap();
            assert!(supervisor.recv_body().unwrap().is_some());
        });
        let received = each(|| {
            client.send(&message).unwrap();
            drop(supervisor.recv().unwrap().unwrap());
        });
        assert_eq!((sent, received), (0, fields));
    }
}

#[test]
fn a_reply_is_sent_without_an_allocation_and_received_with_those_of_its_fields() {
    let (mut supervisor, mut client) = pair();
    let file = File::open("/dev/null").unwrap();
    let granted = Reply::Decision(Response::granted("17"));
    let with_fd = each(|| {
        supervisor.send_with_fd(&granted, &file).unwrap();
        drop(client.recv().unwrap().unwrap());
    });
    let denied = Reply::Decision(Response::denied("17", ReasonCode::NeverGrant, "no"));
    let without = each(|| {
        supervisor.send(&denied).unwrap();
        drop(client.recv().unwrap().unwrap());
    });
    // The id; the id and the reason.
    assert_eq!((with_fd, without), (1, 2));
}
