//! What would allow something, and no more than that.

use std::path::Path;

use nono_core::{AccessMode, CapabilitySet, FsCapability, Query, Rights};

use super::Remedy;

/// The narrowest grants on `target` after which the kernel, which gives `held` there, would give
/// `wanted`, with nothing that the set gave before lost. None where no grants do.
pub(super) fn grants(
    caps: &CapabilitySet,
    target: &Path,
    wanted: Rights,
    held: Rights,
) -> Vec<Remedy> {
    if is_above_denied(caps, target) {
        return Vec::new();
    }
    let suffices = |grants: &&Vec<FsCapability>| suffices(caps, grants, target, wanted, held);
    let candidates = candidates(target, wanted.contains(Rights::EXECUTE));
    let narrowest = candidates.iter().find(suffices).cloned().unwrap_or_default();
    narrowest.into_iter().map(Remedy::Grant).collect()
}

/// A grant of a directory in which something is denied is not one of the directory itself.
pub(super) fn is_above_denied(caps: &CapabilitySet, directory: &Path) -> bool {
    caps.denied_paths()
        .iter()
        .flat_map(|entry| [entry.name(), entry.resolved()])
        .any(|entry| entry.starts_with(directory))
}

/// Grants by how much they give; those that say what they are for come first.
fn candidates(target: &Path, is_for_execution: bool) -> Vec<Vec<FsCapability>> {
    use AccessMode::{Read, ReadWrite, Write};
    let by_mode = |mode| FsCapability::new_any(target, mode).ok();
    let executable = || FsCapability::new_executable(target).ok();
    let candidates = [
        vec![executable().filter(|_| is_for_execution)],
        vec![by_mode(Read)],
        vec![by_mode(Write)],
        vec![executable()],
        vec![by_mode(ReadWrite)],
        vec![executable(), by_mode(Write)],
    ];
    candidates.map(|grants| grants.into_iter().flatten().collect()).into()
}

fn suffices(
    caps: &CapabilitySet,
    grants: &[FsCapability],
    target: &Path,
    wanted: Rights,
    held: Rights,
) -> bool {
    let mut with_them = caps.clone();
    let mut given = held;
    for grant in grants {
        given |= grant.rights(caps.is_execute_explicit());
        with_them.add_fs(grant.clone());
    }
    // A grant of the caller replaces one of a weaker source on the same path.
    let all = Query::Path { path: target, rights: wanted | held };
    given.contains(wanted) && with_them.validate().is_ok() && with_them.decide(&all).is_allowed()
}
