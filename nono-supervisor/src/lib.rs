//! The unsandboxed supervisor: takes a request, checks it, asks an approver, opens the object and
//! hands over the open descriptor.
//!
//! ```text
//! receive ─▶ admit ─▶ pin ─▶ vet ─▶ decide ─▶ record ─▶ act ─▶ answer
//! ```
//!
//! What is here so far is the step that nothing overrides, [`never_grant`].
#![forbid(unsafe_code)]

pub mod never_grant;

pub use never_grant::{Blocked, NeverGrantChecker, NeverGrantResult, Purpose, Subject};
