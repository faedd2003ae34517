//! System calls and the architectures that number them.

use super::table;

/// An architecture whose system calls nono can filter.
///
/// Both are compiled everywhere, so that a filter for one can be made and checked on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// `AUDIT_ARCH_X86_64`. The x32 interface shares this value; its numbers carry bit 30.
    X86_64,
    /// `AUDIT_ARCH_AARCH64`.
    Aarch64,
}

impl Arch {
    /// Both architectures.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The architecture this program was compiled for; `None` where nono has no table.
    pub const NATIVE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
        Some(Self::Aarch64)
    } else {
        None
    };

    /// The value of `seccomp_data.arch` (linux/audit.h).
    #[must_use]
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// The kernel's name for the architecture.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The highest number in the table.
    #[must_use]
    pub fn newest(self) -> u32 {
        let numbers = table::ALL.iter().filter_map(|syscall| syscall.number(self));
        numbers.max().unwrap_or_default()
    }

    /// The call with this number, if the table has one.
    #[must_use]
    pub fn syscall(self, number: u32) -> Option<Syscall> {
        let mut all = table::ALL.iter();
        all.find(|syscall| syscall.number(self) == Some(number)).copied()
    }
}

/// A system call, with its number on each architecture that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Syscall {
    name: &'static str,
    x86_64: Option<u32>,
    aarch64: Option<u32>,
}

impl Syscall {
    pub(super) const fn new(name: &'static str, x86_64: Option<u32>, aarch64: Option<u32>) -> Self {
        Self { name, x86_64, aarch64 }
    }

    /// Every call the tables know.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        table::ALL
    }

    /// The kernel's name for the call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The number on `arch`, or `None` where the architecture lacks the call.
    #[must_use]
    pub const fn number(self, arch: Arch) -> Option<u32> {
        match arch {
            Arch::X86_64 => self.x86_64,
            Arch::Aarch64 => self.aarch64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_audit_value_is_the_elf_machine_with_the_64_bit_and_little_endian_marks() {
        const MARKS: u32 = 0xc000_0000;
        assert_eq!(Arch::X86_64.audit(), u32::from(libc::EM_X86_64) | MARKS);
        assert_eq!(Arch::Aarch64.audit(), u32::from(libc::EM_AARCH64) | MARKS);
    }

    #[test]
    fn a_number_belongs_to_one_call() {
        for arch in Arch::ALL {
            let numbers: Vec<u32> = table::ALL.iter().filter_map(|s| s.number(arch)).collect();
            let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
            assert_eq!(distinct.len(), numbers.len(), "{}", arch.name());
        }
    }

    #[test]
    fn calls_since_linux_5_1_have_one_number_everywhere() {
        for syscall in table::ALL {
            let [x86_64, aarch64] = Arch::ALL.map(|arch| syscall.number(arch));
            let unified = x86_64.max(aarch64).is_some_and(|number| number >= 424);
            assert!(!unified || x86_64 == aarch64, "{}", syscall.name());
        }
    }

    #[test]
    fn the_tables_agree_with_libc_on_the_host() {
        let Some(native) = Arch::NATIVE else { return };
        let pairs = [
            (table::OPENAT, libc::SYS_openat),
            (table::IOCTL, libc::SYS_ioctl),
            (table::CLONE, libc::SYS_clone),
            (table::CLONE3, libc::SYS_clone3),
            (table::SOCKET, libc::SYS_socket),
            (table::SOCKETPAIR, libc::SYS_socketpair),
            (table::PRLIMIT64, libc::SYS_prlimit64),
            (table::FCHMODAT, libc::SYS_fchmodat),
            (table::KEYCTL, libc::SYS_keyctl),
            (table::BPF, libc::SYS_bpf),
            (table::MOUNT_SETATTR, libc::SYS_mount_setattr),
            (table::SENDMMSG, libc::SYS_sendmmsg),
            (table::UNSHARE, libc::SYS_unshare),
            (table::REBOOT, libc::SYS_reboot),
            (table::MSEAL, libc::SYS_mseal),
        ];
        for (syscall, number) in pairs {
            assert_eq!(syscall.number(native).map(i64::from), Some(number), "{}", syscall.name());
        }
    }
}
