//! The nouns and decisions that every nono layer shares: what may be touched, who said so, and
//! whether a given access is covered.
//!
//! ```text
//! AccessMode, FsCapability, PortSet ──▶ CapabilitySet ──decide(Query)──▶ Decision
//!                                            │
//!                                            └─▶ SandboxBackend::prepare ──▶ Prepared::enforce
//! ```
//!
//! The crate enforces nothing by itself and holds no policy. It is pure but for one module that
//! looks paths up when a capability is made. Take it alone to answer policy questions:
//!
//! ```
//! use nono_core::{AccessMode, CapabilitySet, Query};
//!
//! let directory = tempfile::tempdir()?;
//! let caps = CapabilitySet::new().allow_path(directory.path(), AccessMode::Read)?;
//!
//! let inside = directory.path().canonicalize()?.join("notes.txt");
//! assert!(caps.decide(&Query::read(&inside)).is_allowed());
//! assert!(!caps.decide(&Query::write(&inside)).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod access;
mod approval;
mod audit;
mod backend;
mod capability_set;
mod decision;
mod denied_path;
mod error;
mod exemption;
mod fs_capability;
mod gap;
mod identity;
mod index;
mod lookup;
mod message;
mod network;
mod object;
mod opinion;
pub mod path_text;
pub mod pipeline;
mod port;
mod position;
mod privilege;
mod protocol;
mod reason_code;
mod request;
mod source;
mod state;
mod trie;
pub mod wire;

pub use access::{AccessMode, Rights};
pub use approval::{ApprovalBackend, ApprovalDecision};
pub use audit::{AuditEntry, AuditSink, Durability, JournalRecord, Outcome};
pub use backend::{
    EnforceError, EnforceStep, Enforcement, GapReport, Prepared, SandboxBackend, SupportInfo,
};
pub use capability_set::CapabilitySet;
pub use decision::{Decision, Denial, Query, Rule};
pub use denied_path::DeniedPath;
pub use error::{CapabilityError, NonoError, Result};
pub use exemption::{Exemption, UnknownExemption};
pub use fs_capability::{FileKind, FsCapability, ObjectId};
pub use gap::{Gap, UnknownGap};
pub use identity::Identity;
pub use index::EffectiveGrant;
pub use lookup::Resolver;
pub use message::{SupervisorMessage, SupervisorResponse};
pub use network::NetworkMode;
pub use opinion::{Operation, Opinion, Peer, Prompt, Scope, Verdict};
pub use port::{PortRange, PortRangeError, PortSet};
pub use position::Position;
pub use privilege::{Privilege, UnknownPrivilege};
pub use protocol::{PATH_MAX, PROTOCOL_VERSION, REQUEST_ID_MAX};
pub use reason_code::ReasonCode;
pub use request::CapabilityRequest;
pub use source::CapabilitySource;
pub use state::{SandboxState, StateError};
