//! Who asked for a capability.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a capability comes from. On the same path a stronger source replaces a weaker one:
/// user over profile over group over system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum CapabilitySource {
    /// The person or program that starts the sandbox.
    #[default]
    User,
    /// A file of grants.
    Profile,
    /// A named group of grants.
    Group(String),
    /// What nearly every program needs.
    System,
}

impl CapabilitySource {
    /// Whether grants of `self` replace grants of `other` on the same path.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::User => 3,
            Self::Profile => 2,
            Self::Group(_) => 1,
            Self::System => 0,
        }
    }
}

impl fmt::Display for CapabilitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Profile => f.write_str("profile"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::System => f.write_str("system"),
        }
    }
}
