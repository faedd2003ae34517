//! The messages as they travel: the specified ones with the optional fields beside them.
//!
//! ```text
//! child → supervisor   {"Request":{"request_id":…,"path":…,"access":"Read",…,"open":{…}}}
//! supervisor → child   {"Decision":{"request_id":…,"decision":"Granted"}}     + a descriptor
//! ```
//!
//! Fields that are not known are ignored, variants that are not known are errors, and whatever is
//! absent means what it meant before the field was there.

mod request;

use serde::{Deserialize, Serialize};

pub use request::{OpenIntent, Request};

use crate::object::object;
use crate::{ApprovalDecision, ReasonCode, SupervisorMessage, SupervisorResponse};

/// What a sandboxed program sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Proves membership of the session on a connection that was made by path; the first message.
    Hello(#[serde(deserialize_with = "object")] Hello),
    /// A request for a file or directory.
    Request(Request),
}

/// The first message on a connection that was made by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The client's highest version of the protocol.
    pub version: u32,
    /// The secret that the program found in its environment.
    pub token: String,
}

/// What a supervisor sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The answer to one request.
    Decision(#[serde(deserialize_with = "object")] Response),
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's own id.
    pub request_id: String,
    /// The answer.
    pub decision: ApprovalDecision,
    /// Why it is a denial, for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ReasonCode>,
    /// The operating system's error number where opening failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
}

impl Response {
    /// The answer yes.
    #[must_use]
    pub fn granted(request_id: impl Into<String>) -> Self {
        Self::new(request_id, ApprovalDecision::Granted, None)
    }

    /// The answer no.
    #[must_use]
    pub fn denied(
        request_id: impl Into<String>,
        code: ReasonCode,
        reason: impl Into<String>,
    ) -> Self {
        let decision = ApprovalDecision::Denied { reason: reason.into() };
        Self::new(request_id, decision, Some(code))
    }

    fn new(
        request_id: impl Into<String>,
        decision: ApprovalDecision,
        code: Option<ReasonCode>,
    ) -> Self {
        Self { request_id: request_id.into(), decision, code, errno: None }
    }
}

impl From<SupervisorMessage> for Message {
    fn from(message: SupervisorMessage) -> Self {
        let SupervisorMessage::Request(request) = message;
        Self::Request(request.into())
    }
}

impl From<Reply> for SupervisorResponse {
    fn from(reply: Reply) -> Self {
        let Reply::Decision(Response { request_id, decision, .. }) = reply;
        Self::Decision { request_id, decision }
    }
}

impl From<SupervisorResponse> for Reply {
    fn from(response: SupervisorResponse) -> Self {
        let SupervisorResponse::Decision { request_id, decision } = response;
        Self::Decision(Response::new(request_id, decision, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_specified_form_and_nothing_more_unless_there_is_more_to_say() {
        let granted = Reply::Decision(Response::granted("r1"));
        assert_eq!(
            serde_json::to_string(&granted).unwrap(),
            r#"{"Decision":{"request_id":"r1","decision":"Granted"}}"#
        );
        let mut denied = Response::denied("r2", ReasonCode::OsError, "no");
        denied.errno = Some(20);
        let text = r#"{"Decision":{"request_id":"r2","decision":{"Denied":{"reason":"no"}},"code":"os_error","errno":20}}"#;
        assert_eq!(serde_json::to_string(&Reply::Decision(denied.clone())).unwrap(), text);
        assert_eq!(serde_json::from_str::<Reply>(text).unwrap(), Reply::Decision(denied));
    }

    #[test]
    fn the_plain_and_the_wire_form_of_an_answer_read_each_other() {
        for decision in
            [ApprovalDecision::Granted, ApprovalDecision::Timeout, denied_because("policy")]
        {
            let plain = SupervisorResponse::Decision { request_id: "r".into(), decision };
            let wire: Reply =
                serde_json::from_str(&serde_json::to_string(&plain).unwrap()).unwrap();
            assert_eq!(wire, plain.clone().into());
            let back = serde_json::from_str(&serde_json::to_string(&wire).unwrap()).unwrap();
            assert_eq!(plain, back);
        }
    }

    fn denied_because(reason: &str) -> ApprovalDecision {
        ApprovalDecision::Denied { reason: reason.into() }
    }

    #[test]
    fn fields_in_an_array_are_no_message() {
        for array in [
            r#"{"Hello":[1,"t"]}"#,
            r#"{"Request":["r","/a","Read",null,7,"s"]}"#,
            r#"{"Request":{"request_id":"r","path":"/a","access":"Read","child_pid":7,"session_id":"s","open":[true]}}"#,
        ] {
            assert!(serde_json::from_str::<Message>(array).is_err(), "{array}");
        }
        let array = r#"{"Decision":["r","Granted"]}"#;
        assert!(serde_json::from_str::<Reply>(array).is_err());
        assert!(serde_json::from_str::<SupervisorResponse>(array).is_err());
    }

    #[test]
    fn an_unknown_variant_is_an_error_and_an_unknown_field_is_not() {
        assert!(serde_json::from_str::<Message>(r#"{"Farewell":{}}"#).is_err());
        let hello: Message =
            serde_json::from_str(r#"{"Hello":{"version":1,"token":"t","later":[1]}}"#).unwrap();
        assert_eq!(hello, Message::Hello(Hello { version: 1, token: "t".into() }));
    }
}
