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
//! A process gives another one a file that is already open:
//!
//! ```standalone_crate
//! use std::os::fd::{AsFd, OwnedFd};
//! use std::{env, fs::File, io, os::unix::net::UnixStream, process::Command};
//!
//! use nono_ipc::{ClientEnd, SupervisorEnd};
//!
//! if env::args().count() > 1 {
//!     // The child, whose end is its standard input.
//!     let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
//!     let mut child: ClientEnd<String, u32> = ClientEnd::from_stream(stream)?;
//!     child.send(&"the list, please".to_owned())?;
//!     let answer = child.recv()?.expect("the parent answers");
//!     let file = answer.descriptor.into_result()?.expect("with a descriptor");
//!     assert_eq!(answer.reply, 7);
//!     assert!(io::read_to_string(File::from(file))?.contains("root"));
//! } else {
//!     let (ours, theirs) = UnixStream::pair()?;
//!     let mut parent: SupervisorEnd<String, u32> = SupervisorEnd::from_stream(ours)?;
//!     let mut child = Command::new(env::current_exe()?);
//!     let mut child = child.arg("child").stdin(OwnedFd::from(theirs)).spawn()?;
//!     assert_eq!(parent.recv()?.expect("the child asks").message, "the list, please");
//!     parent.send_with_fd(&7, File::open("/etc/passwd")?)?;
//!     assert!(child.wait()?.success());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bound_path;
mod client;
mod connection;
mod decoder;
#[cfg(target_os = "linux")]
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
#[cfg(target_os = "linux")]
mod transport;
mod variables;

pub use client::{Client, Outcome, Wanted};
pub use decoder::{Arrival, Decoder, Frame, Passed};
#[cfg(target_os = "linux")]
pub use door::Door;
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
#[cfg(target_os = "linux")]
pub use transport::{SocketTransport, Stopper};
pub use variables::{FD_VARIABLE, PATH_VARIABLE, SESSION_VARIABLE, TOKEN_VARIABLE};
