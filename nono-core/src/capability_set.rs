//! Everything a sandbox may touch.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use crate::index::{EffectiveGrant, Index};
use crate::{
    AccessMode, CapabilityError, CapabilitySource, Decision, Denial, DeniedPath, Exemption,
    FsCapability, Gap, NetworkMode, PortRange, PortSet, Privilege, Query, Result, Rights, Rule,
};

/// The files, ports and network a sandbox may use. Starts with no file at all and an unrestricted
/// network.
///
/// Grants on one path unite within a source; between sources the stronger replaces the weaker
/// there. Reads and writes granted on different levels of a path add up, as they do in the kernel.
#[derive(Debug, Clone, Default)]
pub struct CapabilitySet {
    pub(crate) fs: Vec<FsCapability>,
    pub(crate) denied: Vec<DeniedPath>,
    pub(crate) network: NetworkMode,
    pub(crate) connect: PortSet,
    pub(crate) bind: PortSet,
    pub(crate) localhost: PortSet,
    pub(crate) explicit_execute: bool,
    pub(crate) allowed_gaps: BTreeSet<Gap>,
    pub(crate) exemptions: BTreeSet<Exemption>,
    pub(crate) kept_privileges: BTreeSet<Privilege>,
    index: OnceLock<Index>,
}

/// Builders: each takes the set and gives it back.
impl CapabilitySet {
    /// A set that grants no file and leaves the network alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants a directory and all below it.
    ///
    /// # Errors
    /// Those of [`FsCapability::new_dir`].
    pub fn allow_path(mut self, directory: impl AsRef<Path>, access: AccessMode) -> Result<Self> {
        self.add_fs(FsCapability::new_dir(directory, access)?);
        Ok(self)
    }

    /// Grants one file.
    ///
    /// # Errors
    /// Those of [`FsCapability::new_file`].
    pub fn allow_file(mut self, file: impl AsRef<Path>, access: AccessMode) -> Result<Self> {
        self.add_fs(FsCapability::new_file(file, access)?);
        Ok(self)
    }

    /// Grants reading and executing a file, or all files below a directory.
    ///
    /// # Errors
    /// Those of [`FsCapability::new_executable`].
    pub fn allow_execute(mut self, path: impl AsRef<Path>) -> Result<Self> {
        self.add_fs(FsCapability::new_executable(path)?);
        Ok(self)
    }

    /// Keeps a path closed inside the grants around it.
    ///
    /// # Errors
    /// Those of [`DeniedPath::new`].
    pub fn deny_path(mut self, path: impl AsRef<Path>) -> Result<Self> {
        self.add_denied(DeniedPath::new(path, CapabilitySource::User)?);
        Ok(self)
    }

    /// Lets only [`allow_execute`](Self::allow_execute) grant execution; reading no longer does.
    #[must_use]
    pub fn explicit_execute(mut self) -> Self {
        self.set_explicit_execute(true);
        self
    }

    /// Blocks the network but for granted ports.
    #[must_use]
    pub fn block_network(self) -> Self {
        self.set_network_mode(NetworkMode::Blocked)
    }

    /// Sets the network mode.
    #[must_use]
    pub fn set_network_mode(mut self, mode: NetworkMode) -> Self {
        self.set_network_mode_mut(mode);
        self
    }

    /// Grants connecting to a TCP port, of any address; what else is not granted is blocked.
    #[must_use]
    pub fn allow_tcp_connect(mut self, port: u16) -> Self {
        self.add_tcp_connect(single(port));
        self
    }

    /// Grants binding a TCP port; what else is not granted is blocked.
    #[must_use]
    pub fn allow_tcp_bind(mut self, port: u16) -> Self {
        self.add_tcp_bind(single(port));
        self
    }

    /// Grants connecting to and binding a TCP port of the loopback address; what else is not
    /// granted is blocked. Where the kernel cannot tell addresses apart this is the gap
    /// [`Gap::LoopbackOnly`].
    #[must_use]
    pub fn allow_localhost_port(mut self, port: u16) -> Self {
        self.add_localhost_port(port);
        self
    }

    /// Accepts that the kernel cannot enforce something.
    #[must_use]
    pub fn allow_gap(mut self, gap: Gap) -> Self {
        self.add_allowed_gap(gap);
        self
    }

    /// Gives the program something back that every sandbox refuses otherwise.
    #[must_use]
    pub fn exempt(mut self, exemption: Exemption) -> Self {
        self.add_exemption(exemption);
        self
    }

    /// Leaves the program a privilege of root. All others are taken away; preparing fails when the
    /// process does not have this one.
    #[must_use]
    pub fn keep_privilege(mut self, privilege: Privilege) -> Self {
        self.add_kept_privilege(privilege);
        self
    }
}

/// Changes in place.
impl CapabilitySet {
    /// Adds a grant.
    pub fn add_fs(&mut self, capability: FsCapability) {
        self.fs.push(capability);
        self.index.take();
    }

    /// Replaces all grants.
    pub fn set_fs(&mut self, grants: Vec<FsCapability>) {
        self.fs = grants;
        self.index.take();
    }

    /// Adds a denied path.
    pub fn add_denied(&mut self, entry: DeniedPath) {
        self.denied.push(entry);
        self.index.take();
    }

    /// Sets whether execution must be granted by name.
    pub fn set_explicit_execute(&mut self, explicit: bool) {
        self.explicit_execute = explicit;
        self.index.take();
    }

    /// Sets the network mode.
    pub fn set_network_mode_mut(&mut self, mode: NetworkMode) {
        self.network = mode;
    }

    /// Grants connecting to TCP ports, and blocks what else is not granted.
    pub fn add_tcp_connect(&mut self, ports: impl Into<Option<PortRange>>) {
        self.restrict_network();
        ports.into().into_iter().for_each(|range| self.connect.insert(range));
    }

    /// Grants binding TCP ports, and blocks what else is not granted.
    pub fn add_tcp_bind(&mut self, ports: impl Into<Option<PortRange>>) {
        self.restrict_network();
        ports.into().into_iter().for_each(|range| self.bind.insert(range));
    }

    /// Grants a TCP port of the loopback address, and blocks what else is not granted.
    pub fn add_localhost_port(&mut self, port: u16) {
        self.restrict_network();
        single(port).into_iter().for_each(|range| self.localhost.insert(range));
    }

    /// Accepts a gap.
    pub fn add_allowed_gap(&mut self, gap: Gap) {
        self.allowed_gaps.insert(gap);
    }

    /// Gives something back that every sandbox refuses otherwise.
    pub fn add_exemption(&mut self, exemption: Exemption) {
        self.exemptions.insert(exemption);
    }

    /// Leaves the program a privilege of root.
    pub fn add_kept_privilege(&mut self, privilege: Privilege) {
        self.kept_privileges.insert(privilege);
    }

    /// Unites grants on the same path as they are enforced, so that each path stands once.
    pub fn deduplicate(&mut self) {
        let merged = self.effective_grants().map(|grant| {
            let execute = grant.rights.contains(Rights::EXECUTE) && self.explicit_execute;
            FsCapability {
                access: grant.rights.mode(),
                execute: execute || grant.capability.execute,
                device_ioctl: grant.device_ioctl,
                ..grant.capability.clone()
            }
        });
        self.set_fs(merged.collect());
    }

    fn restrict_network(&mut self) {
        if self.network == NetworkMode::AllowAll {
            self.network = NetworkMode::Blocked;
        }
    }
}

/// Questions.
impl CapabilitySet {
    /// Whether the set covers `query`, and by which rule. The one place where that is decided.
    ///
    /// Costs one table probe a path component, however many grants there are. The first call after
    /// a change builds the table.
    pub fn decide(&self, query: &Query<'_>) -> Decision<'_> {
        match *query {
            Query::Path { path, rights } => {
                self.index().decide(&self.fs, &self.denied, path, rights)
            }
            Query::Connect(port) => self.decide_port(port, &self.connect, |mode| match mode {
                NetworkMode::ProxyOnly { port: proxy, .. } => *proxy == port,
                _ => false,
            }),
            Query::Bind(port) => self.decide_port(port, &self.bind, |mode| match mode {
                NetworkMode::ProxyOnly { bind_ports, .. } => bind_ports.contains(&port),
                _ => false,
            }),
        }
    }

    fn decide_port(
        &self,
        port: u16,
        granted: &PortSet,
        is_proxy: impl Fn(&NetworkMode) -> bool,
    ) -> Decision<'_> {
        if self.network == NetworkMode::AllowAll {
            return Decision::Allowed(Rule::Unrestricted);
        }
        if port != 0 && is_proxy(&self.network) {
            return Decision::Allowed(Rule::Proxy);
        }
        let ranges = granted.ranges().iter().chain(self.localhost.ranges());
        match ranges.copied().find(|range| range.contains(port)) {
            Some(range) => Decision::Allowed(Rule::Ports(range)),
            None => Decision::Denied(Denial::Port(&self.network)),
        }
    }

    /// Whether any grant covers `path`, for whatever access.
    #[must_use]
    pub fn path_covered(&self, path: &Path) -> bool {
        let nothing = Query::Path { path, rights: Rights::NONE };
        self.decide(&nothing).is_allowed()
    }

    /// Checks that the set can be enforced as it was meant.
    ///
    /// # Errors
    /// [`CapabilityError::Narrowed`] when a grant is meant to be narrower than one above it.
    pub fn validate(&self) -> Result<(), CapabilityError> {
        self.index().check_narrowing(&self.fs)
    }

    /// The grants as they are enforced: one a path, after merging.
    pub fn effective_grants(&self) -> impl Iterator<Item = EffectiveGrant<'_>> {
        self.index().effective(&self.fs)
    }

    /// The grants as they were added.
    #[must_use]
    pub fn fs_capabilities(&self) -> &[FsCapability] {
        &self.fs
    }

    /// The denied paths.
    #[must_use]
    pub fn denied_paths(&self) -> &[DeniedPath] {
        &self.denied
    }

    /// The network mode.
    #[must_use]
    pub fn network_mode(&self) -> &NetworkMode {
        &self.network
    }

    /// The TCP ports that may be connected to.
    #[must_use]
    pub fn tcp_connect_ports(&self) -> &PortSet {
        &self.connect
    }

    /// The TCP ports that may be bound.
    #[must_use]
    pub fn tcp_bind_ports(&self) -> &PortSet {
        &self.bind
    }

    /// The TCP ports of the loopback address that may be connected to and bound.
    #[must_use]
    pub fn localhost_ports(&self) -> &PortSet {
        &self.localhost
    }

    /// Whether execution must be granted by name.
    #[must_use]
    pub fn is_execute_explicit(&self) -> bool {
        self.explicit_execute
    }

    /// The gaps the caller accepts.
    #[must_use]
    pub fn allowed_gaps(&self) -> &BTreeSet<Gap> {
        &self.allowed_gaps
    }

    /// What the program is given back of the calls that every sandbox refuses.
    #[must_use]
    pub fn exemptions(&self) -> &BTreeSet<Exemption> {
        &self.exemptions
    }

    /// The privileges of root that are left to the program.
    #[must_use]
    pub fn kept_privileges(&self) -> &BTreeSet<Privilege> {
        &self.kept_privileges
    }

    /// The set in words, one line a grant.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for grant in self.effective_grants() {
            let path = shown(grant.capability.resolved());
            let _ = writeln!(
                text,
                "{:<20} {path} ({})",
                grant.rights.to_string(),
                grant.capability.source
            );
        }
        let (always, asked): (Vec<_>, Vec<_>) =
            self.denied.iter().partition(|entry| entry.source == CapabilitySource::System);
        for entry in asked {
            let path = shown(&entry.resolved);
            let _ = writeln!(text, "{:<20} {path} ({})", "denied", entry.source);
        }
        if !always.is_empty() {
            let count = always.len();
            let _ = writeln!(text, "{:<20} {count} entries that are never granted", "denied");
        }
        let _ = writeln!(text, "{:<20} {}", "network", self.network);
        for (name, ports) in
            [("connect", &self.connect), ("bind", &self.bind), ("localhost", &self.localhost)]
        {
            if !ports.is_empty() {
                let _ = writeln!(text, "{name:<20} TCP {ports}");
            }
        }
        for exemption in &self.exemptions {
            let _ = writeln!(text, "{:<20} {exemption}: {}", "exempt", exemption.risk());
        }
        for privilege in &self.kept_privileges {
            let _ = writeln!(text, "{:<20} {privilege}: {}", "keep", privilege.risk());
        }
        text
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.fs, &self.denied, self.explicit_execute))
    }
}

/// A path that stays on its line.
fn shown(path: &Path) -> String {
    let mut text = String::new();
    for character in path.to_string_lossy().chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// The range of one port; port 0 names none.
fn single(port: u16) -> Option<PortRange> {
    PortRange::new(port, port).ok()
}

/// Sets are equal when what was asked for is.
impl PartialEq for CapabilitySet {
    fn eq(&self, other: &Self) -> bool {
        self.fs == other.fs
            && self.denied == other.denied
            && self.network == other.network
            && self.connect == other.connect
            && self.bind == other.bind
            && self.localhost == other.localhost
            && self.explicit_execute == other.explicit_execute
            && self.allowed_gaps == other.allowed_gaps
            && self.exemptions == other.exemptions
            && self.kept_privileges == other.kept_privileges
    }
}

impl Eq for CapabilitySet {}
