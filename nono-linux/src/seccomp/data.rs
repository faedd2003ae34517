//! What a filter sees of one call.

/// One call: the kernel's `struct seccomp_data` (linux/seccomp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Data {
    /// The system call number; the kernel's `int`, taken as unsigned as BPF does.
    pub nr: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The address the call was made from.
    pub instruction_pointer: u64,
    /// The six arguments as the registers hold them.
    pub args: [u64; 6],
}

/// Offset of `nr` in bytes.
pub(super) const NR: u32 = 0;
/// Offset of `arch` in bytes.
pub(super) const ARCH: u32 = 4;
/// Offset of the first argument in bytes; each takes eight, low word first.
pub(super) const ARGS: u32 = 16;

impl Data {
    /// The 32-bit word at `offset`, which the kernel wants aligned and inside the struct.
    /// Both architectures are little-endian.
    #[must_use]
    pub fn word(&self, offset: u32) -> Option<u32> {
        let wide = |value: u64, high: bool| if high { high_word(value) } else { low_word(value) };
        match offset {
            NR => Some(self.nr),
            ARCH => Some(self.arch),
            8 | 12 => Some(wide(self.instruction_pointer, offset == 12)),
            _ if !offset.is_multiple_of(4) => None,
            _ => {
                let index = usize::try_from((offset.checked_sub(ARGS)?) / 8).ok()?;
                let arg = self.args.get(index)?;
                Some(wide(*arg, !offset.is_multiple_of(8)))
            }
        }
    }
}

/// The low 32 bits.
#[must_use]
pub(super) const fn low_word(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The high 32 bits.
#[must_use]
pub(super) const fn high_word(value: u64) -> u32 {
    low_word(value >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Data = Data {
        nr: 7,
        arch: 9,
        instruction_pointer: 0x1111_1111_2222_2222,
        args: [0x1000_0000_0000_0001, 2, 3, 4, 5, 0xffff_fff6_0000_0006],
    };

    #[test]
    fn each_word_is_found_at_its_kernel_offset() {
        let words = [
            (0, 7),
            (4, 9),
            (8, 0x2222_2222),
            (12, 0x1111_1111),
            (16, 1),
            (20, 0x1000_0000),
            (56, 6),
            (60, 0xffff_fff6),
        ];
        for (offset, word) in words {
            assert_eq!(DATA.word(offset), Some(word), "offset {offset}");
        }
        assert_eq!(DATA.word(64), None);
        assert_eq!(DATA.word(18), None);
    }
}
