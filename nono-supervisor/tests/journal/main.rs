//! The journal against real files and processes.
//!
//! One crate, so that it is linked once; each module is a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod common;
mod durability;
mod killed;
mod limits;
mod places;
mod sinks;
