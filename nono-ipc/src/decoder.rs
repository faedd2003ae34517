//! The grammar of frames as a state machine without a kernel.
//!
//! ```text
//!            space() ──▶ the caller receives into it ──▶ arrived(Arrival)
//!                                                             │
//!  buffer:  [ consumed | frame being read … | newest arrival ]◀┘
//!                        │
//!                        └──▶ next_frame() ──▶ Frame, or "need more", or an error for good
//! ```
//!
//! One arrival is what one receive brought. Its descriptor belongs to the frame that begins last in
//! it: a kernel ends a receive behind the message that carried a descriptor, and the sender sends
//! nothing behind that frame in the same message. A frame that is marked, and a descriptor, that do
//! not find each other so are errors.

use crate::{BODY_MAX, FrameError, Header};

/// Turns bytes and descriptors into frames.
///
/// Generic in the descriptor, so that it can be tested without one, and in who sent it. It holds one
/// frame at most, [`BODY_MAX`] bytes and a header, allocated once. An error is for good: the same is
/// returned ever after, whatever arrives.
#[derive(Debug)]
pub struct Decoder<D, S = ()> {
    buffer: Box<[u8]>,
    /// Where the frame that is read next begins.
    start: usize,
    /// Where the newest arrival begins.
    newest: usize,
    /// The end of what has arrived.
    end: usize,
    /// What the newest arrival brought, until a frame claims it.
    brought: Passed<D>,
    /// What belongs to the frame at `start`, which began in an earlier arrival.
    held: Passed<D>,
    /// Who sent the newest arrival.
    sender: Option<S>,
    /// Who began the frame at `start`.
    began: Option<S>,
    failed: Option<FrameError>,
}

/// The descriptor of a frame or of a receive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Passed<D> {
    /// There is none.
    Nothing,
    /// Here it is.
    Descriptor(D),
    /// One came, and this process had no room for it.
    Lost,
}

/// What one receive brought.
#[derive(Debug)]
pub struct Arrival<D, S = ()> {
    /// How many bytes were received into the space.
    pub length: usize,
    /// The descriptor that came with them.
    pub descriptor: Passed<D>,
    /// Who sent them, where that is known.
    pub sender: Option<S>,
}

/// One frame. The body is in the decoder's buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a, D, S = ()> {
    /// The bytes behind the header.
    pub body: &'a [u8],
    /// The descriptor that rides on the frame: nothing unless the frame is marked.
    pub descriptor: Passed<D>,
    /// Who sent it.
    pub sender: Option<S>,
}

const CAPACITY: usize = Header::SIZE + BODY_MAX;

impl<D, S: Copy + PartialEq> Default for Decoder<D, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D, S: Copy + PartialEq> Decoder<D, S> {
    /// A decoder to which nothing has arrived.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            newest: 0,
            end: 0,
            brought: Passed::Nothing,
            held: Passed::Nothing,
            sender: None,
            began: None,
            failed: None,
        }
    }

    /// Where to receive to: never empty after [`next_frame`](Self::next_frame) has returned `None`,
    /// and then long enough for what is missing of the frame.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.newest, self.end) = (0, 0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.newest = self.newest.saturating_sub(self.start);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    /// Takes note of what was received into [`space`](Self::space). Only after
    /// [`next_frame`](Self::next_frame) has returned `None`: what an earlier arrival brought has been
    /// claimed then. A length beyond the space counts as the whole of it.
    pub fn arrived(&mut self, arrival: Arrival<D, S>) {
        self.newest = self.end;
        self.end = self.end.saturating_add(arrival.length).min(self.buffer.len());
        self.brought = arrival.descriptor;
        self.sender = arrival.sender;
    }

    /// The next frame; `None` when more has to arrive first.
    ///
    /// # Errors
    /// How the peer broke the grammar; the same error ever after.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_, D, S>>, FrameError> {
        if self.has_frame()? { Ok(Some(self.take_frame())) } else { Ok(None) }
    }

    /// Whether a frame is complete, and what is there of the next is in order.
    ///
    /// # Errors
    /// As of [`next_frame`](Self::next_frame).
    pub fn has_frame(&mut self) -> Result<bool, FrameError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.examine().map_err(|error| self.fail(error)),
        }
    }

    /// Ends the reading for good. What has been brought and was not taken is dropped.
    pub fn fail(&mut self, error: FrameError) -> FrameError {
        (self.brought, self.held) = (Passed::Nothing, Passed::Nothing);
        *self.failed.get_or_insert(error)
    }

    /// How many bytes of a frame that is not complete have arrived.
    #[must_use]
    pub fn partial(&self) -> usize {
        self.end - self.start
    }

    fn examine(&mut self) -> Result<bool, FrameError> {
        let available = self.end - self.start;
        let whole = self.header()?.map(|header| (header, Header::SIZE + header.body_length()));
        let is_last = whole.is_none_or(|(_, length)| length >= available);
        let begins_now = self.start >= self.newest && available > 0;
        if begins_now {
            self.began = self.sender;
        } else if available > 0 && self.began != self.sender {
            return Err(FrameError::SenderChanged);
        }
        if is_last {
            self.claim(begins_now)?;
        }
        let Some((header, length)) = whole else { return Ok(false) };
        match (header.is_marked(), &self.held) {
            (true, Passed::Nothing) => Err(FrameError::MarkWithoutDescriptor),
            (false, Passed::Descriptor(_) | Passed::Lost) => Err(FrameError::DescriptorWithoutMark),
            _ => Ok(length <= available),
        }
    }

    fn header(&self) -> Result<Option<Header>, FrameError> {
        let bytes = self.buffer[self.start..self.end].first_chunk();
        bytes.map(|bytes| Header::from_bytes(*bytes)).transpose()
    }

    /// Gives what the newest arrival brought to the frame at `start`, the last that is there.
    fn claim(&mut self, begins_now: bool) -> Result<(), FrameError> {
        match std::mem::replace(&mut self.brought, Passed::Nothing) {
            Passed::Nothing => Ok(()),
            _ if !begins_now => Err(FrameError::DescriptorOutsideFrame),
            brought => {
                self.held = brought;
                Ok(())
            }
        }
    }

    fn take_frame(&mut self) -> Frame<'_, D, S> {
        let body = self.start + Header::SIZE;
        let length = self.header().ok().flatten().map_or(0, Header::body_length);
        self.start = body + length;
        Frame {
            body: &self.buffer[body..body + length],
            descriptor: std::mem::replace(&mut self.held, Passed::Nothing),
            sender: self.began,
        }
    }
}

impl<D> Passed<D> {
    /// The descriptor, if there is one.
    ///
    /// # Errors
    /// [`IpcError::DescriptorLost`](crate::IpcError::DescriptorLost) where one came and could not be
    /// taken.
    pub fn into_result(self) -> crate::Result<Option<D>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Descriptor(descriptor) => Ok(Some(descriptor)),
            Self::Lost => Err(crate::IpcError::DescriptorLost),
        }
    }
}
