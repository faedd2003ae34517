//! One client, as the supervisor sees it.

use std::sync::Arc;
use std::task::Poll;

use nono_core::pipeline::{Desk, Submission};
use nono_core::wire::{Message, Request};
use nono_core::{Peer, ReasonCode};

use super::channel::{Answerer, Channel};
use crate::incoming::{Delivery, Incoming};
use crate::sys::Room;
use crate::{Quota, ReplayWindow, Result};

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
}

/// What is to be expected of a connection after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing, until it is readable.
    Idle,
    /// More can be read now.
    Busy,
    /// A frame is under way, and has a deadline.
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
    pub(super) fn new(channel: Arc<Channel>, token: Option<String>) -> Result<Self> {
        Ok(Self {
            channel,
            incoming: Incoming::new(Room::Sender),
            token,
            owner: None,
            window: ReplayWindow::new(WINDOW),
            quota: Quota::new(IN_FLIGHT),
        })
    }

    /// Sends what waits and takes what has come.
    pub(super) fn turn(&mut self, desk: &dyn Desk) -> State {
        if self.channel.due().is_some() && self.channel.flush().is_err() {
            return State::Over;
        }
        for _ in 0..TURN {
            // Whatever it did wrong, it is closed; nothing of it was granted.
            match self.incoming.poll_message(&self.channel.stream) {
                Ok(Poll::Ready(Some(delivery))) => {
                    if !self.take(delivery, desk) {
                        return State::Over;
                    }
                }
                Ok(Poll::Ready(None)) | Err(_) => return State::Over,
                Ok(Poll::Pending) => return self.rest(),
            }
        }
        State::Busy
    }

    fn rest(&self) -> State {
        let is_under_way = self.incoming.due().is_some() || self.channel.due().is_some();
        if is_under_way { State::Unfinished } else { State::Idle }
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

/// Compares secrets in a time that does not tell where they differ.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given.iter().zip(expected).fold(0, |found, (a, b)| found | (a ^ b));
    given.len() == expected.len() && differences == 0
}
