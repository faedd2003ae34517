//! The sandboxes in which things are tried.

use nono::{
    AccessMode, CapabilitySet, Enforcement, FsCapability, Gap, NonoError, PreparedSandbox, Sandbox,
};

use super::scene::{Place, Scene};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Some files, and no network.
    Closed,
    /// The same with one TCP port to connect to.
    Connect,
    /// The same with one TCP port of this machine, to connect to and to listen on.
    Local,
    /// The same with Unix sockets, as by `--allow-unix`.
    Unix,
    /// One that [`nono::Command`] makes for a program of its own.
    Program,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Closed, Self::Connect, Self::Local, Self::Unix, Self::Program];
}

/// All of them, ready to be entered.
#[derive(Debug)]
pub(super) struct Sandboxes(Vec<(Kind, PreparedSandbox)>);

impl Sandboxes {
    pub(super) fn prepare(scene: &Scene) -> Result<Self, NonoError> {
        let prepare = |kind| Ok((kind, Sandbox::prepare(&capabilities(kind, scene)?)?));
        Kind::ALL.into_iter().map(prepare).collect::<Result<_, _>>().map(Self)
    }

    /// The sandbox that an attempt enters by itself; none where it starts a program in one.
    pub(super) fn to_enter(&self, kind: Kind) -> Option<&PreparedSandbox> {
        if kind == Kind::Program { None } else { self.of(kind) }
    }

    /// What a sandbox enforces, and what it leaves open.
    pub(super) fn enforcement(&self, kind: Kind) -> Option<&Enforcement> {
        self.of(kind).map(PreparedSandbox::enforcement)
    }

    fn of(&self, kind: Kind) -> Option<&PreparedSandbox> {
        self.0.iter().find(|(found, _)| *found == kind).map(|(_, sandbox)| sandbox)
    }
}

/// Every gap is accepted: it shall be seen, not refused.
fn capabilities(kind: Kind, scene: &Scene) -> Result<CapabilitySet, NonoError> {
    let mut caps = CapabilitySet::new();
    let granted = scene.directory(Place::Granted);
    caps.add_fs(FsCapability::new_dir(granted, AccessMode::ReadWrite)?);
    // Their absence shows where it matters, as the lack of an attempt's control.
    let readable = [
        FsCapability::new_dir("/proc", AccessMode::Read),
        FsCapability::new_dir("/dev", AccessMode::Read),
        FsCapability::new_file("/dev/null", AccessMode::Read),
    ];
    readable.into_iter().flatten().for_each(|capability| caps.add_fs(capability));
    let others = Gap::ALL.into_iter().filter(|gap| gap.is_fatal());
    others.for_each(|gap| caps.add_allowed_gap(gap));
    Ok(match kind {
        Kind::Closed | Kind::Program => caps.block_network(),
        Kind::Connect => caps.allow_tcp_connect(scene.granted_port()),
        Kind::Local => caps.allow_localhost_port(scene.granted_port()),
        Kind::Unix => caps.block_network().allow_gap(Gap::UnixPaths),
    })
}
