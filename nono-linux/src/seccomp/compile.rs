//! From rules to a program.
//!
//! ```text
//! foreign arch? ──▶ ENOSYS
//! nr: a balanced tree over ranges of numbers ──▶ ALLOW | errno | the conditions of one call
//! ```
//!
//! The tree tests `arch` and `nr` alone. For a number whose path ends in a constant the kernel (5.11
//! and later) notices that no argument is read, and never runs the filter for it again.

use std::collections::BTreeMap;

use super::bpf::{Assembler, BpfError, Insn, Label, Target, Test};
use super::data::{ARCH, ARGS, NR, high_word, low_word};
use super::rule::{Action, Condition, Errno, Rule};
use super::syscalls::{Arch, Syscall};

const UNKNOWN: Action = Action::Errno(Errno::ENOSYS);

/// Compiles `rules` for one architecture; the program returns what
/// [`evaluate`](super::rule::evaluate) says.
///
/// Rules on calls that the architecture lacks have no effect.
///
/// # Errors
/// [`BpfError::TooLong`] when the program exceeds the kernel's limit.
pub fn compile(rules: &[Rule], arch: Arch) -> Result<Vec<Insn>, BpfError> {
    let ranges = ranges(rules, arch);
    let mut compiler = Compiler::default();
    let foreign = compiler.leaf(&Handler::constant(UNKNOWN));

    compiler.assembler.load(ARCH);
    compiler.assembler.branch(Test::Equal, arch.audit(), Target::Next, Target::To(foreign));
    compiler.assembler.load(NR);
    compiler.tree(&ranges);
    compiler.handlers().finish()
}

/// What happens to one call once its number is known: steps tried in order, then an action.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handler {
    steps: Vec<Step>,
    otherwise: Action,
}

type Step = (Vec<Condition>, Action);

impl Handler {
    fn constant(action: Action) -> Self {
        Self { steps: Vec::new(), otherwise: action }
    }

    /// The rules of one call. What follows an unconditional rule is never reached, and a last step
    /// that does what would happen anyway need not be tried.
    fn of(rules: &[&Rule]) -> Self {
        let mut handler = Self::constant(Action::Allow);
        for rule in rules {
            if rule.when.is_empty() {
                handler.otherwise = rule.action;
                break;
            }
            handler.steps.push((rule.when.clone(), rule.action));
        }
        while handler.steps.last().is_some_and(|(_, action)| *action == handler.otherwise) {
            handler.steps.pop();
        }
        handler
    }
}

/// The numbers from `start` to the next range's start share a handler.
#[derive(Debug)]
struct Span {
    start: u32,
    handler: Handler,
}

/// All of `u32`, in order: neighbours with equal handlers are one.
fn ranges(rules: &[Rule], arch: Arch) -> Vec<Span> {
    let mut by_number: BTreeMap<u32, Vec<&Rule>> = BTreeMap::new();
    for number in Syscall::all().iter().filter_map(|syscall| syscall.number(arch)) {
        by_number.insert(number, Vec::new());
    }
    for rule in rules {
        let number = rule.syscall.number(arch);
        if let Some(of_call) = number.and_then(|number| by_number.get_mut(&number)) {
            of_call.push(rule);
        }
    }
    let mut spans = Vec::new();
    let mut next = 0;
    for (number, rules) in by_number {
        if number > next {
            extend(&mut spans, next, Handler::constant(UNKNOWN));
        }
        extend(&mut spans, number, Handler::of(&rules));
        next = number.saturating_add(1);
    }
    extend(&mut spans, next, Handler::constant(UNKNOWN));
    spans
}

fn extend(spans: &mut Vec<Span>, start: u32, handler: Handler) {
    if spans.last().is_none_or(|last| last.handler != handler) {
        spans.push(Span { start, handler });
    }
}

/// Writes the tree first and the handlers it reaches behind it, each handler once.
#[derive(Debug, Default)]
struct Compiler {
    assembler: Assembler,
    /// In the order they were first reached.
    leaves: Vec<(Handler, Label)>,
}

impl Compiler {
    fn leaf(&mut self, handler: &Handler) -> Label {
        if let Some((_, label)) = self.leaves.iter().find(|(known, _)| known == handler) {
            return *label;
        }
        let label = self.assembler.label();
        self.leaves.push((handler.clone(), label));
        label
    }

    /// Halves the spans until one is left; depth is the logarithm of their number.
    fn tree(&mut self, spans: &[Span]) {
        let (low, high) = spans.split_at(spans.len() / 2);
        let Some(first) = high.first() else { return };
        let yes = match high {
            [only] => self.leaf(&only.handler),
            _ => self.assembler.label(),
        };
        let no = match low {
            [only] => Target::To(self.leaf(&only.handler)),
            _ => Target::Next,
        };
        self.assembler.branch(Test::AtLeast, first.start, Target::To(yes), no);
        if low.len() > 1 {
            self.tree(low);
        }
        if high.len() > 1 {
            self.assembler.bind(yes);
            self.tree(high);
        }
    }

    fn handlers(mut self) -> Assembler {
        // Constants last: the steps of the others jump forward to them.
        let (constant, stepped): (Vec<_>, Vec<_>) =
            self.leaves.into_iter().partition(|(handler, _)| handler.steps.is_empty());
        let constant = constant.into_iter().map(|(handler, label)| (handler.otherwise, label));
        let mut returns = Returns(constant.collect());
        for (handler, label) in &stepped {
            self.assembler.bind(*label);
            steps(&mut self.assembler, &mut returns, handler);
        }
        returns.bind(&mut self.assembler);
        self.assembler
    }
}

/// One `ret` per action, at the end of the program.
#[derive(Debug)]
struct Returns(BTreeMap<Action, Label>);

impl Returns {
    fn to(&mut self, assembler: &mut Assembler, action: Action) -> Label {
        *self.0.entry(action).or_insert_with(|| assembler.label())
    }

    fn bind(self, assembler: &mut Assembler) {
        for (action, label) in self.0 {
            assembler.bind(label);
            assembler.ret(action.encode());
        }
    }
}

fn steps(assembler: &mut Assembler, returns: &mut Returns, handler: &Handler) {
    let last = handler.steps.len().saturating_sub(1);
    for (index, (conditions, action)) in handler.steps.iter().enumerate() {
        let met = returns.to(assembler, *action);
        let otherwise = returns.to(assembler, handler.otherwise);
        let missed = if index == last { otherwise } else { assembler.label() };
        let end = conditions.len().saturating_sub(1);
        for (position, condition) in conditions.iter().enumerate() {
            let yes = if position == end { Target::To(met) } else { Target::Next };
            test(assembler, condition, yes, missed);
        }
        if index != last {
            assembler.bind(missed);
        }
    }
}

/// Goes to `yes` when the condition holds and to `missed` when it does not.
fn test(assembler: &mut Assembler, condition: &Condition, yes: Target, missed: Label) {
    let low = ARGS + 8 * u32::from(condition.arg.index());
    let halves = [
        (low, low_word(condition.mask), low_word(condition.value)),
        (low + 4, high_word(condition.mask), high_word(condition.value)),
    ];
    let mut tested: Vec<_> =
        halves.into_iter().filter(|(_, mask, value)| mask | value != 0).collect();
    if tested.is_empty() {
        // No bit counts: the low word under an empty mask is 0, and 0 it must be.
        tested.push((low, 0, 0));
    }
    // The halves must all be equal: the first that differs decides for "not equal".
    let differ = if condition.equal { Target::To(missed) } else { yes };
    let equal = if condition.equal { yes } else { Target::To(missed) };
    let behind = assembler.label();
    let differ = if differ == Target::Next { Target::To(behind) } else { differ };
    let end = tested.len() - 1;
    for (index, (offset, mask, value)) in tested.into_iter().enumerate() {
        let same = if index == end { equal } else { Target::Next };
        half(assembler, offset, mask, value, same, differ);
    }
    assembler.bind(behind);
}

fn half(
    assembler: &mut Assembler,
    offset: u32,
    mask: u32,
    value: u32,
    same: Target,
    differ: Target,
) {
    assembler.load(offset);
    if value == 0 && mask != u32::MAX {
        assembler.branch(Test::AnyBit, mask, differ, same);
        return;
    }
    if mask != u32::MAX {
        assembler.and(mask);
    }
    assembler.branch(Test::Equal, value, same, differ);
}
