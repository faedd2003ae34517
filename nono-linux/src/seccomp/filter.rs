//! One filter for one sandbox.

use std::collections::BTreeSet;

use nono_core::Exemption;

use super::baseline;
use super::bpf::{BpfError, Insn};
use super::compile::compile;
use super::disassemble::disassemble;
use super::rule::Rule;
use super::sockets::SocketPolicy;
use super::syscalls::Arch;

/// What a sandbox's filter depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterSpec {
    /// The Landlock ABI that is enforced beside the filter; what it lacks is closed here.
    pub landlock_abi: u32,
    /// Which sockets may be made.
    pub sockets: SocketPolicy,
    /// Which parts of the baseline are switched off.
    pub exemptions: BTreeSet<Exemption>,
    /// Whether the program runs as root.
    pub root: bool,
}

/// A filter that the kernel accepts, for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    insns: Vec<Insn>,
    arch: Arch,
}

/// The rules of a sandbox in the order they are tried.
#[must_use]
pub fn rules(spec: &FilterSpec) -> Vec<Rule> {
    let mut rules = baseline::rules(spec.landlock_abi, spec.root, &spec.exemptions);
    rules.extend(spec.sockets.rules());
    rules
}

/// The filter of a sandbox. Pure: it can be made for any architecture and ABI on any machine.
///
/// # Errors
/// [`BpfError::TooLong`] when the program exceeds the kernel's limit; no specification does today.
pub fn filter(spec: &FilterSpec, arch: Arch) -> Result<Program, BpfError> {
    Program::compile(&rules(spec), arch)
}

impl Program {
    /// Compiles rules of the caller's own; see [`compile`].
    ///
    /// # Errors
    /// [`BpfError::TooLong`] when the program exceeds the kernel's limit.
    pub fn compile(rules: &[Rule], arch: Arch) -> Result<Self, BpfError> {
        Ok(Self { insns: compile(rules, arch)?, arch })
    }

    /// The instructions; at least one and at most [`MAX_INSNS`](super::bpf::MAX_INSNS).
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The architecture whose calls the program judges; it refuses those of any other.
    #[must_use]
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// The program as text; see [`disassemble`].
    #[must_use]
    pub fn listing(&self) -> String {
        disassemble(&self.insns, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::data::Data;
    use super::super::interpret::interpret;
    use super::super::rule::{Arg, Condition, evaluate};
    use super::super::sockets::Inet;
    use super::super::table;
    use super::*;

    const MODES: [(&str, Inet); 4] = [
        ("any", Inet::Any),
        ("blocked", Inet::Blocked),
        ("ports", Inet::TcpPorts { listen: false }),
        ("ports+listen", Inet::TcpPorts { listen: true }),
    ];

    fn spec(landlock_abi: u32, inet: Inet, unix: bool, root: bool) -> FilterSpec {
        let sockets = SocketPolicy { inet, unix };
        FilterSpec { landlock_abi, sockets, exemptions: BTreeSet::new(), root }
    }

    /// Every kind of sandbox: with each mode, with and without Unix sockets, below and from ABI 3,
    /// as root and not.
    fn specs() -> Vec<FilterSpec> {
        let mut specs = Vec::new();
        for (_, inet) in MODES {
            for bits in 0..8 {
                let abi = if bits & 1 == 0 { 2 } else { 7 };
                specs.push(spec(abi, inet, bits & 2 == 0, bits & 4 == 0));
            }
        }
        specs
    }

    fn assert_agrees(program: &Program, rules: &[Rule], data: &Data) {
        let expected = evaluate(rules, program.arch(), data);
        let returned = interpret(program.insns(), data);
        assert_eq!(returned, Ok(expected.encode()), "{} {data:x?}", program.arch().name());
    }

    #[test]
    fn every_number_on_every_architecture_ends_as_the_rules_say() {
        const I386: u32 = 0x4000_0003;
        const ARM: u32 = 0x4000_0028;
        for (spec, arch) in
            specs().into_iter().flat_map(|spec| Arch::ALL.map(|a| (spec.clone(), a)))
        {
            let (program, rules) = (filter(&spec, arch).unwrap(), rules(&spec));
            let last = arch.newest() + 50;
            for audit in [Arch::X86_64.audit(), Arch::Aarch64.audit(), I386, ARM, 0, u32::MAX] {
                for nr in (0..=last).chain([u32::MAX]).flat_map(|nr| [nr, nr | 1 << 30]) {
                    let data = Data { nr, arch: audit, ..Data::default() };
                    assert_agrees(&program, &rules, &data);
                }
            }
        }
    }

    #[test]
    fn every_argument_at_which_a_rule_turns_ends_as_the_rules_say() {
        for (spec, arch) in
            specs().into_iter().flat_map(|spec| Arch::ALL.map(|a| (spec.clone(), a)))
        {
            let (program, rules) = (filter(&spec, arch).unwrap(), rules(&spec));
            let mentioned: BTreeMap<u32, Vec<Condition>> =
                rules.iter().fold(BTreeMap::new(), |mut calls, rule| {
                    if let Some(number) = rule.syscall.number(arch) {
                        calls.entry(number).or_default().extend(&rule.when);
                    }
                    calls
                });
            for (nr, conditions) in mentioned {
                for args in turns(&conditions) {
                    let data = Data { nr, arch: arch.audit(), args, ..Data::default() };
                    assert_agrees(&program, &rules, &data);
                }
            }
        }
    }

    /// Every combination of the values around which the conditions turn.
    fn turns(conditions: &[Condition]) -> Vec<[u64; 6]> {
        let mut all = vec![[0; 6]];
        for arg in Arg::ALL {
            let on_arg = conditions.iter().filter(|condition| condition.arg == arg);
            let values: BTreeSet<u64> = on_arg
                .flat_map(|c| [c.value, c.value ^ 1, c.value | 1 << 40, c.mask, c.value | !c.mask])
                .chain([0])
                .collect();
            let with = |args: &[u64; 6], value| {
                let mut args = *args;
                args[usize::from(arg.index())] = value;
                args
            };
            all = all
                .iter()
                .flat_map(|args| values.iter().map(|value| with(args, *value)).collect::<Vec<_>>())
                .collect();
        }
        all
    }

    #[test]
    fn x32_and_foreign_architectures_are_refused_by_errno() {
        let program = filter(&spec(7, Inet::Any, true, false), Arch::X86_64).unwrap();
        let native = Arch::X86_64.audit();
        let calls = [(39 | 1 << 30, native), (20, 0x4000_0003), (172, Arch::Aarch64.audit())];
        for (nr, arch) in calls {
            let data = Data { nr, arch, ..Data::default() };
            assert_eq!(interpret(program.insns(), &data), Ok(0x0005_0026), "{nr} on {arch:#x}");
        }
        let getpid = Data { nr: 39, arch: native, ..Data::default() };
        assert_eq!(interpret(program.insns(), &getpid), Ok(0x7fff_0000));
    }

    /// What the kernel may cache: it follows a program for each number as long as that reads
    /// nothing but `nr` and `arch` (`seccomp_is_const_allow`).
    #[test]
    fn a_call_without_conditions_reads_no_argument() {
        for arch in Arch::ALL {
            let program = filter(&spec(2, Inet::Blocked, false, true), arch).unwrap();
            for syscall in [table::GETPID, table::READ, table::FUTEX, table::NEWFSTATAT] {
                let nr = syscall.number(arch).unwrap();
                let data = Data { nr, arch: arch.audit(), args: [u64::MAX; 6], ..Data::default() };
                let cut: Vec<Insn> = program.insns().iter().map(without_arguments).collect();
                assert_eq!(interpret(&cut, &data), Ok(0x7fff_0000), "{}", syscall.name());
            }
        }
    }

    /// Makes a load of an argument a fault.
    fn without_arguments(insn: &Insn) -> Insn {
        let argument = insn.code == super::super::bpf::LOAD && insn.k >= 16;
        Insn { k: if argument { u32::MAX } else { insn.k }, ..*insn }
    }

    #[test]
    fn the_filters_of_all_abis_and_modes() {
        let modes = MODES.map(|(mode, inet)| (mode, inet, false));
        let with_unix = [("blocked+unix", Inet::Blocked, true)];
        snapshot(Arch::X86_64, modes.into_iter().chain(with_unix));
        // Elsewhere only the numbers differ: one mode shows it.
        snapshot(Arch::Aarch64, [("blocked", Inet::Blocked, false)]);
    }

    /// One snapshot per distinct program for ABI 0 to 10, headed by the sandboxes that share it.
    fn snapshot(arch: Arch, modes: impl IntoIterator<Item = (&'static str, Inet, bool)>) {
        let mut programs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (mode, inet, unix) in modes {
            for abi in 0..=10 {
                let program = filter(&spec(abi, inet, unix, false), arch).unwrap();
                let sharers = programs.entry(program.listing()).or_default();
                sharers.push(format!("{}-{mode}-abi{abi}", arch.name()));
            }
        }
        for (listing, sharers) in programs {
            let text = format!("{}\n{listing}", sharers.join("\n"));
            insta::assert_snapshot!(sharers[0].clone(), text);
        }
    }
}
