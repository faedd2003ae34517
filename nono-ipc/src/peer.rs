//! Who is at the other end.

use std::os::fd::{AsFd, OwnedFd};

use crate::{IpcError, Result, sys};

/// The sender of a message, by the kernel's word: `SCM_CREDENTIALS` of unix(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sender {
    /// Its process, in our pid namespace; 0 when it has no number there.
    pub pid: u32,
    /// Its real user.
    pub uid: u32,
    /// Its real group.
    pub gid: u32,
}

/// The process at the other end of a connection.
#[derive(Debug)]
pub struct PeerCredentials {
    /// Its number, in our pid namespace; 0 when it has none there.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// A handle on it, which tells it from a later process of the same number. `None` where the
    /// system has no such handles, and when the process is gone.
    pub pidfd: Option<OwnedFd>,
}

impl PeerCredentials {
    /// Who made the other end of `socket`: the process that connected to a listening socket. Of a
    /// socket pair it is the process that made the pair, whoever holds the ends.
    ///
    /// # Errors
    /// [`IpcError::System`].
    pub fn of(socket: impl AsFd) -> Result<Self> {
        let socket = socket.as_fd();
        let peer = sys::peer(socket).map_err(IpcError::system("getsockopt SO_PEERCRED"))?;
        let Sender { pid, uid, gid } = peer;
        Ok(Self { pid, uid, gid, pidfd: sys::peer_pidfd(socket).or_else(|| open(pid)) })
    }

    /// The sender of a message, with a handle on the process that has its number now. Whoever needs
    /// to be sure that it is the same one compares what else is known of it.
    #[must_use]
    pub fn of_sender(sender: Sender) -> Self {
        let Sender { pid, uid, gid } = sender;
        Self { pid, uid, gid, pidfd: open(pid) }
    }
}

#[cfg(target_os = "linux")]
fn open(pid: u32) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(_: u32) -> Option<OwnedFd> {
    None
}
