//! A million frames over a real socket, with descriptors on half of them, split at random.

use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

use nono_core::ReasonCode;
use nono_core::wire::{Message, Reply, Response};
use nono_ipc::{ClientEnd, Header, Passed};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

const FRAMES: u64 = 1_000_000;

/// A generator of numbers that is the same in every run. (xorshift64)
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Sends a frame in random pieces; its descriptor goes with the first.
fn send_in_pieces(
    stream: &UnixStream,
    bytes: &[u8],
    mut descriptor: Option<BorrowedFd<'_>>,
    numbers: &mut Numbers,
) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let whole = numbers.below(4) > 0;
        let length = if whole { rest.len() } else { 1 + numbers.below(rest.len()) };
        let descriptors = descriptor.take().map(|descriptor| [descriptor]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(descriptors) = &descriptors {
            assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        let parts = [IoSlice::new(&rest[..length])];
        rest = &rest[sendmsg(stream, &parts, &mut control, SendFlags::NOSIGNAL).unwrap()..];
    }
}

/// What the frame of a number is: whether it is a grant, and which file it grants.
fn plan(number: u64, files: usize) -> Option<usize> {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 63 == 1).then_some((mixed >> 32) as usize % files)
}

fn reply(number: u64, grant: bool) -> Reply {
    let id = number.to_string();
    Reply::Decision(if grant {
        Response::granted(id)
    } else {
        Response::denied(id, ReasonCode::Policy, "no")
    })
}

#[test]
fn a_million_answers_in_any_split_each_bring_their_own_descriptor_or_none() {
    let files: Vec<File> = (0..16).map(|_| tempfile::tempfile().unwrap()).collect();
    let inodes: Vec<u64> = files.iter().map(|file| file.metadata().unwrap().ino()).collect();
    let (supervisor, child) = UnixStream::pair().unwrap();
    let count = files.len();
    let sender = std::thread::spawn(move || {
        let mut numbers = Numbers(1);
        for number in 0..FRAMES {
            let granted = plan(number, files.len());
            let body = serde_json::to_vec(&reply(number, granted.is_some())).unwrap();
            let header = Header::new(body.len(), granted.is_some()).unwrap();
            let bytes = [&header.to_bytes()[..], &body].concat();
            let descriptor = granted.map(|file| files[file].as_fd());
            send_in_pieces(&supervisor, &bytes, descriptor, &mut numbers);
        }
    });
    let mut child: ClientEnd<Message, Reply> = ClientEnd::from_stream(child).unwrap();
    for number in 0..FRAMES {
        let answer = child.recv().unwrap().unwrap();
        let granted = plan(number, count);
        assert_eq!(answer.reply, reply(number, granted.is_some()));
        let inode = match answer.descriptor {
            Passed::Descriptor(file) => Some(File::from(file).metadata().unwrap().ino()),
            Passed::Nothing => None,
            Passed::Lost => panic!("lost at {number}"),
        };
        assert_eq!(inode, granted.map(|file| inodes[file]), "at {number}");
    }
    sender.join().unwrap();
    assert!(child.recv().unwrap().is_none());
}
