//! Sending frames to a stream socket.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg};
use serde::Serialize;

use crate::incoming::{FRAME_DEADLINE, wait};
use crate::{Header, IpcError, Result, json};

/// How many bytes may wait for a peer that does not read, before it is given up.
pub const BACKLOG_MAX: usize = 4 * (Header::SIZE + crate::BODY_MAX);

/// The sending half of a connection. The stream is lent to every call, so that another thread can
/// receive from it meanwhile.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// A frame being written: header and body, in one buffer that is used again.
    buffer: Vec<u8>,
    /// Frames that wait for the peer to read.
    backlog: VecDeque<Waiting>,
    backlog_bytes: usize,
    deadline: Duration,
    /// A frame was cut off: what is sent now would be read as its rest.
    cut_off: bool,
}

#[derive(Debug)]
struct Waiting {
    frame: Vec<u8>,
    sent: usize,
    descriptor: Option<OwnedFd>,
    due: Instant,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            deadline: FRAME_DEADLINE,
            cut_off: false,
        }
    }
}

impl Outgoing {
    pub(crate) fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Sends a message as JSON, waiting for the peer to read for as long as a frame may take.
    pub(crate) fn send<M: Serialize>(
        &mut self,
        stream: &UnixStream,
        message: &M,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        let mut frame = std::mem::take(&mut self.buffer);
        let sent = encode(&mut frame, message, descriptor.is_some())
            .and_then(|()| self.transmit(stream, [&frame, &[]], descriptor));
        frame.clear();
        self.buffer = frame;
        sent
    }

    /// Sends bytes as the body of a frame; else as [`send`](Self::send).
    pub(crate) fn send_body(
        &mut self,
        stream: &UnixStream,
        body: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        let header = Header::new(body.len(), descriptor.is_some()).map_err(unsendable)?;
        self.transmit(stream, [&header.to_bytes(), body], descriptor)
    }

    fn transmit(
        &mut self,
        stream: &UnixStream,
        parts: [&[u8]; 2],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        self.usable()?;
        let length = parts.iter().map(|part| part.len()).sum();
        let mut sent = 0;
        let mut due = None;
        loop {
            // What was sent of the frame took the descriptor along.
            let descriptor = descriptor.filter(|_| sent == 0);
            match send_some(stream, skip(parts, sent), descriptor) {
                Ok(more) => sent += more,
                Err(error) => return Err(self.cut(sent, error)),
            }
            if sent >= length {
                return Ok(());
            }
            let due = *due.get_or_insert_with(|| Instant::now() + self.deadline);
            if !wait(stream, PollFlags::OUT, due)? {
                return Err(self.cut(sent, IpcError::PeerStalled));
            }
        }
    }

    /// Sends a message as JSON without waiting; what the peer does not take yet is kept for
    /// [`flush`](Self::flush). Whether all is sent.
    pub(crate) fn queue<M: Serialize>(
        &mut self,
        stream: &UnixStream,
        message: &M,
        descriptor: Option<OwnedFd>,
    ) -> Result<bool> {
        self.usable()?;
        let mut frame = Vec::new();
        encode(&mut frame, message, descriptor.is_some())?;
        if self.backlog_bytes + frame.len() > BACKLOG_MAX {
            return Err(self.cut(1, IpcError::PeerStalled));
        }
        self.backlog_bytes += frame.len();
        let due = Instant::now() + self.deadline;
        self.backlog.push_back(Waiting { frame, sent: 0, descriptor, due });
        self.flush(stream)
    }

    /// Sends what waits, as far as the peer takes it. Whether all is sent.
    pub(crate) fn flush(&mut self, stream: &UnixStream) -> Result<bool> {
        while let Some(first) = self.backlog.front_mut() {
            let descriptor = first.descriptor.as_ref().map(AsFd::as_fd);
            match send_some(stream, [&first.frame[first.sent..], &[]], descriptor) {
                Ok(0) if first.due <= Instant::now() => {
                    return Err(self.cut(1, IpcError::PeerStalled));
                }
                Ok(0) => return Ok(false),
                Ok(sent) => {
                    first.sent += sent;
                    first.descriptor = None;
                }
                Err(error) => return Err(self.drop_first(error)),
            }
            if first.sent == first.frame.len() {
                self.backlog_bytes -= first.frame.len();
                self.backlog.pop_front();
            }
        }
        Ok(true)
    }

    /// When what waits has to be sent.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.backlog.front().map(|first| first.due)
    }

    /// A frame of which nothing was sent is given up alone.
    fn drop_first(&mut self, error: IpcError) -> IpcError {
        let Some(first) = self.backlog.pop_front() else { return error };
        self.backlog_bytes -= first.frame.len();
        self.cut(first.sent, error)
    }

    fn cut(&mut self, sent: usize, error: IpcError) -> IpcError {
        self.cut_off |= sent > 0;
        error
    }

    fn usable(&self) -> Result<()> {
        if self.cut_off { Err(IpcError::PeerStalled) } else { Ok(()) }
    }
}

/// Appends the frame of `message` to `frame`.
fn encode<M: Serialize>(frame: &mut Vec<u8>, message: &M, marked: bool) -> Result<()> {
    let start = frame.len();
    frame.extend_from_slice(&[0; Header::SIZE]);
    json::write(frame, message).map_err(unsendable)?;
    let header = Header::new(frame.len() - start - Header::SIZE, marked).map_err(unsendable)?;
    frame[start..start + Header::SIZE].copy_from_slice(&header.to_bytes());
    Ok(())
}

fn unsendable(error: impl ToString) -> IpcError {
    IpcError::Unsendable(error.to_string())
}

/// Sends what the peer takes now: 0 when that is nothing.
fn send_some(
    stream: &UnixStream,
    parts: [&[u8]; 2],
    descriptor: Option<BorrowedFd<'_>>,
) -> Result<usize> {
    loop {
        return match send_once(stream, parts, descriptor) {
            Ok(sent) => Ok(sent),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(0),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(IpcError::Closed),
            Err(Errno::TOOMANYREFS) => Err(IpcError::InFlight),
            Err(errno) => Err(IpcError::system("sendmsg")(errno)),
        };
    }
}

fn send_once(
    stream: &UnixStream,
    parts: [&[u8]; 2],
    descriptor: Option<BorrowedFd<'_>>,
) -> Result<usize, Errno> {
    let flags = SendFlags::DONTWAIT | NO_SIGNAL;
    if let ([whole, []], None) = (parts, descriptor) {
        // The kernel is quicker when it need not fetch a message header and its parts.
        return send(stream, whole, flags);
    }
    let parts = parts.map(IoSlice::new);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.map(|descriptor| [descriptor]);
    if let Some(descriptors) = &descriptors {
        // The space is for exactly this.
        let _ = control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(stream, &parts, &mut control, flags)
}

#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// What is left of two parts behind the first `sent` bytes.
fn skip([first, second]: [&[u8]; 2], sent: usize) -> [&[u8]; 2] {
    let beyond = sent.saturating_sub(first.len());
    [first.get(sent..).unwrap_or_default(), second.get(beyond..).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_two_parts_begins_where_the_sending_ended() {
        let parts: [&[u8]; 2] = [b"head", b"body"];
        assert_eq!(skip(parts, 0), parts);
        assert_eq!(skip(parts, 3), [&b"d"[..], b"body"]);
        assert_eq!(skip(parts, 4), [&b""[..], b"body"]);
        assert_eq!(skip(parts, 6), [&b""[..], b"dy"]);
        assert_eq!(skip(parts, 8), [&b""[..], b""]);
    }
}
