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

use crate::incoming::{FRAME_DEADLINE, due_in, wait};
use crate::{Header, IpcError, Result, json};

/// How many bytes may wait for a peer that does not read, before it is given up.
pub const BACKLOG_MAX: usize = 4 * (Header::SIZE + crate::BODY_MAX);
/// How many of the frames that wait may have a descriptor: they are open here until they are sent.
const DESCRIPTORS_MAX: usize = 16;

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
    /// What is sent instead when the descriptor is one too many in flight.
    refusal: Option<Vec<u8>>,
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
        self.drain(stream)?;
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
            let due = *due.get_or_insert_with(|| due_in(self.deadline));
            if !wait(stream, PollFlags::OUT, due)? {
                return Err(self.cut(sent, IpcError::PeerStalled));
            }
        }
    }

    /// Sends a message as JSON without waiting; what the peer does not take yet is kept for
    /// [`flush`](Self::flush). Whether all is sent. An error is about this message, not about those
    /// that wait. One that had to wait is replaced by `refusal` when its descriptor is one too many
    /// in flight.
    pub(crate) fn queue<M: Serialize>(
        &mut self,
        stream: &UnixStream,
        message: &M,
        descriptor: Option<OwnedFd>,
        refusal: Option<&M>,
    ) -> Result<bool> {
        self.usable()?;
        let mut frame = Vec::new();
        encode(&mut frame, message, descriptor.is_some())?;
        let held = self.backlog.iter().filter(|frame| frame.descriptor.is_some()).count();
        if self.backlog_bytes + frame.len() > BACKLOG_MAX || held >= DESCRIPTORS_MAX {
            return Err(self.cut(1, IpcError::PeerStalled));
        }
        let passed = descriptor.as_ref().map(AsFd::as_fd);
        let sent =
            if self.backlog.is_empty() { send_some(stream, [&frame, &[]], passed)? } else { 0 };
        if sent == frame.len() {
            return Ok(true);
        }
        self.backlog_bytes += frame.len();
        // What was sent of the frame took the descriptor along.
        let descriptor = descriptor.filter(|_| sent == 0);
        let refusal = refusal.filter(|_| descriptor.is_some()).map(frame_of).transpose()?;
        let due = due_in(self.deadline);
        self.backlog.push_back(Waiting { frame, sent, descriptor, refusal, due });
        Ok(false)
    }

    /// Sends what waits, and waits until the peer has taken it.
    fn drain(&mut self, stream: &UnixStream) -> Result<()> {
        while !self.flush(stream)? {
            let Some(due) = self.due() else { break };
            wait(stream, PollFlags::OUT, due)?;
        }
        Ok(())
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
                Err(error) => self.refuse_first(error)?,
            }
            let Some(first) = self.backlog.front() else { break };
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

    /// Sends its refusal in place of the first frame, of which nothing was sent; without one it is
    /// given up alone.
    fn refuse_first(&mut self, error: IpcError) -> Result<()> {
        let Some(mut first) = self.backlog.pop_front() else { return Err(error) };
        self.backlog_bytes -= first.frame.len();
        let refusal = first.refusal.take().filter(|_| matches!(error, IpcError::InFlight));
        let Some(frame) = refusal else { return Err(self.cut(first.sent, error)) };
        self.backlog_bytes += frame.len();
        self.backlog.push_front(Waiting { frame, descriptor: None, ..first });
        Ok(())
    }

    fn cut(&mut self, sent: usize, error: IpcError) -> IpcError {
        self.cut_off |= sent > 0;
        error
    }

    fn usable(&self) -> Result<()> {
        if self.cut_off { Err(IpcError::PeerStalled) } else { Ok(()) }
    }
}

/// The frame of a message that comes without a descriptor.
fn frame_of<M: Serialize>(message: &M) -> Result<Vec<u8>> {
    let mut frame = Vec::new();
    encode(&mut frame, message, false)?;
    Ok(frame)
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

    #[test]
    fn a_reply_that_waited_for_nothing_is_replaced_by_its_refusal_and_no_other_is() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut outgoing = Outgoing::default();
        let long = "x".repeat(60_000);
        while outgoing.queue(&ours, &long, None, None).unwrap() {}
        let before = outgoing.backlog.len();
        let file = || Some(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
        let no = "no".to_owned();
        assert!(!outgoing.queue(&ours, &"yes".to_owned(), file(), Some(&no)).unwrap());
        assert!(!outgoing.queue(&ours, &"last".to_owned(), None, None).unwrap());
        // What the kernel says only to users with a limit comes when the frame's turn has come.
        let first: Vec<_> = outgoing.backlog.drain(..before).collect();
        assert!(outgoing.refuse_first(IpcError::InFlight).is_ok());
        outgoing.backlog.extend(first);
        outgoing.backlog.rotate_right(before);
        let all = Outgoing::frame_bytes(&outgoing);
        assert_eq!(outgoing.backlog_bytes, all);
        let taken = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut taken = vec![];
                std::io::Read::read_to_end(&mut theirs, &mut taken).unwrap();
                taken
            });
            outgoing.drain(&ours).unwrap();
            drop(ours);
            reader.join().unwrap()
        });
        assert!(taken.ends_with(b"\0\0\0\x04\"no\"\0\0\0\x06\"last\""));
    }

    impl Outgoing {
        fn frame_bytes(&self) -> usize {
            self.backlog.iter().map(|waiting| waiting.frame.len()).sum()
        }
    }
}
