//! The `nono` binary against the running kernel and real programs.
//!
//! One crate, so that it is linked once; each module is a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod audit;
mod common;
mod deny;
mod doctor;
mod environment;
mod exemptions;
mod exit_status;
mod first_steps;
mod floor;
mod grants;
mod help;
mod hint;
mod interactive;
mod man;
mod network;
mod output;
mod policy;
mod process;
mod programs;
mod set_id;
mod shell;
mod signals;
#[path = "signals.rs"]
#[allow(clippy::duplicate_mod)]
mod signals_supervised;
mod state;
mod supervised;
mod why;
