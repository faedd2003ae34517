//! Framed messages and descriptor passing over Unix sockets.
//!
//! ```text
//! client ──▶ [u32 length | JSON] ──▶ supervisor
//! client ◀── [u32 length | JSON] + descriptor ◀── supervisor
//! ```
//!
//! The crate holds no code yet. It will carry the supervisor protocol: a pure frame decoder, the
//! socket ends split by direction, and the client a sandboxed program links.
