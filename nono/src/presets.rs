//! Sets of grants that programs commonly need, as data. Nothing here is applied unless a caller
//! asks.
//!
//! The tables are the files `data/*.txt`, compiled to constants. Read them as [`base`], [`pty`],
//! [`never_grant`], [`never_open`], [`never_write`] and [`environment`], add the first three to a set
//! with [`add_base`], [`add_pty`] and [`add_never_grant`].
//!
//! # What the base set leaves open
//! * `/proc` is granted as a whole, because a process sees itself there under a number that is not
//!   known beforehand. World-readable files of other processes (command lines, status) stay
//!   readable. `environ`, `maps`, `mem`, `root`, `cwd` and what `fd` leads to, of processes outside,
//!   are closed by Landlock's ptrace rule, for a process without `CAP_PERFMON` and
//!   `CAP_SYS_PTRACE`; `/proc/kcore` and `/proc/kmsg` need `CAP_SYS_RAWIO` and `CAP_SYSLOG`. A
//!   program that runs as root must therefore be started without capabilities.
//! * All of `/usr` is readable, `/usr/local` included, and so are the certificate directories: a
//!   secret that somebody stored there is not protected by the sandbox, only by its mode.
//! * `/sys/fs/cgroup` names the services of the machine.
//! * A file that is replaced by renaming another over it, such as `/etc/hosts`, is another object
//!   afterwards, which the running program can no longer read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nono_core::{
    AccessMode, CapabilitySet, CapabilitySource, DeniedPath, FsCapability, NonoError, Resolver,
    Result,
};

#[cfg(test)]
mod table;

include!(concat!(env!("OUT_DIR"), "/grants.rs"));

/// One line of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub access: AccessMode,
    /// An absolute path, of a file or of a directory with all below it.
    pub path: &'static str,
    /// Why programs need it, in a few words.
    pub reason: &'static str,
}

/// One line of the tables of what is never granted, opened or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// An absolute path, or one below the home directory that begins with `~/`; in [`never_write`] also
    /// names that begin with `**/` and are meant wherever they follow each other.
    pub path: &'static str,
    /// What is there, in a few words.
    pub reason: &'static str,
}

impl Entry {
    /// The absolute path for a user whose home directory is `home`.
    #[must_use]
    pub fn place(&self, home: &Path) -> PathBuf {
        match self.path.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => self.path.into(),
        }
    }
}

/// One line of the table of variables that a program should not inherit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name, or how the names begin that are meant.
    pub name: &'static str,
    /// Whether all names that begin so are meant.
    pub is_prefix: bool,
    /// What it does, in a few words.
    pub reason: &'static str,
}

impl Variable {
    /// Whether a variable with this name is meant.
    #[must_use]
    pub fn matches(&self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        let own = self.name.as_bytes();
        if self.is_prefix { name.starts_with(own) } else { name == own }
    }
}

/// What nearly every program needs to start and run, on Debian, Fedora, Arch, Alpine and NixOS
/// layouts. Nothing of a home directory, no secrets, no terminal but the program's own.
#[must_use]
pub const fn base() -> &'static [Grant] {
    BASE
}

/// What a program needs to make terminals. It can then also read and write the other terminals of
/// its user.
#[must_use]
pub const fn pty() -> &'static [Grant] {
    PTY
}

/// What no grant should ever reach: keys, passwords and tokens.
#[must_use]
pub const fn never_grant() -> &'static [Entry] {
    NEVER_GRANT
}

/// What no program should be given when it asks while it runs, beside [`never_grant`]. It lies in
/// directories of the base set, where closing it would cost a sandbox the whole directory.
#[must_use]
pub const fn never_open() -> &'static [Entry] {
    NEVER_OPEN
}

/// What no program should be allowed to change when it asks while it runs: what others execute or obey
/// later. It may be read. Grants that a program is started with are not held to it.
#[must_use]
pub const fn never_write() -> &'static [Entry] {
    NEVER_WRITE
}

/// Variables that make programs run code nobody named, or hand out what a secret manager unlocked.
#[must_use]
pub const fn environment() -> &'static [Variable] {
    ENVIRONMENT
}

/// Whether a program should not inherit the variable; the first line of [`environment`] that says
/// so.
#[must_use]
pub fn removed_variable(name: &OsStr) -> Option<&'static Variable> {
    ENVIRONMENT.iter().find(|variable| variable.matches(name))
}

/// Denies the entries of [`never_grant`] for a user whose home directory is `home`, on behalf of
/// [`CapabilitySource::System`], whether they exist or not.
///
/// # Errors
/// Those of [`DeniedPath::new`].
pub fn add_never_grant(caps: &mut CapabilitySet, home: &Path) -> Result<()> {
    for entry in NEVER_GRANT {
        caps.add_denied(DeniedPath::new(entry.place(home), CapabilitySource::System)?);
    }
    Ok(())
}

/// Adds those grants of [`base`] that exist on this system, on behalf of
/// [`CapabilitySource::System`].
///
/// A path that leads into one added before, as `/bin` does where it is a link into `/usr`, is
/// left out: it would only cost time. So is one that the caller may not look up, since the
/// program may not either.
///
/// # Errors
/// [`NonoError::PathCanonicalization`] when a path cannot be resolved for any other reason.
pub fn add_base(caps: &mut CapabilitySet) -> Result<()> {
    add(caps, BASE, |capability| capability)
}

/// Adds those grants of [`pty`] that exist on this system, on behalf of
/// [`CapabilitySource::System`], with the device ioctls that terminals need.
///
/// # Errors
/// As [`add_base`].
pub fn add_pty(caps: &mut CapabilitySet) -> Result<()> {
    add(caps, PTY, FsCapability::with_device_ioctl)
}

fn add(
    caps: &mut CapabilitySet,
    table: &[Grant],
    adjust: impl Fn(FsCapability) -> FsCapability,
) -> Result<()> {
    let first = caps.fs_capabilities().len();
    let mut resolver = Resolver::new();
    for grant in table {
        let Some(capability) = resolve(&mut resolver, grant)? else {
            continue;
        };
        let capability = adjust(capability);
        let added = &caps.fs_capabilities()[first..];
        if !added.iter().any(|held| covers(held, &capability)) {
            caps.add_fs(capability.with_source(CapabilitySource::System));
        }
    }
    Ok(())
}

fn resolve(resolver: &mut Resolver, grant: &Grant) -> Result<Option<FsCapability>> {
    match resolver.any(grant.path, grant.access) {
        Ok(capability) => Ok(Some(capability)),
        Err(NonoError::PathNotFound(_)) => Ok(None),
        Err(NonoError::PathCanonicalization { source, .. })
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// Whether `held` gives all that `capability` does. Compares bytes, since resolved paths have one
/// spelling and this runs at every start.
fn covers(held: &FsCapability, capability: &FsCapability) -> bool {
    let path = capability.resolved().as_os_str().as_encoded_bytes();
    let is_below = path
        .strip_prefix(held.resolved().as_os_str().as_encoded_bytes())
        .is_some_and(|rest| rest.is_empty() || (held.is_dir() && rest.starts_with(b"/")));
    is_below
        && held.access().covers(capability.access())
        && held.grants_device_ioctl() >= capability.grants_device_ioctl()
}
