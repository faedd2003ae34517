//! The specified socket: both directions behind one type.

use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nono_core::{SupervisorMessage, SupervisorResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bound_path::BoundPath;
use crate::connection::Connection;
use crate::decoder::Passed;
use crate::ends::stream_pair;
use crate::listener::{ACCEPT_DEADLINE, Listener, connect};
use crate::sys::{self, Room};
use crate::{IpcError, PeerCredentials, Result};

/// One end of a connection between a sandboxed program and its supervisor, with the operations of
/// both. Where an end is known to be one or the other, [`SupervisorEnd`](crate::SupervisorEnd) and
/// [`ClientEnd`](crate::ClientEnd) hold that fast.
///
/// ```
/// use nono_core::SupervisorResponse;
/// # use nono_core::{AccessMode, ApprovalDecision, CapabilityRequest, SupervisorMessage};
/// use nono_ipc::SupervisorSocket;
///
/// let (mut supervisor, mut child) = SupervisorSocket::pair()?;
/// # let request = CapabilityRequest {
/// #     request_id: "1".into(),
/// #     path: "/etc/hosts".into(),
/// #     access: AccessMode::Read,
/// #     reason: None,
/// #     child_pid: std::process::id(),
/// #     session_id: "s".into(),
/// # };
/// child.send_message(&SupervisorMessage::Request(request))?;
///
/// let SupervisorMessage::Request(request) = supervisor.recv_message()?;
/// let file = std::fs::File::open(&request.path).expect("there is one");
/// let granted = SupervisorResponse::Decision {
///     request_id: request.request_id,
///     decision: ApprovalDecision::Granted,
/// };
/// supervisor.send_response_with_fd(&granted, file)?;
///
/// let (response, descriptor) = child.recv_response_with_fd()?;
/// assert_eq!(response, granted);
/// assert!(descriptor.is_some());
/// # Ok::<(), nono_ipc::IpcError>(())
/// ```
#[derive(Debug)]
pub struct SupervisorSocket<M = SupervisorMessage, R = SupervisorResponse> {
    connection: Connection,
    /// What came with the last response and was not fetched yet.
    waiting: Passed<OwnedFd>,
    /// The file of the listening socket that this connection came from.
    _bound: Option<BoundPath>,
    types: PhantomData<fn(M) -> R>,
}

impl SupervisorSocket {
    /// A connected pair: the supervisor's end and the child's, to be made before forking.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn pair() -> Result<(Self, Self)> {
        let (supervisor, child) = stream_pair()?;
        Ok((Self::from_stream(supervisor)?, Self::from_stream(child)?))
    }

    /// Listens at `path`, owner-only from the first moment, and accepts one connection of the same
    /// user within 30 s. The file is removed when the socket is dropped.
    ///
    /// # Errors
    /// As of [`Listener::bind`] and [`Listener::accept`].
    pub fn bind(path: &Path) -> Result<Self> {
        let listener = Listener::bind_plain(path)?;
        let (stream, _) = listener.accept(ACCEPT_DEADLINE)?;
        Ok(Self { _bound: Some(listener.into_path()), ..Self::from_stream(stream)? })
    }

    /// Connects to a supervisor that listens at `path`.
    ///
    /// # Errors
    /// [`IpcError::System`], [`IpcError::PathTooLong`].
    pub fn connect(path: &Path) -> Result<Self> {
        Self::from_stream(connect(path)?)
    }

    /// Takes a connected stream over, and makes it blocking.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn from_stream(stream: UnixStream) -> Result<Self> {
        Self::carrying(stream)
    }
}

impl<M, R> SupervisorSocket<M, R> {
    /// Takes a connected stream over for messages of other types than the specified ones.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn carrying(stream: UnixStream) -> Result<Self> {
        sys::name_nobody(stream.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        let connection = Connection::new(stream, Room::Nothing)?;
        Ok(Self { connection, waiting: Passed::Nothing, _bound: None, types: PhantomData })
    }

    /// The descriptor of the socket, which stays this value's own.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        self.connection.stream().as_raw_fd()
    }

    /// Limits how long a receive waits for a frame to begin; `None` is for ever. A frame that has
    /// begun has its own deadline, [`FRAME_DEADLINE`](crate::FRAME_DEADLINE).
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.connection.set_read_timeout(timeout)
    }

    /// The process that made the other end: the one that connected, or the one that made the pair.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn peer_pid(&self) -> Result<u32> {
        Ok(PeerCredentials::of(self)?.pid)
    }

    /// Sends a descriptor on an empty frame of its own. The caller keeps it, and `fd` has to be open.
    ///
    /// # Errors
    /// [`IpcError::InFlight`] and as of [`send_message`](Self::send_message).
    pub fn send_fd(&mut self, fd: RawFd) -> Result<()> {
        let descriptor = sys::borrow(fd).map_err(IpcError::system("sendmsg"))?;
        self.connection.send_body(&[], Some(descriptor))
    }

    /// The descriptor that came with the last response; without one waiting, the next empty frame's.
    ///
    /// # Errors
    /// [`IpcError::DescriptorLost`] when it came and could not be taken; [`IpcError::NoDescriptor`]
    /// when the next frame is not an empty one.
    pub fn recv_fd(&mut self) -> Result<OwnedFd> {
        let mut passed = std::mem::replace(&mut self.waiting, Passed::Nothing);
        if matches!(passed, Passed::Nothing) {
            self.connection.set_room(Room::Descriptor);
            let frame = self.connection.receive()?.ok_or(IpcError::Closed)?;
            if frame.body.is_empty() {
                passed = frame.descriptor;
            }
        }
        passed.into_result()?.ok_or(IpcError::NoDescriptor)
    }
}

impl<M: Serialize + DeserializeOwned, R: Serialize + DeserializeOwned> SupervisorSocket<M, R> {
    /// Sends a message, child to supervisor.
    ///
    /// # Errors
    /// [`IpcError::PeerStalled`] when it is not read within
    /// [`FRAME_DEADLINE`](crate::FRAME_DEADLINE); [`IpcError::Closed`].
    pub fn send_message(&mut self, message: &M) -> Result<()> {
        self.connection.send(message, None)
    }

    /// Waits for a message, child to supervisor. There is no room for descriptors: one that comes
    /// ends the connection.
    ///
    /// # Errors
    /// [`IpcError::Closed`] at the end, [`IpcError::TimedOut`] after the read timeout; where
    /// [`is_peer_fault`](IpcError::is_peer_fault) holds, the socket is to be dropped.
    pub fn recv_message(&mut self) -> Result<M> {
        self.connection.set_room(Room::Nothing);
        Ok(self.connection.receive_message()?.ok_or(IpcError::Closed)?.message)
    }

    /// Sends a response, supervisor to child.
    ///
    /// # Errors
    /// As of [`send_message`](Self::send_message).
    pub fn send_response(&mut self, response: &R) -> Result<()> {
        self.connection.send(response, None)
    }

    /// Sends a response and a descriptor on one frame.
    ///
    /// # Errors
    /// [`IpcError::InFlight`] and as of [`send_message`](Self::send_message).
    pub fn send_response_with_fd(&mut self, response: &R, descriptor: impl AsFd) -> Result<()> {
        self.connection.send(response, Some(descriptor.as_fd()))
    }

    /// Waits for a response, supervisor to child. The descriptor that came with it waits for
    /// [`recv_fd`](Self::recv_fd); one that an earlier response brought and nobody fetched is closed.
    ///
    /// # Errors
    /// As of [`recv_message`](Self::recv_message).
    pub fn recv_response(&mut self) -> Result<R> {
        let (response, passed) = self.receive_response()?;
        self.waiting = passed;
        Ok(response)
    }

    /// Waits for a response and the descriptor that came with it, close-on-exec.
    ///
    /// # Errors
    /// [`IpcError::DescriptorLost`] and as of [`recv_message`](Self::recv_message).
    pub fn recv_response_with_fd(&mut self) -> Result<(R, Option<OwnedFd>)> {
        let (response, passed) = self.receive_response()?;
        Ok((response, passed.into_result()?))
    }

    fn receive_response(&mut self) -> Result<(R, Passed<OwnedFd>)> {
        self.connection.set_room(Room::Descriptor);
        let delivery = self.connection.receive_message()?.ok_or(IpcError::Closed)?;
        Ok((delivery.message, delivery.descriptor))
    }
}

impl<M, R> AsFd for SupervisorSocket<M, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
