//! Grants as flags and as the keys of a file: one struct, so that the two cannot drift apart.

use std::path::{Path, PathBuf};

use nono::{AccessMode, FsCapability, Gap, Result};
use serde::Deserialize;

/// What one source asks for.
#[derive(Debug, Default, PartialEq, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Grants {
    /// Grant reading and writing a directory
    #[arg(short = 'a', long, value_name = "DIR", help_heading = "Grants")]
    pub(crate) allow: Vec<PathBuf>,
    /// Grant reading a directory
    #[arg(short = 'r', long, value_name = "DIR", help_heading = "Grants")]
    pub(crate) read: Vec<PathBuf>,
    /// Grant writing a directory
    #[arg(short = 'w', long, value_name = "DIR", help_heading = "Grants")]
    pub(crate) write: Vec<PathBuf>,
    /// Grant reading and writing a file
    #[arg(long, value_name = "FILE", help_heading = "Grants")]
    pub(crate) allow_file: Vec<PathBuf>,
    /// Grant reading a file
    #[arg(long, value_name = "FILE", help_heading = "Grants")]
    pub(crate) read_file: Vec<PathBuf>,
    /// Grant writing a file
    #[arg(long, value_name = "FILE", help_heading = "Grants")]
    pub(crate) write_file: Vec<PathBuf>,
    /// Grant reading and writing the program's working directory
    #[arg(long, help_heading = "Grants")]
    pub(crate) allow_cwd: bool,
    /// Grant executing a file, or the files below a directory
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    pub(crate) exec: Vec<PathBuf>,
    /// Grant terminals other than the program's own: it may then read and fake what is typed there
    #[arg(long, help_heading = "Grants")]
    pub(crate) allow_pty: bool,

    /// Let reading a file no longer imply executing it; see --exec
    #[arg(long, help_heading = "Sandbox")]
    pub(crate) explicit_exec: bool,
    /// Leave out the base set: system programs and libraries, /proc, a private TMPDIR, and the
    /// program itself
    #[arg(long, help_heading = "Sandbox")]
    pub(crate) no_base: bool,
    /// Run although the kernel cannot enforce this; the message that refuses names the gap
    #[arg(long, value_name = "NAME", help_heading = "Sandbox")]
    pub(crate) allow_gap: Vec<Gap>,
    /// Start the program in this directory
    #[arg(long, value_name = "DIR", help_heading = "Sandbox")]
    pub(crate) workdir: Option<PathBuf>,
}

/// The paths of one flag, and what it makes of each.
pub(crate) struct PathFlag<'a> {
    pub(crate) name: &'static str,
    pub(crate) paths: &'a [PathBuf],
    pub(crate) grant: fn(&Path) -> Result<FsCapability>,
    /// What the flag expects, for messages.
    pub(crate) expects: &'static str,
}

impl Grants {
    /// The flags that take paths.
    pub(crate) fn path_flags(&self) -> [PathFlag<'_>; 7] {
        use AccessMode::{Read, ReadWrite, Write};
        let directory = |name, paths, grant| PathFlag { name, paths, grant, expects: "path" };
        let file = |name, paths, grant| PathFlag { name, paths, grant, expects: "file" };
        [
            directory("--allow", &self.allow, |path| FsCapability::new_dir(path, ReadWrite)),
            directory("--read", &self.read, |path| FsCapability::new_dir(path, Read)),
            directory("--write", &self.write, |path| FsCapability::new_dir(path, Write)),
            file("--allow-file", &self.allow_file, |path| FsCapability::new_file(path, ReadWrite)),
            file("--read-file", &self.read_file, |path| FsCapability::new_file(path, Read)),
            file("--write-file", &self.write_file, |path| FsCapability::new_file(path, Write)),
            directory("--exec", &self.exec, |path| FsCapability::new_executable(path)),
        ]
    }

    /// Every path that was written down.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let lists = [
            &mut self.allow,
            &mut self.read,
            &mut self.write,
            &mut self.allow_file,
            &mut self.read_file,
            &mut self.write_file,
            &mut self.exec,
        ];
        lists.into_iter().flatten().chain(&mut self.workdir)
    }
}
