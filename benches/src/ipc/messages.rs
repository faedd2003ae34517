//! What is sent.

use nono_core::wire::{Message, Reply, Request, Response};
use nono_core::{AccessMode, CapabilityRequest};
use nono_ipc::Header;
use serde::Serialize;

use crate::Result;

/// A request as programs make it, with a reason of so many bytes.
pub(crate) fn request(reason: usize) -> Message {
    Message::Request(Request {
        request: CapabilityRequest {
            request_id: "1024".into(),
            path: "/home/user/project/notes/today.txt".into(),
            access: AccessMode::Read,
            reason: (reason > 0).then(|| text(reason)),
            child_pid: 4321,
            session_id: "7f3a5c9e01b2d468".into(),
        },
        version: Some(1),
        open: None,
    })
}

/// Words and spaces.
fn text(length: usize) -> String {
    "to show what was written down ".chars().cycle().take(length).collect()
}

/// A request whose JSON is so many bytes.
pub(crate) fn request_of(body: usize) -> Result<Message> {
    let shorter = serde_json::to_string(&request(1))?.len();
    let reason = body.checked_sub(shorter - 1).ok_or("too short for a request")?;
    Ok(request(reason))
}

/// The answer to it.
pub(crate) fn reply(request: Message) -> Result<Reply> {
    let Message::Request(Request { request, .. }) = request else {
        return Err("no request".into());
    };
    Ok(Reply::Decision(Response::granted(request.request_id)))
}

/// A message as it travels.
pub(crate) fn frame(message: &impl Serialize, marked: bool) -> Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let header = Header::new(body.len(), marked)?.to_bytes();
    Ok([&header[..], &body].concat())
}
