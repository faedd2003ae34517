//! Decides about what a sandboxed program asks for, acts on it, and writes it down.
//!
//! ```text
//! receive ─▶ admit ─▶ pin ─▶ vet ─▶ decide ─▶ record ─▶ act ─▶ answer
//! ```
//!
//! A path is looked up once, into a handle; whatever follows acts on the handle. What is never granted
//! is looked at before anybody is asked, and again on what was opened. What is decided is written
//! before it is done, into a [`journal`] or another sink.
#![forbid(unsafe_code)]

pub mod backends;
mod callback_sink;
pub mod journal;
mod memory_sink;
pub mod never_grant;
pub mod policy;
mod supervisor;

pub use backends::{CallbackApproval, Chain, Deadline, DenyAll};
pub use callback_sink::CallbackSink;
pub use memory_sink::MemorySink;
pub use never_grant::{Blocked, NeverGrantChecker, NeverGrantResult, Purpose, Subject};
pub use policy::{PolicyApproval, PolicyError, PolicyErrorKind};
pub use supervisor::{AuditSync, Limits, Supervisor, SupervisorBuilder};
