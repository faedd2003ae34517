//! An assembler for classic BPF: instructions and labels in, a program the kernel accepts out.

/// The kernel's limit on the length of one program (`BPF_MAXINSNS`, linux/bpf_common.h).
pub const MAX_INSNS: usize = 4096;

/// One instruction, laid out as the kernel's `struct sock_filter` (linux/filter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Insn {
    /// Class, size, mode and operation.
    pub code: u16,
    /// Instructions to skip when a test holds.
    pub jt: u8,
    /// Instructions to skip when a test does not hold.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`: load the word at offset `k` of `struct seccomp_data`.
pub const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`: mask the accumulator.
pub const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`: jump `k` instructions forward.
pub const JUMP: u16 = 0x05;
/// `BPF_RET | BPF_K`: end with the action `k`.
pub const RETURN: u16 = 0x06;

/// What a branch asks of the accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Test {
    /// Equal to `k`.
    Equal,
    /// `k` or more, unsigned.
    AtLeast,
    /// Some bit of `k` set.
    AnyBit,
}

impl Test {
    /// The instruction code: `BPF_JMP | {BPF_JEQ, BPF_JGE, BPF_JSET} | BPF_K`.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Equal => 0x15,
            Self::AtLeast => 0x35,
            Self::AnyBit => 0x45,
        }
    }
}

/// A place in the program, made by [`Assembler::label`] and set by [`Assembler::bind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(usize);

/// Where a branch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The next thing appended.
    Next,
    /// A label that is bound later.
    To(Label),
}

/// Why a program cannot be assembled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BpfError {
    /// The kernel takes at most [`MAX_INSNS`] instructions.
    #[error("the filter has {0} instructions, the kernel takes {MAX_INSNS}")]
    TooLong(usize),
    /// A branch goes to a label that was never bound.
    #[error("item {0} of the filter branches to a label that is bound nowhere")]
    Unbound(usize),
    /// Classic BPF jumps forward only.
    #[error("item {0} of the filter branches backward")]
    Backward(usize),
    /// A path runs off the end of the program.
    #[error("the filter does not end with a return")]
    Unterminated,
}

/// Builds a program; jumps are given by label and laid out by [`finish`](Self::finish).
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    items: Vec<Item>,
    /// For each label the item it stands before.
    labels: Vec<Option<usize>>,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Plain(Insn),
    Branch { test: Test, k: u32, yes: Target, no: Target },
}

/// Which sides of a branch are too far for eight bits and go through a `ja` behind the branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Far {
    yes: bool,
    no: bool,
}

impl Far {
    fn trampolines(self) -> usize {
        usize::from(self.yes) + usize::from(self.no)
    }
}

impl Assembler {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A label that is not bound yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Sets `label` here, before whatever is appended next. The last binding counts.
    pub fn bind(&mut self, label: Label) {
        if let Some(bound) = self.labels.get_mut(label.0) {
            *bound = Some(self.items.len());
        }
    }

    /// Loads the 32-bit word at `offset` of `struct seccomp_data` into the accumulator.
    pub fn load(&mut self, offset: u32) {
        self.plain(LOAD, offset);
    }

    /// Keeps the bits of `mask` in the accumulator.
    pub fn and(&mut self, mask: u32) {
        self.plain(AND, mask);
    }

    /// Ends the program with `action` (`SECCOMP_RET_*`, linux/seccomp.h).
    pub fn ret(&mut self, action: u32) {
        self.plain(RETURN, action);
    }

    /// Goes one of two ways.
    pub fn branch(&mut self, test: Test, k: u32, yes: Target, no: Target) {
        self.items.push(Item::Branch { test, k, yes, no });
    }

    /// Lays out the jumps.
    ///
    /// # Errors
    /// [`BpfError`] when a label is unbound or behind its branch, when the program does not end
    /// with a return, or when it is longer than [`MAX_INSNS`].
    pub fn finish(&self) -> Result<Vec<Insn>, BpfError> {
        let ends = matches!(self.items.last(), Some(Item::Plain(insn)) if insn.code == RETURN);
        if !ends {
            return Err(BpfError::Unterminated);
        }
        let far = self.relax()?;
        let places = self.places(&far);
        let length = places.last().copied().unwrap_or_default();
        if length > MAX_INSNS {
            return Err(BpfError::TooLong(length));
        }
        let mut insns = Vec::with_capacity(length);
        for (index, item) in self.items.iter().enumerate() {
            self.emit(&mut insns, &places, index, *item, far[index])?;
        }
        Ok(insns)
    }

    fn plain(&mut self, code: u16, k: u32) {
        self.items.push(Item::Plain(Insn { code, jt: 0, jf: 0, k }));
    }

    /// Finds the branches that need trampolines. Each one added moves what follows, which may make
    /// another too far: sides only ever become far, so the rounds end.
    fn relax(&self) -> Result<Vec<Far>, BpfError> {
        let mut far = vec![Far::default(); self.items.len()];
        loop {
            let places = self.places(&far);
            let mut next = far.clone();
            for (index, item) in self.items.iter().enumerate() {
                if let Item::Branch { yes, no, .. } = *item {
                    next[index].yes |= self.distance(&places, index, yes)? > 255;
                    next[index].no |= self.distance(&places, index, no)? > 255;
                }
            }
            if next == far {
                return Ok(far);
            }
            far = next;
        }
    }

    /// The instruction at which each item starts, and the length of the whole.
    fn places(&self, far: &[Far]) -> Vec<usize> {
        let mut place = 0;
        let mut places = vec![0];
        for side in far {
            place += 1 + side.trampolines();
            places.push(place);
        }
        places
    }

    /// Instructions between the branch `index` and its target.
    fn distance(&self, places: &[usize], index: usize, target: Target) -> Result<usize, BpfError> {
        let item = match target {
            Target::Next => index + 1,
            Target::To(label) => {
                self.labels.get(label.0).copied().flatten().ok_or(BpfError::Unbound(index))?
            }
        };
        if item <= index {
            return Err(BpfError::Backward(index));
        }
        // A label bound after the last item has no instruction to stand for.
        if item >= self.items.len() {
            return Err(BpfError::Unbound(index));
        }
        Ok(places[item] - places[index] - 1)
    }

    fn emit(
        &self,
        insns: &mut Vec<Insn>,
        places: &[usize],
        index: usize,
        item: Item,
        far: Far,
    ) -> Result<(), BpfError> {
        let (test, k, yes, no) = match item {
            Item::Plain(insn) => {
                insns.push(insn);
                return Ok(());
            }
            Item::Branch { test, k, yes, no } => (test, k, yes, no),
        };
        let yes = self.distance(places, index, yes)?;
        let no = self.distance(places, index, no)?;
        let jt = if far.yes { 0 } else { yes };
        let jf = if far.no { usize::from(far.yes) } else { no };
        insns.push(Insn { code: test.code(), jt: narrow(jt)?, jf: narrow(jf)?, k });
        if far.yes {
            insns.push(jump(yes - 1)?);
        }
        if far.no {
            insns.push(jump(no - far.trampolines())?);
        }
        Ok(())
    }
}

fn narrow(distance: usize) -> Result<u8, BpfError> {
    u8::try_from(distance).map_err(|_| BpfError::TooLong(distance))
}

fn jump(distance: usize) -> Result<Insn, BpfError> {
    let k = u32::try_from(distance).map_err(|_| BpfError::TooLong(distance))?;
    Ok(Insn { code: JUMP, jt: 0, jf: 0, k })
}

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::super::interpret::interpret;
    use super::*;

    /// A branch on `nr == 1` over `padding` loads to one of two returns.
    fn over(padding: usize) -> Vec<Insn> {
        let mut assembler = Assembler::new();
        let (yes, no) = (assembler.label(), assembler.label());
        assembler.load(0);
        assembler.branch(Test::Equal, 1, Target::To(yes), Target::To(no));
        (0..padding).for_each(|_| assembler.load(0));
        assembler.bind(yes);
        assembler.ret(10);
        assembler.bind(no);
        assembler.ret(20);
        assembler.finish().unwrap()
    }

    #[test]
    fn a_branch_arrives_whatever_the_distance() {
        for padding in [0, 1, 253, 254, 255, 256, 257, 1000] {
            let program = over(padding);
            for (nr, action) in [(1, 10), (2, 20)] {
                let data = Data { nr, ..Data::default() };
                assert_eq!(interpret(&program, &data), Ok(action), "padding {padding}, nr {nr}");
            }
        }
    }

    #[test]
    fn trampolines_stand_only_where_eight_bits_do_not_reach() {
        assert_eq!(over(254).len(), 254 + 4);
        // The far side's trampoline pushes the near side out of reach as well.
        assert_eq!(over(255).len(), 255 + 4 + 2);
    }

    #[test]
    fn a_trampoline_that_pushes_another_branch_too_far_gives_it_one_too() {
        let mut assembler = Assembler::new();
        let (near, end) = (assembler.label(), assembler.label());
        assembler.load(0);
        assembler.branch(Test::Equal, 1, Target::To(near), Target::Next);
        assembler.branch(Test::Equal, 2, Target::To(end), Target::Next);
        (0..254).for_each(|_| assembler.load(0));
        assembler.bind(near);
        assembler.ret(10);
        (0..9).for_each(|_| assembler.load(0));
        assembler.bind(end);
        assembler.ret(20);
        let program = assembler.finish().unwrap();
        for (nr, action) in [(1, 10), (2, 20), (3, 10)] {
            let data = Data { nr, ..Data::default() };
            assert_eq!(interpret(&program, &data), Ok(action), "nr {nr}");
        }
    }

    #[test]
    fn an_unbound_label_is_refused() {
        let mut assembler = Assembler::new();
        let label = assembler.label();
        assembler.branch(Test::Equal, 1, Target::To(label), Target::Next);
        assembler.ret(0);
        assert_eq!(assembler.finish(), Err(BpfError::Unbound(0)));
        assembler.bind(label);
        assert_eq!(assembler.finish(), Err(BpfError::Unbound(0)), "bound behind the end");
    }

    #[test]
    fn a_backward_branch_is_refused() {
        let mut assembler = Assembler::new();
        let label = assembler.label();
        assembler.bind(label);
        assembler.load(0);
        assembler.branch(Test::Equal, 1, Target::To(label), Target::Next);
        assembler.ret(0);
        assert_eq!(assembler.finish(), Err(BpfError::Backward(1)));
    }

    #[test]
    fn a_branch_to_itself_is_refused() {
        let mut assembler = Assembler::new();
        let label = assembler.label();
        assembler.bind(label);
        assembler.branch(Test::Equal, 1, Target::Next, Target::To(label));
        assembler.ret(0);
        assert_eq!(assembler.finish(), Err(BpfError::Backward(0)));
    }

    #[test]
    fn a_program_without_a_return_at_its_end_is_refused() {
        let mut assembler = Assembler::new();
        assert_eq!(assembler.finish(), Err(BpfError::Unterminated));
        assembler.load(0);
        assert_eq!(assembler.finish(), Err(BpfError::Unterminated));
    }

    #[test]
    fn a_program_of_4096_instructions_is_taken_and_one_more_refused() {
        let mut assembler = Assembler::new();
        (0..MAX_INSNS - 1).for_each(|_| assembler.load(0));
        assembler.ret(0);
        assert_eq!(assembler.finish().map(|insns| insns.len()), Ok(MAX_INSNS));
        assembler.ret(0);
        assert_eq!(assembler.finish(), Err(BpfError::TooLong(MAX_INSNS + 1)));
    }
}
