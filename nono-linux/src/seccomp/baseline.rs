//! What every sandbox refuses, as data.

use std::collections::BTreeSet;

use nono_core::Exemption;

use super::rule::{Action, Arg, Condition, Errno, Rule};
use super::syscalls::Syscall;
use super::table as nr;

/// One line of the baseline.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The calls.
    pub syscalls: &'static [Syscall],
    /// Under which conditions they are refused: all must hold, none means always.
    pub when: &'static [Condition],
    /// What they answer then.
    pub errno: Errno,
    /// In which sandboxes the row stands.
    pub scope: Scope,
    /// Why, in one clause.
    pub reason: &'static str,
    /// What takes the row away.
    pub exemption: Option<Exemption>,
}

/// In which sandboxes a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In all.
    Always,
    /// Where Landlock's ABI is lower than this, since from then on the kernel judges better.
    BelowAbi(u32),
    /// Where the program runs as root; to others the kernel refuses it anyway.
    Root,
}

/// The rules of the baseline for one sandbox, in the order of [`BASELINE`].
#[must_use]
pub(super) fn rules(landlock_abi: u32, root: bool, exemptions: &BTreeSet<Exemption>) -> Vec<Rule> {
    let stands = |row: &&Row| {
        let in_scope = match row.scope {
            Scope::Always => true,
            Scope::BelowAbi(abi) => landlock_abi < abi,
            Scope::Root => root,
        };
        in_scope && row.exemption.is_none_or(|exemption| !exemptions.contains(&exemption))
    };
    BASELINE.iter().filter(stands).flat_map(Row::rules).collect()
}

impl Row {
    fn rules(&self) -> impl Iterator<Item = Rule> {
        self.syscalls.iter().map(|syscall| Rule {
            syscall: *syscall,
            when: self.when.to_vec(),
            action: Action::Errno(self.errno),
        })
    }

    const fn new(syscalls: &'static [Syscall], errno: Errno, reason: &'static str) -> Self {
        Self { syscalls, when: &[], errno, scope: Scope::Always, reason, exemption: None }
    }

    const fn when(self, when: &'static [Condition]) -> Self {
        Self { when, ..self }
    }

    const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    const fn unless(self, exemption: Exemption) -> Self {
        Self { exemption: Some(exemption), ..self }
    }
}

// The numbers are the kernel's own (asm-generic and linux uapi headers) and the same on both
// architectures, which not all of libc's are.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
const O_ACCMODE: u32 = 0o3;
const O_RDONLY: u32 = 0o0;
const O_CREAT: u32 = 0o100;
const O_TRUNC: u32 = 0o1000;
/// `__O_TMPFILE`, without the `O_DIRECTORY` that differs between the architectures.
const O_TMPFILE: u32 = 0o20_000_000;
const SET_ID: u32 = 0o6000;
const F_SETLEASE: u32 = 1024;
const F_SETDELEG: u32 = 1040;
const CLONE_NEWUSER: u32 = 0x1000_0000;
const PRIO_PROCESS: u32 = 0;
const IOPRIO_WHO_PROCESS: u32 = 1;

const NOT_SELF: &[Condition] = &[Condition::is_not(Arg::A0, 0)];
const OTHERS_TIME: &str = "slows down or pins processes outside";
const MOUNTS: &str = "changes which files a path means, past Landlock for mount_setattr";
const SETID_REASON: &str = "leaves behind a file that runs as its owner";
const TRUNCATES: &str = "empties files outside the grants, which Landlock does not see below ABI 3";

/// The baseline. For a call with several rows the first whose conditions hold decides.
///
/// Not here, because the kernel judges better: signals, ptrace, process_vm_readv and relatives
/// (Landlock's own limits), making device files (a Landlock right that is never granted), set-id
/// bits for mkdir (which drops them).
pub const BASELINE: &[Row] = &[
    Row::new(&[nr::IOCTL], Errno::EPERM, "types into the terminal")
        .when(&[Condition::is(Arg::A1, TIOCSTI)]),
    Row::new(&[nr::IOCTL], Errno::EPERM, "pastes into the console")
        .when(&[Condition::is(Arg::A1, TIOCLINUX)]),
    // A filter does not know its own pid: reading limits is free, setting goes by 0 only.
    Row::new(&[nr::PRLIMIT64], Errno::EPERM, "starves or kills processes outside by a limit")
        .when(&[Condition::is_not(Arg::A0, 0), Condition::not_null(Arg::A2)])
        .unless(Exemption::Prlimit),
    // The kernel takes a thread's number here too, so pthread_setaffinity_np and
    // pthread_setschedparam, which pass one even for the calling thread, fail as well.
    Row::new(
        &[nr::SCHED_SETAFFINITY, nr::SCHED_SETSCHEDULER, nr::SCHED_SETPARAM, nr::SCHED_SETATTR],
        Errno::EPERM,
        OTHERS_TIME,
    )
    .when(NOT_SELF)
    .unless(Exemption::Scheduling),
    Row::new(&[nr::SETPRIORITY], Errno::EPERM, OTHERS_TIME)
        .when(&[Condition::is_not(Arg::A0, PRIO_PROCESS)])
        .unless(Exemption::Scheduling),
    Row::new(&[nr::IOPRIO_SET], Errno::EPERM, OTHERS_TIME)
        .when(&[Condition::is_not(Arg::A0, IOPRIO_WHO_PROCESS)])
        .unless(Exemption::Scheduling),
    Row::new(&[nr::SETPRIORITY, nr::IOPRIO_SET], Errno::EPERM, OTHERS_TIME)
        .when(&[Condition::is_not(Arg::A1, 0)])
        .unless(Exemption::Scheduling),
    Row::new(&[nr::OPEN], Errno::EACCES, "opens any file for fchmod and ioctl (access mode 3)")
        .when(&[Condition::masked(Arg::A1, O_ACCMODE, O_ACCMODE)]),
    Row::new(&[nr::OPENAT], Errno::EACCES, "opens any file for fchmod and ioctl (access mode 3)")
        .when(&[Condition::masked(Arg::A2, O_ACCMODE, O_ACCMODE)]),
    // Its flags and mode lie in memory, where no filter looks; callers fall back on openat.
    Row::new(&[nr::OPENAT2], Errno::ENOSYS, "hides access mode 3, set-id bits and O_TRUNC"),
    Row::new(&[nr::OPEN], Errno::EACCES, TRUNCATES)
        .when(&[
            Condition::any_bit(Arg::A1, O_TRUNC),
            Condition::masked(Arg::A1, O_ACCMODE, O_RDONLY),
        ])
        .scope(Scope::BelowAbi(3)),
    Row::new(&[nr::OPENAT], Errno::EACCES, TRUNCATES)
        .when(&[
            Condition::any_bit(Arg::A2, O_TRUNC),
            Condition::masked(Arg::A2, O_ACCMODE, O_RDONLY),
        ])
        .scope(Scope::BelowAbi(3)),
    Row::new(&[nr::TRUNCATE], Errno::EACCES, TRUNCATES).scope(Scope::BelowAbi(3)),
    // Without one of these flags the mode is not looked at, and may be anything.
    Row::new(&[nr::OPEN], Errno::EPERM, SETID_REASON)
        .when(&[
            Condition::any_bit(Arg::A1, O_CREAT | O_TMPFILE),
            Condition::any_bit(Arg::A2, SET_ID),
        ])
        .unless(Exemption::Setid),
    Row::new(&[nr::OPENAT], Errno::EPERM, SETID_REASON)
        .when(&[
            Condition::any_bit(Arg::A2, O_CREAT | O_TMPFILE),
            Condition::any_bit(Arg::A3, SET_ID),
        ])
        .unless(Exemption::Setid),
    Row::new(&[nr::CREAT, nr::CHMOD, nr::FCHMOD, nr::MKNOD], Errno::EPERM, SETID_REASON)
        .when(&[Condition::any_bit(Arg::A1, SET_ID)])
        .unless(Exemption::Setid),
    Row::new(&[nr::FCHMODAT, nr::FCHMODAT2, nr::MKNODAT], Errno::EPERM, SETID_REASON)
        .when(&[Condition::any_bit(Arg::A2, SET_ID)])
        .unless(Exemption::Setid),
    // Keys and numbers name these, not paths, and Landlock does not know them.
    Row::new(
        &[
            nr::SHMGET,
            nr::SHMAT,
            nr::SHMCTL,
            nr::MSGGET,
            nr::MSGSND,
            nr::MSGRCV,
            nr::MSGCTL,
            nr::SEMGET,
            nr::SEMOP,
            nr::SEMTIMEDOP,
            nr::SEMCTL,
            nr::MQ_UNLINK,
        ],
        Errno::ENOSYS,
        "reads, changes and removes memory and queues of other programs",
    )
    .unless(Exemption::SysvIpc),
    Row::new(&[nr::USERFAULTFD], Errno::EPERM, "holds page faults to win races")
        .unless(Exemption::Userfaultfd),
    Row::new(&[nr::FCNTL], Errno::EPERM, "holds up whoever opens the file")
        .when(&[Condition::is(Arg::A1, F_SETLEASE)])
        .unless(Exemption::Lease),
    Row::new(&[nr::FCNTL], Errno::EPERM, "holds up whoever opens the file")
        .when(&[Condition::is(Arg::A1, F_SETDELEG)])
        .unless(Exemption::Lease),
    Row::new(
        &[nr::ADD_KEY, nr::REQUEST_KEY, nr::KEYCTL],
        Errno::EPERM,
        "uses keys of the user that no path names",
    )
    .unless(Exemption::Keyrings),
    Row::new(
        &[nr::IO_URING_SETUP, nr::IO_URING_ENTER, nr::IO_URING_REGISTER],
        Errno::ENOSYS,
        "opens and connects past every rule here; callers fall back",
    )
    .unless(Exemption::IoUring),
    Row::new(
        &[
            nr::MOUNT,
            nr::UMOUNT2,
            nr::PIVOT_ROOT,
            nr::MOVE_MOUNT,
            nr::OPEN_TREE,
            nr::OPEN_TREE_ATTR,
            nr::FSOPEN,
            nr::FSCONFIG,
            nr::FSMOUNT,
            nr::FSPICK,
            nr::MOUNT_SETATTR,
        ],
        Errno::EPERM,
        MOUNTS,
    ),
    Row::new(
        &[nr::CLONE, nr::UNSHARE],
        Errno::EPERM,
        "a new user namespace holds every capability",
    )
    .when(&[Condition::any_bit(Arg::A0, CLONE_NEWUSER)])
    .unless(Exemption::Userns),
    // Its flags lie in memory; callers fall back on clone.
    Row::new(&[nr::CLONE3], Errno::ENOSYS, "hides a new user namespace").unless(Exemption::Userns),
    Row::new(&[nr::SETNS], Errno::EPERM, "enters namespaces made outside")
        .unless(Exemption::Userns),
    Row::new(&[nr::OPEN_BY_HANDLE_AT], Errno::EPERM, "opens files by number, past every path"),
    Row::new(&[nr::BPF], Errno::EPERM, "loads programs into the kernel").unless(Exemption::Bpf),
    Row::new(&[nr::PERF_EVENT_OPEN], Errno::EPERM, "watches other programs by hardware counters")
        .unless(Exemption::Perf),
    Row::new(
        &[nr::INIT_MODULE, nr::FINIT_MODULE, nr::DELETE_MODULE],
        Errno::EPERM,
        "changes the kernel",
    ),
    Row::new(
        &[nr::KEXEC_LOAD, nr::KEXEC_FILE_LOAD, nr::REBOOT],
        Errno::EPERM,
        "restarts or replaces the kernel",
    ),
    Row::new(&[nr::SWAPON, nr::SWAPOFF], Errno::EPERM, "changes the memory of the machine"),
    Row::new(&[nr::QUOTACTL, nr::QUOTACTL_FD], Errno::EPERM, "changes the limits of all users"),
    Row::new(&[nr::CLOCK_SETTIME, nr::SETTIMEOFDAY], Errno::EPERM, "changes everyone's clock")
        .unless(Exemption::Clock),
    // Reading and setting differ in memory only; to others than root the kernel refuses setting.
    Row::new(&[nr::ADJTIMEX, nr::CLOCK_ADJTIME], Errno::EPERM, "changes everyone's clock")
        .scope(Scope::Root)
        .unless(Exemption::Clock),
    Row::new(&[nr::SETHOSTNAME, nr::SETDOMAINNAME], Errno::EPERM, "renames the machine")
        .scope(Scope::Root),
    Row::new(&[nr::ACCT], Errno::EPERM, "writes to a file on behalf of the kernel")
        .scope(Scope::Root),
    Row::new(&[nr::IOPL, nr::IOPERM], Errno::EPERM, "reaches hardware ports").scope(Scope::Root),
    Row::new(&[nr::SYSLOG], Errno::EPERM, "reads and clears the kernel's log").scope(Scope::Root),
    Row::new(&[nr::VHANGUP], Errno::EPERM, "hangs up the terminal").scope(Scope::Root),
];

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::super::rule::evaluate;
    use super::super::syscalls::Arch;
    use super::*;

    /// The baseline on x86_64 as an ordinary user.
    fn judge(abi: u32, exemptions: &[Exemption], call: (Syscall, [u64; 6])) -> Action {
        let exemptions = exemptions.iter().copied().collect();
        judge_rules(&rules(abi, false, &exemptions), call)
    }

    fn judge_rules(rules: &[Rule], (syscall, args): (Syscall, [u64; 6])) -> Action {
        let arch = Arch::X86_64;
        let nr = syscall.number(arch).unwrap();
        evaluate(rules, arch, &Data { nr, arch: arch.audit(), args, ..Data::default() })
    }

    const EPERM: Action = Action::Errno(Errno::EPERM);
    const EACCES: Action = Action::Errno(Errno::EACCES);
    const ENOSYS: Action = Action::Errno(Errno::ENOSYS);

    #[test]
    fn each_refusal_answers_its_errno() {
        let high = 0xffff_ffff_0000_0000;
        let refused = [
            (nr::IOCTL, [0, 0x5412, 0, 0, 0, 0], EPERM),
            (nr::IOCTL, [0, high | 0x5412, 0, 0, 0, 0], EPERM),
            (nr::IOCTL, [0, 0x541c, 0, 0, 0, 0], EPERM),
            (nr::PRLIMIT64, [1, 0, 0x1000, 0, 0, 0], EPERM),
            (nr::PRLIMIT64, [1, 0, 1 << 40, 0, 0, 0], EPERM),
            (nr::SCHED_SETAFFINITY, [1, 8, 8, 0, 0, 0], EPERM),
            (nr::SETPRIORITY, [1, 0, 5, 0, 0, 0], EPERM),
            (nr::SETPRIORITY, [2, 0, 5, 0, 0, 0], EPERM),
            (nr::SETPRIORITY, [0, 7, 5, 0, 0, 0], EPERM),
            (nr::IOPRIO_SET, [2, 0, 5, 0, 0, 0], EPERM),
            (nr::IOPRIO_SET, [1, 7, 5, 0, 0, 0], EPERM),
            (nr::OPEN, [0, 3, 0, 0, 0, 0], EACCES),
            (nr::OPENAT, [0, 0, 0o1003, 0, 0, 0], EACCES),
            (nr::OPENAT2, [0; 6], ENOSYS),
            (nr::OPEN, [0, 0o101, 0o4755, 0, 0, 0], EPERM),
            (nr::OPENAT, [0, 0, 0o20_200_002, 0o2755, 0, 0], EPERM),
            (nr::CREAT, [0, 0o4000, 0, 0, 0, 0], EPERM),
            (nr::CHMOD, [0, 0o2000, 0, 0, 0, 0], EPERM),
            (nr::FCHMODAT2, [0, 0, 0o4755, 0, 0, 0], EPERM),
            (nr::MKNODAT, [0, 0, 0o104_755, 0, 0, 0], EPERM),
            (nr::FCNTL, [3, 1024, 0, 0, 0, 0], EPERM),
            (nr::FCNTL, [3, 1040, 0, 0, 0, 0], EPERM),
            (nr::CLONE, [0x1000_0011, 0, 0, 0, 0, 0], EPERM),
            (nr::UNSHARE, [0x1000_0000, 0, 0, 0, 0, 0], EPERM),
            (nr::CLONE3, [0; 6], ENOSYS),
            (nr::IO_URING_SETUP, [0; 6], ENOSYS),
        ];
        for (syscall, args, action) in refused {
            assert_eq!(judge(7, &[], (syscall, args)), action, "{} {args:x?}", syscall.name());
        }
    }

    #[test]
    fn the_harmless_neighbours_of_a_refusal_stay() {
        let allowed = [
            (nr::IOCTL, [0, 0x5413, 0, 0, 0, 0]),
            (nr::PRLIMIT64, [1, 0, 0, 0x1000, 0, 0]),
            (nr::PRLIMIT64, [0, 0, 0x1000, 0, 0, 0]),
            (nr::SCHED_SETAFFINITY, [0, 8, 8, 0, 0, 0]),
            (nr::SETPRIORITY, [0, 0, 5, 0, 0, 0]),
            (nr::IOPRIO_SET, [1, 0, 5, 0, 0, 0]),
            (nr::OPENAT, [0, 0, 0o1102, 0o1777, 0, 0]),
            (nr::OPENAT, [0, 0, 0, 0o4755, 0, 0]),
            (nr::CHMOD, [0, 0o1777, 0, 0, 0, 0]),
            (nr::MKDIR, [0, 0o2755, 0, 0, 0, 0]),
            (nr::MKNODAT, [0, 0, 0o010_644, 0, 0, 0]),
            (nr::FCNTL, [3, 1025, 0, 0, 0, 0]),
            (nr::CLONE, [0x0120_0011, 0, 0, 0, 0, 0]),
            (nr::UNSHARE, [0x200, 0, 0, 0, 0, 0]),
        ];
        for (syscall, args) in allowed {
            let action = judge(7, &[], (syscall, args));
            assert_eq!(action, Action::Allow, "{} {args:x?}", syscall.name());
        }
    }

    #[test]
    fn below_abi_3_truncation_needs_a_writable_open() {
        let truncations = [
            (nr::OPEN, [0, 0o1000, 0, 0, 0, 0], EACCES),
            (nr::OPENAT, [0, 0, 0o1000, 0, 0, 0], EACCES),
            (nr::TRUNCATE, [0; 6], EACCES),
            (nr::OPENAT, [0, 0, 0o1001, 0, 0, 0], Action::Allow),
            (nr::OPENAT, [0, 0, 0o1002, 0, 0, 0], Action::Allow),
            (nr::CREAT, [0, 0o644, 0, 0, 0, 0], Action::Allow),
            (nr::FTRUNCATE, [0; 6], Action::Allow),
        ];
        for (syscall, args, action) in truncations {
            assert_eq!(judge(2, &[], (syscall, args)), action, "{} {args:x?}", syscall.name());
            assert_eq!(judge(3, &[], (syscall, args)), Action::Allow, "{}", syscall.name());
        }
    }

    #[test]
    fn root_is_refused_more_than_an_ordinary_user() {
        let call = |syscall| (syscall, [0; 6]);
        for syscall in [nr::SETHOSTNAME, nr::ACCT, nr::IOPL, nr::SYSLOG, nr::ADJTIMEX] {
            let as_root = rules(7, true, &BTreeSet::new());
            assert_eq!(judge_rules(&as_root, call(syscall)), EPERM, "{}", syscall.name());
            assert_eq!(judge(7, &[], call(syscall)), Action::Allow, "{}", syscall.name());
        }
    }

    #[test]
    fn each_exemption_takes_exactly_its_rows_away() {
        for exemption in Exemption::ALL {
            let rows = BASELINE.iter().filter(|row| row.exemption == Some(exemption));
            let its_rules: usize = rows.map(|row| row.syscalls.len()).sum();
            assert!(its_rules > 0, "{exemption} takes nothing away");
            let all = rules(0, true, &BTreeSet::new()).len();
            let rest = rules(0, true, &BTreeSet::from([exemption])).len();
            assert_eq!(all - rest, its_rules, "{exemption}");
        }
    }
}
