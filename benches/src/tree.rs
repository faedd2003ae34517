//! A directory tree with as many granted paths in it as a large policy has.

use std::fs;
use std::path::{Path, PathBuf};

use nono::{AccessMode, CapabilitySet, FsCapability, Resolver};

use crate::Result;

/// A real tree, laid out like somebody's projects.
///
/// It lies beside the built programs and stays there for the next run: making it takes longer than
/// measuring, and ext4 makes inodes slowly for some minutes after many were removed.
#[derive(Debug)]
pub struct Tree {
    granted: Vec<PathBuf>,
}

impl Tree {
    /// The tree with `count` objects to grant, directories and files in turn.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(count: usize) -> Result<Self> {
        let root = std::env::current_exe()?.canonicalize()?.with_file_name("nono-benches-tree");
        let granted: Vec<_> = (0..count).map(|number| root.join(relative_path(number))).collect();
        for (number, path) in granted.iter().enumerate() {
            make(path, number)?;
        }
        Ok(Self { granted })
    }

    /// The paths to grant, absolute and without symlinks.
    #[must_use]
    pub fn granted(&self) -> &[PathBuf] {
        &self.granted
    }

    /// A set that grants all of them.
    ///
    /// # Errors
    /// Those of [`grant`].
    pub fn capabilities(&self) -> Result<CapabilitySet> {
        let mut resolver = Resolver::new();
        let mut caps = CapabilitySet::new();
        for (number, path) in self.granted.iter().enumerate() {
            caps.add_fs(grant(&mut resolver, path, number)?);
        }
        Ok(caps)
    }
}

/// Grants object `number` of a tree, half of them for reading and half for writing too.
///
/// # Errors
/// Those of [`Resolver`].
pub fn grant(resolver: &mut Resolver, path: &Path, number: usize) -> Result<FsCapability> {
    let access = if number % 4 < 2 { AccessMode::Read } else { AccessMode::ReadWrite };
    let capability = if is_directory(number) {
        resolver.dir(path, access)?
    } else {
        resolver.file(path, access)?
    };
    Ok(capability)
}

/// Where object `number` lies: 20 in a crate, directories in `src` and files in a module there.
pub(crate) fn relative_path(number: usize) -> String {
    let (work, project, package) = (number / 2000, number / 200, number / 20);
    let source = format!("work-{work}/project-{project}/crate-{package}/src");
    if is_directory(number) {
        format!("{source}/part-{number}")
    } else {
        format!("{source}/module/file-{number}.rs")
    }
}

pub(crate) fn is_directory(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn make(path: &Path, number: usize) -> Result<()> {
    if is_directory(number) {
        fs::create_dir_all(path)?;
    } else if !path.exists() {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, "")?;
    }
    Ok(())
}
