//! What can go wrong, by whose fault it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::BODY_MAX;

/// A result whose error is an [`IpcError`].
pub type Result<T, E = IpcError> = std::result::Result<T, E>;

/// The peer broke the grammar. The connection is over: nothing that comes later is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A body longer than [`BODY_MAX`].
    #[error("a frame of {length} bytes; at most {BODY_MAX} are allowed")]
    TooLong {
        /// What the header said.
        length: u32,
    },
    /// A body of length zero on a frame that carries no descriptor.
    #[error("an empty frame without a descriptor")]
    Empty,
    /// A frame that is marked and came without a descriptor.
    #[error("a frame is marked to carry a descriptor, and none came with it")]
    MarkWithoutDescriptor,
    /// A descriptor on a frame that is not marked.
    #[error("a descriptor came with a frame that is not marked to carry one")]
    DescriptorWithoutMark,
    /// A descriptor that came with bytes in which no frame begins.
    #[error("a descriptor came in the middle of a frame")]
    DescriptorOutsideFrame,
    /// More descriptors than one in one message.
    #[error("{count} descriptors or more came with one message; one is allowed")]
    ExtraDescriptors {
        /// How many arrived; all of them were closed.
        count: usize,
    },
    /// A control message that did not fit, beside a descriptor that did.
    #[error("a control message was longer than one descriptor")]
    TruncatedControl,
    /// A descriptor, or another control message, from an end that may send none.
    #[error("this peer may not send descriptors")]
    DescriptorRefused,
    /// Parts of one frame were sent by different processes.
    #[error("a frame was begun by one process and continued by another")]
    SenderChanged,
    /// The body of an earlier frame was no message: [`IpcError::Body`] or [`IpcError::NotUtf8`] said
    /// what it was.
    #[error("an earlier frame was no message")]
    NotAMessage,
    /// The connection ended inside a frame.
    #[error("the connection ended inside a frame, after {received} of its bytes")]
    EndInsideFrame {
        /// How many bytes of the frame had come.
        received: usize,
    },
    /// A frame took longer than its deadline to arrive.
    #[error("a frame was not complete within {} s", .0.as_secs_f32())]
    Slow(Duration),
}

/// Every way in which sending and receiving fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IpcError {
    /// The peer broke the grammar of frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer sent a body that is not UTF-8.
    #[error("a frame's body is not UTF-8")]
    NotUtf8,
    /// The peer sent a body that is not a message.
    #[error("a frame's body is not a message: {0}")]
    Body(serde_json::Error),
    /// A message of ours does not fit a frame, or cannot be written as JSON.
    #[error("the message cannot be sent: {0}")]
    Unsendable(String),
    /// The peer closed the connection between two frames, or while we sent.
    #[error("the peer closed the connection")]
    Closed,
    /// Nothing came within the read timeout, nobody connected, or nobody answered.
    #[error("nothing arrived in time")]
    TimedOut,
    /// The peer does not read: a frame of ours could not be sent within its deadline. What was
    /// sent of it makes the connection unusable.
    #[error("the peer does not read what it is sent")]
    PeerStalled,
    /// A descriptor came and this process could not take it, having too many open (`EMFILE`).
    #[error("the descriptor could not be received: too many are open in this process")]
    DescriptorLost,
    /// The descriptor was not sent: the user has too many in flight (`ETOOMANYREFS`). The connection
    /// is as it was.
    #[error("the descriptor could not be sent: too many are in flight already")]
    InFlight,
    /// No descriptor came where one was to be received.
    #[error("no descriptor came with the message")]
    NoDescriptor,
    /// A live socket, or something that is no socket of ours, is at the path already.
    #[error("{} is in use; choose another path", .0.display())]
    AddressInUse(PathBuf),
    /// A path that is longer than a socket's may be.
    #[error("{} is too long for a socket: {max} bytes are allowed", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// The most bytes.
        max: usize,
    },
    /// The process is not supervised, so nobody can be asked.
    #[error("no supervisor: neither {fd} nor {path} leads to one", fd = crate::variables::FD_VARIABLE, path = crate::variables::PATH_VARIABLE)]
    NoSupervisor,
    /// The client was made by another process, of which this one is a fork.
    #[error("the connection belongs to the parent process; make a client in this one")]
    OtherProcess,
    /// The operating system refused.
    #[error("{call}: {source}")]
    System {
        /// The call that failed.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl IpcError {
    /// Whether the peer broke the protocol, so that the connection has to be closed.
    #[must_use]
    pub fn is_peer_fault(&self) -> bool {
        matches!(self, Self::Frame(_) | Self::NotUtf8 | Self::Body(_))
    }

    /// A stable number for the variant, as other languages see it.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Frame(_) => 101,
            Self::NotUtf8 => 102,
            Self::Body(_) => 103,
            Self::Unsendable(_) => 104,
            Self::Closed => 105,
            Self::TimedOut => 106,
            Self::PeerStalled => 107,
            Self::DescriptorLost => 108,
            Self::InFlight => 109,
            Self::NoDescriptor => 110,
            Self::AddressInUse(_) => 111,
            Self::PathTooLong { .. } => 112,
            Self::NoSupervisor => 113,
            Self::System { .. } => 114,
            Self::OtherProcess => 115,
        }
    }

    /// Wraps what `call` returned.
    pub(crate) fn system(call: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::System { call, source: errno.into() }
    }
}
