//! The unsandboxed supervisor: takes a request, checks it, asks an approver, opens the object and
//! hands over the open descriptor.
//!
//! ```text
//! receive ─▶ admit ─▶ pin ─▶ vet ─▶ decide ─▶ record ─▶ act ─▶ answer
//! ```
//!
//! What is there is the keeping of records: [`journal`], and sinks for tests and other programs.
//! Nothing in nono asks for more access while a program runs until the rest is: a sandbox keeps
//! exactly what it was started with.
#![forbid(unsafe_code)]

mod callback_sink;
pub mod journal;
mod memory_sink;

pub use callback_sink::CallbackSink;
pub use memory_sink::MemorySink;
