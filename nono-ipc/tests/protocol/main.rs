//! What the protocol promises, on real sockets between real processes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod c_client;
mod client;
mod decoder;
mod interleaving;
mod listener;
mod socket;
