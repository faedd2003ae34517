//! Where requests come from and answers go.

use std::io;
use std::os::fd::OwnedFd;

use crate::wire::{Request, Response};
use crate::{Peer, ReasonCode};

/// Brings requests: a socket, or a kernel that traps calls.
pub trait Transport: Send {
    /// Brings requests to the desk until no process is left that could send one.
    ///
    /// # Errors
    /// What keeps it from receiving.
    fn serve(&mut self, desk: &dyn Desk) -> io::Result<()>;
}

/// Takes requests. Called on the thread that receives, and returns at once: what has to wait goes
/// elsewhere.
pub trait Desk: Send + Sync {
    /// Takes one request. It is answered through its responder, on whatever thread, exactly once.
    fn submit(&self, submission: Submission);
}

/// One request, by whatever way it came.
pub struct Submission {
    /// What was received.
    pub request: Request,
    /// Who sent it, by the kernel's word.
    pub peer: Peer,
    /// What the transport finds wrong with it: a repeated id, too many requests at a time.
    pub fault: Option<ReasonCode>,
    /// Takes the answer.
    pub responder: Box<dyn Responder>,
}

/// Takes the answer to one request.
pub trait Responder: Send {
    /// Delivers the answer; a grant comes with its descriptor. Never waits.
    ///
    /// # Errors
    /// [`Undelivered`]; nothing more is to be done about it.
    fn respond(
        self: Box<Self>,
        response: Response,
        descriptor: Option<OwnedFd>,
    ) -> Result<(), Undelivered>;
}

/// The requester is gone, or does not take its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer could not be delivered")]
pub struct Undelivered;
