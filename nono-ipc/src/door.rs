//! The inherited way to a connection.
//!
//! ```text
//! child       ──empty message──▶ door        any descendant, many at a time
//! supervisor  ──one byte, and a fresh stream──▶
//! ```

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use nono_core::PROTOCOL_VERSION;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair, sockopt,
};

use crate::ends::{SupervisorEnd, stream_pair};
use crate::incoming::{due_in, wait};
use crate::peer::Sender;
use crate::sys::{self, Room, is_unix};
use crate::{FrameError, IpcError, Result};

/// How long a program waits for its stream before it knocks again: another process that shares the
/// door may have taken the answer.
const KNOCK_AGAIN: Duration = Duration::from_secs(1);

/// How many messages that are no knocks are passed over at a time: whoever sends them without end
/// keeps nobody from the rest of their work.
const PASSED_OVER: usize = 64;

/// The supervisor's side of the door.
#[derive(Debug)]
pub struct Door {
    socket: OwnedFd,
}

impl Door {
    /// A door, and the end of it that the program inherits: a close-on-exec descriptor that whoever
    /// starts the program passes on under the number in [`FD_VARIABLE`](crate::FD_VARIABLE).
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn new() -> Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(IpcError::system("socketpair"))?;
        sys::name_senders(ours.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        Ok((Self { socket: ours }, theirs))
    }

    /// Who knocked, if somebody did; `Ready(None)` when every process that could is gone. To be
    /// called until it is pending whenever the door is readable. Messages that are no knocks are
    /// passed over, a number of them at a time: it can be pending while the door is readable.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn poll_knock(&self) -> Result<Poll<Option<Sender>>> {
        for _ in 0..PASSED_OVER {
            let mut space = [0; 1];
            match sys::receive(self.socket.as_fd(), &mut space, Room::Sender, false) {
                Ok((0, control)) if control.sender.is_none() => return Ok(Poll::Ready(None)),
                Ok((0, control)) if !control.truncated => return Ok(Poll::Ready(control.sender)),
                // No knock: it has a body, or brought a descriptor.
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Poll::Pending),
                Err(Errno::CONNRESET) => return Ok(Poll::Ready(None)),
                Err(errno) => return Err(IpcError::system("recvmsg")(errno)),
            }
        }
        Ok(Poll::Pending)
    }

    /// Answers a knock with one end of a fresh connection, and returns the other; `None` when nobody
    /// reads the answers.
    ///
    /// # Errors
    /// [`IpcError::InFlight`], [`IpcError::Closed`], [`IpcError::System`].
    pub fn answer(&self) -> Result<Option<SupervisorEnd>> {
        self.open()?.map(SupervisorEnd::from_stream).transpose()
    }

    /// As [`answer`](Self::answer): the bare stream, on which senders are named.
    pub(crate) fn open(&self) -> Result<Option<UnixStream>> {
        let (ours, theirs) = stream_pair()?;
        sys::name_senders(ours.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        let descriptors = [theirs.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        // The space is for exactly this.
        let _ = control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let version = [u8::try_from(PROTOCOL_VERSION).unwrap_or(u8::MAX)];
        let body = [std::io::IoSlice::new(&version)];
        match sendmsg(&self.socket, &body, &mut control, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        {
            Ok(_) => Ok(Some(ours)),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(IpcError::Closed),
            Err(Errno::TOOMANYREFS) => Err(IpcError::InFlight),
            Err(errno) => Err(IpcError::system("sendmsg")(errno)),
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether a descriptor is the program's end of a door, as far as that can be told.
pub(crate) fn is_door(socket: BorrowedFd<'_>) -> bool {
    is_unix(socket) && sockopt::socket_type(socket) == Ok(SocketType::SEQPACKET)
}

/// Knocks, and waits for a stream.
pub(crate) fn knock(door: BorrowedFd<'_>, deadline: Duration) -> Result<UnixStream> {
    let due = due_in(deadline);
    while Instant::now() < due {
        if send_knock(door, due)? {
            let again = due.min(due_in(KNOCK_AGAIN));
            if let Some(stream) = receive_stream(door, again)? {
                return Ok(stream);
            }
        }
    }
    Err(IpcError::TimedOut)
}

fn send_knock(door: BorrowedFd<'_>, due: Instant) -> Result<bool> {
    match rustix::net::send(door, &[], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(_) => Ok(true),
        Err(Errno::INTR) => Ok(false),
        Err(Errno::AGAIN) => {
            wait(door, PollFlags::OUT, due)?;
            Ok(false)
        }
        Err(Errno::PIPE | Errno::CONNRESET) => Err(IpcError::Closed),
        Err(errno) => Err(IpcError::system("send")(errno)),
    }
}

fn receive_stream(door: BorrowedFd<'_>, due: Instant) -> Result<Option<UnixStream>> {
    while wait(door, PollFlags::IN, due)? {
        let mut version = [0; 1];
        let (length, control) = match sys::receive(door, &mut version, Room::Descriptor, false) {
            Ok(received) => received,
            // Another process was faster.
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(errno) => return Err(IpcError::system("recvmsg")(errno)),
        };
        return match (length, control.count, control.truncated) {
            (0, 0, false) => Err(IpcError::Closed),
            (_, 0, true) => Err(IpcError::DescriptorLost),
            (_, 1, false) => Ok(control.descriptor.map(UnixStream::from)),
            (_, 0, false) => Err(IpcError::NoDescriptor),
            (_, count, _) => Err(FrameError::ExtraDescriptors { count }.into()),
        };
    }
    Ok(None)
}
