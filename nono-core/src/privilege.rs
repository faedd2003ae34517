//! The parts that Linux cuts the rights of root into, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the kernel's capabilities, as capabilities(7) lists them; called a privilege here, since
/// a capability of nono is something else.
///
/// A sandbox takes all of them away. Each one that is
/// [kept](crate::CapabilitySet::keep_privilege) widens it in the way that [`risk`](Self::risk)
/// says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Privilege(u8);

macro_rules! privileges {
    ($($constant:ident $number:literal $name:literal $risk:literal;)*) => {
        impl Privilege {
            $(#[doc = concat!("`", $name, "`: ", $risk, ".")]
            pub const $constant: Self = Self($number);)*

            /// All privileges of Linux 7.0, by number.
            pub const ALL: &[Self] = &[$(Self::$constant),*];
        }

        /// Name and risk, by number.
        const TABLE: &[(&str, &str)] = &[$(($name, $risk)),*];
    };
}

// constant, the kernel's number, name, what a program can do that has it
privileges! {
    CHOWN 0 "cap_chown" "takes over any file it reaches by changing its owner";
    DAC_OVERRIDE 1 "cap_dac_override" "reads and writes files of every user that a grant covers";
    DAC_READ_SEARCH 2 "cap_dac_read_search" "reads files of every user that a grant covers";
    FOWNER 3 "cap_fowner" "changes mode, times and attributes of files of every user, granted or not";
    FSETID 4 "cap_fsetid" "keeps set-id bits on files of others that it changes";
    KILL 5 "cap_kill" "signals processes of every user where Landlock has no scope for signals";
    SETGID 6 "cap_setgid" "becomes a member of any group";
    SETUID 7 "cap_setuid" "becomes any user";
    SETPCAP 8 "cap_setpcap" "hands on the privileges it has";
    LINUX_IMMUTABLE 9 "cap_linux_immutable" "makes files that nobody can change or remove";
    NET_BIND_SERVICE 10 "cap_net_bind_service" "stands in for a system service on a port below 1024";
    NET_BROADCAST 11 "cap_net_broadcast" "is not used by the kernel yet";
    NET_ADMIN 12 "cap_net_admin" "reroutes, filters and watches the traffic of the whole machine";
    NET_RAW 13 "cap_net_raw" "forges and reads packets past every port rule";
    IPC_LOCK 14 "cap_ipc_lock" "takes memory that cannot be reclaimed";
    IPC_OWNER 15 "cap_ipc_owner" "uses the shared memory and queues of every user";
    SYS_MODULE 16 "cap_sys_module" "loads code into the kernel";
    SYS_RAWIO 17 "cap_sys_rawio" "reaches hardware and the memory of the kernel";
    SYS_CHROOT 18 "cap_sys_chroot" "changes what paths mean to programs that trust them";
    SYS_PTRACE 19 "cap_sys_ptrace" "reads and changes the memory of every process";
    SYS_PACCT 20 "cap_sys_pacct" "has the kernel write to a file of its choice";
    SYS_ADMIN 21 "cap_sys_admin" "administers the machine: as good as all of them";
    SYS_BOOT 22 "cap_sys_boot" "restarts the machine or replaces its kernel";
    SYS_NICE 23 "cap_sys_nice" "starves other processes of processor time";
    SYS_RESOURCE 24 "cap_sys_resource" "goes past quotas and limits";
    SYS_TIME 25 "cap_sys_time" "sets the clock of the machine";
    SYS_TTY_CONFIG 26 "cap_sys_tty_config" "hangs up and reconfigures terminals of others";
    MKNOD 27 "cap_mknod" "makes files that stand for disks and memory";
    LEASE 28 "cap_lease" "holds up whoever opens a file of any user";
    AUDIT_WRITE 29 "cap_audit_write" "writes false records to the audit log";
    AUDIT_CONTROL 30 "cap_audit_control" "switches auditing off";
    SETFCAP 31 "cap_setfcap" "gives privileges to programs that others run";
    MAC_OVERRIDE 32 "cap_mac_override" "goes past mandatory access control";
    MAC_ADMIN 33 "cap_mac_admin" "changes the rules of mandatory access control";
    SYSLOG 34 "cap_syslog" "reads and clears the log of the kernel, with its addresses";
    WAKE_ALARM 35 "cap_wake_alarm" "wakes the machine up";
    BLOCK_SUSPEND 36 "cap_block_suspend" "keeps the machine awake";
    AUDIT_READ 37 "cap_audit_read" "reads the audit log";
    PERFMON 38 "cap_perfmon" "watches what other programs and the kernel do";
    BPF 39 "cap_bpf" "loads programs into the kernel";
    CHECKPOINT_RESTORE 40 "cap_checkpoint_restore" "reads the open files of other processes";
}

impl Privilege {
    /// The kernel's number of it, the same on every architecture.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The kernel's name in small letters, `cap_net_raw`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What a program can do that has it, in one clause.
    #[must_use]
    pub fn risk(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        // Only numbers of the table are ever made.
        TABLE.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no privilege.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability {0:?}; take a name from capabilities(7), such as cap_net_raw")]
pub struct UnknownPrivilege(pub String);

/// Reads the kernel's name in small or capital letters, with or without `cap_`.
impl FromStr for Privilege {
    type Err = UnknownPrivilege;

    fn from_str(name: &str) -> Result<Self, UnknownPrivilege> {
        let lower = name.to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        let is_it = |privilege: &&Self| privilege.name().strip_prefix("cap_") == Some(bare);
        let found = Self::ALL.iter().find(is_it).copied();
        found.ok_or_else(|| UnknownPrivilege(name.to_owned()))
    }
}

impl TryFrom<String> for Privilege {
    type Error = UnknownPrivilege;

    fn try_from(name: String) -> Result<Self, UnknownPrivilege> {
        name.parse()
    }
}

impl From<Privilege> for String {
    fn from(privilege: Privilege) -> Self {
        privilege.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_places_in_the_list() {
        for (place, privilege) in Privilege::ALL.iter().enumerate() {
            assert_eq!(usize::from(privilege.number()), place, "{privilege}");
        }
        assert_eq!(Privilege::CHECKPOINT_RESTORE.number(), 40);
    }

    #[test]
    fn every_privilege_is_found_by_its_name_however_it_is_written_and_serialises_to_it() {
        for &privilege in Privilege::ALL {
            let name = privilege.name();
            for written in [name, &name.to_ascii_uppercase(), name.trim_start_matches("cap_")] {
                assert_eq!(written.parse(), Ok(privilege), "{written}");
            }
            let json = serde_json::to_string(&privilege).unwrap();
            assert_eq!(json, format!("{name:?}"));
            assert_eq!(serde_json::from_str::<Privilege>(&json).unwrap(), privilege);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_an_example() {
        for name in ["", "cap_", "all", "sys-admin", "cap_cap_kill", "5"] {
            let error = name.parse::<Privilege>().unwrap_err().to_string();
            assert!(error.contains("cap_net_raw"), "{error}");
        }
        assert!(serde_json::from_str::<Privilege>("\"cap_everything\"").is_err());
    }
}
