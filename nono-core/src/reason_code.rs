//! Why a request was denied, for machines.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The stable code of a denial. As JSON it is its text; one that this version does not know is kept
/// as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonCode {
    /// The path is on the list of what is never granted.
    NeverGrant,
    /// A policy's rule said no.
    Policy,
    /// A person said no.
    User,
    /// A backend said no and gave no code.
    Backend,
    /// A backend returned an error.
    BackendFailed,
    /// A backend panicked.
    BackendPanicked,
    /// Too many threads are stuck in a backend already.
    BackendBusy,
    /// Nobody is there to be asked.
    NoApprover,
    /// Nobody decided in time.
    TimedOut,
    /// The program asks too often.
    RateLimited,
    /// Too many requests of this connection are waiting.
    TooManyPending,
    /// The id was used before on this connection.
    Replayed,
    /// The sandbox covers the path: the program can open it itself.
    Covered,
    /// The path is relative.
    NotAbsolute,
    /// The path is empty, longer than [`PATH_MAX`](crate::PATH_MAX) or has a NUL in it.
    InvalidPath,
    /// Nothing is at the path.
    NotFound,
    /// The path is a FIFO, a device or a socket, or lies on a filesystem that is never opened for
    /// others, such as procfs.
    NotRegular,
    /// The requester could not be identified, or is not who it has to be.
    Unverified,
    /// The request names another session.
    WrongSession,
    /// The object changed between the decision and its opening.
    Changed,
    /// The operating system refused; `errno` says why.
    OsError,
    /// The descriptor could not be sent: too many are in flight already (`ETOOMANYREFS`).
    DescriptorLimit,
    /// The decision could not be recorded.
    AuditFailed,
    /// This supervisor cannot do what was asked for.
    Unsupported,
    /// A code of a newer protocol.
    Unknown(String),
}

/// Every known code with its text.
const TEXTS: &[(ReasonCode, &str)] = &[
    (ReasonCode::NeverGrant, "never_grant"),
    (ReasonCode::Policy, "policy"),
    (ReasonCode::User, "user"),
    (ReasonCode::Backend, "backend"),
    (ReasonCode::BackendFailed, "backend_failed"),
    (ReasonCode::BackendPanicked, "backend_panicked"),
    (ReasonCode::BackendBusy, "backend_busy"),
    (ReasonCode::NoApprover, "no_approver"),
    (ReasonCode::TimedOut, "timed_out"),
    (ReasonCode::RateLimited, "rate_limited"),
    (ReasonCode::TooManyPending, "too_many_pending"),
    (ReasonCode::Replayed, "replayed"),
    (ReasonCode::Covered, "covered"),
    (ReasonCode::NotAbsolute, "not_absolute"),
    (ReasonCode::InvalidPath, "invalid_path"),
    (ReasonCode::NotFound, "not_found"),
    (ReasonCode::NotRegular, "not_regular"),
    (ReasonCode::Unverified, "unverified"),
    (ReasonCode::WrongSession, "wrong_session"),
    (ReasonCode::Changed, "changed"),
    (ReasonCode::OsError, "os_error"),
    (ReasonCode::DescriptorLimit, "descriptor_limit"),
    (ReasonCode::AuditFailed, "audit_failed"),
    (ReasonCode::Unsupported, "unsupported"),
];

impl ReasonCode {
    /// The text of the code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(text) => text,
            known => TEXTS.iter().find(|(code, _)| code == known).map_or("", |(_, text)| text),
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for ReasonCode {
    fn from(text: &str) -> Self {
        let known = TEXTS.iter().find(|(_, known)| *known == text);
        known.map_or_else(|| Self::Unknown(text.to_owned()), |(code, _)| code.clone())
    }
}

/// Without an allocation, as a known code is read too.
impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = ReasonCode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a reason code")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ReasonCode, E> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_from_its_json_and_an_unknown_one_is_kept() {
        for (code, text) in TEXTS {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(&serde_json::from_str::<ReasonCode>(&json).unwrap(), code);
        }
        let newer: ReasonCode = serde_json::from_str("\"from_the_future\"").unwrap();
        assert_eq!(newer.as_str(), "from_the_future");
    }
}
