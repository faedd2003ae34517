//! How a program finds its supervisor.

use std::env::var_os;
use std::io::ErrorKind;
use std::os::fd::AsFd;
#[cfg(target_os = "linux")]
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::time::Duration;

use nono_core::PROTOCOL_VERSION;
use nono_core::wire::{Hello, Message};
use rustix::fs::{Mode, OFlags};

#[cfg(target_os = "linux")]
use crate::door::{is_door, knock};
use crate::listener::connect;
#[cfg(target_os = "linux")]
use crate::sys;
use crate::sys::is_unix;
#[cfg(target_os = "linux")]
use crate::variables::FD_VARIABLE;
use crate::variables::{PATH_VARIABLE, TOKEN_VARIABLE};
use crate::{ClientEnd, IpcError, Result};

/// How long the supervisor may take to open the door.
#[cfg(target_os = "linux")]
pub(crate) const DOOR_DEADLINE: Duration = Duration::from_secs(10);

/// A fresh stream to the supervisor that the environment names: through the door if it is open,
/// else by path. (Any of those who share the door can shut it for all.)
pub(crate) fn stream() -> Result<UnixStream> {
    let path = var_os(PATH_VARIABLE);
    let knocked = knocked();
    match (knocked, path) {
        (None | Some(Err(IpcError::Closed)), Some(path)) => by_path(Path::new(&path)),
        (Some(knocked), _) => knocked,
        (None, None) => Err(IpcError::NoSupervisor),
    }
}

/// What came of knocking, where there is a door.
#[cfg(target_os = "linux")]
fn knocked() -> Option<Result<UnixStream>> {
    inherited_door().map(|door| knock(door.as_fd(), DOOR_DEADLINE))
}

/// The system has no sockets that doors are made of.
#[cfg(not(target_os = "linux"))]
fn knocked() -> Option<Result<UnixStream>> {
    None
}

/// The door, if the variable names one and the descriptor is one: a program may have closed it and
/// opened something else under its number.
#[cfg(target_os = "linux")]
fn inherited_door() -> Option<OwnedFd> {
    let number: RawFd = var_os(FD_VARIABLE)?.to_str()?.parse().ok()?;
    let door = sys::borrow(number).ok().filter(|door| is_door(*door))?;
    door.try_clone_to_owned().ok()
}

/// Under transparent supervision opening the path gives the stream; elsewhere it is a socket to
/// connect to, where a secret proves that we belong to the session.
fn by_path(path: &Path) -> Result<UnixStream> {
    // What else may lie there is not waited for, and becomes no controlling terminal.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    if let Ok(opened) = rustix::fs::open(path, flags, Mode::empty())
        && is_unix(opened.as_fd())
    {
        return Ok(opened.into());
    }
    let stream = connect(path).map_err(|error| match error {
        IpcError::System { source, .. } if source.kind() == ErrorKind::NotFound => {
            IpcError::NoSupervisor
        }
        error => error,
    })?;
    let token = var_os(TOKEN_VARIABLE).and_then(|token| token.into_string().ok());
    let mut end: ClientEnd = ClientEnd::from_stream(stream)?;
    let hello = Hello { version: PROTOCOL_VERSION, token: token.unwrap_or_default() };
    end.send(&Message::Hello(hello))?;
    Ok(end.into_stream())
}
