//! Requests over sockets: every connection of a session on one thread.
//!
//! ```text
//! door, listener ──▶ Connection ──Submission──▶ Desk … Responder ──▶ Channel ──▶ client
//! ```

mod channel;
mod connection;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use nono_core::pipeline::{Desk, Transport};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use crate::door::Door;
use crate::listener::Listener;
use crate::{IpcError, Result};
use channel::{Channel, Shared};
use connection::{Connection, State};

/// Serves a door, a listening socket, or both.
#[derive(Debug)]
pub struct SocketTransport {
    shared: Arc<Shared>,
    stop: OwnedFd,
    door: Option<Door>,
    listener: Option<(Listener, String)>,
    /// There was no descriptor to accept a connection with; until the next sweep none is accepted.
    is_deaf: bool,
    connections: HashMap<u64, Connection>,
    /// Connections with a deadline, as for a frame that is under way in either direction.
    unfinished: HashSet<u64>,
    /// Connections that may have more to read than one turn allows.
    busy: BTreeSet<u64>,
    next: u64,
}

/// Ends the serving of a [`SocketTransport`].
#[derive(Debug)]
pub struct Stopper {
    stop: OwnedFd,
}

const DOOR: u64 = 0;
const LISTENER: u64 = 1;
const STOP: u64 = 2;
const STALLED: u64 = 3;
const FIRST_CONNECTION: u64 = 4;

/// How many clients may be connected at a time.
const CONNECTIONS_MAX: usize = 4096;
/// How many connections are made in one turn, so that those that are there have theirs.
const TURN: usize = 64;
/// How often deadlines are looked at while a frame is under way.
const SWEEP: Duration = Duration::from_millis(250);

impl SocketTransport {
    /// A transport that serves nothing yet.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn new() -> Result<Self> {
        let epoll =
            epoll::create(CreateFlags::CLOEXEC).map_err(IpcError::system("epoll_create"))?;
        let transport = Self {
            shared: Arc::new(Shared { epoll, stalled: event()? }),
            stop: event()?,
            door: None,
            listener: None,
            is_deaf: false,
            connections: HashMap::new(),
            unfinished: HashSet::new(),
            busy: BTreeSet::new(),
            next: FIRST_CONNECTION,
        };
        transport.watch(&transport.stop, STOP)?;
        transport.watch(&transport.shared.stalled, STALLED)?;
        Ok(transport)
    }

    /// Serves whoever inherits the other end of a door.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn with_door(mut self, door: Door) -> Result<Self> {
        self.watch(&door, DOOR)?;
        self.door = Some(door);
        Ok(self)
    }

    /// Serves whoever connects and presents `token` in the first message.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn with_listener(mut self, listener: Listener, token: String) -> Result<Self> {
        self.watch(&listener, LISTENER)?;
        self.listener = Some((listener, token));
        Ok(self)
    }

    /// What ends the serving. Without it, and without a listening socket, serving ends when the door
    /// and every connection are closed: when no process is left that could ask.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn stopper(&self) -> Result<Stopper> {
        let stop = self.stop.try_clone();
        let stop = stop.map_err(|source| IpcError::System { call: "dup", source })?;
        Ok(Stopper { stop })
    }

    fn watch(&self, source: impl AsFd, data: u64) -> Result<()> {
        epoll::add(&self.shared.epoll, source, EventData::new_u64(data), EventFlags::IN)
            .map_err(IpcError::system("epoll_ctl"))
    }

    /// Waits for something to do; what there is.
    fn wait(&self, events: &mut Vec<epoll::Event>) -> Result<()> {
        let limit = if !self.busy.is_empty() {
            Some(Timespec::default())
        } else if self.unfinished.is_empty() && !self.is_deaf {
            None
        } else {
            Timespec::try_from(SWEEP).ok()
        };
        events.clear();
        match epoll::wait(
            &self.shared.epoll,
            rustix::buffer::spare_capacity(events),
            limit.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(IpcError::system("epoll_wait")(errno)),
        }
    }

    /// Waits, and gives one turn to each that is ready; `false` when it is to be the last round.
    fn round(&mut self, events: &mut Vec<epoll::Event>, desk: &dyn Desk) -> Result<bool> {
        self.wait(events)?;
        // Whether a connection is busy or readable or both.
        let mut ready = std::mem::take(&mut self.busy);
        ready.extend(events.iter().map(|event| event.data.u64()));
        for id in ready {
            match id {
                STOP => return Ok(false),
                DOOR => self.answer_knocks()?,
                LISTENER => self.accept()?,
                STALLED => self.note_stalled(),
                id => self.turn(id, desk),
            }
        }
        Ok(true)
    }

    fn is_over(&self) -> bool {
        self.door.is_none() && self.listener.is_none() && self.connections.is_empty()
    }

    /// Opens the door for those who knock.
    fn answer_knocks(&mut self) -> Result<()> {
        for _ in 0..TURN {
            let Some(door) = &self.door else { return Ok(()) };
            match door.poll_knock()? {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.door = None,
                // Whoever is refused here knocks again, and waits until there is room.
                Poll::Ready(Some(_)) if self.connections.len() >= CONNECTIONS_MAX => {}
                Poll::Ready(Some(_)) => match door.open() {
                    Ok(Some(stream)) => self.add(stream, None),
                    Ok(None) | Err(IpcError::InFlight | IpcError::System { .. }) => {}
                    Err(_) => self.door = None,
                },
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        for _ in 0..TURN {
            let Some((listener, token)) = &self.listener else { return Ok(()) };
            match listener.try_accept() {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if self.connections.len() >= CONNECTIONS_MAX => {}
                Ok(Some((stream, _))) => {
                    let token = token.clone();
                    self.add(stream, Some(token));
                }
                // It waits for a descriptor to be closed, and is not looked at all the time.
                Err(_) => return self.listen(false),
            }
        }
        Ok(())
    }

    fn listen(&mut self, on: bool) -> Result<()> {
        self.is_deaf = !on;
        let Some((listener, _)) = &self.listener else { return Ok(()) };
        let flags = if on { EventFlags::IN } else { EventFlags::empty() };
        epoll::modify(&self.shared.epoll, listener, EventData::new_u64(LISTENER), flags)
            .map_err(IpcError::system("epoll_ctl"))
    }

    /// A connection that cannot be served is closed; the others are.
    fn add(&mut self, stream: UnixStream, token: Option<String>) {
        let id = self.next;
        self.next += 1;
        if token.is_some() {
            self.unfinished.insert(id);
        }
        let channel = Channel::new(stream, Arc::clone(&self.shared), id);
        if let Ok(connection) = channel.map(|channel| Connection::new(channel, token)) {
            self.connections.insert(id, connection);
        }
    }

    /// Answers wait for clients that do not read, which is late from some time on.
    fn note_stalled(&mut self) {
        // What it counts does not matter; it is not readable any more.
        let _ = rustix::io::read(&self.shared.stalled, &mut [0; 8]);
        let stalled = self.connections.iter().filter(|(_, connection)| connection.is_stalled());
        self.unfinished.extend(stalled.map(|(id, _)| *id));
    }

    /// Lets a connection do what it can now.
    fn turn(&mut self, id: u64, desk: &dyn Desk) {
        let state = self.connections.get_mut(&id).map(|connection| connection.turn(desk));
        match state.unwrap_or(State::Over) {
            State::Over => {
                // Whoever has a request of it to answer keeps it open a while longer.
                self.connections.remove(&id).iter().for_each(Connection::unwatch);
                self.unfinished.remove(&id);
            }
            State::Busy => {
                self.busy.insert(id);
            }
            State::Unfinished => {
                self.unfinished.insert(id);
            }
            State::Idle => {
                self.unfinished.remove(&id);
            }
        }
    }

    /// Gives the connections a turn whose frames may be late.
    fn sweep(&mut self, desk: &dyn Desk) -> Result<()> {
        for id in self.unfinished.iter().copied().collect::<Vec<_>>() {
            self.turn(id, desk);
        }
        if self.is_deaf { self.listen(true) } else { Ok(()) }
    }
}

fn event() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(IpcError::system("eventfd"))
}

impl Transport for SocketTransport {
    fn serve(&mut self, desk: &dyn Desk) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        let mut swept = Instant::now();
        while !self.is_over() {
            if !self.round(&mut events, desk).map_err(io::Error::other)? {
                return Ok(());
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.sweep(desk).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

impl Stopper {
    /// Ends the serving soon.
    pub fn stop(&self) {
        // It can only fail when it has been called 2^64 times.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
    }
}
