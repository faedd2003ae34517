//! Programs as text, for people and for snapshots.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::bpf::{AND, Insn, JUMP, LOAD, RETURN, Test};
use super::data::{ARCH, ARGS, NR};
use super::rule::Action;
use super::syscalls::Arch;

/// The listing of `program`, one instruction a line, for a filter made for `arch`.
///
/// Jumps go to labels `L1`, `L2`, … in the order of their places. A test says what it tests where
/// every way to it leaves the same thing in the accumulator: `nr >= 257 (openat)`, `args[1].lo`.
#[must_use]
pub fn disassemble(program: &[Insn], arch: Arch) -> String {
    let labels = labels(program);
    let contents = contents(program);
    let mut text = String::new();
    for (at, insn) in program.iter().enumerate() {
        if let Some(label) = labels.get(&at) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "L{label}:");
        }
        let line = Line { at, insn, held: contents[at], labels: &labels, arch };
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// What the accumulator holds before an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// No way leads here.
    Unreached,
    /// The word at this offset, masked or not.
    Word(u32, Option<u32>),
    /// It depends on the way.
    Unknown,
}

impl Held {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreached, held) | (held, Self::Unreached) => held,
            (one, other) if one == other => one,
            _ => Self::Unknown,
        }
    }

    fn after(self, insn: &Insn) -> Self {
        match (insn.code, self) {
            (LOAD, _) => Self::Word(insn.k, None),
            (AND, Self::Word(offset, None)) => Self::Word(offset, Some(insn.k)),
            (AND, _) => Self::Unknown,
            _ => self,
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Word(offset, None) => Field(offset).fmt(f),
            Self::Word(offset, Some(mask)) => write!(f, "({} & {mask:#x})", Field(offset)),
            Self::Unreached | Self::Unknown => f.write_str("a"),
        }
    }
}

/// The field of `struct seccomp_data` at an offset.
struct Field(u32);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NR => f.write_str("nr"),
            ARCH => f.write_str("arch"),
            offset if offset >= ARGS && offset.is_multiple_of(4) => {
                let half = if offset.is_multiple_of(8) { "lo" } else { "hi" };
                write!(f, "args[{}].{half}", (offset - ARGS) / 8)
            }
            offset => write!(f, "data[{offset}]"),
        }
    }
}

/// Where an instruction may go on.
fn successors(at: usize, insn: &Insn) -> Vec<usize> {
    match insn.code {
        RETURN => Vec::new(),
        LOAD | AND => vec![at + 1],
        JUMP => usize::try_from(insn.k).map(|k| at.saturating_add(1 + k)).into_iter().collect(),
        _ => vec![at + 1 + usize::from(insn.jt), at + 1 + usize::from(insn.jf)],
    }
}

/// Numbers every place that is jumped to, from 1.
fn labels(program: &[Insn]) -> BTreeMap<usize, usize> {
    let jumps = program.iter().enumerate().flat_map(|(at, insn)| {
        successors(at, insn).into_iter().filter(move |next| *next != at + 1)
    });
    let mut labels: BTreeMap<usize, usize> = jumps.map(|place| (place, 0)).collect();
    for (number, label) in labels.values_mut().enumerate() {
        *label = number + 1;
    }
    labels
}

/// Follows the accumulator: jumps go forward, so one pass sees every way before its end.
fn contents(program: &[Insn]) -> Vec<Held> {
    let mut contents = vec![Held::Unreached; program.len()];
    for (at, insn) in program.iter().enumerate() {
        let entry = if at == 0 { Held::Unknown } else { contents[at] };
        let held = entry.after(insn);
        for next in successors(at, insn) {
            if let Some(content) = contents.get_mut(next) {
                *content = content.or(held);
            }
        }
    }
    contents
}

struct Line<'a> {
    at: usize,
    insn: &'a Insn,
    held: Held,
    labels: &'a BTreeMap<usize, usize>,
    arch: Arch,
}

impl Line<'_> {
    fn place(&self, skip: usize) -> String {
        match self.labels.get(&self.at.saturating_add(1 + skip)) {
            Some(label) if skip > 0 => format!("L{label}"),
            _ => "next".to_owned(),
        }
    }

    /// The operand: by name where it stands for a call or an architecture.
    fn operand(&self) -> String {
        let k = self.insn.k;
        match self.held {
            Held::Word(NR, None) => match self.arch.syscall(k) {
                Some(syscall) => format!("{k} ({})", syscall.name()),
                None => k.to_string(),
            },
            Held::Word(ARCH, None) => {
                let known = Arch::ALL.into_iter().find(|arch| arch.audit() == k);
                known.map_or_else(|| format!("{k:#x}"), |arch| arch.name().to_owned())
            }
            _ => format!("{k:#x}"),
        }
    }

    fn branch(&self, f: &mut fmt::Formatter<'_>, operator: &str) -> fmt::Result {
        let yes = self.place(usize::from(self.insn.jt));
        let no = self.place(usize::from(self.insn.jf));
        write!(f, "if {} {operator} {} then {yes} else {no}", self.held, self.operand())
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tests = [(Test::Equal, "=="), (Test::AtLeast, ">="), (Test::AnyBit, "has any of")];
        let k = self.insn.k;
        match self.insn.code {
            LOAD => write!(f, "load {}", Field(k)),
            AND => write!(f, "and {k:#x}"),
            JUMP => write!(f, "goto {}", self.place(usize::try_from(k).unwrap_or(usize::MAX))),
            RETURN => match Action::decode(k) {
                Some(action) => write!(f, "return {action}"),
                None => write!(f, "return {k:#x}"),
            },
            code => match tests.into_iter().find(|(test, _)| test.code() == code) {
                Some((_, operator)) => self.branch(f, operator),
                None => write!(f, "unknown {code:#x} {k:#x}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_set_listing_names_fields_calls_and_actions() {
        let insn = |code, jt, jf, k| Insn { code, jt, jf, k };
        let program = [
            insn(LOAD, 0, 0, ARCH),
            insn(Test::Equal.code(), 1, 0, Arch::X86_64.audit()),
            insn(RETURN, 0, 0, 0x0005_0026),
            insn(LOAD, 0, 0, NR),
            insn(Test::AtLeast.code(), 0, 4, 257),
            insn(LOAD, 0, 0, ARGS + 12),
            insn(AND, 0, 0, 3),
            insn(Test::Equal.code(), 1, 0, 3),
            insn(JUMP, 0, 0, 0),
            insn(Test::AnyBit.code(), 0, 0, 8),
            insn(RETURN, 0, 0, 0x7fff_0000),
        ];
        let listing = disassemble(&program, Arch::X86_64);
        let expected = "    load arch
    if arch == x86_64 then L1 else next
    return ENOSYS
L1:
    load nr
    if nr >= 257 (openat) then next else L2
    load args[1].hi
    and 0x3
    if (args[1].hi & 0x3) == 0x3 then L2 else next
    goto next
L2:
    if a has any of 0x8 then next else next
    return ALLOW
";
        assert_eq!(listing, expected);
    }
}
