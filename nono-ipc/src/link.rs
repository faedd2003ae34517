//! One connection that many threads ask over.
//!
//! Whoever waits for an answer and finds nobody reading reads, for all: each answer is laid where the
//! thread that asked looks for it. There is no thread of our own.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nono_core::wire::{Message, Reply};

use crate::connection::make_ready;
use crate::decoder::Passed;
use crate::incoming::{Incoming, due_in};
use crate::outgoing::Outgoing;
use crate::sys::Room;
use crate::{IpcError, Result};

#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    outgoing: Mutex<Outgoing>,
    incoming: Mutex<Incoming>,
    desk: Mutex<Desk>,
    laid: Condvar,
}

/// Where answers are laid.
#[derive(Debug, Default)]
struct Desk {
    /// Every request under way, and its answer once it is there.
    answers: HashMap<String, Option<Answer>>,
    /// A thread is reading.
    attended: bool,
    /// Nothing will come any more.
    over: bool,
    timeout: Option<Duration>,
}

type Answer = (Reply, Passed<OwnedFd>);

impl Link {
    pub(crate) fn new(stream: UnixStream) -> Result<Self> {
        make_ready(&stream)?;
        Ok(Self {
            stream,
            outgoing: Mutex::default(),
            incoming: Mutex::new(Incoming::new(Room::Descriptor)),
            desk: Mutex::default(),
            laid: Condvar::new(),
        })
    }

    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) {
        lock(&self.desk).timeout = timeout;
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&self, id: &str, message: &Message) -> Result<Answer> {
        let due = {
            let mut desk = lock(&self.desk);
            desk.answers.insert(id.to_owned(), None);
            desk.timeout.map(due_in)
        };
        // A statement of its own: others send while this one waits.
        let sent = lock(&self.outgoing).send(&self.stream, message, None);
        let answer = sent.and_then(|()| self.wait_for(id, due));
        lock(&self.desk).answers.remove(id);
        answer
    }

    fn wait_for(&self, id: &str, due: Option<Instant>) -> Result<Answer> {
        let mut desk = lock(&self.desk);
        loop {
            if let Some(answer) = desk.answers.get_mut(id).and_then(Option::take) {
                return Ok(answer);
            }
            if desk.over {
                return Err(IpcError::Closed);
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                return Err(IpcError::TimedOut);
            }
            desk = if desk.attended { self.wait(desk, due) } else { self.attend(desk, due)? };
        }
    }

    fn wait<'a>(&self, desk: MutexGuard<'a, Desk>, due: Option<Instant>) -> MutexGuard<'a, Desk> {
        let Some(due) = due else {
            return self.laid.wait(desk).unwrap_or_else(PoisonError::into_inner);
        };
        let left = due.saturating_duration_since(Instant::now());
        self.laid.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Reads one answer and lays it out. One that nobody waits for any more is dropped, and its
    /// descriptor closed.
    fn attend<'a>(
        &'a self,
        mut desk: MutexGuard<'a, Desk>,
        due: Option<Instant>,
    ) -> Result<MutexGuard<'a, Desk>> {
        desk.attended = true;
        drop(desk);
        let received = lock(&self.incoming).receive_message::<Reply>(&self.stream, due);
        let mut desk = lock(&self.desk);
        desk.attended = false;
        self.laid.notify_all();
        match received {
            Ok(Some(delivery)) => {
                let Reply::Decision(response) = &delivery.message;
                if let Some(place) = desk.answers.get_mut(&response.request_id) {
                    *place = Some((delivery.message, delivery.descriptor));
                }
                Ok(desk)
            }
            Ok(None) => {
                desk.over = true;
                Ok(desk)
            }
            Err(IpcError::TimedOut) => Ok(desk),
            Err(error) => {
                desk.over = true;
                Err(error)
            }
        }
    }
}

/// A thread that panicked while it held one of these left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
