//! The way back to one client, from whatever thread.

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
    epoll: Arc<OwnedFd>,
    id: u64,
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
    pub(super) fn new(stream: UnixStream, epoll: Arc<OwnedFd>, id: u64) -> Result<Arc<Self>> {
        make_ready(&stream)?;
        sys::name_senders(stream.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        epoll::add(&epoll, &stream, EventData::new_u64(id), EventFlags::IN)
            .map_err(IpcError::system("epoll_ctl"))?;
        Ok(Arc::new(Self { stream, outgoing: Mutex::default(), epoll, id }))
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

    fn send(&self, response: Response, descriptor: Option<OwnedFd>) -> Result<()> {
        let mut outgoing = self.lock();
        let reply = Reply::Decision(response);
        if !outgoing.queue(&self.stream, &reply, descriptor)? {
            // The thread that receives sends the rest, when the client reads.
            self.watch(EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    fn watch(&self, flags: EventFlags) -> Result<()> {
        epoll::modify(&self.epoll, &self.stream, EventData::new_u64(self.id), flags)
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
        let id = response.request_id.clone();
        match self.channel.send(response, descriptor) {
            Ok(()) => Ok(()),
            Err(IpcError::InFlight) => {
                let reason = "too many descriptors are in flight already; close some and ask again";
                let denied = Response::denied(id, ReasonCode::DescriptorLimit, reason);
                let _ = self.channel.send(denied, None);
                Err(Undelivered)
            }
            Err(_) => Err(Undelivered),
        }
    }
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
