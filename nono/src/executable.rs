//! Which file a command name means, and which other files the kernel needs to start it.
//!
//! ```no_run
//! use nono::executable;
//!
//! let program = executable::find("git".as_ref(), std::env::var_os("PATH").as_deref())?;
//! for file in executable::interpreters(&program)? {
//!     println!("{} needs {}", program.display(), file.display());
//! }
//! # Ok::<(), executable::ExecutableError>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, OFlags};
use rustix::io::Errno;

mod elf;
mod script;

/// Where programs are looked for when `PATH` is not set, as execvp(3) of glibc does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// How many scripts may stand in a chain; the kernel answers ELOOP to more (`exec_binprm`).
const MAX_SCRIPTS: usize = 5;

/// Why a command cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutableError {
    /// There is no such program: shells exit with 127.
    #[error("{}: not found", program.display())]
    NotFound {
        /// The program as it was named.
        program: PathBuf,
    },
    /// Something is there and may not be executed: shells exit with 126.
    #[error("{}: {source}", path.display())]
    NotExecutable {
        /// The file or directory that was found first.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is executed, the program or an interpreter, cannot be read to see what it needs.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel would refuse the file: its ELF header or `#!` line is damaged.
    #[error("{}: damaged executable", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Scripts that are interpreted by scripts, more than the kernel follows.
    #[error("{}: too many levels of interpreters", program.display())]
    TooManyInterpreters {
        /// The program at the beginning of the chain.
        program: PathBuf,
    },
}

/// The file that `program` means, by the rules of execvp(3).
///
/// A name with a slash is a path. Any other is looked for in the directories of `path`, the value
/// of `PATH`; an empty directory there is the current one, and without a value `/bin:/usr/bin` is
/// searched. The result always has a slash, so that nothing searches for it again.
///
/// # Errors
/// [`ExecutableError::NotExecutable`] when nothing that was found may be executed, a directory
/// included; [`ExecutableError::NotFound`] when nothing was found.
pub fn find(program: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, ExecutableError> {
    let mut refused = None;
    for candidate in candidates(program, path) {
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(errno) if is_absence(errno) => {}
            Err(errno) => {
                refused.get_or_insert((candidate, errno));
            }
        }
    }
    Err(match refused {
        Some((path, errno)) => ExecutableError::NotExecutable { path, source: errno.into() },
        None => ExecutableError::NotFound { program: program.into() },
    })
}

fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    let name = program.as_bytes();
    if name.is_empty() {
        return Vec::new();
    }
    if name.contains(&b'/') {
        return vec![program.into()];
    }
    path.unwrap_or(OsStr::new(DEFAULT_PATH))
        .as_bytes()
        .split(|&byte| byte == b':')
        .map(|directory| match directory {
            b"" => Path::new(".").join(program),
            _ => Path::new(OsStr::from_bytes(directory)).join(program),
        })
        .collect()
}

/// Whether the effective user may execute the regular file at `path`.
fn check(path: &Path) -> Result<(), Errno> {
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?;
    let status = rustix::fs::stat(path)?;
    match rustix::fs::FileType::from_raw_mode(status.st_mode) {
        rustix::fs::FileType::RegularFile => Ok(()),
        rustix::fs::FileType::Directory => Err(Errno::ISDIR),
        _ => Err(Errno::ACCESS),
    }
}

/// The errors after which execvp(3) goes on and a shell says "not found". A name that is too long
/// or has a NUL in it cannot exist.
fn is_absence(errno: Errno) -> bool {
    [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::NAMETOOLONG,
        Errno::INVAL,
        Errno::STALE,
        Errno::NODEV,
        Errno::TIMEDOUT,
    ]
    .contains(&errno)
}

/// The files that the kernel opens, besides `program` itself, when it executes it: the interpreter
/// of a `#!` line, that one's interpreter, and at the end of the chain the loader that an ELF file
/// names. Empty for a static program and for a format the kernel does not know by itself.
///
/// Relative paths are as the file spells them: the kernel starts from the current directory.
///
/// # Errors
/// [`ExecutableError::Unreadable`] also for a missing interpreter;
/// [`ExecutableError::Malformed`], [`ExecutableError::TooManyInterpreters`].
pub fn interpreters(program: &Path) -> Result<Vec<PathBuf>, ExecutableError> {
    let mut found: Vec<PathBuf> = Vec::new();
    loop {
        let current = found.last().map_or(program, PathBuf::as_path);
        match interpreter(current)? {
            Interpreter::None => return Ok(found),
            Interpreter::Loader(path) => {
                found.push(path);
                return Ok(found);
            }
            Interpreter::Script(_) if found.len() == MAX_SCRIPTS => {
                return Err(ExecutableError::TooManyInterpreters { program: program.into() });
            }
            Interpreter::Script(path) => found.push(path),
        }
    }
}

/// What one file asks for.
enum Interpreter {
    None,
    /// Of a `#!` line; may be a script again.
    Script(PathBuf),
    /// Of an ELF file; the kernel maps it and looks no further.
    Loader(PathBuf),
}

fn interpreter(path: &Path) -> Result<Interpreter, ExecutableError> {
    let unreadable = |source| ExecutableError::Unreadable { path: path.into(), source };
    let malformed = || ExecutableError::Malformed { path: path.into() };
    let file = open(path).map_err(unreadable)?;
    let mut head = [0; script::HEAD_BYTES];
    let length = read_up_to(&file, &mut head).map_err(unreadable)?;
    let to_path = |bytes: Vec<u8>| PathBuf::from(OsString::from_vec(bytes));
    if head.starts_with(b"#!") {
        let name = script::interpreter(&head).ok_or_else(malformed)?;
        return Ok(Interpreter::Script(to_path(name.to_vec())));
    }
    if !elf::is_elf(&head[..length]) {
        return Ok(Interpreter::None);
    }
    match elf::interpreter(|offset, bytes| file.read_exact_at(bytes, offset)) {
        Ok(Some(name)) => Ok(Interpreter::Loader(to_path(name))),
        Ok(None) => Ok(Interpreter::None),
        Err(elf::Damage::Malformed) => Err(malformed()),
        Err(elf::Damage::Io(source)) => Err(unreadable(source)),
    }
}

/// Opens a regular file; a FIFO is refused instead of waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::ACCESS.into()) }
}

fn read_up_to(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        let offset = u64::try_from(length).map_err(io::Error::other)?;
        match file.read_at(&mut buffer[length..], offset)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}
