//! Receiving frames from a stream socket.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use crate::decoder::{Arrival, Decoder, Frame, Passed};
use crate::peer::Sender;
use crate::sys::{self, Control, Room};
use crate::{FrameError, IpcError, Result};

/// How long one frame may take, in either direction, from its first byte to its last.
pub const FRAME_DEADLINE: Duration = Duration::from_secs(5);

/// One frame that was received.
pub(crate) type Received<'a> = Frame<'a, OwnedFd, Sender>;

/// The message of a frame, and what came with it.
#[derive(Debug)]
pub(crate) struct Delivery<M> {
    pub(crate) message: M,
    pub(crate) descriptor: Passed<OwnedFd>,
    pub(crate) sender: Option<Sender>,
}

/// The receiving half of a connection. The stream is lent to every call, so that another thread can
/// send on it meanwhile.
#[derive(Debug)]
pub(crate) struct Incoming {
    decoder: Decoder<OwnedFd, Sender>,
    room: Room,
    /// When the frame that has begun to arrive has to be complete.
    due: Option<Instant>,
    deadline: Duration,
}

enum Step {
    /// Something arrived.
    Filled,
    /// Nothing is there, or nothing came in time.
    WouldBlock,
    /// Nothing will come any more.
    End,
}

impl Incoming {
    pub(crate) fn new(room: Room) -> Self {
        Self { decoder: Decoder::new(), room, due: None, deadline: FRAME_DEADLINE }
    }

    /// What the next receive has room for.
    pub(crate) fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    pub(crate) fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// When the frame that has begun to arrive has to be complete.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next frame, waiting for it to begin; `None` when the peer has closed the connection
    /// between two frames.
    pub(crate) fn receive(&mut self, stream: &UnixStream) -> Result<Option<Received<'_>>> {
        while !self.decoder.has_frame()? {
            let begun = self.due;
            match self.fill(stream, begun.is_none())? {
                Step::Filled => {}
                Step::End => return Ok(None),
                Step::WouldBlock => match begun {
                    None => return Err(IpcError::TimedOut),
                    Some(due) if wait(stream, PollFlags::IN, due)? => {}
                    Some(_) => return Err(self.slow()),
                },
            }
        }
        self.take()
    }

    /// The next frame if it is there, without waiting.
    pub(crate) fn poll(&mut self, stream: &UnixStream) -> Result<Poll<Option<Received<'_>>>> {
        while !self.decoder.has_frame()? {
            match self.fill(stream, false)? {
                Step::Filled => {}
                Step::End => return Ok(Poll::Ready(None)),
                Step::WouldBlock => {
                    let late = self.due.is_some_and(|due| due <= Instant::now());
                    return if late { Err(self.slow()) } else { Ok(Poll::Pending) };
                }
            }
        }
        self.take().map(Poll::Ready)
    }

    /// The next message; else as [`receive`](Self::receive). A body that is no message is the end.
    pub(crate) fn receive_message<M: DeserializeOwned>(
        &mut self,
        stream: &UnixStream,
    ) -> Result<Option<Delivery<M>>> {
        let delivery = self.receive(stream)?.map(Delivery::of).transpose();
        delivery.inspect_err(|_| self.give_up())
    }

    /// The next message if it is there; else as [`poll`](Self::poll).
    pub(crate) fn poll_message<M: DeserializeOwned>(
        &mut self,
        stream: &UnixStream,
    ) -> Result<Poll<Option<Delivery<M>>>> {
        let Poll::Ready(frame) = self.poll(stream)? else { return Ok(Poll::Pending) };
        let delivery = frame.map(Delivery::of).transpose();
        delivery.map(Poll::Ready).inspect_err(|_| self.give_up())
    }

    fn give_up(&mut self) {
        self.decoder.fail(FrameError::NotAMessage);
    }

    fn take(&mut self) -> Result<Option<Received<'_>>> {
        self.due = None;
        Ok(self.decoder.next_frame()?)
    }

    fn slow(&mut self) -> IpcError {
        self.decoder.fail(FrameError::Slow(self.deadline)).into()
    }

    /// Receives once. A frame that has begun has its deadline from now on.
    fn fill(&mut self, stream: &UnixStream, wait: bool) -> Result<Step> {
        let (length, control) = match receive(stream, self.decoder.space(), self.room, wait) {
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(Step::WouldBlock),
            // The peer closed without reading everything; what it sent has been read.
            Err(Errno::CONNRESET) => (0, Control::default()),
            Err(errno) => return Err(IpcError::system("recvmsg")(errno)),
        };
        if length == 0 {
            return self.end();
        }
        let sender = control.sender;
        let descriptor = passed(self.room, control).map_err(|error| self.decoder.fail(error))?;
        self.decoder.arrived(Arrival { length, descriptor, sender });
        if !self.decoder.has_frame()? && self.due.is_none() {
            self.due = Some(Instant::now() + self.deadline);
        }
        Ok(Step::Filled)
    }

    fn end(&mut self) -> Result<Step> {
        match self.decoder.partial() {
            0 => Ok(Step::End),
            received => Err(self.decoder.fail(FrameError::EndInsideFrame { received }).into()),
        }
    }
}

fn receive(
    stream: &UnixStream,
    space: &mut [u8],
    room: Room,
    wait: bool,
) -> Result<(usize, Control), Errno> {
    loop {
        match sys::receive(stream.as_fd(), space, room, wait) {
            Err(Errno::INTR) => {}
            received => return received,
        }
    }
}

/// What the descriptors of one receive amount to. All that are not returned are closed.
fn passed(room: Room, control: Control) -> Result<Passed<OwnedFd>, FrameError> {
    let Control { descriptor, count, truncated, .. } = control;
    match (room, count, truncated) {
        (_, 0, false) => Ok(Passed::Nothing),
        (Room::Nothing | Room::Sender, ..) => Err(FrameError::DescriptorRefused),
        (Room::Descriptor, 0, true) => Ok(Passed::Lost),
        (Room::Descriptor, 1, true) => Err(FrameError::TruncatedControl),
        (Room::Descriptor, 1, false) => Ok(descriptor.map_or(Passed::Nothing, Passed::Descriptor)),
        (Room::Descriptor, ..) => Err(FrameError::ExtraDescriptors { count }),
    }
}

impl<M: DeserializeOwned> Delivery<M> {
    fn of(frame: Received<'_>) -> Result<Self> {
        let text = std::str::from_utf8(frame.body).map_err(|_| IpcError::NotUtf8)?;
        let message = serde_json::from_str(text).map_err(IpcError::Body)?;
        Ok(Self { message, descriptor: frame.descriptor, sender: frame.sender })
    }
}

/// Waits until the socket is ready; `false` when that is not so at `due`.
pub(crate) fn wait(socket: impl AsFd, flags: PollFlags, due: Instant) -> Result<bool> {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        let mut polled = [PollFd::from_borrowed_fd(socket.as_fd(), flags)];
        match poll(&mut polled, Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(IpcError::system("poll")(errno)),
        }
    }
}
