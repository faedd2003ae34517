//! Framed messages and descriptor passing over Unix sockets.
//!
//! ```text
//! ClientEnd ──▶ [length | JSON] ──────────────────▶ SupervisorEnd
//! ClientEnd ◀── [length | JSON] + descriptor ◀───── SupervisorEnd
//! ```
//!
//! A descriptor rides on the frame it belongs to, marked in the frame's header, so that an answer and
//! its descriptor cannot be confused with another's. Every frame has a deadline, every buffer a bound;
//! a peer that breaks the grammar is cut off and nothing of what it sent leaks.
//!
//! The crate can be taken alone: the ends are generic in their messages, with those of the supervisor
//! protocol as the default.
//!
//! ```
//! use std::fs::File;
//! use nono_core::wire::{Reply, Response};
//! use nono_ipc::{Passed, SupervisorEnd};
//!
//! let (mut supervisor, mut child) = SupervisorEnd::pair()?;
//! let reply = Reply::Decision(Response::granted("1"));
//! supervisor.send_with_fd(&reply, File::open("/dev/null").expect("it is there"))?;
//!
//! let answer = child.recv()?.expect("the supervisor is there");
//! assert_eq!(answer.reply, reply);
//! assert!(matches!(answer.descriptor, Passed::Descriptor(_)));
//! # Ok::<(), nono_ipc::IpcError>(())
//! ```

mod bound_path;
mod client;
mod connection;
mod decoder;
mod door;
mod ends;
mod error;
mod header;
mod incoming;
mod json;
mod link;
mod listener;
mod outgoing;
mod peer;
mod quota;
mod rendezvous;
mod replay;
mod socket;
mod sys;

pub use client::{Client, Outcome, Wanted};
pub use decoder::{Arrival, Decoder, Frame, Passed};
pub use door::{Door, FD_VARIABLE, PATH_VARIABLE, SESSION_VARIABLE, TOKEN_VARIABLE};
pub use ends::{Answer, ClientEnd, Incoming, SupervisorEnd};
pub use error::{FrameError, IpcError, Result};
pub use header::{BODY_MAX, Header};
pub use incoming::FRAME_DEADLINE;
pub use listener::{ACCEPT_DEADLINE, Listener};
pub use outgoing::BACKLOG_MAX;
pub use peer::{PeerCredentials, Sender};
pub use quota::{Place, Quota};
pub use replay::ReplayWindow;
pub use socket::SupervisorSocket;
