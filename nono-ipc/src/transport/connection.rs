//! One client, as the supervisor sees it.

use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use nono_core::pipeline::{Desk, Submission};
use nono_core::wire::{Message, Request};
use nono_core::{Peer, ReasonCode};

use super::channel::{Answerer, Channel};
use crate::incoming::{Delivery, FRAME_DEADLINE, Incoming, due_in};
use crate::sys::Room;
use crate::{Quota, ReplayWindow};

#[derive(Debug)]
pub(super) struct Connection {
    channel: Arc<Channel>,
    incoming: Incoming,
    /// The secret that the first message has to present.
    token: Option<String>,
    /// The process that sent the first message.
    owner: Option<u32>,
    window: ReplayWindow,
    quota: Quota,
    /// When the secret has to be presented.
    due: Instant,
}

/// What is to be expected of a connection after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing, until it is readable.
    Idle,
    /// More can be read now.
    Busy,
    /// A frame is under way or the secret is missing, and has a deadline.
    Unfinished,
    /// It is closed, or has to be.
    Over,
}

/// How many messages a connection may send in one turn, so that others have theirs.
const TURN: usize = 64;
/// How many recent ids are known.
const WINDOW: usize = 16_384;
/// How many requests may be under way.
const IN_FLIGHT: usize = 256;

impl Connection {
    pub(super) fn new(channel: Arc<Channel>, token: Option<String>) -> Self {
        Self {
            channel,
            incoming: Incoming::new(Room::Sender),
            token,
            owner: None,
            window: ReplayWindow::new(WINDOW),
            quota: Quota::new(IN_FLIGHT),
            due: due_in(FRAME_DEADLINE),
        }
    }

    /// Sends what waits and takes what has come.
    pub(super) fn turn(&mut self, desk: &dyn Desk) -> State {
        if self.channel.due().is_some() && self.channel.flush().is_err() {
            return self.cut_off();
        }
        for _ in 0..TURN {
            match self.incoming.poll_message(&self.channel.stream) {
                Ok(Poll::Ready(Some(delivery))) => {
                    if !self.take(delivery, desk) {
                        return self.cut_off();
                    }
                }
                // It may still read the answers that are due to it.
                Ok(Poll::Ready(None)) => return State::Over,
                // Whatever it did wrong, nothing of it was granted.
                Err(_) => return self.cut_off(),
                Ok(Poll::Pending) => return self.rest(),
            }
        }
        State::Busy
    }

    /// Ends the waiting for it.
    pub(super) fn unwatch(&self) {
        self.channel.unwatch();
    }

    fn cut_off(&self) -> State {
        self.channel.hang_up();
        State::Over
    }

    fn rest(&self) -> State {
        let is_stranger = self.token.is_some();
        if is_stranger && self.due <= Instant::now() {
            return self.cut_off();
        }
        let is_under_way = self.incoming.due().is_some() || self.channel.due().is_some();
        if is_stranger || is_under_way { State::Unfinished } else { State::Idle }
    }

    #[cfg(test)]
    pub(super) fn make_late(&mut self) {
        self.due = Instant::now();
    }

    /// Whether answers wait for the client to read.
    pub(super) fn is_stalled(&self) -> bool {
        self.channel.due().is_some()
    }

    /// Takes a message; `false` when the connection is to be closed for it.
    fn take(&mut self, delivery: Delivery<Message>, desk: &dyn Desk) -> bool {
        let Some(sender) = delivery.sender else { return false };
        let is_owner = *self.owner.get_or_insert(sender.pid) == sender.pid;
        match delivery.message {
            Message::Hello(hello) => match self.token.take() {
                Some(token) => is_same(hello.token.as_bytes(), token.as_bytes()),
                None => true,
            },
            Message::Request(_) if self.token.is_some() => false,
            Message::Request(request) => {
                let peer = Peer::new(sender.pid, sender.uid, sender.gid);
                self.submit(request, peer, is_owner, desk);
                true
            }
        }
    }

    fn submit(&mut self, request: Request, peer: Peer, is_owner: bool, desk: &dyn Desk) {
        let id = &request.request.request_id;
        let place = self.quota.take();
        let fault = if !is_owner {
            // A stream that two processes share lets one read the other's answers.
            Some(ReasonCode::Unverified)
        } else if !self.window.admit(id) {
            Some(ReasonCode::Replayed)
        } else if place.is_none() {
            Some(ReasonCode::TooManyPending)
        } else {
            None
        };
        let responder = Box::new(Answerer::new(&self.channel, id, place));
        desk.submit(Submission { request, peer, fault, responder });
    }
}

/// The channel lives on while an answer is being decided, and would be readable all the time.
impl Drop for Connection {
    fn drop(&mut self) {
        self.channel.stop_watching();
    }
}

/// Compares secrets in a time that does not tell where they differ. Nothing is no secret.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given.iter().zip(expected).fold(0, |found, (a, b)| found | (a ^ b));
    !expected.is_empty() && given.len() == expected.len() && differences == 0
}
