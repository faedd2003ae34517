//! Capability-based sandboxing library using Landlock (Linux) and Seatbelt (macOS).
//!
//! ```text
//! CapabilitySet ──▶ Sandbox::apply      restrict this process, for good
//!               └─▶ Command::spawn      start a program that is restricted, and only that
//! ```
//!
//! The library enforces exactly what its caller grants and holds no policy of its own; sets that
//! most programs need are in [`presets`], for callers who ask for them.
//!
//! ```no_run
//! use nono::{AccessMode, CapabilitySet, Sandbox};
//!
//! let caps = CapabilitySet::new()
//!     .allow_path("/usr", AccessMode::Read)?
//!     .allow_path("/project", AccessMode::ReadWrite)?
//!     .block_network();
//! Sandbox::apply(&caps)?;          // irreversible
//! # Ok::<(), nono::NonoError>(())
//! ```
//!
//! To run another program in a sandbox, take [`Command`]: the calling process stays as it is.
//!
//! ```
//! use nono::{AccessMode, CapabilitySet, Command};
//!
//! let directory = tempfile::tempdir()?;
//! std::fs::write(directory.path().join("hello"), "hello\n")?;
//! let mut caps = CapabilitySet::new().allow_path(directory.path(), AccessMode::Read)?;
//! nono::presets::add_base(&mut caps)?;
//!
//! let output = Command::new("/bin/cat", &caps)?.arg(directory.path().join("hello")).output()?;
//! assert_eq!(output.stdout, b"hello\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod child;
mod command;
pub mod executable;
mod platform;
pub mod presets;
#[cfg(target_os = "linux")]
pub mod private_tmp;
mod sandbox;
pub mod supervisor;
mod sys;
pub mod user;
pub mod why;

pub use command::Command;
pub use nono_core::{
    AccessMode, CapabilityError, CapabilitySet, CapabilitySource, Decision, Denial, DeniedPath,
    EffectiveGrant, EnforceError, EnforceStep, Enforcement, Exemption, FileKind, FsCapability, Gap,
    GapReport, Identity, NetworkMode, NonoError, ObjectId, PROTOCOL_VERSION, PortRange,
    PortRangeError, PortSet, Position, Privilege, Query, Resolver, Result, Rights, Rule,
    SandboxState, StateError, SupportInfo, UnknownGap, UnknownPrivilege,
};
pub use sandbox::{PreparedSandbox, Sandbox};
pub use user::{User, UserError};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
