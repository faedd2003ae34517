//! The supervisor over real sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod decisions;
