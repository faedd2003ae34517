//! What the running kernel can enforce.

use std::fmt;
use std::io;

use crate::sys;

const VERSION: u32 = 1;
const ERRATA: u32 = 2;

/// What the planner needs to know of a kernel. Made by [`probe`](Self::probe), or by hand for a
/// kernel that is not this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelFeatures {
    /// Landlock, or why it is missing.
    pub landlock: Landlock,
    /// Whether the program will run as user 0.
    pub root: bool,
}

/// Whether Landlock can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlock {
    /// The version of its interface, and a bitmask of the kernel bugs that are fixed
    /// (`LANDLOCK_CREATE_RULESET_ERRATA`; 0 where the kernel does not say).
    Abi {
        /// 1 or more.
        version: u32,
        /// Bit n-1 for erratum n.
        errata: u32,
    },
    /// It cannot be used.
    Missing(MissingLandlock),
}

/// Why Landlock cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingLandlock {
    /// The kernel is older than 5.13 or was built without it.
    NotBuilt,
    /// The kernel has it, but not in its list of security modules.
    NotEnabled,
    /// A system call filter around this process hides it, as container runtimes do.
    Filtered,
    /// Some other error of the version call.
    Unknown(i32),
}

impl MissingLandlock {
    /// A stable name for the cause.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotBuilt => "not-built",
            Self::NotEnabled => "not-enabled",
            Self::Filtered => "filtered",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The cause and the next step, in one clause.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NotBuilt => {
                "this kernel has no Landlock (it is older than 5.13 or built without it); \
                 use Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK"
            }
            Self::NotEnabled => {
                "Landlock is built into this kernel but not enabled; \
                 add landlock to the lsm= list on the kernel command line"
            }
            Self::Filtered => {
                "Landlock is hidden from this process by a system call filter, as in a container; \
                 allow the landlock_* calls in the container's seccomp profile"
            }
            Self::Unknown(_) => "the kernel refused to say which Landlock version it has",
        }
    }
}

impl KernelFeatures {
    /// Asks the running kernel.
    #[must_use]
    pub fn probe() -> Self {
        Self { landlock: probe_landlock(), root: rustix::process::geteuid().is_root() }
    }

    /// A kernel with this version of Landlock's interface, 0 for none, and an ordinary user.
    #[must_use]
    pub const fn with_abi(version: u32) -> Self {
        let landlock = if version == 0 {
            Landlock::Missing(MissingLandlock::NotBuilt)
        } else {
            Landlock::Abi { version, errata: 0 }
        };
        Self { landlock, root: false }
    }

    /// The version of Landlock's interface, 0 for none.
    #[must_use]
    pub const fn abi(&self) -> u32 {
        match self.landlock {
            Landlock::Abi { version, .. } => version,
            Landlock::Missing(_) => 0,
        }
    }
}

fn probe_landlock() -> Landlock {
    match sys::landlock_query(VERSION) {
        Ok(version) if version > 0 => {
            Landlock::Abi { version, errata: sys::landlock_query(ERRATA).unwrap_or(0) }
        }
        Ok(_) => Landlock::Missing(MissingLandlock::NotBuilt),
        Err(error) => Landlock::Missing(cause(&error, kernel_may_have_landlock, is_filtered)),
    }
}

/// Tells the causes apart; the two questions are asked only where the error leaves them open.
fn cause(
    error: &io::Error,
    may_have_it: impl Fn() -> bool,
    is_filtered: impl Fn() -> bool,
) -> MissingLandlock {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => MissingLandlock::NotEnabled,
        Some(libc::ENOSYS) if may_have_it() && is_filtered() => MissingLandlock::Filtered,
        Some(libc::ENOSYS) => MissingLandlock::NotBuilt,
        Some(libc::EPERM | libc::EACCES) => MissingLandlock::Filtered,
        other => MissingLandlock::Unknown(other.unwrap_or(0)),
    }
}

fn kernel_may_have_landlock() -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    release_number(&release) >= (5, 13)
}

fn release_number(release: &str) -> (u32, u32) {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn is_filtered() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}

impl fmt::Display for Landlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi { version, .. } => write!(f, "Landlock ABI {version}"),
            Self::Missing(why) => f.write_str(why.advice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_of_a_missing_landlock_is_told_apart() {
        let os = io::Error::from_raw_os_error;
        let told = |errno, new, filtered| cause(&os(errno), || new, || filtered);
        assert_eq!(told(libc::EOPNOTSUPP, true, true), MissingLandlock::NotEnabled);
        assert_eq!(told(libc::ENOSYS, false, true), MissingLandlock::NotBuilt);
        assert_eq!(told(libc::ENOSYS, true, false), MissingLandlock::NotBuilt);
        assert_eq!(told(libc::ENOSYS, true, true), MissingLandlock::Filtered);
        assert_eq!(told(libc::EPERM, false, false), MissingLandlock::Filtered);
        assert_eq!(told(libc::EIO, true, true), MissingLandlock::Unknown(libc::EIO));
    }

    #[test]
    fn releases_compare_as_numbers() {
        assert_eq!(release_number("5.4.0-200-generic"), (5, 4));
        assert_eq!(release_number("6.18.44-fc"), (6, 18));
        assert!(release_number("5.4") < (5, 13) && release_number("10.0") > (5, 13));
    }
}
