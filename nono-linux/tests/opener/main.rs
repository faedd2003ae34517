//! What the Linux opener opens, and what it never does, over real trees and against hostile programs.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod creation;
mod native;
mod property;
mod races;
mod renamed;
mod root;
mod special;
mod sys;
