//! A directory tree with as many granted paths in it as a large policy has.

use std::fs;
use std::path::{Path, PathBuf};

use nono::{AccessMode, CapabilitySet, FsCapability};
use tempfile::TempDir;

use crate::Result;

/// A real tree, removed when dropped, laid out like somebody's projects:
/// `work-0/project-3/crate-31/src/` with directories `part-N` and files `module/file-N.rs`.
///
/// Below the temporary directory of the system, with absolute paths of depth 7 and 8 when that is
/// `/tmp`.
#[derive(Debug)]
pub struct Tree {
    root: TempDir,
    granted: Vec<PathBuf>,
}

impl Tree {
    /// A tree with `count` objects to grant, directories and files in turn.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(count: usize) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("nono-benches-").tempdir()?;
        let granted = (0..count).map(|number| make(root.path(), number)).collect::<Result<_>>()?;
        Ok(Self { root, granted })
    }

    /// The paths to grant, without symlinks below the root.
    #[must_use]
    pub fn granted(&self) -> &[PathBuf] {
        &self.granted
    }

    /// A set that grants all of them, some for reading, some for writing too.
    ///
    /// # Errors
    /// Those of [`FsCapability`].
    pub fn capabilities(&self) -> Result<CapabilitySet> {
        let mut caps = CapabilitySet::new();
        for (number, path) in self.granted.iter().enumerate() {
            caps.add_fs(grant(path, number)?);
        }
        Ok(caps)
    }

    /// `count` paths of one depth to ask about: one third is covered by a directory's grant or is
    /// a granted file, two thirds leave the grants early or at the last component. In an order
    /// that jumps through the tree.
    #[must_use]
    pub fn questions(&self, count: usize) -> Vec<PathBuf> {
        let root = self.root.path();
        let jump = |number: usize| number.wrapping_mul(7919) % self.granted.len();
        (0..count)
            .map(|number| {
                let granted = &self.granted[jump(number)];
                let covered = match granted.extension() {
                    Some(_) => granted.clone(),
                    None => granted.join("notes.txt"),
                };
                match number % 3 {
                    0 => covered,
                    1 => covered.with_file_name("none").with_extension("bak"),
                    _ => root.join("work-0/project-0/crate-x/src/module/none.rs"),
                }
            })
            .collect()
    }
}

/// Grants the object `number` of a tree.
///
/// # Errors
/// Those of [`FsCapability`].
pub fn grant(path: &Path, number: usize) -> Result<FsCapability> {
    let access = if number % 4 < 2 { AccessMode::Read } else { AccessMode::ReadWrite };
    let capability = match path.extension() {
        Some(_) => FsCapability::new_file(path, access)?,
        None => FsCapability::new_dir(path, access)?,
    };
    Ok(capability)
}

fn make(root: &Path, number: usize) -> Result<PathBuf> {
    let source = root.join(format!(
        "work-{}/project-{}/crate-{}/src",
        number / 2000,
        number / 200,
        number / 20
    ));
    let path = match number % 2 {
        0 => source.join(format!("part-{number}")),
        _ => source.join(format!("module/file-{number}.rs")),
    };
    if number % 2 == 0 {
        fs::create_dir_all(&path)?;
    } else {
        fs::create_dir_all(source.join("module"))?;
        fs::write(&path, "")?;
    }
    Ok(path)
}
