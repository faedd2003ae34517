//! What is never granted, whoever says yes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nono::presets;
use nono::supervisor::NeverGrantChecker;

use crate::failure::Failure;
use crate::floor;

/// The floor for every home that a secret may lie in, and nono's own directories, with what is closed
/// besides: the caller's entries, what the sandbox denies, policies and records.
pub(super) fn checker(
    homes: &BTreeSet<PathBuf>,
    besides: impl IntoIterator<Item = PathBuf>,
) -> Result<NeverGrantChecker, Failure> {
    if homes.is_empty() {
        return Err(Failure::NoHome);
    }
    let mut never = floor::own_directories();
    let mut write_only = Vec::new();
    for home in homes {
        let entries = presets::never_grant().iter().chain(presets::never_open());
        never.extend(entries.map(|entry| entry.place(home)));
        write_only.extend(presets::never_write().iter().map(|entry| entry.place(home)));
    }
    never.extend(besides.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)));
    let (never, write_only) = (texts(&never)?, texts(&write_only)?);
    Ok(NeverGrantChecker::with_home(&never, &write_only, floor::home().as_deref())?)
}

fn texts(paths: &[PathBuf]) -> Result<Vec<&str>, Failure> {
    let not_text = |path: &PathBuf| {
        Failure::Usage(format!(
            "{} is to be closed and is not UTF-8; name a directory above it: --never-grant",
            path.display()
        ))
    };
    paths.iter().map(|path| path.to_str().ok_or_else(|| not_text(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_every_home_are_closed_and_what_is_closed_besides() {
        let homes = ["/home/caller", "/home/other"].map(PathBuf::from).into();
        let checker = checker(&homes, ["/srv/rules.toml".into()]).unwrap();
        for path in ["/home/caller/.ssh/id", "/home/other/.ssh/id", "/srv/rules.toml"] {
            assert!(checker.is_blocked(path.as_ref()), "{path}");
        }
        assert!(!checker.is_blocked("/srv/data".as_ref()));
    }
}
