//! Access modes and the rights they stand for.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use serde::{Deserialize, Serialize};

/// What may be done with a path: a lattice with `Read` and `Write` below `ReadWrite`.
///
/// The serialised form (`"Read"`, `"Write"`, `"ReadWrite"`) is part of the wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccessMode {
    /// Read files and list directories; includes execution unless the set asks for
    /// [`explicit_execute`](crate::CapabilitySet::explicit_execute).
    Read,
    /// Write, create, remove and rename.
    Write,
    /// Both.
    ReadWrite,
}

impl AccessMode {
    /// Whether everything `other` permits is permitted by `self`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.union(other) == self
    }

    /// The least mode that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self == other { self } else { Self::ReadWrite }
    }

    /// Whether the two have anything in common.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self == other || self == Self::ReadWrite || other == Self::ReadWrite
    }

    /// The rights the mode stands for, without execution.
    #[must_use]
    pub fn rights(self) -> Rights {
        match self {
            Self::Read => Rights::READ,
            Self::Write => Rights::WRITE,
            Self::ReadWrite => Rights::READ | Rights::WRITE,
        }
    }
}

impl fmt::Display for AccessMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read+write",
        })
    }
}

/// A set of read, write and execute: what a grant gives once execution has been settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u8);

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Read files, list directories.
    pub const READ: Self = Self(1);
    /// Write files, change the entries of directories.
    pub const WRITE: Self = Self(2);
    /// Execute files. The kernel reads what it executes, so this is of use with [`Self::READ`].
    pub const EXECUTE: Self = Self(4);

    /// Whether every right in `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The access mode with these rights; execution comes with reading.
    #[must_use]
    pub const fn mode(self) -> AccessMode {
        match (self.contains(Self::READ), self.contains(Self::WRITE)) {
            (true, true) => AccessMode::ReadWrite,
            (false, true) => AccessMode::Write,
            _ => AccessMode::Read,
        }
    }

    /// Whether any right is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Rights {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Words joined by `+`, for people: `read+execute`.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(Self::READ, "read"), (Self::WRITE, "write"), (Self::EXECUTE, "execute")];
        let mut separator = "";
        for (right, word) in words {
            if self.contains(right) {
                write!(f, "{separator}{word}")?;
                separator = "+";
            }
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [AccessMode; 3] = [AccessMode::Read, AccessMode::Write, AccessMode::ReadWrite];

    #[test]
    fn modes_form_a_lattice() {
        for a in MODES {
            for b in MODES {
                assert!(a.union(b).covers(a) && a.union(b).covers(b), "{a} ∪ {b}");
                assert_eq!(a.union(b), b.union(a));
                assert_eq!(a.covers(b) && b.covers(a), a == b);
                assert_eq!(a.intersects(b), a.rights().intersects(b.rights()));
                assert_eq!(a.covers(b), a.rights().contains(b.rights()));
            }
        }
    }

    #[test]
    fn rights_print_in_words() {
        assert_eq!((Rights::READ | Rights::EXECUTE).to_string(), "read+execute");
        assert_eq!(Rights::NONE.to_string(), "nothing");
    }
}
