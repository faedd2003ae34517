//! What the front and the supervisor tell each other.

use std::os::unix::net::UnixStream;

use nono::supervisor::IpcError;
use nono_ipc::{ClientEnd, SupervisorEnd};
use serde::{Deserialize, Serialize};

/// What the front passes on: a signal for the program, by number.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Signal(pub(super) i32);

/// What became of the program.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum News {
    /// It runs, as this process.
    Started(i32),
    /// It was stopped.
    Stopped,
    /// It ended, or could not be started.
    Ended {
        /// The exit status to end with.
        status: u8,
        /// Whether the program itself exited with it.
        exited: bool,
    },
}

pub(super) type Front = SupervisorEnd<News, Signal>;
pub(super) type Back = ClientEnd<News, Signal>;

/// The two ends of a fresh link.
pub(super) fn link() -> Result<(Front, Back), IpcError> {
    let pair = UnixStream::pair();
    let (front, back) = pair.map_err(|source| IpcError::System { call: "socketpair", source })?;
    Ok((Front::from_stream(front)?, Back::from_stream(back)?))
}
