//! From capabilities to Landlock rules: pure, so that it can be run for any kernel on any machine.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use landlock::{ABI, Access, AccessFs, AccessNet, BitFlags, Scope};
use nono_core::{
    CapabilitySet, Exemption, FileKind, Gap, GapReport, NetworkMode, NonoError, ObjectId,
    PortRange, PortSet, Privilege, Result,
};

use crate::carve::Carved;
use crate::probe::{KernelFeatures, Landlock};
use crate::rights;
use crate::root_writes::root_writes;
use crate::seccomp::{FilterSpec, Inet, SocketPolicy};

/// From this version on Landlock judges connecting to Unix sockets by path.
const UNIX_PATHS_ABI: u32 = 9;

/// What to ask the kernel for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Landlock's interface as it will be used, 0 for none.
    pub abi: ABI,
    /// Landlock's interface as the kernel has it.
    pub kernel: Landlock,
    /// File rights that are refused but for the rules.
    pub handled_fs: BitFlags<AccessFs>,
    /// Network rights that are refused but for the rules.
    pub handled_net: BitFlags<AccessNet>,
    /// What is confined to the sandbox itself.
    pub scopes: BitFlags<Scope>,
    /// One rule a granted path.
    pub paths: Vec<PathRule<'a>>,
    /// Ports that may be used.
    pub ports: PortRules,
    /// What is refused by system call.
    pub filter: FilterSpec,
    /// The privileges of root that are not taken away.
    pub kept: &'a BTreeSet<Privilege>,
    /// What stays open, all of it accepted by the caller or of the kind that is only reported.
    pub gaps: Vec<GapReport>,
}

/// The rights on one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRule<'a> {
    /// Where the object was found.
    pub path: &'a Path,
    /// Which object it must be.
    pub id: ObjectId,
    /// And of which kind, since the number of an object that is gone may be given to another.
    pub kind: FileKind,
    /// Whether the rule is left out when the object is gone or replaced.
    pub optional: bool,
    /// What is granted on it, and below it if it is a directory.
    pub access: BitFlags<AccessFs>,
}

/// The TCP ports to grant, for those rights that are handled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortRules {
    /// Ports to connect to.
    pub connect: PortSet,
    /// Ports to bind.
    pub bind: PortSet,
}

/// Plans what `features` can enforce of a set. That denied entries are carved out of it first is
/// in the type, since a plan can only grant.
///
/// # Errors
/// [`NonoError::GapRefused`] when the kernel lacks something the set asks for and does not waive.
pub fn plan<'a>(carved: &'a Carved<'_>, features: &KernelFeatures) -> Result<Plan<'a>> {
    let caps = carved.caps();
    let gaps = gaps(caps, features);
    if let Some(refused) = gaps.iter().find(|report| is_refused(report.gap, caps)) {
        return Err(NonoError::GapRefused { gap: refused.gap, detail: refused.detail });
    }
    let abi = rights::used_abi(features.abi());
    let handled_fs = rights::handled(abi, caps.allowed_gaps().contains(&Gap::UnixPaths));
    let ports = port_rules(caps);
    Ok(Plan {
        abi,
        kernel: features.landlock,
        handled_fs,
        handled_net: handled_net(caps, abi, &ports),
        scopes: Scope::from_all(abi),
        paths: path_rules(caps, handled_fs),
        filter: filter_spec(caps, features, &ports),
        ports,
        kept: caps.kept_privileges(),
        gaps,
    })
}

fn is_refused(gap: Gap, caps: &CapabilitySet) -> bool {
    gap.is_fatal() && !caps.allowed_gaps().contains(&gap)
}

fn path_rules<'a>(caps: &'a CapabilitySet, handled: BitFlags<AccessFs>) -> Vec<PathRule<'a>> {
    let rule = |grant: nono_core::EffectiveGrant<'a>| PathRule {
        path: grant.capability.resolved(),
        id: grant.capability.id(),
        kind: grant.capability.kind(),
        optional: grant.capability.is_optional(),
        access: rights::granted(grant, handled),
    };
    // At once, and not by doubling: fresh memory is what costs most for a large set.
    let mut rules = Vec::with_capacity(caps.fs_capabilities().len());
    rules.extend(caps.effective_grants().map(rule).filter(|rule| !rule.access.is_empty()));
    rules
}

/// A right whose every port is granted is not handled: one rule a port would cost 200 ms.
fn handled_net(caps: &CapabilitySet, abi: ABI, ports: &PortRules) -> BitFlags<AccessNet> {
    let mut handled = BitFlags::EMPTY;
    if *caps.network_mode() == NetworkMode::AllowAll {
        return handled;
    }
    if !ports.connect.is_all() {
        handled |= AccessNet::ConnectTcp;
    }
    if !ports.bind.is_all() {
        handled |= AccessNet::BindTcp;
    }
    handled & AccessNet::from_all(abi)
}

fn port_rules(caps: &CapabilitySet) -> PortRules {
    let mut rules = PortRules {
        connect: caps.tcp_connect_ports().clone(),
        bind: caps.tcp_bind_ports().clone(),
    };
    for &range in caps.localhost_ports().ranges() {
        rules.connect.insert(range);
        rules.bind.insert(range);
    }
    if let NetworkMode::ProxyOnly { port, bind_ports } = caps.network_mode() {
        let single = |port: u16| PortRange::new(port, port).ok();
        single(*port).into_iter().for_each(|range| rules.connect.insert(range));
        bind_ports
            .iter()
            .filter_map(|&port| single(port))
            .for_each(|range| rules.bind.insert(range));
    }
    rules
}

/// The calls that close what Landlock leaves open.
fn filter_spec(caps: &CapabilitySet, features: &KernelFeatures, ports: &PortRules) -> FilterSpec {
    let inet = if *caps.network_mode() == NetworkMode::AllowAll {
        Inet::Any
    } else if ports.connect.is_empty() && ports.bind.is_empty() {
        Inet::Blocked
    } else {
        Inet::TcpPorts { listen: !ports.bind.is_empty() }
    };
    FilterSpec {
        landlock_abi: features.abi(),
        sockets: SocketPolicy { inet, unix: has_unix_sockets(caps, features.abi()) },
        exemptions: caps.exemptions().clone(),
        root: features.root,
    }
}

/// Below ABI 9 a Unix socket reaches every path of its user, so there are none unless the caller
/// accepts that.
fn has_unix_sockets(caps: &CapabilitySet, abi: u32) -> bool {
    abi >= UNIX_PATHS_ABI || caps.allowed_gaps().contains(&Gap::UnixPaths) || has_io_uring(caps)
}

fn has_io_uring(caps: &CapabilitySet) -> bool {
    caps.exemptions().contains(&Exemption::IoUring)
}

fn gaps(caps: &CapabilitySet, features: &KernelFeatures) -> Vec<GapReport> {
    let mut gaps = Vec::new();
    let abi = features.abi();
    if let Landlock::Missing(why) = features.landlock {
        gaps.push(GapReport { gap: Gap::NoLandlock, detail: why.advice() });
    }
    let mut missing_below = |version: u32, gap: Gap, detail: &'static str| {
        if abi < version {
            gaps.push(GapReport { gap, detail });
        }
    };
    missing_below(2, Gap::Refer, "needs Landlock ABI 2 (Linux 5.19)");
    missing_below(5, Gap::IoctlDev, "needs Landlock ABI 5 (Linux 6.10)");
    missing_below(6, Gap::Signals, "needs Landlock ABI 6 (Linux 6.12)");
    if has_unix_sockets(caps, abi) {
        missing_below(6, Gap::AbstractUnix, "needs Landlock ABI 6 (Linux 6.12)");
        missing_below(UNIX_PATHS_ABI, Gap::UnixPaths, "needs Landlock ABI 9 (Linux 7.1)");
    }
    if abi >= UNIX_PATHS_ABI && caps.allowed_gaps().contains(&Gap::UnixPaths) {
        gaps.push(GapReport { gap: Gap::UnixPaths, detail: "accepted by the caller" });
    }
    gaps.push(GapReport { gap: Gap::Metadata, detail: "Landlock has no such right" });
    gaps.extend(network_gaps(caps, abi));
    if features.root {
        gaps.extend(root_writes(caps));
    }
    gaps
}

fn network_gaps(caps: &CapabilitySet, abi: u32) -> Vec<GapReport> {
    let mut gaps = Vec::new();
    if *caps.network_mode() == NetworkMode::AllowAll {
        return gaps;
    }
    let ports = port_rules(caps);
    if abi < 4 && !(ports.connect.is_empty() && ports.bind.is_empty()) {
        let detail = "needs Landlock ABI 4 (Linux 6.7)";
        gaps.push(GapReport { gap: Gap::TcpPorts, detail });
    }
    if has_io_uring(caps) {
        let detail = "the exemption io-uring was asked for";
        gaps.push(GapReport { gap: Gap::IoUring, detail });
    }
    let is_proxy = matches!(caps.network_mode(), NetworkMode::ProxyOnly { .. });
    if is_proxy || !caps.localhost_ports().is_empty() {
        let detail = "Landlock's port rules have no address";
        gaps.push(GapReport { gap: Gap::LoopbackOnly, detail });
    }
    if !ports.bind.is_empty() && !ports.bind.is_all() {
        let detail = "Landlock judges bind, and listen needs none";
        gaps.push(GapReport { gap: Gap::ListenUnbound, detail });
    }
    gaps
}

/// The plan as a listing, one fact a line.
impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "abi {}", self.abi)?;
        writeln!(f, "handle {}", names(self.handled_fs))?;
        writeln!(f, "handle {}", names(self.handled_net))?;
        writeln!(f, "scope {}", names(self.scopes))?;
        for rule in &self.paths {
            writeln!(f, "path {} {}", rule.path.display(), names(rule.access))?;
        }
        writeln!(f, "connect {}", self.ports.connect)?;
        writeln!(f, "bind {}", self.ports.bind)?;
        writeln!(f, "sockets {:?}", self.filter.sockets)?;
        for privilege in self.kept {
            writeln!(f, "keep {privilege}")?;
        }
        for report in &self.gaps {
            writeln!(f, "gap {report}")?;
        }
        Ok(())
    }
}

fn names<T: Access + fmt::Debug>(flags: BitFlags<T>) -> String {
    if flags.is_empty() {
        return "nothing".to_owned();
    }
    flags.iter().map(|flag| format!("{flag:?}")).collect::<Vec<_>>().join("+")
}
