//! A request with its optional fields, in the form that JSON carries.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::object::Object;
use crate::{AccessMode, CapabilityRequest, REQUEST_ID_MAX};

/// A request with its optional fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Object<Received>")]
pub struct Request {
    /// The specified fields.
    pub request: CapabilityRequest,
    /// The client's highest version of the protocol; 1 when absent.
    pub version: Option<u32>,
    /// How to open the path; when absent, as it is: nothing is created or truncated.
    pub open: Option<OpenIntent>,
}

/// What open(2) is to do beside reading and writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenIntent {
    /// `O_CREAT`
    pub create: bool,
    /// `O_EXCL`
    pub exclusive: bool,
    /// `O_TRUNC`
    pub truncate: bool,
    /// `O_APPEND`
    pub append: bool,
    /// `O_DIRECTORY`
    pub directory: bool,
    /// The permission bits of a created file, to which the supervisor applies no umask.
    pub mode: u32,
}

impl Serialize for Request {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CapabilityRequest { request_id, path, access, reason, child_pid, session_id } =
            &self.request;
        let text = path.to_string_lossy();
        let path_bytes =
            matches!(text, Cow::Owned(_)).then(|| STANDARD.encode(path.as_os_str().as_bytes()));
        Sent {
            request_id,
            path: &text,
            access: *access,
            reason: reason.as_deref(),
            child_pid: *child_pid,
            session_id,
            version: self.version,
            path_bytes,
            open: self.open,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Sent<'a> {
    request_id: &'a str,
    path: &'a str,
    access: AccessMode,
    reason: Option<&'a str>,
    child_pid: u32,
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenIntent>,
}

#[derive(Deserialize)]
struct Received {
    request_id: String,
    path: String,
    access: AccessMode,
    #[serde(default)]
    reason: Option<String>,
    child_pid: u32,
    session_id: String,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    path_bytes: Option<String>,
    #[serde(default)]
    open: Option<Object<OpenIntent>>,
}

#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("request_id is empty or longer than {REQUEST_ID_MAX} bytes")]
    RequestId,
    #[error("path_bytes is not base64")]
    NotBase64,
    #[error("path is not the text of path_bytes")]
    OtherPath,
}

impl TryFrom<Object<Received>> for Request {
    type Error = Contradiction;

    fn try_from(Object(received): Object<Received>) -> Result<Self, Contradiction> {
        let request_id = received.request_id;
        if request_id.is_empty() || request_id.len() > REQUEST_ID_MAX {
            return Err(Contradiction::RequestId);
        }
        Ok(Self {
            request: CapabilityRequest {
                request_id,
                path: path(received.path, received.path_bytes)?,
                access: received.access,
                reason: received.reason,
                child_pid: received.child_pid,
                session_id: received.session_id,
            },
            version: received.version,
            open: received.open.map(|Object(open)| open),
        })
    }
}

/// The path of a request; an error when its two forms differ, since people see only the first.
fn path(text: String, bytes: Option<String>) -> Result<PathBuf, Contradiction> {
    let Some(bytes) = bytes else { return Ok(text.into()) };
    let raw = STANDARD.decode(bytes).map_err(|_| Contradiction::NotBase64)?;
    let path = PathBuf::from(OsString::from_vec(raw));
    if path.to_string_lossy() == text { Ok(path) } else { Err(Contradiction::OtherPath) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SupervisorMessage;
    use crate::wire::Message;

    fn request(path: PathBuf) -> CapabilityRequest {
        CapabilityRequest {
            request_id: "r1".into(),
            path,
            access: AccessMode::Read,
            reason: None,
            child_pid: 7,
            session_id: "s".into(),
        }
    }

    #[test]
    fn a_plain_request_has_exactly_the_specified_fields() {
        let message = SupervisorMessage::Request(request("/a".into()));
        let text = r#"{"Request":{"request_id":"r1","path":"/a","access":"Read","reason":null,"child_pid":7,"session_id":"s"}}"#;
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        assert_eq!(serde_json::from_str::<SupervisorMessage>(text).unwrap(), message);
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), message.into());
    }

    fn json(fields: &str) -> String {
        format!(r#"{{"access":"Read","child_pid":7,"session_id":"s",{fields}}}"#)
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let long = "i".repeat(REQUEST_ID_MAX + 1);
        for fields in [
            r#""request_id":"r","path":"/shown","path_bytes":"L2V0Yw==""#,
            r#""request_id":"r","path":"/a","path_bytes":"not base64""#,
            r#""request_id":"r","path":"/a","path_bytes":"L2E""#,
            r#""request_id":"","path":"/a""#,
            &format!(r#""request_id":"{long}","path":"/a""#),
            r#""request_id":"r","request_id":"s","path":"/a""#,
        ] {
            assert!(serde_json::from_str::<Request>(&json(fields)).is_err(), "{fields}");
        }
        let same = json(r#""request_id":"r","path":"/a","path_bytes":"L2E=""#);
        assert_eq!(serde_json::from_str::<Request>(&same).unwrap().request.path, *"/a");
    }

    proptest! {
        #[test]
        fn any_request_comes_back_from_its_json(
            id in "[ -~]{1,128}",
            path in prop::collection::vec(1_u8..=255, 0..64),
            reason in prop::option::of(any::<String>()),
            version in prop::option::of(any::<u32>()),
            open in prop::option::of(any::<(bool, bool, u32)>()),
        ) {
            let request = CapabilityRequest {
                request_id: id,
                reason,
                ..request(OsString::from_vec(path).into())
            };
            let open = open.map(|(create, append, mode)| {
                OpenIntent { create, append, mode, ..OpenIntent::default() }
            });
            let sent = Message::Request(Request { request, version, open });
            let text = serde_json::to_string(&sent).unwrap();
            prop_assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), sent);
        }
    }
}
