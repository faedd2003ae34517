//! The supervisor over real sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod decisions;
mod hostile;
mod killed;
mod process;
mod refused;
mod scopes;
mod soak;
