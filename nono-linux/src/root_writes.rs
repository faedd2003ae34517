//! What root can do through a write grant without any capability.

use std::os::unix::ffi::OsStrExt;

use nono_core::{CapabilitySet, EffectiveGrant, FileKind, Gap, GapReport, Rights};

/// Where root owns files that decide what others run, or that are the machine itself.
const SYSTEM: &[&str] = &[
    "/etc", "/proc", "/sys", "/dev", "/boot", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
    "/libx32",
];

/// Root's home: what lies in it is often a project, the directory itself holds what root's shell
/// runs.
const HOME: &str = "/root";

/// The parts of `/dev` that stand for no disk, memory or hardware.
const HARMLESS: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// The gap that a write grant leaves if it covers a part of the system, or lies in one.
pub(crate) fn root_writes(caps: &CapabilitySet) -> Option<GapReport> {
    let detail = "user 0 owns them, capabilities or not";
    caps.effective_grants()
        .any(|grant| reaches_system(&grant))
        .then_some(GapReport { gap: Gap::RootWrites, detail })
}

fn reaches_system(grant: &EffectiveGrant<'_>) -> bool {
    let path = grant.capability.resolved().as_os_str().as_bytes();
    let is_directory = grant.capability.kind() == FileKind::Directory;
    let covers = |part: &&str| is_directory && lies_in(part.as_bytes(), path);
    let inside = |part: &&str| lies_in(path, part.as_bytes());
    grant.rights.intersects(Rights::WRITE)
        && !HARMLESS.iter().any(inside)
        && (SYSTEM.iter().any(|part| covers(part) || inside(part)) || covers(&HOME))
}

/// Whether a resolved path is `directory` or below it. Compares bytes, since resolved paths have one
/// spelling and every grant is asked about every part.
fn lies_in(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| directory == b"/" || rest.is_empty() || rest.starts_with(b"/"))
}
