//! What the Linux opener opens, and what it never does, over real trees and against hostile programs.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod native;
mod special;
mod sys;
