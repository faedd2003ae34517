//! A plan with everything opened: what is left is one ruleset descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use landlock::{
    AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError,
};
use nono_core::{
    EnforceError, EnforceStep, Enforcement, FileKind, Gap, NonoError, ObjectId, Prepared, Result,
};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::anchor::Anchor;
use crate::filesystem::Filesystems;
use crate::identity::User;
use crate::plan::{PathRule, Plan};
use crate::privileges::{self, Privileges};
use crate::seccomp::{self, Arch, Program, Threads, install};
use crate::sys;

/// `LANDLOCK_RESTRICT_SELF_TSYNC`, from ABI 8 on.
const ALL_THREADS: u32 = 1 << 3;
const ALL_THREADS_ABI: u32 = 8;

/// A sandbox that waits to be entered. Holds one descriptor, whatever the number of grants.
///
/// [`enforce`](Prepared::enforce) makes system calls and nothing else: it may be called between
/// fork and exec in a child of a threaded program.
#[derive(Debug)]
pub struct LinuxPrepared {
    ruleset: Option<OwnedFd>,
    filter: Program,
    user: Option<User>,
    privileges: Privileges,
    abi: u32,
    pub(crate) enforcement: Enforcement,
}

impl LinuxPrepared {
    pub(crate) fn new(plan: &Plan<'_>, user: Option<User>, abi: u32) -> Result<Self> {
        let mut enforcement = Enforcement::new(Vec::new(), plan.gaps.clone());
        let mut ruleset = None;
        if abi > 0 {
            let mut filesystems = Filesystems::default();
            ruleset = Some(rules(plan, &mut filesystems)?);
            enforcement.mechanisms.push(plan.kernel.to_string());
            enforcement.gaps.extend(filesystems.gap());
        }
        let filter = filter(plan)?;
        enforcement.mechanisms.push("seccomp filter".to_owned());
        let privileges = Privileges::keeping(plan.kept)?;
        if privileges.are_held {
            enforcement.mechanisms.push("dropped capabilities".to_owned());
        }
        Ok(Self { ruleset, filter, user, privileges, abi, enforcement })
    }

    /// The user is changed while that is still possible; the filter comes last, since it may
    /// refuse what the steps before it need.
    fn restrict(&self, threads: Threads) -> Result<(), EnforceError> {
        let failed = |step| move |errno: Errno| EnforceError { step, errno: errno.raw_os_error() };
        rustix::thread::set_no_new_privs(true).map_err(failed(EnforceStep::NoNewPrivileges))?;
        if let Some(user) = &self.user {
            user.assume().map_err(failed(EnforceStep::Identity))?;
        }
        self.privileges.drop_others().map_err(failed(EnforceStep::Capabilities))?;
        if let Some(ruleset) = &self.ruleset {
            let flags = if threads == Threads::All { ALL_THREADS } else { 0 };
            sys::landlock_restrict_self(ruleset.as_fd(), flags)
                .map_err(failed(EnforceStep::Landlock))?;
        }
        install(&self.filter, threads).map_err(failed(EnforceStep::Seccomp))
    }
}

impl LinuxPrepared {
    /// Whether a thread would be left with a user or with capabilities of its own: the kernel
    /// changes those of the calling thread only, on every version.
    fn changes_rights(&self) -> bool {
        self.user.is_some() || privileges::are_held_by_any_thread().unwrap_or(true)
    }
}

impl Prepared for LinuxPrepared {
    fn enforcement(&self) -> &Enforcement {
        &self.enforcement
    }

    fn enforce(&self) -> Result<(), EnforceError> {
        self.restrict(Threads::Caller)
    }

    fn enforce_process(&self) -> Result<()> {
        // Where a filter hides the answer, as in a container, /proc has it.
        if sys::is_single_threaded().unwrap_or_else(|| thread_count() == 1) {
            Ok(self.enforce()?)
        } else if self.abi >= ALL_THREADS_ABI && !self.changes_rights() {
            Ok(self.restrict(Threads::All)?)
        } else {
            Err(NonoError::Threads { count: thread_count() })
        }
    }
}

/// The number of threads; where /proc does not tell, there are at least two.
fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(2, Iterator::count)
}

fn filter(plan: &Plan<'_>) -> Result<Program> {
    let arch = Arch::NATIVE.ok_or(NonoError::UnsupportedPlatform(std::env::consts::ARCH))?;
    seccomp::filter(&plan.filter, arch).map_err(|error| NonoError::System {
        call: "seccomp",
        path: None,
        source: io::Error::other(error),
    })
}

fn rules(plan: &Plan<'_>, filesystems: &mut Filesystems) -> Result<OwnedFd> {
    let mut created = create(plan).map_err(|error| failed("landlock_create_ruleset", error))?;
    for (ports, access) in
        [(&plan.ports.connect, AccessNet::ConnectTcp), (&plan.ports.bind, AccessNet::BindTcp)]
    {
        if plan.handled_net.contains(access) {
            add_ports(&mut created, ports.iter(), access.into())?;
        }
    }
    let ruleset = Option::<OwnedFd>::from(created).ok_or(NonoError::GapRefused {
        gap: Gap::NoLandlock,
        detail: "the kernel has less of it than was planned for",
    })?;
    let mut anchor = Anchor::default();
    let mut paths = plan.paths.iter().peekable();
    while let Some(rule) = paths.next() {
        let opened = anchor.open(rule.path, paths.peek().map(|next| next.path));
        let added = match opened {
            Ok(object) => add_path(ruleset.as_fd(), rule, object, filesystems),
            Err(Errno::LOOP | Errno::NOENT | Errno::NOTDIR) => {
                Err(NonoError::ObjectChanged(rule.path.to_owned()))
            }
            Err(error) => Err(system("open", rule)(error.into())),
        };
        match added {
            Err(NonoError::ObjectChanged(_)) if rule.optional => {}
            added => added?,
        }
    }
    Ok(ruleset)
}

/// Asks for exactly what was planned; the kernel was asked before, so a refusal is an error.
fn create(plan: &Plan<'_>) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(plan.handled_fs)?;
    if !plan.handled_net.is_empty() {
        ruleset = ruleset.handle_access(plan.handled_net)?;
    }
    if !plan.scopes.is_empty() {
        ruleset = ruleset.scope(plan.scopes)?;
    }
    ruleset.create()
}

/// Lets the descriptor say whether it still is the granted object.
///
/// Adds the rule by a bare call: the crate's looks at the object once more, which was a third of
/// what nono costs a path beyond its open and its rule.
fn add_path(
    ruleset: BorrowedFd<'_>,
    rule: &PathRule<'_>,
    object: OwnedFd,
    filesystems: &mut Filesystems,
) -> Result<()> {
    let found = rustix::fs::fstat(&object).map_err(|error| system("fstat", rule)(error.into()))?;
    let id = ObjectId { device: found.st_dev, inode: found.st_ino };
    if id != rule.id || kind(found.st_mode) != Some(rule.kind) {
        return Err(NonoError::ObjectChanged(rule.path.to_owned()));
    }
    filesystems
        .look_at(&object, found.st_dev)
        .map_err(|error| system("fstatfs", rule)(error.into()))?;
    sys::landlock_add_path(ruleset, object.as_fd(), rule.access.bits())
        .map_err(system("landlock_add_rule", rule))
}

/// A symlink is of no kind: what is granted is never one.
fn kind(mode: u32) -> Option<FileKind> {
    match FileType::from_raw_mode(mode) {
        FileType::Directory => Some(FileKind::Directory),
        FileType::CharacterDevice | FileType::BlockDevice => Some(FileKind::Device),
        FileType::Symlink => None,
        _ => Some(FileKind::File),
    }
}

fn system(call: &'static str, rule: &PathRule<'_>) -> impl FnOnce(io::Error) -> NonoError {
    move |source| NonoError::System { call, path: Some(rule.path.to_owned()), source }
}

fn add_ports(
    ruleset: &mut RulesetCreated,
    ports: impl Iterator<Item = u16>,
    access: BitFlags<AccessNet>,
) -> Result<()> {
    for port in ports {
        ruleset
            .add_rule(NetPort::new(port, access))
            .map_err(|error| failed("landlock_add_rule", error))?;
    }
    Ok(())
}

fn failed(call: &'static str, error: RulesetError) -> NonoError {
    NonoError::System { call, path: None, source: io::Error::other(error) }
}
