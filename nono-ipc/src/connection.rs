//! A stream socket that carries frames both ways: what every end consists of.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::incoming::{Delivery, Incoming, Received, set_timeout};
use crate::outgoing::Outgoing;
use crate::sys::{self, Room};
use crate::{IpcError, Result};

#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream, room: Room) -> Result<Self> {
        make_ready(&stream)?;
        Ok(Self { stream, incoming: Incoming::new(room), outgoing: Outgoing::default() })
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> UnixStream {
        self.stream
    }

    pub(crate) fn set_room(&mut self, room: Room) {
        self.incoming.set_room(room);
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        set_timeout(&self.stream, timeout)
    }

    pub(crate) fn set_frame_deadline(&mut self, deadline: Duration) {
        self.incoming.set_deadline(deadline);
        self.outgoing.set_deadline(deadline);
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.incoming.due().into_iter().chain(self.outgoing.due()).min()
    }

    pub(crate) fn receive(&mut self) -> Result<Option<Received<'_>>> {
        self.incoming.receive(&self.stream, None)
    }

    pub(crate) fn receive_message<M: DeserializeOwned>(&mut self) -> Result<Option<Delivery<M>>> {
        self.incoming.receive_message(&self.stream, None)
    }

    pub(crate) fn poll_message<M: DeserializeOwned>(
        &mut self,
    ) -> Result<Poll<Option<Delivery<M>>>> {
        self.incoming.poll_message(&self.stream)
    }

    pub(crate) fn send<M: Serialize>(
        &mut self,
        message: &M,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        self.outgoing.send(&self.stream, message, descriptor)
    }

    pub(crate) fn send_body(
        &mut self,
        body: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        self.outgoing.send_body(&self.stream, body, descriptor)
    }

    pub(crate) fn queue<M: Serialize>(
        &mut self,
        message: &M,
        descriptor: Option<OwnedFd>,
    ) -> Result<bool> {
        self.outgoing.queue(&self.stream, message, descriptor, None)
    }

    pub(crate) fn flush(&mut self) -> Result<bool> {
        self.outgoing.flush(&self.stream)
    }
}

/// Makes a stream blocking: what must not wait says so call by call.
pub(crate) fn make_ready(stream: &UnixStream) -> Result<()> {
    stream
        .set_nonblocking(false)
        .map_err(|source| IpcError::System { call: "ioctl FIONBIO", source })?;
    sys::never_signal(stream.as_fd()).map_err(IpcError::system("setsockopt SO_NOSIGPIPE"))
}
