//! What no grant of the command reaches: secrets of the user, and nono's own files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nono::{
    CapabilitySet, CapabilitySource, Decision, Denial, DeniedPath, FsCapability, Query, User,
    presets, user,
};

use crate::failure::Failure;
use crate::report::Report;

/// Closes the entries that are never granted inside the grants around them, and refuses a grant
/// that names one. The base set reaches none of them, so alone it needs no floor.
pub(crate) fn add(
    caps: &mut CapabilitySet,
    grants_files: &[PathBuf],
    user: Option<&User>,
    report: &Report,
) -> Result<(), Failure> {
    if caps.fs_capabilities().iter().all(is_of_the_base) {
        return Ok(());
    }
    close_entries(caps, user)?;
    close_grants_files(caps, grants_files, report)?;
    refuse_grants_of_entries(caps, report)
}

/// Adds the entries to a set that has been prepared without them, for whoever asks what is granted.
pub(crate) fn name_entries(caps: &mut CapabilitySet, user: Option<&User>) -> Result<(), Failure> {
    let is_floor = |entry: &DeniedPath| *entry.source() == CapabilitySource::System;
    if caps.denied_paths().iter().any(is_floor) { Ok(()) } else { close_entries(caps, user) }
}

/// Closes the entries that are never granted.
fn close_entries(caps: &mut CapabilitySet, user: Option<&User>) -> Result<(), Failure> {
    let homes = homes(user);
    if homes.is_empty() {
        return Err(Failure::NoHome);
    }
    for home in homes {
        presets::add_never_grant(caps, &home)?;
    }
    for directory in own_directories() {
        close(caps, &directory)?;
    }
    Ok(())
}

/// Where nono keeps what it knows, when the environment says so.
pub(crate) fn own_directories() -> Vec<PathBuf> {
    let variables = ["XDG_STATE_HOME", "XDG_CONFIG_HOME"];
    variables.into_iter().filter_map(absolute_variable).map(|parent| parent.join("nono")).collect()
}

fn is_of_the_base(grant: &FsCapability) -> bool {
    *grant.source() == CapabilitySource::System
}

/// The home of whoever started nono: what `~` means to them.
pub(crate) fn home() -> Option<PathBuf> {
    absolute_variable("HOME").or_else(|| user::recorded_home().ok())
}

/// The home directories whose secrets are kept: what `HOME` says, what `/etc/passwd` says, and that
/// of the user the program runs as.
pub(crate) fn homes(user: Option<&User>) -> BTreeSet<PathBuf> {
    let users = user.map(|user| user.home().to_owned());
    absolute_variable("HOME").into_iter().chain(user::recorded_home().ok()).chain(users).collect()
}

fn absolute_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn close(caps: &mut CapabilitySet, path: &Path) -> Result<(), Failure> {
    caps.add_denied(DeniedPath::new(path, CapabilitySource::System)?);
    Ok(())
}

/// A program that can write the file its grants are read from decides on its next run.
fn close_grants_files(
    caps: &mut CapabilitySet,
    files: &[PathBuf],
    report: &Report,
) -> Result<(), Failure> {
    for file in files {
        refuse_changeable_links(caps, file)?;
        let Ok(resolved) = file.canonicalize() else { continue };
        if caps.decide(&Query::write(&resolved)).is_allowed() {
            report.note(format_args!(
                "{} lies in a write grant and stays closed, so nothing can be made beside it; \
                 keep it elsewhere",
                resolved.display()
            ));
            close(caps, &resolved)?;
        }
    }
    Ok(())
}

/// Whoever can put another link in the way decides which file the next run reads.
fn refuse_changeable_links(caps: &CapabilitySet, file: &Path) -> Result<(), Failure> {
    let is_changeable = |link: &&PathBuf| {
        link.parent().is_some_and(|directory| caps.decide(&Query::write(directory)).is_allowed())
    };
    match links_on_the_way(file).iter().find(is_changeable) {
        Some(link) => Err(Failure::ChangeableLink { file: file.to_owned(), link: link.to_owned() }),
        None => Ok(()),
    }
}

/// The most links that the kernel follows on one way (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Every symlink that is followed from the root to the file, where it is and not where it leads, and
/// every directory that `..` leaves.
fn links_on_the_way(file: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    let mut ahead: Vec<OsString> = steps(&std::path::absolute(file).unwrap_or_default());
    let mut at = PathBuf::from("/");
    let mut followed = 0;
    while let Some(step) = ahead.pop().filter(|_| followed <= MAX_LINKS) {
        if step == ".." {
            // A link in the place of the directory would lead up from elsewhere.
            links.push(at.clone());
            at.pop();
            continue;
        }
        // A step that is the root starts anew, as a link's absolute target does.
        let next = at.join(&step);
        match next.read_link() {
            Ok(target) => {
                followed += 1;
                ahead.extend(steps(&target));
                links.push(next);
            }
            Err(_) => at = next,
        }
    }
    links
}

/// The components of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|component| component.as_os_str().to_owned()).collect()
}

fn refuse_grants_of_entries(caps: &CapabilitySet, report: &Report) -> Result<(), Failure> {
    for grant in caps.fs_capabilities().iter().filter(|grant| !is_of_the_base(grant)) {
        let path = grant.resolved();
        let Decision::Denied(Denial::DeniedPath(entry)) = caps.decide(&Query::read(path)) else {
            continue;
        };
        let by_floor = |denied: &&DeniedPath| {
            denied.resolved() == entry && *denied.source() == CapabilitySource::System
        };
        if caps.denied_paths().iter().any(|denied| by_floor(&denied)) {
            return Err(Failure::NeverGranted { path: path.to_owned(), entry: entry.to_owned() });
        }
        report.warning(format_args!("{} is granted and denied; it stays closed", path.display()));
    }
    Ok(())
}
