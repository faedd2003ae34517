//! The way back to one client, from whatever thread.

use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nono_core::ReasonCode;
use nono_core::pipeline::{Responder, Undelivered};
use nono_core::wire::{Reply, Response};
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::connection::make_ready;
use crate::outgoing::Outgoing;
use crate::{IpcError, Place, Result, sys};

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) stream: UnixStream,
    outgoing: Mutex<Outgoing>,
    shared: Arc<Shared>,
    id: u64,
}

/// What the channels of a transport have in common with the thread that serves it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) epoll: OwnedFd,
    /// An eventfd: answers wait for a client that does not read, and have a deadline from now on.
    pub(super) stalled: OwnedFd,
}

/// Answers one request.
#[derive(Debug)]
pub(super) struct Answerer {
    channel: Arc<Channel>,
    /// The request's id, until it is answered.
    request: Option<String>,
    _place: Option<Place>,
}

impl Channel {
    pub(super) fn new(stream: UnixStream, shared: Arc<Shared>, id: u64) -> Result<Arc<Self>> {
        make_ready(&stream)?;
        sys::name_senders(stream.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        epoll::add(&shared.epoll, &stream, EventData::new_u64(id), EventFlags::IN)
            .map_err(IpcError::system("epoll_ctl"))?;
        Ok(Arc::new(Self { stream, outgoing: Mutex::default(), shared, id }))
    }

    /// Nothing more is read. Those who still hold the channel can answer over it.
    pub(super) fn stop_watching(&self) {
        // It is watched until now.
        let _ = epoll::delete(&self.shared.epoll, &self.stream);
    }

    /// Ends the connection for both sides, whoever still holds the channel. What the client has been
    /// sent it can read.
    pub(super) fn hang_up(&self) {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends what waits. Whether all is sent.
    pub(super) fn flush(&self) -> Result<bool> {
        let mut outgoing = self.lock();
        let waited = outgoing.due().is_some();
        let all = outgoing.flush(&self.stream)?;
        if all && waited {
            self.watch(EventFlags::IN)?;
        }
        Ok(all)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.lock().due()
    }

    /// Sends a response; a descriptor that is one too many in flight makes a denial of it.
    fn send(&self, response: Response, descriptor: Option<OwnedFd>) -> Result<()> {
        let refusal = descriptor.as_ref().map(|_| Reply::Decision(in_flight(&response)));
        let reply = Reply::Decision(response);
        match (self.queue(&reply, descriptor, refusal.as_ref()), refusal) {
            (Err(IpcError::InFlight), Some(refusal)) => {
                self.queue(&refusal, None, None)?;
                Err(IpcError::InFlight)
            }
            (queued, _) => queued,
        }
    }

    /// Whoever cannot be given an answer is not left waiting for it.
    fn queue(
        &self,
        reply: &Reply,
        descriptor: Option<OwnedFd>,
        refusal: Option<&Reply>,
    ) -> Result<()> {
        let mut outgoing = self.lock();
        match outgoing.queue(&self.stream, reply, descriptor, refusal) {
            Ok(true) => Ok(()),
            Ok(false) => self.leave_waiting(),
            Err(IpcError::InFlight) => Err(IpcError::InFlight),
            Err(error) => {
                self.hang_up();
                Err(error)
            }
        }
    }

    /// The thread that serves sends the rest, when the client reads, or gives it up when it is late.
    fn leave_waiting(&self) -> Result<()> {
        self.watch(EventFlags::IN | EventFlags::OUT)?;
        // It can only fail when nobody has read it 2^64 times.
        let _ = rustix::io::write(&self.shared.stalled, &1_u64.to_ne_bytes());
        Ok(())
    }

    pub(super) fn unwatch(&self) {
        // It fails where it is not watched.
        let _ = epoll::delete(&self.shared.epoll, &self.stream);
    }

    fn watch(&self, flags: EventFlags) -> Result<()> {
        epoll::modify(&self.shared.epoll, &self.stream, EventData::new_u64(self.id), flags)
            .map_err(IpcError::system("epoll_ctl"))
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answerer {
    pub(super) fn new(channel: &Arc<Channel>, request: &str, place: Option<Place>) -> Self {
        let channel = Arc::clone(channel);
        Self { channel, request: Some(request.to_owned()), _place: place }
    }
}

impl Responder for Answerer {
    fn respond(
        mut self: Box<Self>,
        response: Response,
        descriptor: Option<OwnedFd>,
    ) -> std::result::Result<(), Undelivered> {
        self.request = None;
        self.channel.send(response, descriptor).map_err(|_| Undelivered)
    }
}

fn in_flight(response: &Response) -> Response {
    let reason = "too many descriptors are in flight already; close some and ask again";
    Response::denied(&*response.request_id, ReasonCode::DescriptorLimit, reason)
}

/// A request whose answer was lost on the way, by a panic, is denied: nobody waits for ever.
impl Drop for Answerer {
    fn drop(&mut self) {
        if let Some(id) = self.request.take() {
            let reason = "the supervisor failed while it decided";
            let _ =
                self.channel.send(Response::denied(id, ReasonCode::BackendFailed, reason), None);
        }
    }
}
