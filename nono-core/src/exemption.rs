//! What a program may be given back of the calls that every sandbox refuses, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A part of the baseline that the caller switches off because the program needs it.
///
/// Each one widens the sandbox in the way that [`risk`](Self::risk) says. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Exemption {
    /// New user namespaces, `clone3` and entering namespaces.
    Userns,
    /// Set-user-ID and set-group-ID bits in modes.
    Setid,
    /// io_uring.
    IoUring,
    /// The kernel's key rings.
    Keyrings,
    /// `userfaultfd`.
    Userfaultfd,
    /// `perf_event_open`.
    Perf,
    /// `bpf`.
    Bpf,
    /// File leases and delegations.
    Lease,
    /// Scheduling, affinity and priorities of other processes, and of threads by number.
    Scheduling,
    /// Resource limits of processes by number.
    Prlimit,
    /// Setting the clock.
    Clock,
    /// System V shared memory, queues and semaphores, and removing POSIX queues.
    SysvIpc,
}

impl Exemption {
    /// All exemptions, in the order of the enum.
    pub const ALL: [Self; 12] = [
        Self::Userns,
        Self::Setid,
        Self::IoUring,
        Self::Keyrings,
        Self::Userfaultfd,
        Self::Perf,
        Self::Bpf,
        Self::Lease,
        Self::Scheduling,
        Self::Prlimit,
        Self::Clock,
        Self::SysvIpc,
    ];

    /// The stable name, as written on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Userns => "userns",
            Self::Setid => "setid",
            Self::IoUring => "io-uring",
            Self::Keyrings => "keyrings",
            Self::Userfaultfd => "userfaultfd",
            Self::Perf => "perf",
            Self::Bpf => "bpf",
            Self::Lease => "lease",
            Self::Scheduling => "scheduling",
            Self::Prlimit => "prlimit",
            Self::Clock => "clock",
            Self::SysvIpc => "sysv-ipc",
        }
    }

    /// What the sandbox loses, in one clause.
    #[must_use]
    pub const fn risk(self) -> &'static str {
        match self {
            Self::Userns => {
                "the program gets every capability over kernel code that few others reach"
            }
            Self::Setid => "the program can leave behind files that run as their owner",
            Self::IoUring => "files and sockets are opened past the rules on system calls",
            Self::Keyrings => "keys of the same user, also of the kernel's own, can be used",
            Self::Userfaultfd => "page faults can be held, which helps to win races in the kernel",
            Self::Perf => "hardware counters show what other programs do",
            Self::Bpf => "programs can be loaded into the kernel",
            Self::Lease => "whoever opens a leased file is held up",
            Self::Scheduling => "other processes of the same user can be slowed down or pinned",
            Self::Prlimit => "other processes of the same user can be starved or killed by a limit",
            Self::Clock => "the time of the whole machine can be changed",
            Self::SysvIpc => "shared memory and queues of other programs of the user can be used",
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no exemption.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown exemption {0:?}; the exemptions are {known}", known = names())]
pub struct UnknownExemption(pub String);

impl FromStr for Exemption {
    type Err = UnknownExemption;

    fn from_str(name: &str) -> Result<Self, UnknownExemption> {
        let found = Self::ALL.into_iter().find(|exemption| exemption.name() == name);
        found.ok_or_else(|| UnknownExemption(name.to_owned()))
    }
}

fn names() -> String {
    Exemption::ALL.map(Exemption::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exemption_is_found_by_its_name_and_serialises_to_it() {
        for exemption in Exemption::ALL {
            assert_eq!(exemption.name().parse::<Exemption>(), Ok(exemption));
            let json = serde_json::to_string(&exemption).unwrap();
            assert_eq!(json, format!("{:?}", exemption.name()));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "no-such".parse::<Exemption>().unwrap_err().to_string();
        assert!(error.contains("no-such") && error.contains("io-uring"), "{error}");
    }
}
