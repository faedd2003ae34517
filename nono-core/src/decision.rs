//! Questions to a capability set, and its answers.

use std::path::Path;

use crate::{FsCapability, NetworkMode, PortRange, Rights};

/// What a program would like to do.
///
/// Creating, removing and renaming an entry is writing the *directory* that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query<'a> {
    /// Use the object at an absolute path without symlinks.
    Path {
        /// Where; a path with `..` is never matched as text and is refused.
        path: &'a Path,
        /// What for.
        rights: Rights,
    },
    /// Connect to a TCP port of any address.
    Connect(u16),
    /// Bind a TCP port.
    Bind(u16),
}

impl<'a> Query<'a> {
    /// Reading the file, or listing the directory, at `path`.
    #[must_use]
    pub fn read(path: &'a Path) -> Self {
        Self::Path { path, rights: Rights::READ }
    }

    /// Writing the existing file, or changing the entries of the directory, at `path`.
    #[must_use]
    pub fn write(path: &'a Path) -> Self {
        Self::Path { path, rights: Rights::WRITE }
    }

    /// Executing the file at `path`; the kernel needs to read what it executes.
    #[must_use]
    pub fn execute(path: &'a Path) -> Self {
        Self::Path { path, rights: Rights::READ | Rights::EXECUTE }
    }
}

/// The answer of a [`CapabilitySet`](crate::CapabilitySet): a value that names the rule behind it.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Decision<'a> {
    /// The set covers the query.
    Allowed(Rule<'a>),
    /// It does not.
    Denied(Denial<'a>),
}

impl Decision<'_> {
    /// Whether the set covers the query.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// What allowed a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Rule<'a> {
    /// A file or directory grant; where several unite, the nearest to the path.
    Grant(&'a FsCapability),
    /// The network is not restricted.
    Unrestricted,
    /// The range of granted ports the port lies in.
    Ports(PortRange),
    /// A port that [`NetworkMode::ProxyOnly`] names.
    Proxy,
}

/// Why a query is denied.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Denial<'a> {
    /// No grant covers the path.
    NoGrant,
    /// Grants cover the path, but not for this.
    Insufficient {
        /// The nearest grant that covers the path.
        nearest: &'a FsCapability,
        /// What all grants over the path give together.
        held: Rights,
    },
    /// The path lies at or below an entry that the set denies.
    DeniedPath(&'a Path),
    /// The path is relative or has `..` in it.
    NotCanonical,
    /// The port is not granted in this mode.
    Port(&'a NetworkMode),
}

impl Denial<'_> {
    /// A stable code, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoGrant => "no_grant",
            Self::Insufficient { .. } => "insufficient_access",
            Self::DeniedPath(_) => "denied_path",
            Self::NotCanonical => "not_canonical",
            Self::Port(_) => "port_not_granted",
        }
    }
}
