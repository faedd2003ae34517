//! Peers that break the protocol: each way its own error, nothing leaked, nobody else harmed.
//!
//! One test at a time, since open descriptors are counted.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nono_core::ReasonCode;
use nono_core::wire::{Message, Reply, Response};
use nono_ipc::{
    BODY_MAX, ClientEnd, FrameError, Header, IpcError, Passed, SupervisorEnd, SupervisorSocket,
};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const DEADLINE: Duration = Duration::from_millis(100);

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Holds the other tests off, and at its end sees that no descriptor is left.
struct Alone {
    before: usize,
    begun: Instant,
    _guard: MutexGuard<'static, ()>,
}

impl Alone {
    fn new() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { before: open_descriptors(), begun: Instant::now(), _guard: guard }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(open_descriptors(), self.before, "descriptors leaked");
            // A guard against hanging, far above what any of them takes.
            assert!(self.begun.elapsed() < Duration::from_secs(30));
        }
    }
}

fn send(stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(descriptors.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    let sent = sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    assert_eq!(sent, bytes.len());
    Ok(())
}

fn frame(body: &[u8], marked: bool) -> Vec<u8> {
    [&Header::new(body.len(), marked).unwrap().to_bytes()[..], body].concat()
}

fn granted(id: &str) -> Vec<u8> {
    serde_json::to_vec(&Reply::Decision(Response::granted(id))).unwrap()
}

/// A child's end, and the raw stream of whoever lies to it.
fn child() -> (ClientEnd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut end = ClientEnd::from_stream(ours).unwrap();
    end.set_frame_deadline(DEADLINE);
    (end, theirs)
}

/// A supervisor's end, and the raw stream of a hostile child.
fn supervisor() -> (SupervisorEnd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut end = SupervisorEnd::from_stream(ours).unwrap();
    end.set_frame_deadline(DEADLINE);
    (end, theirs)
}

#[track_caller]
fn assert_over(end: &mut ClientEnd, expected: FrameError) {
    for _ in 0..2 {
        let error = end.recv().unwrap_err();
        assert!(error.is_peer_fault());
        assert!(matches!(error, IpcError::Frame(found) if found == expected), "{error}");
    }
}

#[test]
fn more_descriptors_than_one_end_the_connection_and_all_are_closed() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    for count in [2, 253] {
        let (mut end, liar) = child();
        let descriptors = vec![file.as_fd(); count];
        send(&liar, &frame(&granted("1"), true), &descriptors).unwrap();
        let IpcError::Frame(FrameError::ExtraDescriptors { count: 2 }) = end.recv().unwrap_err()
        else {
            panic!("of {count}")
        };
        assert_over(&mut end, FrameError::ExtraDescriptors { count: 2 });
    }
}

#[test]
fn a_descriptor_and_a_mark_without_each_other_end_the_connection() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    let (mut end, liar) = child();
    send(&liar, &frame(&granted("1"), false), &[file.as_fd()]).unwrap();
    assert_over(&mut end, FrameError::DescriptorWithoutMark);

    let (mut end, liar) = child();
    send(&liar, &frame(&granted("1"), true), &[]).unwrap();
    assert_over(&mut end, FrameError::MarkWithoutDescriptor);

    let (mut end, liar) = child();
    let bytes = frame(&granted("1"), true);
    send(&liar, &bytes[..4], &[file.as_fd()]).unwrap();
    send(&liar, &bytes[4..], &[file.as_fd()]).unwrap();
    assert_over(&mut end, FrameError::DescriptorOutsideFrame);
}

#[test]
fn a_descriptor_that_nobody_reads_is_closed_with_the_end() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    let (mut end, liar) = child();
    send(&liar, &frame(&granted("1"), true)[..9], &[file.as_fd()]).unwrap();
    drop(liar);
    assert_over(&mut end, FrameError::EndInsideFrame { received: 9 });
}

#[test]
fn a_child_cannot_send_descriptors_to_its_supervisor() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    for count in [1, 253] {
        let (mut end, child) = supervisor();
        let descriptors = vec![file.as_fd(); count];
        // Kernels since 6.16 refuse already that.
        if send(&child, &frame(b"{}", true), &descriptors) != Err(Errno::PERM) {
            let refused = end.recv().unwrap_err();
            assert!(matches!(refused, IpcError::Frame(FrameError::DescriptorRefused)), "{refused}");
        }
        // A plain socket lets them be sent, and takes none.
        let (ours, child) = UnixStream::pair().unwrap();
        let mut end = SupervisorSocket::from_stream(ours).unwrap();
        send(&child, &frame(b"{}", true), &descriptors).unwrap();
        let refused = end.recv_message().unwrap_err();
        assert!(matches!(refused, IpcError::Frame(FrameError::DescriptorRefused)), "{refused}");
    }
}

/// Runs `work` where this process can open `spare` more descriptors and no others.
fn with_descriptors_to_spare<T>(spare: u64, work: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Nofile);
    // The directory that is read to count them is one of those that were counted.
    let highest = std::fs::read_dir("/proc/self/fd").unwrap();
    let highest = highest.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let highest: u64 = highest.map(|name| name.parse().unwrap()).max().unwrap();
    let holes: Vec<File> = (0..)
        .map_while(|_| {
            let file = File::open("/dev/null").unwrap();
            (u64::try_from(file.as_raw_fd()).unwrap() <= highest).then_some(file)
        })
        .collect();
    let limit = Rlimit { current: Some(highest + 1 + spare), ..before };
    setrlimit(Resource::Nofile, limit).unwrap();
    let result = work();
    setrlimit(Resource::Nofile, before).unwrap();
    drop(holes);
    result
}

#[test]
fn a_reader_out_of_descriptors_loses_one_answer_and_not_the_connection() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    let (mut end, supervisor) = child();
    send(&supervisor, &frame(&granted("1"), true), &[file.as_fd()]).unwrap();
    send(&supervisor, &frame(&granted("2"), true), &[file.as_fd()]).unwrap();
    let lost = with_descriptors_to_spare(0, || end.recv().unwrap().unwrap());
    assert!(matches!(lost.descriptor.into_result(), Err(IpcError::DescriptorLost)));
    assert_eq!(lost.reply, Reply::Decision(Response::granted("1")));
    let second = end.recv().unwrap().unwrap();
    assert!(matches!(second.descriptor, Passed::Descriptor(_)));
}

#[test]
fn a_control_message_that_is_cut_behind_a_descriptor_ends_the_connection() {
    let _alone = Alone::new();
    let file = File::open("/dev/null").unwrap();
    let (mut end, liar) = child();
    send(&liar, &frame(&granted("1"), true), &[file.as_fd(), file.as_fd()]).unwrap();
    let cut = with_descriptors_to_spare(1, || end.recv().unwrap_err());
    assert!(matches!(cut, IpcError::Frame(FrameError::TruncatedControl)), "{cut}");
}

#[test]
fn a_full_quota_in_flight_denies_one_answer_and_not_the_connection() {
    let _alone = Alone::new();
    if rustix::process::geteuid().is_root() {
        return; // Root has no such quota.
    }
    let before = getrlimit(Resource::Nofile);
    let current = Some(u64::try_from(open_descriptors()).unwrap() + 64);
    setrlimit(Resource::Nofile, Rlimit { current, ..before }).unwrap();
    let file = File::open("/dev/null").unwrap();
    let (mut end, mut reader) = SupervisorEnd::pair().unwrap();
    let reply = Reply::Decision(Response::granted("1"));
    let mut sent = 0;
    let refused = loop {
        match end.send_with_fd(&reply, &file) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, IpcError::InFlight), "{refused} after {sent}");
    end.send(&Reply::Decision(Response::denied("2", ReasonCode::DescriptorLimit, "no"))).unwrap();
    for _ in 0..sent {
        assert!(matches!(reader.recv().unwrap().unwrap().descriptor, Passed::Descriptor(_)));
    }
    assert!(matches!(reader.recv().unwrap().unwrap().descriptor, Passed::Nothing));
    setrlimit(Resource::Nofile, before).unwrap();
}

#[test]
fn a_byte_at_a_time_ends_at_the_deadline_of_the_frame_and_harms_nobody_else() {
    let _alone = Alone::new();
    let (mut end, mut dripping) = supervisor();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let bytes = frame(&[b' '; 1000], false);
            for byte in bytes {
                if dripping.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let slow = end.recv().unwrap_err();
        assert!(matches!(slow, IpcError::Frame(FrameError::Slow(DEADLINE))), "{slow}");
        drop(end);
    });
}

#[test]
fn impossible_lengths_end_the_connection_before_anything_is_allocated_for_them() {
    let _alone = Alone::new();
    for (bytes, expected) in [
        (0_u32.to_be_bytes(), FrameError::Empty),
        (65_537_u32.to_be_bytes(), FrameError::TooLong { length: 65_537 }),
        (0x7fff_ffff_u32.to_be_bytes(), FrameError::TooLong { length: 0x7fff_ffff }),
        (*b"GET ", FrameError::TooLong { length: 0x4745_5420 }),
        ([0xff; 4], FrameError::TooLong { length: 0x7fff_ffff }),
    ] {
        let (mut end, mut liar) = child();
        liar.write_all(&bytes).unwrap();
        assert_over(&mut end, expected);
    }
}

#[test]
fn half_a_frame_is_an_error_and_a_whole_one_before_the_end_is_read() {
    let _alone = Alone::new();
    let (mut end, mut peer) = child();
    let bytes = frame(&granted("1"), false);
    peer.write_all(&bytes).unwrap();
    peer.write_all(&bytes[..7]).unwrap();
    drop(peer);
    assert!(end.recv().unwrap().is_some());
    assert_over(&mut end, FrameError::EndInsideFrame { received: 7 });

    let (mut end, mut peer) = child();
    // What the end sent is never read, so the kernel reports the close as a reset.
    end.send(&serde_json::from_str::<Message>(r#"{"Hello":{"version":1,"token":""}}"#).unwrap())
        .unwrap();
    peer.write_all(&bytes).unwrap();
    drop(peer);
    assert!(end.recv().unwrap().is_some());
    assert!(end.recv().unwrap().is_none());
}

#[test]
fn a_body_that_is_no_message_ends_the_connection() {
    let _alone = Alone::new();
    let deep = [&b"{\"Hello\":{\"later\":"[..], &[b'['; 10_000], &[b']'; 10_000], b"}}"].concat();
    for body in [&b"garbage"[..], b"{}", b"{\"Farewell\":{}}", b"{\"Hello\":{}} ", &deep, b"nul"] {
        let (mut end, mut liar) = supervisor();
        liar.write_all(&frame(body, false)).unwrap();
        let refused = end.recv().unwrap_err();
        assert!(matches!(refused, IpcError::Body(_)) && refused.is_peer_fault(), "{refused}");
        liar.write_all(&frame(br#"{"Hello":{"version":1,"token":""}}"#, false)).unwrap();
        let over = end.recv().unwrap_err();
        assert!(matches!(over, IpcError::Frame(FrameError::NotAMessage)), "{over}");
    }
    let (mut end, mut liar) = supervisor();
    liar.write_all(&frame(b"{\"Hello\":{\"version\":1,\"token\":\"\xff\"}}", false)).unwrap();
    assert!(matches!(end.recv().unwrap_err(), IpcError::NotUtf8));
}

#[test]
fn a_peer_that_never_reads_is_given_up_in_bounded_time_and_memory() {
    let _alone = Alone::new();
    let long = Reply::Decision(Response::denied("1", ReasonCode::Policy, "x".repeat(60_000)));
    let (mut end, deaf) = supervisor();
    let stalled = (0..100).find_map(|_| end.send(&long).err()).unwrap();
    assert!(matches!(stalled, IpcError::PeerStalled), "{stalled}");
    drop(deaf);

    let (mut end, mut deaf) = supervisor();
    end.set_frame_deadline(Duration::from_secs(600));
    let stalled = (0..100).find_map(|_| end.queue(&long, None).err()).unwrap();
    assert!(matches!(stalled, IpcError::PeerStalled), "{stalled}");
    let refused = end.send(&long).unwrap_err();
    assert!(matches!(refused, IpcError::PeerStalled), "half a frame may have been sent: {refused}");
    drop(end);
    let mut taken = vec![];
    deaf.read_to_end(&mut taken).unwrap();
    assert!(taken.len() < 16 * BODY_MAX, "{}", taken.len());
}

#[test]
fn a_message_that_does_not_fit_is_not_sent_and_the_connection_is_as_it_was() {
    let _alone = Alone::new();
    let (mut end, mut reader) = SupervisorEnd::pair().unwrap();
    let long = Reply::Decision(Response::denied("1", ReasonCode::Policy, "x".repeat(BODY_MAX)));
    assert!(matches!(end.send(&long), Err(IpcError::Unsendable(_))));
    end.send(&Reply::Decision(Response::granted("2"))).unwrap();
    assert_eq!(reader.recv().unwrap().unwrap().reply, Reply::Decision(Response::granted("2")));
}
