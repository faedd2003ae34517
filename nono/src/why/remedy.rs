//! What would allow something, and no more than that.

use std::path::Path;

use nono_core::{AccessMode, CapabilitySet, FsCapability, Rights};

use super::Remedy;
use super::objects::Objects;
use crate::platform;

/// The narrowest grants on `target` after which the kernel would give `wanted` there, which has what
/// it gives already. None where no grants do. Each is tried as it will be enforced, with what is
/// denied cut out.
pub(super) fn grants(caps: &CapabilitySet, target: &Path, wanted: Rights) -> Vec<Remedy> {
    let suffices = |grants: &&Vec<FsCapability>| suffices(caps, grants, target, wanted);
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

fn suffices(caps: &CapabilitySet, grants: &[FsCapability], target: &Path, wanted: Rights) -> bool {
    let mut with_them = caps.clone();
    grants.iter().for_each(|grant| with_them.add_fs(grant.clone()));
    platform::enforced(&with_them)
        .is_ok_and(|enforced| Objects::of(&enforced).held(target).contains(wanted))
}
