//! What a kernel cannot enforce, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A protection that is missing or incomplete on the running system.
///
/// A gap is *fatal* when it would weaken a restriction the caller asked for: preparing fails
/// unless the caller [allowed it by name](crate::CapabilitySet::allow_gap). The others are
/// reported. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Gap {
    /// Landlock is absent: file access is not restricted at all.
    NoLandlock,
    /// TCP ports cannot be told apart.
    TcpPorts,
    /// UDP ports cannot be told apart.
    UdpPorts,
    /// "Loopback only" cannot be expressed: a port rule has no address.
    LoopbackOnly,
    /// A socket that listens without binding takes a port of the kernel's choice.
    ListenUnbound,
    /// Signals can be sent to processes outside the sandbox.
    Signals,
    /// Abstract Unix sockets made outside can be connected to.
    AbstractUnix,
    /// Path-named Unix sockets can be connected to, whatever the grants.
    UnixPaths,
    /// Renames and links across directories are refused even inside write grants.
    Refer,
    /// Mode, owner, times and extended attributes can be changed outside the grants.
    Metadata,
    /// Device ioctls are not restricted.
    IoctlDev,
    /// io_uring, where the caller asked for it, makes sockets past the rules on system calls.
    IoUring,
    /// A grant lies on a filesystem where Landlock is known to be partial.
    Filesystem,
    /// The program runs as root and may write where root's files decide what others run.
    RootWrites,
}

impl Gap {
    /// All gaps, in the order of the enum.
    pub const ALL: [Self; 14] = [
        Self::NoLandlock,
        Self::TcpPorts,
        Self::UdpPorts,
        Self::LoopbackOnly,
        Self::ListenUnbound,
        Self::Signals,
        Self::AbstractUnix,
        Self::UnixPaths,
        Self::Refer,
        Self::Metadata,
        Self::IoctlDev,
        Self::IoUring,
        Self::Filesystem,
        Self::RootWrites,
    ];

    /// The stable name, as written on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoLandlock => "no-landlock",
            Self::TcpPorts => "tcp-ports",
            Self::UdpPorts => "udp-ports",
            Self::LoopbackOnly => "loopback-only",
            Self::ListenUnbound => "listen-unbound",
            Self::Signals => "signals",
            Self::AbstractUnix => "abstract-unix",
            Self::UnixPaths => "unix-paths",
            Self::Refer => "refer",
            Self::Metadata => "metadata",
            Self::IoctlDev => "ioctl-dev",
            Self::IoUring => "io-uring",
            Self::Filesystem => "filesystem",
            Self::RootWrites => "root-writes",
        }
    }

    /// What is not protected, in one clause.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NoLandlock => "file access is not restricted",
            Self::TcpPorts => "TCP cannot be restricted by port",
            Self::UdpPorts => "UDP cannot be restricted by port",
            Self::LoopbackOnly => "a port rule holds for every address, not only for loopback",
            Self::ListenUnbound => "a socket can listen on a port the kernel picks",
            Self::Signals => "processes outside the sandbox can be signalled",
            Self::AbstractUnix => "abstract Unix sockets outside the sandbox can be reached",
            Self::UnixPaths => "Unix sockets can be reached by path, whatever is granted",
            Self::Refer => "files cannot be renamed or linked across directories",
            Self::Metadata => "mode, owner, times and attributes can be changed outside the grants",
            Self::IoctlDev => "device ioctls are not restricted",
            Self::IoUring => "io_uring makes sockets that the network rules do not see",
            Self::Filesystem => "a granted path is on a filesystem that Landlock covers in part",
            Self::RootWrites => "root can write files that decide what other programs do",
        }
    }

    /// Whether the gap weakens something the caller asked for, so that it must be allowed by name.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::NoLandlock
                | Self::TcpPorts
                | Self::UdpPorts
                | Self::LoopbackOnly
                | Self::ListenUnbound
                | Self::IoUring
        )
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no gap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown gap {0:?}; the gaps are {known}", known = names())]
pub struct UnknownGap(pub String);

impl FromStr for Gap {
    type Err = UnknownGap;

    fn from_str(name: &str) -> Result<Self, UnknownGap> {
        let found = Self::ALL.into_iter().find(|gap| gap.name() == name);
        found.ok_or_else(|| UnknownGap(name.to_owned()))
    }
}

fn names() -> String {
    Gap::ALL.map(Gap::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_is_found_by_its_name_and_serialises_to_it() {
        for gap in Gap::ALL {
            assert_eq!(gap.name().parse::<Gap>(), Ok(gap));
            let json = serde_json::to_string(&gap).unwrap();
            assert_eq!(json, format!("{:?}", gap.name()));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "no-such".parse::<Gap>().unwrap_err().to_string();
        assert!(error.contains("no-such") && error.contains("loopback-only"), "{error}");
    }
}
