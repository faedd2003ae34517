//! Requests over sockets: every connection of a session on one thread.
//!
//! ```text
//! door, listener ──▶ Connection ──Submission──▶ Desk … Responder ──▶ Channel ──▶ client
//! ```

mod channel;
mod connection;

use std::collections::{HashMap, HashSet};
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
use channel::Channel;
use connection::{Connection, State};

/// Serves a door, a listening socket, or both.
#[derive(Debug)]
pub struct SocketTransport {
    epoll: Arc<OwnedFd>,
    stop: OwnedFd,
    door: Option<Door>,
    listener: Option<(Listener, String)>,
    connections: HashMap<u64, Connection>,
    /// Connections with a frame that is under way in either direction.
    unfinished: HashSet<u64>,
    /// Connections that may have more to read than one turn allows.
    busy: Vec<u64>,
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
const FIRST_CONNECTION: u64 = 3;

/// How many clients may be connected at a time.
const CONNECTIONS_MAX: usize = 4096;
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
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(IpcError::system("eventfd"))?;
        let transport = Self {
            epoll: Arc::new(epoll),
            stop,
            door: None,
            listener: None,
            connections: HashMap::new(),
            unfinished: HashSet::new(),
            busy: Vec::new(),
            next: FIRST_CONNECTION,
        };
        transport.watch(&transport.stop, STOP)?;
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
        epoll::add(&self.epoll, source, EventData::new_u64(data), EventFlags::IN)
            .map_err(IpcError::system("epoll_ctl"))
    }

    /// Waits for something to do; what there is.
    fn wait(&self, events: &mut Vec<epoll::Event>) -> Result<()> {
        let limit = if !self.busy.is_empty() {
            Some(Timespec::default())
        } else if self.unfinished.is_empty() {
            None
        } else {
            Timespec::try_from(SWEEP).ok()
        };
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(IpcError::system("epoll_wait")(errno)),
        }
    }

    fn is_over(&self) -> bool {
        self.door.is_none() && self.listener.is_none() && self.connections.is_empty()
    }

    /// Opens the door for everybody who knocks.
    fn answer_knocks(&mut self) -> Result<()> {
        while let Some(door) = &self.door {
            match door.poll_knock()? {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.door = None,
                // Whoever is refused here knocks again, and waits until there is room.
                Poll::Ready(Some(_)) if self.connections.len() >= CONNECTIONS_MAX => {}
                Poll::Ready(Some(_)) => match door.open() {
                    Ok(Some(stream)) => self.add(stream, None)?,
                    Ok(None) | Err(IpcError::InFlight | IpcError::System { .. }) => {}
                    Err(_) => self.door = None,
                },
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        while let Some((listener, token)) = &self.listener {
            // Without a descriptor to accept it with, a connection waits for one to be closed.
            let Ok(Some((stream, _))) = listener.try_accept() else { return Ok(()) };
            if self.connections.len() < CONNECTIONS_MAX {
                let token = token.clone();
                self.add(stream, Some(token))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, stream: UnixStream, token: Option<String>) -> Result<()> {
        let id = self.next;
        self.next += 1;
        let channel = Channel::new(stream, Arc::clone(&self.epoll), id)?;
        self.connections.insert(id, Connection::new(channel, token)?);
        Ok(())
    }

    /// Lets a connection do what it can now.
    fn turn(&mut self, id: u64, desk: &dyn Desk) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.turn(desk) {
            State::Over => {
                self.connections.remove(&id);
                self.unfinished.remove(&id);
            }
            State::Busy => self.busy.push(id),
            State::Unfinished => {
                self.unfinished.insert(id);
            }
            State::Idle => {
                self.unfinished.remove(&id);
            }
        }
    }

    /// Gives the connections a turn whose frames are late.
    fn sweep(&mut self, desk: &dyn Desk) {
        for id in self.unfinished.iter().copied().collect::<Vec<_>>() {
            self.turn(id, desk);
        }
    }
}

impl Transport for SocketTransport {
    fn serve(&mut self, desk: &dyn Desk) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        let mut swept = Instant::now();
        while !self.is_over() {
            self.wait(&mut events).map_err(io::Error::other)?;
            for id in std::mem::take(&mut self.busy) {
                self.turn(id, desk);
            }
            for event in &events {
                match event.data.u64() {
                    STOP => return Ok(()),
                    DOOR => self.answer_knocks().map_err(io::Error::other)?,
                    LISTENER => self.accept().map_err(io::Error::other)?,
                    id => self.turn(id, desk),
                }
            }
            if !self.unfinished.is_empty() && swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.sweep(desk);
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
