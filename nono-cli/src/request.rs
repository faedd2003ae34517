//! What is used: the program that was found and the set it gets.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use nono::executable::{self, ExecutableError};
use nono::{
    CapabilitySet, CapabilitySource, DeniedPath, FsCapability, Gap, NetworkMode, NonoError,
    PreparedSandbox, Sandbox, User, presets, user,
};

use crate::failure::Failure;
use crate::floor;
use crate::grants::Grants;
use crate::grants_file;
use crate::options::Options;
use crate::report::Report;

/// What to start.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program<'a> {
    /// A program and its arguments.
    Command(&'a [OsString]),
    /// This shell, or the usual one of whom it runs as.
    Shell(Option<&'a Path>),
}

impl Program<'_> {
    /// The program's name and its arguments.
    fn words(self, user: Option<&User>) -> Vec<OsString> {
        match (self, user) {
            (Self::Command(words), _) => words.to_vec(),
            (Self::Shell(Some(shell)), _) => vec![shell.into()],
            (Self::Shell(None), Some(user)) => vec![user.shell().into()],
            (Self::Shell(None), None) => vec![usual_shell()],
        }
    }
}

/// The caller's shell: what `SHELL` says, else `/etc/passwd`, else every system's own.
fn usual_shell() -> OsString {
    let named = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let recorded = || user::recorded_shell().ok().map(PathBuf::into_os_string);
    named.or_else(recorded).unwrap_or_else(|| "/bin/sh".into())
}

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
    /// Whom it runs as, if not as the caller.
    pub(crate) user: Option<User>,
    /// Whether it gets the base set, and with it a private temporary directory.
    pub(crate) base: bool,
}

impl Request {
    /// Looks everything up that the arguments name. Relative paths in flags are relative to the
    /// caller's directory, a relative program to the directory it starts in.
    pub(crate) fn new(
        options: &Options,
        program: Program<'_>,
        report: &Report,
    ) -> Result<Self, Failure> {
        let Granted { user, workdir, base, mut caps } =
            Granted::new(&options.grants, &options.grants_file, report)?;
        let command = program.words(user.as_ref());
        let program = enter_and_find(&workdir, &command)?;
        if base {
            add_program(&mut caps, &program)?;
        }
        Ok(Self { program, command, workdir, caps, user, base })
    }

    /// The sandbox to run it in.
    pub(crate) fn sandbox(&self) -> Result<PreparedSandbox, NonoError> {
        match &self.user {
            Some(user) => Sandbox::prepare_for(&self.caps, user),
            None => Sandbox::prepare(&self.caps),
        }
    }

    /// Names of hosts are looked up over UDP, which no port grant covers.
    pub(crate) fn warn_about_names(&self, report: &Report) {
        let connects = self.caps.tcp_connect_ports();
        let has_ports = !connects.is_empty() || !self.caps.tcp_bind_ports().is_empty();
        if has_ports && !connects.contains(53) {
            report.warning(
                "host names cannot be looked up: DNS needs UDP, which is blocked with ports \
                 granted; connect by address, or grant port 53 where the resolver answers over TCP",
            );
        }
    }

    /// Whether the program runs as user 0.
    pub(crate) fn is_root(&self) -> bool {
        let caller = || rustix::process::geteuid().is_root();
        self.user.as_ref().map_or_else(caller, |user| user.identity().is_root())
    }
}

/// What the grants of a command line and its files are worth, whatever program gets them.
#[derive(Debug)]
pub(crate) struct Granted {
    /// Whom the program runs as, if not as the caller.
    pub(crate) user: Option<User>,
    /// Where it starts.
    pub(crate) workdir: PathBuf,
    /// Whether the base set is among them.
    pub(crate) base: bool,
    /// What it may do.
    pub(crate) caps: CapabilitySet,
}

impl Granted {
    /// Looks up what flags and files name.
    pub(crate) fn new(flags: &Grants, files: &[PathBuf], report: &Report) -> Result<Self, Failure> {
        let mut sources = vec![];
        for file in files {
            let grants = grants_file::read(file).map_err(Failure::Profile)?;
            sources.push((CapabilitySource::Profile, grants));
        }
        let sources: Vec<(CapabilitySource, &Grants)> = sources
            .iter()
            .map(|(source, grants)| (source.clone(), grants))
            .chain([(CapabilitySource::User, flags)])
            .collect();

        let user = user_of(&sources)?;
        let workdir = workdir(&sources)?;
        let base = !sources.iter().any(|(_, grants)| grants.no_base);
        let mut caps = CapabilitySet::new();
        if base {
            presets::add_base(&mut caps)?;
        }
        for (source, grants) in &sources {
            add_grants(&mut caps, source, grants, &workdir, report)?;
        }
        floor::add(&mut caps, files, user.as_ref(), report)?;
        Ok(Self { user, workdir, base, caps })
    }
}

fn user_of(sources: &[(CapabilitySource, &Grants)]) -> Result<Option<User>, Failure> {
    let Some(name) = sources.iter().rev().find_map(|(_, grants)| grants.user.as_deref()) else {
        return Ok(None);
    };
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::UserNeedsRoot);
    }
    User::named(name).map(Some).map_err(Failure::User)
}

fn workdir(sources: &[(CapabilitySource, &Grants)]) -> Result<PathBuf, Failure> {
    let named = sources.iter().rev().find_map(|(_, grants)| grants.workdir.as_deref());
    let path = named.unwrap_or(Path::new("."));
    let failed = |source| Failure::Workdir { path: path.to_owned(), source };
    let directory = path.canonicalize().map_err(failed)?;
    if directory.is_dir() { Ok(directory) } else { Err(failed(ErrorKind::NotADirectory.into())) }
}

/// Goes where the program starts, so that a relative name, and a relative directory in `PATH`, mean
/// what they mean to the program.
fn enter_and_find(workdir: &Path, command: &[OsString]) -> Result<PathBuf, Failure> {
    std::env::set_current_dir(workdir)
        .map_err(|source| Failure::Workdir { path: workdir.to_owned(), source })?;
    let name = command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let path = std::env::var_os("PATH");
    let found = executable::find(name, path.as_deref()).map_err(Failure::Program)?;
    Ok(workdir.join(found))
}

/// The program, and what the kernel reads to start it, whatever directory they lie in.
fn add_program(caps: &mut CapabilitySet, program: &Path) -> Result<(), Failure> {
    let interpreters = match executable::interpreters(program) {
        Ok(interpreters) => interpreters,
        // It may be executed and not read: it has to be static then, or its loader granted.
        Err(ExecutableError::Unreadable { path, source })
            if path == program && source.kind() == ErrorKind::PermissionDenied =>
        {
            Vec::new()
        }
        Err(error) => return Err(Failure::Program(error)),
    };
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
        report.note("the program can read and type on the other terminals of its user");
        presets::add_pty(caps)?;
    }
    if grants.explicit_exec {
        caps.set_explicit_execute(true);
    }
    for path in &grants.deny {
        let entry = DeniedPath::new(path, source.clone())
            .map_err(|error| Failure::Grant { flag: "--deny", error })?;
        caps.add_denied(entry);
    }
    if grants.net_block {
        caps.set_network_mode_mut(NetworkMode::Blocked);
    }
    grants.allow_connect.iter().for_each(|&ports| caps.add_tcp_connect(ports));
    grants.allow_bind.iter().for_each(|&ports| caps.add_tcp_bind(ports));
    if grants.allow_unix {
        caps.add_allowed_gap(Gap::UnixPaths);
    }
    grants.exemptions().for_each(|exemption| caps.add_exemption(exemption));
    grants.allow_gap.iter().for_each(|&gap| caps.add_allowed_gap(gap));
    grants.keep_cap.iter().for_each(|&privilege| caps.add_kept_privilege(privilege));
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
