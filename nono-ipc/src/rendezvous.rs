//! How a program finds its supervisor.

use std::env::var_os;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nono_core::PROTOCOL_VERSION;
use nono_core::wire::{Hello, Message};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, sockopt};

use crate::door::{FD_VARIABLE, PATH_VARIABLE, TOKEN_VARIABLE, is_door, knock};
use crate::listener::connect;
use crate::{ClientEnd, IpcError, Result, sys};

/// How long the supervisor may take to open the door.
pub(crate) const DOOR_DEADLINE: Duration = Duration::from_secs(10);

/// A fresh stream to the supervisor that the environment names: through the door if it is open,
/// else by path. (Any of those who share the door can shut it for all.)
pub(crate) fn stream() -> Result<UnixStream> {
    let path = var_os(PATH_VARIABLE);
    let knocked = inherited_door().map(|door| knock(door.as_fd(), DOOR_DEADLINE));
    match (knocked, path) {
        (None | Some(Err(IpcError::Closed)), Some(path)) => by_path(Path::new(&path)),
        (Some(knocked), _) => knocked,
        (None, None) => Err(IpcError::NoSupervisor),
    }
}

/// The door, if the variable names one and the descriptor is one: a program may have closed it and
/// opened something else under its number.
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
        && sockopt::socket_domain(&opened) == Ok(AddressFamily::UNIX)
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
