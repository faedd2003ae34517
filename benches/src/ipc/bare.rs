//! The same bytes with bare calls, by somebody who knows how many there will be.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nono_ipc::{BODY_MAX, Header};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::Result;

/// A stream, and a buffer as large as nono's.
pub(crate) struct Bare {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Bare {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: vec![0; Header::SIZE + BODY_MAX] }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads until so many bytes are there; `false` at the end.
    pub(crate) fn receive(&mut self, length: usize) -> Result<bool> {
        let mut received = 0;
        while received < length {
            match self.stream.read(&mut self.buffer)? {
                0 if received == 0 => return Ok(false),
                0 => return Err("the bytes ended".into()),
                more => received += more,
            }
        }
        Ok(true)
    }

    /// Sends bytes, and a descriptor with them.
    pub(crate) fn send_with_fd(&mut self, bytes: &[u8], file: &File) -> Result<()> {
        let descriptors = [file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut control, SendFlags::empty())?;
        Ok(())
    }

    /// Receives once: bytes, and the descriptor that came with them.
    pub(crate) fn receive_with_fd(&mut self) -> Result<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        recvmsg(&self.stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        descriptor.ok_or_else(|| "no descriptor came".into())
    }
}
