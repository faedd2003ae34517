//! Random grants in a real tree, and all that can be tried there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nono::{AccessMode, CapabilitySource, FsCapability, Query};
use proptest::prelude::*;

use super::{Attempt, can_ask_about_execution};

/// Directories three deep, each with an executable file and one to remove.
pub(crate) struct Tree {
    _directory: tempfile::TempDir,
    pub(crate) directories: Vec<PathBuf>,
}

pub(crate) const SHAPE: [&str; 10] =
    ["", "a", "a/b", "a/b/c", "a/d", "ab", "ab/c", "e", "e/f", "e/f/g"];

impl Tree {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let directories: Vec<PathBuf> = SHAPE.iter().map(|path| root.join(path)).collect();
        for path in &directories {
            fs::create_dir_all(path).unwrap();
        }
        let tree = Self { _directory: directory, directories };
        tree.restore();
        tree
    }

    /// Undoes what attempts did. The files stay the same objects.
    pub(crate) fn restore(&self) {
        let _nobody_forks = super::FORK.lock().unwrap();
        for path in &self.directories {
            fs::write(path.join("file"), "#!/bin/sh\n").unwrap();
            fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(path.join("gone"), "").unwrap();
        }
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for path in &self.directories {
            let file = path.join("file");
            attempts.extend([
                Attempt::ReadFile(file.clone()),
                Attempt::List(path.clone()),
                Attempt::WriteFile(file.clone()),
                Attempt::CreateIn(path.clone()),
                Attempt::MakeDirIn(path.clone()),
                Attempt::RemoveFrom(path.clone()),
            ]);
            if can_ask_about_execution() {
                attempts.push(Attempt::Execute(file.clone()));
            }
        }
        // Last, since an empty file cannot be executed.
        attempts.extend(self.directories.iter().map(|path| Attempt::Truncate(path.join("file"))));
        attempts
    }
}

/// The question that stands for an attempt.
pub(crate) fn query(attempt: &Attempt) -> Query<'_> {
    match attempt {
        Attempt::ReadFile(path) | Attempt::List(path) => Query::read(path),
        Attempt::WriteFile(path) | Attempt::Truncate(path) => Query::write(path),
        Attempt::Execute(path) => Query::execute(path),
        Attempt::CreateIn(path) | Attempt::MakeDirIn(path) | Attempt::RemoveFrom(path) => {
            Query::write(path)
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Grant {
    directory: usize,
    on_file: bool,
    access: AccessMode,
    execute: bool,
    source: CapabilitySource,
}

impl Grant {
    pub(crate) fn capability(&self, tree: &Tree) -> FsCapability {
        let directory = &tree.directories[self.directory];
        let path = if self.on_file { directory.join("file") } else { directory.clone() };
        let capability = if self.execute {
            FsCapability::new_executable(path)
        } else {
            FsCapability::new_any(path, self.access)
        };
        capability.unwrap().with_source(self.source.clone())
    }
}

pub(crate) fn any_grant() -> impl Strategy<Value = Grant> {
    use AccessMode::{Read, ReadWrite, Write};
    use CapabilitySource::{Group, Profile, System, User};
    let access = prop::sample::select(vec![Read, Write, ReadWrite]);
    let source = prop::sample::select(vec![User, User, Profile, Group("g".into()), System]);
    // Granting the root covers everything, so it is drawn less often.
    let directory = prop_oneof![1 => Just(0), 9 => 1..SHAPE.len()];
    (directory, any::<bool>(), access, prop::bool::weighted(0.2), source).prop_map(
        |(directory, on_file, access, execute, source)| Grant {
            directory,
            on_file,
            access,
            execute,
            source,
        },
    )
}
