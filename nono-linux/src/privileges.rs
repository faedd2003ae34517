//! Taking the rights of root away.
//!
//! ```text
//! capget ─▶ nothing held: done
//!        └▶ inheritable := kept ─▶ ambient += kept ─▶ bounding := kept ─▶ securebits locked
//!                                                           permitted, effective := kept ◀─┘
//! ```
//!
//! What is kept has to be ambient: with `SECBIT_NOROOT` user 0 gains nothing by exec any more, and
//! for any other user nothing else survives it. Source: capabilities(7).

use std::collections::BTreeSet;
use std::io;

use nono_core::{NonoError, Privilege, Result};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits as SecureBits, CapabilitySet, CapabilitySets, capabilities,
    capabilities_secure_bits, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
};

/// What a program is left of the rights of root: nothing but what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Privileges {
    kept: CapabilitySet,
    /// Whether there was anything to take away when the sandbox was prepared; for reports.
    pub(crate) are_held: bool,
}

impl Privileges {
    /// Checks that the calling thread has what is to be kept.
    ///
    /// # Errors
    /// [`NonoError::PrivilegeNotHeld`] when it has not.
    pub(crate) fn keeping(kept: &BTreeSet<Privilege>) -> Result<Self> {
        let held = capabilities(None).map_err(|errno| failed("capget", errno.into()))?;
        match kept.iter().find(|&&privilege| !held.permitted.contains(bit(privilege))) {
            Some(&missing) => Err(NonoError::PrivilegeNotHeld(missing)),
            None => Ok(Self { kept: kept.iter().copied().map(bit).collect(), are_held: any(held) }),
        }
    }

    /// Takes all others from the calling thread, for good, by system calls alone. A thread that
    /// holds nothing is asked once and left alone.
    ///
    /// The caller has set `no_new_privs`: exec then never adds to what is permitted. So a thread
    /// without `CAP_SETPCAP`, which can change neither its bounding set nor its securebits, comes
    /// out as empty; the two only guard against a hole in that.
    ///
    /// # Errors
    /// `EPERM` when the thread lost what it was to keep, or a system call filter is in the way.
    pub(crate) fn drop_others(self) -> Result<(), Errno> {
        let Self { kept, .. } = self;
        let held = capabilities(None)?;
        if !any(held) {
            return Ok(());
        }
        let permitted = held.permitted;
        set_capabilities(
            None,
            CapabilitySets { effective: permitted, permitted, inheritable: kept },
        )?;
        for capability in kept {
            configure_capability_in_ambient_set(capability, true)?;
        }
        if permitted.contains(CapabilitySet::SETPCAP) {
            bound(kept)?;
            set_capabilities_secure_bits(locked(capabilities_secure_bits()?))?;
        }
        // What is no longer permitted leaves the ambient set by itself.
        set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: kept },
        )
    }
}

/// Removes everything but `kept` from the bounding set, also what this file has no name for.
fn bound(kept: CapabilitySet) -> Result<(), Errno> {
    for capability in (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number)) {
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            // The kernel's highest number has been passed.
            Err(Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

const LOCKS: SecureBits = SecureBits::NO_ROOT_LOCKED
    .union(SecureBits::NO_SETUID_FIXUP_LOCKED)
    .union(SecureBits::KEEP_CAPS_LOCKED)
    .union(SecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

/// The securebits of a sandbox, all of them locked; what was locked before stays as it is.
///
/// * `NOROOT` is set: user 0 and set-user-ID root files give no capabilities by exec.
/// * `NO_CAP_AMBIENT_RAISE` is set: what is kept is not handed on by another way.
/// * `NO_SETUID_FIXUP` stays off: a program that leaves user 0 loses what was kept, as it expects.
/// * `KEEP_CAPS` stays off, for the same reason.
fn locked(now: SecureBits) -> SecureBits {
    // Each lock is the bit above the one that it locks.
    let frozen = SecureBits::from_bits_retain((now & LOCKS).bits() >> 1);
    let set = SecureBits::NO_ROOT | SecureBits::NO_CAP_AMBIENT_RAISE;
    let off = SecureBits::NO_SETUID_FIXUP | SecureBits::KEEP_CAPS;
    let wanted = now.union(set).difference(off);
    (now & frozen) | wanted.difference(frozen) | LOCKS
}

/// Whether any thread of this process holds a capability, or could pass one on.
///
/// # Errors
/// When /proc does not tell.
pub(crate) fn are_held_by_any_thread() -> io::Result<bool> {
    for thread in std::fs::read_dir("/proc/self/task")? {
        match std::fs::read_to_string(thread?.path().join("status")) {
            Ok(status) if has_empty_sets(&status) => {}
            // The thread ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether a status file shows an empty permitted and inheritable set, of which the effective and
/// the ambient set are parts. Source: proc_pid_status(5).
fn has_empty_sets(status: &str) -> bool {
    ["CapInh:", "CapPrm:"].iter().all(|name| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16) == Ok(0))
    })
}

fn any(held: CapabilitySets) -> bool {
    !(held.permitted | held.inheritable).is_empty()
}

fn bit(privilege: Privilege) -> CapabilitySet {
    CapabilitySet::from_bits_retain(1 << privilege.number())
}

fn failed(call: &'static str, source: io::Error) -> NonoError {
    NonoError::System { call, path: None, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_securebits_are_set_and_locked_but_for_what_was_locked_before() {
        let fresh = locked(SecureBits::KEEP_CAPS);
        assert_eq!(fresh.bits(), 0b1110_1011);
        assert_eq!(locked(fresh), fresh);

        let without_root_bit = locked(SecureBits::NO_ROOT_LOCKED);
        assert!(!without_root_bit.contains(SecureBits::NO_ROOT));
        let kept = SecureBits::KEEP_CAPS | SecureBits::KEEP_CAPS_LOCKED;
        assert!(locked(kept).contains(kept));
        let newer = SecureBits::from_bits_retain(1 << 8);
        assert!(locked(newer).contains(newer));
    }

    #[test]
    fn a_thread_is_empty_only_when_its_status_says_so() {
        let status = |inheritable: &str, permitted: &str| {
            format!("Name:\tx\nCapInh:\t{inheritable}\nCapPrm:\t{permitted}\nCapEff:\t0\n")
        };
        assert!(has_empty_sets(&status("0000000000000000", "0000000000000000")));
        assert!(!has_empty_sets(&status("0000000000000000", "0000000000000001")));
        assert!(!has_empty_sets(&status("8000000000000000", "0000000000000000")));
        assert!(!has_empty_sets(&status("0", "garbage")));
        assert!(!has_empty_sets("Name:\tx\n"));
    }
}
