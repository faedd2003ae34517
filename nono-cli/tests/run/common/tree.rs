//! Files of one test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A fresh directory, under its canonical path, removed at the end. Every user may enter it.
pub(crate) struct Tree {
    _directory: TempDir,
    root: PathBuf,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        Self { _directory: directory, root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The path as a word of a command line.
    pub(crate) fn word(&self, path: &str) -> String {
        self.at(path).to_str().unwrap().to_owned()
    }

    /// Makes a directory and those above it.
    pub(crate) fn directory(&self, path: &str) -> PathBuf {
        fs::create_dir_all(self.at(path)).unwrap();
        self.at(path)
    }

    /// Makes a file and the directories above it.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }

    /// Makes a file that may be executed.
    pub(crate) fn script(&self, path: &str, content: &str) -> PathBuf {
        let file = self.file(path, content);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }
}
