//! What is never granted, whoever says yes.

use std::path::{Path, PathBuf};

use nono::presets;
use nono::supervisor::NeverGrantChecker;

use crate::failure::Failure;
use crate::floor;

/// The floor for every home that a secret may lie in, what the caller adds, and nono's own records.
pub(super) fn checker(
    extra: &[PathBuf],
    audit: Option<&Path>,
) -> Result<NeverGrantChecker, Failure> {
    let homes = floor::homes(None);
    if homes.is_empty() {
        return Err(Failure::NoHome);
    }
    let mut never = floor::own_directories();
    let mut write_only = Vec::new();
    for home in &homes {
        let entries = presets::never_grant().iter().chain(presets::never_open());
        never.extend(entries.map(|entry| entry.place(home)));
        write_only.extend(presets::never_write().iter().map(|entry| entry.place(home)));
    }
    never.extend(extra.iter().cloned().chain(audit.map(Path::to_owned)));
    let never = texts(&never)?;
    let write_only = texts(&write_only)?;
    let home = homes.first().map(PathBuf::as_path);
    Ok(NeverGrantChecker::with_home(&never, &write_only, home)?)
}

fn texts(paths: &[PathBuf]) -> Result<Vec<&str>, Failure> {
    let not_text = |path: &PathBuf| {
        Failure::Usage(format!("--never-grant {}: not UTF-8, name a link to it", path.display()))
    };
    paths.iter().map(|path| path.to_str().ok_or_else(|| not_text(path))).collect()
}
