//! The unsandboxed supervisor: takes a request, checks it, asks an approver, opens the object and
//! hands over the open descriptor.
//!
//! ```text
//! receive ─▶ admit ─▶ pin ─▶ vet ─▶ decide ─▶ record ─▶ act ─▶ answer
//! ```
//!
//! The crate holds no code yet. Nothing in nono asks for more access while a program runs until it
//! does: a sandbox keeps exactly what it was started with.
