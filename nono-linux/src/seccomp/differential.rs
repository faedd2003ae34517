//! Compiled programs against the direct evaluation of their rules, for any input: what the
//! property test and the fuzz target run.

use super::bpf::BpfError;
use super::compile::compile;
use super::data::Data;
use super::interpret::{Fault, interpret};
use super::rule::{Action, Arg, Condition, Errno, Rule, evaluate};
use super::syscalls::{Arch, Syscall};

/// Where a program and its rules part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The call.
    pub data: Data,
    /// What the rules say.
    pub expected: Action,
    /// What the program returns.
    pub returned: Result<u32, Fault>,
}

/// Reads rules and calls from `bytes` and runs both ways on each call. Any bytes will do; when
/// they run out, zeros follow.
///
/// # Errors
/// The first [`Difference`]; there is none unless the compiler is wrong.
pub fn check(bytes: &[u8]) -> Result<(), Box<Difference>> {
    let mut source = Source(bytes);
    let arch = source.pick(&Arch::ALL);
    let rules: Vec<Rule> = (0..source.byte()).map(|_| source.rule()).collect();
    let program = match compile(&rules, arch) {
        Ok(program) => program,
        Err(BpfError::TooLong(_)) => return Ok(()),
        Err(error) => return Err(Box::new(unassembled(rules, error))),
    };
    for _ in 0..16 {
        let data = source.data(arch, &rules);
        let expected = evaluate(&rules, arch, &data);
        let returned = interpret(&program, &data);
        if returned != Ok(expected.encode()) {
            return Err(Box::new(Difference { rules, data, expected, returned }));
        }
    }
    Ok(())
}

/// The compiler binds all its labels ahead: any other error is its own fault.
fn unassembled(rules: Vec<Rule>, error: BpfError) -> Difference {
    let at = match error {
        BpfError::Unbound(at) | BpfError::Backward(at) | BpfError::TooLong(at) => at,
        BpfError::Unterminated => 0,
    };
    let data = Data::default();
    Difference { rules, data, expected: Action::Allow, returned: Err(Fault::End(at)) }
}

/// Values at which masks, halves and comparisons turn.
const TURNS: [u64; 12] = [
    0,
    1,
    2,
    3,
    0o6000,
    0x5412,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_5412,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let [low, high, ..] = [self.byte(), self.byte()];
        choices[usize::from(u16::from_le_bytes([low, high])) % choices.len()]
    }

    fn chance(&mut self) -> bool {
        self.byte().is_multiple_of(2)
    }

    fn value(&mut self) -> u64 {
        if self.byte() < 16 { self.number() } else { self.pick(&TURNS) }
    }

    fn rule(&mut self) -> Rule {
        // Half of the rules fall on few calls, so that several meet.
        let all = Syscall::all();
        let calls = if self.chance() { all.get(..4).unwrap_or(all) } else { all };
        let errnos: Vec<Action> = Errno::all().map(Action::Errno).collect();
        let refusal = self.pick(&errnos);
        Rule {
            syscall: self.pick(calls),
            when: (0..self.byte() % 4).map(|_| self.condition()).collect(),
            action: self.pick(&[Action::Allow, Action::Notify, refusal, refusal]),
        }
    }

    fn condition(&mut self) -> Condition {
        let arg = self.pick(&Arg::ALL);
        Condition { arg, mask: self.value(), value: self.value(), equal: self.chance() }
    }

    fn data(&mut self, arch: Arch, rules: &[Rule]) -> Data {
        let at = usize::from(self.byte()) % rules.len().max(1);
        let mentioned = rules.get(at).and_then(|rule| rule.syscall.number(arch));
        let random = super::data::low_word(self.number());
        let nr = match mentioned {
            Some(number) if self.byte() > 32 => number,
            _ if self.chance() => random % 600,
            _ => random,
        };
        let foreign = [Arch::X86_64.audit(), Arch::Aarch64.audit(), 0x4000_0003, 0, random];
        Data {
            nr,
            arch: if self.byte() > 16 { arch.audit() } else { self.pick(&foreign) },
            instruction_pointer: 0,
            args: [(); 6].map(|()| self.value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_program_returns_what_its_rules_say(bytes in prop::collection::vec(any::<u8>(), 0..8000)) {
            prop_assert_eq!(check(&bytes), Ok(()));
        }
    }
}
