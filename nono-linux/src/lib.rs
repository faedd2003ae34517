//! Landlock and seccomp enforcement for nono.
//!
//! ```text
//! CapabilitySet ─carve─▶ Carved ─plan─▶ Plan (pure) ─prepare─▶ LinuxPrepared ─enforce─▶ confined
//! ```
//!
//! Everything that can fail for a reason a person can act on fails in `plan` or `prepare`;
//! `enforce` is a handful of system calls that allocate nothing and may run between fork and exec.
//! The crate does not need the rest of nono:
//!
//! ```no_run
//! use nono_core::{AccessMode, CapabilitySet, Prepared, SandboxBackend};
//! use nono_linux::LinuxBackend;
//!
//! let caps = CapabilitySet::new().allow_path("/usr", AccessMode::Read)?;
//! let prepared = LinuxBackend::new().prepare(&caps)?;
//! for gap in &prepared.enforcement().gaps {
//!     eprintln!("not protected: {gap}");
//! }
//! prepared.enforce_process()?;
//! # Ok::<(), nono_core::NonoError>(())
//! ```
#![cfg(target_os = "linux")]

mod anchor;
mod backend;
mod carve;
mod file_mode;
mod filesystem;
mod identity;
mod mounts;
mod opener;
mod plan;
mod prepare;
mod privileges;
mod probe;
mod rights;
mod root_writes;
pub mod seccomp;
mod sys;

pub use backend::LinuxBackend;
pub use carve::{CARVE_LIMIT, Carved, carve};
pub use file_mode::mode_allows;
pub use opener::LinuxOpener;
pub use plan::{PathRule, Plan, PortRules, plan};
pub use prepare::LinuxPrepared;
pub use probe::{KernelFeatures, Landlock, MissingLandlock};
pub use rights::NEWEST_USED as NEWEST_USED_ABI;
