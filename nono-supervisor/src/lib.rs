//! The unsandboxed supervisor: takes a request, checks it, asks an approver, opens the object and
//! hands over the open descriptor.
//!
//! ```text
//! receive ─▶ admit ─▶ pin ─▶ vet ─▶ decide ─▶ record ─▶ act ─▶ answer
//! ```
//!
//! What is here so far: the step that nothing overrides, [`never_grant`], and who decides,
//! [`policy`] and [`backends`].
#![forbid(unsafe_code)]

pub mod backends;
pub mod never_grant;
pub mod policy;

pub use backends::{CallbackApproval, Chain, Deadline, DenyAll};
pub use never_grant::{Blocked, NeverGrantChecker, NeverGrantResult, Purpose, Subject};
pub use policy::{PolicyApproval, PolicyError, PolicyErrorKind};
