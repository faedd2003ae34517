//! A strict interpreter for the classic BPF that nono writes: the filters' judge in tests.

use super::bpf::{AND, Insn, JUMP, LOAD, MAX_INSNS, RETURN, Test};
use super::data::Data;

/// What the kernel would refuse to load, or nono never writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The program is empty or longer than [`MAX_INSNS`].
    #[error("a program of {0} instructions")]
    Length(usize),
    /// An instruction outside the set that the assembler writes.
    #[error("unknown code {code:#x} at {at}")]
    Code {
        /// Position of the instruction.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A load that is unaligned or outside `struct seccomp_data`.
    #[error("load of offset {offset} at {at}")]
    Offset {
        /// Position of the instruction.
        at: usize,
        /// The offset it asks for.
        offset: u32,
    },
    /// A jump out of the program.
    #[error("the program runs off its end at {0}")]
    End(usize),
}

/// Runs `program` on one call and gives the action it returns.
///
/// # Errors
/// [`Fault`] at the first instruction that is not sound. Only the path taken is checked.
pub fn interpret(program: &[Insn], data: &Data) -> Result<u32, Fault> {
    if program.is_empty() || program.len() > MAX_INSNS {
        return Err(Fault::Length(program.len()));
    }
    let mut accumulator = 0;
    let mut at = 0;
    // Every jump goes forward, so this ends.
    while let Some(insn) = program.get(at) {
        let skip = match insn.code {
            RETURN => return Ok(insn.k),
            LOAD => {
                let word = data.word(insn.k).ok_or(Fault::Offset { at, offset: insn.k })?;
                accumulator = word;
                0
            }
            AND => {
                accumulator &= insn.k;
                0
            }
            JUMP => usize::try_from(insn.k).map_err(|_| Fault::End(at))?,
            code => {
                let holds = branch(code, accumulator, insn.k).ok_or(Fault::Code { at, code })?;
                usize::from(if holds { insn.jt } else { insn.jf })
            }
        };
        at = at.saturating_add(1).saturating_add(skip);
    }
    Err(Fault::End(at))
}

fn branch(code: u16, accumulator: u32, k: u32) -> Option<bool> {
    let tests = [Test::Equal, Test::AtLeast, Test::AnyBit];
    let test = tests.into_iter().find(|test| test.code() == code)?;
    Some(match test {
        Test::Equal => accumulator == k,
        Test::AtLeast => accumulator >= k,
        Test::AnyBit => accumulator & k != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insn(code: u16, k: u32) -> Insn {
        Insn { code, jt: 0, jf: 0, k }
    }

    #[test]
    fn an_unsound_program_is_a_fault() {
        let faults = [
            (vec![], Fault::Length(0)),
            (vec![insn(0x07, 0)], Fault::Code { at: 0, code: 0x07 }),
            (vec![insn(LOAD, 64)], Fault::Offset { at: 0, offset: 64 }),
            (vec![insn(LOAD, 0)], Fault::End(1)),
            (vec![insn(JUMP, 1), insn(RETURN, 0)], Fault::End(2)),
        ];
        for (program, fault) in faults {
            assert_eq!(interpret(&program, &Data::default()), Err(fault));
        }
    }
}
