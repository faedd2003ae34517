//! The form between policy and program: rules on system calls, the first that holds decides.

use std::fmt;

use super::data::Data;
use super::syscalls::{Arch, Syscall};

/// Which of a call's six arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the six differ by position only")]
pub enum Arg {
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
}

impl Arg {
    /// All six in order.
    pub const ALL: [Self; 6] = [Self::A0, Self::A1, Self::A2, Self::A3, Self::A4, Self::A5];

    /// Position, from 0.
    #[must_use]
    pub const fn index(self) -> u8 {
        match self {
            Self::A0 => 0,
            Self::A1 => 1,
            Self::A2 => 2,
            Self::A3 => 3,
            Self::A4 => 4,
            Self::A5 => 5,
        }
    }
}

/// `argument & mask` compared with a value.
///
/// Where the kernel takes an `int` it ignores the register's upper half, so a condition on it must
/// as well: a compare of all 64 bits would be passed by setting an upper bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// The argument.
    pub arg: Arg,
    /// The bits that count.
    pub mask: u64,
    /// What those bits are compared with.
    pub value: u64,
    /// Whether the two must be equal or must differ.
    pub equal: bool,
}

impl Condition {
    /// The 32-bit argument is `value`.
    #[must_use]
    pub const fn is(arg: Arg, value: u32) -> Self {
        Self::masked(arg, u32::MAX, value)
    }

    /// The 32-bit argument is anything but `value`.
    #[must_use]
    pub const fn is_not(arg: Arg, value: u32) -> Self {
        Self { equal: false, ..Self::is(arg, value) }
    }

    /// The bits `mask` of the 32-bit argument are `value`.
    #[must_use]
    pub const fn masked(arg: Arg, mask: u32, value: u32) -> Self {
        Self { arg, mask: widen(mask), value: widen(value), equal: true }
    }

    /// Some bit of `mask` is set in the 32-bit argument.
    #[must_use]
    pub const fn any_bit(arg: Arg, mask: u32) -> Self {
        Self { equal: false, ..Self::masked(arg, mask, 0) }
    }

    /// The pointer is not null, whichever half says so.
    #[must_use]
    pub const fn not_null(arg: Arg) -> Self {
        Self { arg, mask: u64::MAX, value: 0, equal: false }
    }

    /// Whether the call meets the condition.
    #[must_use]
    pub fn holds(&self, data: &Data) -> bool {
        let argument = data.args[usize::from(self.arg.index())];
        (argument & self.mask == self.value) == self.equal
    }
}

/// Lossless; `From` is not const.
const fn widen(value: u32) -> u64 {
    value as u64
}

/// An error number that a filter answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

impl Errno {
    /// Not permitted: what the kernel says to a caller without the privilege.
    pub const EPERM: Self = Self(1);
    /// Not among the grants.
    pub const EACCES: Self = Self(13);
    /// Not there, so that callers fall back on the older call.
    pub const ENOSYS: Self = Self(38);
    /// Not supported on this socket, so that callers do without.
    pub const EOPNOTSUPP: Self = Self(95);

    const NAMES: [(Self, &'static str); 4] = [
        (Self::EPERM, "EPERM"),
        (Self::EACCES, "EACCES"),
        (Self::ENOSYS, "ENOSYS"),
        (Self::EOPNOTSUPP, "EOPNOTSUPP"),
    ];

    /// The number; the same on both architectures.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The error numbers that filters use.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(errno, _)| errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.into_iter().find(|(errno, _)| errno == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The kernel goes on with it.
    Allow,
    /// It fails with this error and has no effect.
    Errno(Errno),
    /// The supervisor is told and answers.
    Notify,
}

impl Action {
    /// The value that a filter returns (`SECCOMP_RET_*`, linux/seccomp.h).
    #[must_use]
    pub fn encode(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Errno(errno) => 0x0005_0000 | u32::from(errno.number()),
            Self::Notify => 0x7fc0_0000,
        }
    }

    /// The action behind a filter's return value, if nono ever returns it.
    #[must_use]
    pub fn decode(value: u32) -> Option<Self> {
        let errnos = Errno::all().map(Self::Errno);
        let mut known = [Self::Allow, Self::Notify].into_iter().chain(errnos);
        known.find(|action| action.encode() == value)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("ALLOW"),
            Self::Errno(errno) => errno.fmt(f),
            Self::Notify => f.write_str("NOTIFY"),
        }
    }
}

/// One line of a policy: this call, under all of these conditions, ends so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The call.
    pub syscall: Syscall,
    /// All must hold; none means always.
    pub when: Vec<Condition>,
    /// What becomes of it then.
    pub action: Action,
}

/// What the rules say of one call: the reference that compiled programs are held against.
///
/// The first rule that holds decides; a call that no rule mentions is allowed. Calls of a foreign
/// architecture, x32 calls (their numbers carry bit 30) and numbers that the table lacks, in
/// its gaps or above its newest, fail with `ENOSYS`: what they do is unknown.
#[must_use]
pub fn evaluate(rules: &[Rule], arch: Arch, data: &Data) -> Action {
    let known = if data.arch == arch.audit() { arch.syscall(data.nr) } else { None };
    let Some(syscall) = known else {
        return Action::Errno(Errno::ENOSYS);
    };
    let holds = |rule: &&Rule| {
        rule.syscall == syscall && rule.when.iter().all(|condition| condition.holds(data))
    };
    rules.iter().find(holds).map_or(Action::Allow, |rule| rule.action)
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    const REFUSED: Action = Action::Errno(Errno::EPERM);

    fn ioctl(request: u64) -> Data {
        Data {
            nr: 16,
            arch: Arch::X86_64.audit(),
            args: [0, request, 0, 0, 0, 0],
            ..Data::default()
        }
    }

    fn rule(when: &[Condition], action: Action) -> Rule {
        Rule { syscall: table::IOCTL, when: when.to_vec(), action }
    }

    #[test]
    fn a_32_bit_condition_ignores_the_upper_half() {
        let rules = [rule(&[Condition::is(Arg::A1, 0x5412)], REFUSED)];
        for (request, action) in
            [(0x5412, REFUSED), (0xdead_0000_0000_5412, REFUSED), (0x5413, Action::Allow)]
        {
            assert_eq!(evaluate(&rules, Arch::X86_64, &ioctl(request)), action, "{request:#x}");
        }
    }

    #[test]
    fn a_pointer_with_only_upper_bits_is_not_null() {
        let rules = [rule(&[Condition::not_null(Arg::A1)], REFUSED)];
        for (pointer, action) in [(0, Action::Allow), (1, REFUSED), (1 << 32, REFUSED)] {
            assert_eq!(evaluate(&rules, Arch::X86_64, &ioctl(pointer)), action, "{pointer:#x}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let only_one = Condition::is(Arg::A1, 1);
        let rules = [rule(&[only_one], Action::Allow), rule(&[], REFUSED)];
        assert_eq!(evaluate(&rules, Arch::X86_64, &ioctl(1)), Action::Allow);
        assert_eq!(evaluate(&rules, Arch::X86_64, &ioctl(2)), REFUSED);
    }

    #[test]
    fn an_action_survives_its_encoding() {
        for action in [Action::Allow, Action::Notify, REFUSED, Action::Errno(Errno::ENOSYS)] {
            assert_eq!(Action::decode(action.encode()), Some(action));
        }
        assert_eq!(Action::decode(0), None, "SECCOMP_RET_KILL_THREAD");
    }
}
