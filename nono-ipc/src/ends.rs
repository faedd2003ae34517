//! The two ends of a connection, split by direction.

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use nono_core::wire::{Message, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Connection;
use crate::decoder::{Frame, Passed};
use crate::incoming::Delivery;
use crate::peer::{PeerCredentials, Sender};
use crate::sys::{self, Room};
use crate::{IpcError, Result};

/// The supervisor's end: it receives messages and sends replies, with a descriptor or without. It
/// never receives a descriptor: the kernel drops what a child sends, and the connection ends.
#[derive(Debug)]
pub struct SupervisorEnd<M = Message, R = Reply> {
    connection: Connection,
    types: PhantomData<fn(R) -> M>,
}

/// The child's end: it sends messages and receives replies. It cannot send a descriptor.
#[derive(Debug)]
pub struct ClientEnd<M = Message, R = Reply> {
    connection: Connection,
    types: PhantomData<fn(M) -> R>,
}

/// A message, and who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming<M> {
    /// The message.
    pub message: M,
    /// Its sender, where the system names the sender of each message.
    pub sender: Option<Sender>,
}

/// A reply, and what came with it.
#[derive(Debug)]
#[must_use]
pub struct Answer<R> {
    /// The reply.
    pub reply: R,
    /// Its descriptor, close-on-exec.
    pub descriptor: Passed<OwnedFd>,
}

impl SupervisorEnd {
    /// A connected pair of ends, to be made before forking.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn pair() -> Result<(Self, ClientEnd)> {
        let (ours, theirs) = stream_pair()?;
        Ok((Self::from_stream(ours)?, ClientEnd::from_stream(theirs)?))
    }
}

/// Two connected streams, close-on-exec.
pub(crate) fn stream_pair() -> Result<(UnixStream, UnixStream)> {
    UnixStream::pair().map_err(|source| IpcError::System { call: "socketpair", source })
}

impl<M: DeserializeOwned, R: Serialize> SupervisorEnd<M, R> {
    /// Takes a connected stream over, and makes it blocking. Messages that were sent before are
    /// without a sender.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn from_stream(stream: UnixStream) -> Result<Self> {
        sys::name_senders(stream.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        Ok(Self { connection: Connection::new(stream, Room::Sender)?, types: PhantomData })
    }

    /// Waits for the next message; `None` when the child has closed its end.
    ///
    /// # Errors
    /// [`IpcError::TimedOut`] after the read timeout; where
    /// [`is_peer_fault`](IpcError::is_peer_fault) holds, the connection is to be dropped.
    pub fn recv(&mut self) -> Result<Option<Incoming<M>>> {
        Ok(self.connection.receive_message()?.map(Incoming::from))
    }

    /// The next message if it is there, without waiting; `Ready(None)` when the child has closed
    /// its end. To be called until it is pending whenever the end is readable, and at
    /// [`due`](Self::due).
    ///
    /// # Errors
    /// As of [`recv`](Self::recv).
    pub fn poll_recv(&mut self) -> Result<Poll<Option<Incoming<M>>>> {
        Ok(self.connection.poll_message()?.map(|delivery| delivery.map(Incoming::from)))
    }

    /// Sends a reply, waiting for the child to read it for as long as a frame may take.
    ///
    /// # Errors
    /// [`IpcError::PeerStalled`], after which the end is of no use; [`IpcError::Closed`].
    pub fn send(&mut self, reply: &R) -> Result<()> {
        self.connection.send(reply, None)
    }

    /// Sends a reply and a descriptor with it.
    ///
    /// # Errors
    /// As of [`send`](Self::send); [`IpcError::InFlight`], after which another reply can be sent.
    pub fn send_with_fd(&mut self, reply: &R, descriptor: impl AsFd) -> Result<()> {
        self.connection.send(reply, Some(descriptor.as_fd()))
    }

    /// Sends bytes as they are and a descriptor with them; the body may be empty.
    ///
    /// # Errors
    /// As of [`send_body`](Self::send_body) and [`send_with_fd`](Self::send_with_fd).
    pub fn send_body_with_fd(&mut self, body: &[u8], descriptor: impl AsFd) -> Result<()> {
        self.connection.send_body(body, Some(descriptor.as_fd()))
    }

    /// Sends a reply without waiting: what the child does not take yet is kept and sent by
    /// [`flush`](Self::flush). Whether all is sent.
    ///
    /// # Errors
    /// As of [`send_with_fd`](Self::send_with_fd), for this reply or an earlier one;
    /// [`IpcError::PeerStalled`] when more than [`BACKLOG_MAX`](crate::BACKLOG_MAX) bytes wait.
    pub fn queue(&mut self, reply: &R, descriptor: Option<OwnedFd>) -> Result<bool> {
        self.connection.queue(reply, descriptor)
    }

    /// Sends what waits, as far as the child takes it. Whether all is sent. To be called whenever
    /// the end is writable, and at [`due`](Self::due).
    ///
    /// # Errors
    /// As of [`queue`](Self::queue).
    pub fn flush(&mut self) -> Result<bool> {
        self.connection.flush()
    }

    /// When a frame in either direction has to be complete.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.connection.due()
    }

    /// Who made the other end.
    ///
    /// # Errors
    /// As of [`PeerCredentials::of`].
    pub fn peer(&self) -> Result<PeerCredentials> {
        PeerCredentials::of(self)
    }
}

impl<M> From<Delivery<M>> for Incoming<M> {
    fn from(delivery: Delivery<M>) -> Self {
        Self { message: delivery.message, sender: delivery.sender }
    }
}

impl<M: Serialize, R: DeserializeOwned> ClientEnd<M, R> {
    /// Takes a connected stream over, and makes it blocking.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn from_stream(stream: UnixStream) -> Result<Self> {
        Ok(Self { connection: Connection::new(stream, Room::Descriptor)?, types: PhantomData })
    }

    /// The stream, on which nothing has been received.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.connection.into_stream()
    }

    /// Sends a message, waiting for the supervisor to read it for as long as a frame may take.
    ///
    /// # Errors
    /// [`IpcError::PeerStalled`], after which the end is of no use; [`IpcError::Closed`].
    pub fn send(&mut self, message: &M) -> Result<()> {
        self.connection.send(message, None)
    }

    /// Waits for the next reply; `None` when the supervisor has closed its end.
    ///
    /// # Errors
    /// [`IpcError::TimedOut`] after the read timeout; where
    /// [`is_peer_fault`](IpcError::is_peer_fault) holds, the connection is to be dropped.
    pub fn recv(&mut self) -> Result<Option<Answer<R>>> {
        let delivery = self.connection.receive_message()?;
        Ok(delivery.map(|Delivery { message: reply, descriptor, .. }| Answer { reply, descriptor }))
    }
}

macro_rules! end {
    ($end:ident) => {
        impl<M, R> $end<M, R> {
            /// Sends bytes as they are, as the body of a frame: for those whose messages are not
            /// JSON. Else as `send`.
            ///
            /// # Errors
            /// [`IpcError::Unsendable`] for no bytes, and for more than
            /// [`BODY_MAX`](crate::BODY_MAX); as of `send`.
            pub fn send_body(&mut self, body: &[u8]) -> Result<()> {
                self.connection.send_body(body, None)
            }

            /// Waits for the next frame, whatever its body is; `None` when the peer has closed its
            /// end. Nothing is allocated or copied: the body is lent until the next receive.
            ///
            /// # Errors
            /// As of `recv`.
            pub fn recv_body(&mut self) -> Result<Option<Frame<'_, OwnedFd, Sender>>> {
                self.connection.receive()
            }

            /// Limits how long a receive waits for a frame to begin; `None` is for ever.
            ///
            /// # Errors
            /// [`IpcError::System`].
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
                self.connection.set_read_timeout(timeout)
            }

            /// Limits how long one frame may take in either direction, from its first byte to its
            /// last; [`FRAME_DEADLINE`](crate::FRAME_DEADLINE) unless set.
            pub fn set_frame_deadline(&mut self, deadline: Duration) {
                self.connection.set_frame_deadline(deadline);
            }
        }

        impl<M, R> AsFd for $end<M, R> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.connection.stream().as_fd()
            }
        }
    };
}

end!(SupervisorEnd);
end!(ClientEnd);
