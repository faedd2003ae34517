//! What is used: the program that was found and the set it gets.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use nono::{CapabilitySet, CapabilitySource, FsCapability, NonoError, executable, presets};

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::grants_file;
use crate::report::Report;

/// A run with everything looked up and nothing started.
#[derive(Debug)]
pub(crate) struct Request {
    /// The file to execute.
    pub(crate) program: PathBuf,
    /// The program's name and its arguments, as they were typed.
    pub(crate) command: Vec<OsString>,
    /// Where to start it.
    pub(crate) workdir: PathBuf,
    /// What it may do.
    pub(crate) caps: CapabilitySet,
    /// Whether it gets the base set, and with it a private temporary directory.
    pub(crate) base: bool,
}

impl Request {
    /// Looks everything up that the arguments name. Relative paths in flags are relative to the
    /// caller's directory, a relative program to the directory it starts in.
    pub(crate) fn new(arguments: &RunArgs, report: &Report) -> Result<Self, Failure> {
        let mut sources = vec![];
        for file in &arguments.grants_file {
            let grants = grants_file::read(file).map_err(Failure::Profile)?;
            sources.push((CapabilitySource::Profile, grants));
        }
        let sources: Vec<(CapabilitySource, &Grants)> = sources
            .iter()
            .map(|(source, grants)| (source.clone(), grants))
            .chain([(CapabilitySource::User, &arguments.grants)])
            .collect();

        let workdir = workdir(&sources)?;
        let program = find_program(&arguments.command, &workdir)?;
        let base = !sources.iter().any(|(_, grants)| grants.no_base);
        let mut caps = CapabilitySet::new();
        if base {
            presets::add_base(&mut caps)?;
            add_program(&mut caps, &program)?;
        }
        for (source, grants) in sources {
            add_grants(&mut caps, &source, grants, &workdir, report)?;
        }
        Ok(Self { program, command: arguments.command.clone(), workdir, caps, base })
    }
}

fn workdir(sources: &[(CapabilitySource, &Grants)]) -> Result<PathBuf, Failure> {
    let named = sources.iter().rev().find_map(|(_, grants)| grants.workdir.as_deref());
    let path = named.unwrap_or(Path::new("."));
    let failed = |source| Failure::Workdir { path: path.to_owned(), source };
    let directory = path.canonicalize().map_err(failed)?;
    if directory.is_dir() {
        Ok(directory)
    } else {
        Err(failed(std::io::ErrorKind::NotADirectory.into()))
    }
}

fn find_program(command: &[OsString], workdir: &Path) -> Result<PathBuf, Failure> {
    let name = command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let path = std::env::var_os("PATH");
    let found = executable::find(name, path.as_deref()).map_err(Failure::Program)?;
    Ok(workdir.join(found))
}

/// The program, and what the kernel reads to start it, whatever directory they lie in.
fn add_program(caps: &mut CapabilitySet, program: &Path) -> Result<(), Failure> {
    let interpreters = executable::interpreters(program).map_err(Failure::Program)?;
    for file in interpreters.iter().map(PathBuf::as_path).chain([program]) {
        caps.add_fs(FsCapability::new_executable(file)?.with_source(CapabilitySource::System));
    }
    Ok(())
}

fn add_grants(
    caps: &mut CapabilitySet,
    source: &CapabilitySource,
    grants: &Grants,
    workdir: &Path,
    report: &Report,
) -> Result<(), Failure> {
    for flag in grants.path_flags() {
        for path in flag.paths {
            match (flag.grant)(path) {
                Ok(grant) => {
                    note_other_path(&grant, report);
                    caps.add_fs(grant.with_source(source.clone()));
                }
                Err(NonoError::PathNotFound(path)) => {
                    let expects = flag.expects;
                    report.warning(format_args!(
                        "Skipping non-existent {expects}: {}",
                        path.display()
                    ));
                }
                Err(error) => return Err(Failure::Grant { flag: flag.name, error }),
            }
        }
    }
    if grants.allow_cwd {
        let cwd = FsCapability::new_dir(workdir, nono::AccessMode::ReadWrite)
            .map_err(|error| Failure::Grant { flag: "--allow-cwd", error })?;
        caps.add_fs(cwd.with_source(source.clone()));
    }
    if grants.allow_pty {
        presets::add_pty(caps)?;
    }
    if grants.explicit_exec {
        caps.set_explicit_execute(true);
    }
    grants.allow_gap.iter().for_each(|&gap| caps.add_allowed_gap(gap));
    Ok(())
}

/// Says so when a path led elsewhere than it reads.
fn note_other_path(grant: &FsCapability, report: &Report) {
    let spelled = grant.original();
    if std::path::absolute(spelled).is_ok_and(|path| without_dots(&path) != grant.resolved()) {
        report.note(format_args!(
            "{} is {}; that is what is granted",
            spelled.display(),
            grant.resolved().display()
        ));
    }
}

/// The path as it reads: `..` takes back the name before it, which is not what it does to a link.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}
