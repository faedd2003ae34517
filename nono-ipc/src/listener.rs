//! Connections by path.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, bind, connect as join, listen, sockopt};

use crate::bound_path::{BoundPath, remove_dead};
use crate::incoming::{due_in, wait};
use crate::sys::{self, Blocking};
use crate::{IpcError, PeerCredentials, Result};

/// How long [`SupervisorSocket::bind`](crate::SupervisorSocket::bind) waits for its connection.
pub const ACCEPT_DEADLINE: Duration = Duration::from_secs(30);

/// How long a connection may take to be made.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The longest path of a socket in bytes: `sun_path` of unix(7) without its terminator.
const SUN_PATH_MAX: usize =
    size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path) - 1;

const BACKLOG: i32 = 128;

/// A listening socket at a path. The file is removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: BoundPath,
    user: u32,
}

impl Listener {
    /// Listens at `path`. Its mode is 0600 from the first moment, without a change of the umask: the
    /// mode is set on the socket before it is bound. A socket of ours that is there already is
    /// replaced once a failed connection proved that nobody listens on it.
    ///
    /// Other systems than Linux have no mode on an unbound socket: there the directory has to keep
    /// others out.
    ///
    /// # Errors
    /// [`IpcError::AddressInUse`], [`IpcError::PathTooLong`], [`IpcError::System`].
    pub fn bind(path: &Path) -> Result<Self> {
        Self::with(path, sys::name_senders)
    }

    /// As [`bind`](Self::bind), but what is said of senders and descriptors is left to whoever
    /// accepts.
    pub(crate) fn bind_plain(path: &Path) -> Result<Self> {
        Self::with(path, |_| Ok(()))
    }

    /// A connection is as its listener is while it waits to be accepted: what is refused only after
    /// that, such as a descriptor that takes long to close, is there already.
    fn with(
        path: &Path,
        prepare: impl FnOnce(BorrowedFd<'_>) -> Result<(), Errno>,
    ) -> Result<Self> {
        let address = address(path)?;
        let socket = new_socket(Blocking::No)?;
        prepare(socket.as_fd()).map_err(IpcError::system("setsockopt SO_PASSCRED"))?;
        make_private(&socket).map_err(IpcError::system("fchmod"))?;
        match bind(&socket, &address) {
            Err(Errno::ADDRINUSE) if remove_dead(path, is_dead).unwrap_or(false) => {
                bind(&socket, &address)
            }
            bound => bound,
        }
        .map_err(|errno| match errno {
            Errno::ADDRINUSE => IpcError::AddressInUse(path.to_owned()),
            errno => IpcError::system("bind")(errno),
        })?;
        let path = BoundPath::of(path).map_err(IpcError::system("lstat"))?;
        listen(&socket, BACKLOG).map_err(IpcError::system("listen"))?;
        Ok(Self { socket, path, user: rustix::process::geteuid().as_raw() })
    }

    /// Accepts connections of this user instead of our own; for a supervisor that runs as root.
    #[must_use]
    pub fn for_user(self, user: u32) -> Self {
        Self { user, ..self }
    }

    /// Waits for a connection of the expected user. Those of others are closed.
    ///
    /// # Errors
    /// [`IpcError::TimedOut`] after `deadline`; [`IpcError::System`].
    pub fn accept(&self, deadline: Duration) -> Result<(UnixStream, PeerCredentials)> {
        let due = due_in(deadline);
        loop {
            if let Some(accepted) = self.try_accept()? {
                return Ok(accepted);
            }
            if !wait(&self.socket, PollFlags::IN, due)? {
                return Err(IpcError::TimedOut);
            }
        }
    }

    /// A connection of the expected user, if there is one now: for event loops, when the listener is
    /// readable.
    ///
    /// # Errors
    /// [`IpcError::System`], as when too many descriptors are open.
    pub fn try_accept(&self) -> Result<Option<(UnixStream, PeerCredentials)>> {
        loop {
            let stream = match sys::accept(self.socket.as_fd()) {
                Ok(stream) => UnixStream::from(stream),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(errno) => return Err(IpcError::system("accept4")(errno)),
            };
            let peer = PeerCredentials::of(&stream)?;
            if peer.uid == self.user {
                return Ok(Some((stream, peer)));
            }
        }
    }

    /// Listens no more. The file is left to the result.
    pub(crate) fn into_path(self) -> BoundPath {
        self.path
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A connection to whoever listens at `path`.
pub(crate) fn connect(path: &Path) -> Result<UnixStream> {
    let address = address(path)?;
    let socket = new_socket(Blocking::Yes)?;
    // A listener whose queue is full makes us wait; this is the limit that the kernel keeps to.
    let limit = |limit| {
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, limit)
            .map_err(IpcError::system("setsockopt SO_SNDTIMEO"))
    };
    limit(Some(CONNECT_DEADLINE))?;
    join(&socket, &address).map_err(|errno| match errno {
        Errno::AGAIN => IpcError::TimedOut,
        errno => IpcError::system("connect")(errno),
    })?;
    limit(None)?;
    Ok(socket.into())
}

fn is_dead(path: &Path) -> bool {
    let probe = || {
        let socket = new_socket(Blocking::No).ok()?;
        Some(join(&socket, &address(path).ok()?))
    };
    matches!(probe(), Some(Err(Errno::CONNREFUSED)))
}

fn address(path: &Path) -> Result<SocketAddrUnix> {
    if path.as_os_str().len() > SUN_PATH_MAX {
        return Err(IpcError::PathTooLong { path: path.to_owned(), max: SUN_PATH_MAX });
    }
    SocketAddrUnix::new(path).map_err(IpcError::system("bind"))
}

fn new_socket(blocking: Blocking) -> Result<OwnedFd> {
    sys::stream_socket(blocking).map_err(IpcError::system("socket"))
}

/// Sets the mode that the file will have. Source: `unix_bind_bsd` in net/unix/af_unix.c.
#[cfg(target_os = "linux")]
fn make_private(socket: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::fchmod(socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
}

#[cfg(not(target_os = "linux"))]
fn make_private(_: &OwnedFd) -> Result<(), Errno> {
    Ok(())
}
