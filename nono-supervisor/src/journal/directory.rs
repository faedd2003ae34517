//! Where journals are.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::Errno;

use super::{Entry, JOURNAL_MAX, JournalError, Reader, Summary};

const EXTENSION: &str = ".jsonl";
const SESSION_ID_MAX: usize = 128;

/// A directory of journals, held open: it is no link, belongs to this process's effective user, and
/// nobody else may enter it.
#[derive(Debug)]
pub struct Directory {
    descriptor: File,
    path: PathBuf,
}

/// The journals of a directory, by the beginning of their sessions; those without one come first.
#[derive(Debug, Default)]
pub struct Listing {
    /// What each says on the whole.
    pub sessions: Vec<Summary>,
    /// Why others cannot be read.
    pub unreadable: Vec<JournalError>,
}

impl Directory {
    /// The directory at `path`; made, with those above it, where it is missing (mode 0700).
    ///
    /// # Errors
    /// Whatever is wrong with the directory; see [`JournalError`].
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        match made {
            // What is there instead is named below.
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(system("mkdir", path, source))
            }
            _ => Self::open(path),
        }
    }

    /// The directory that is at `path`.
    ///
    /// # Errors
    /// Whatever is wrong with the directory; see [`JournalError`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
                Errno::NOTDIR if !path.is_symlink() => {
                    JournalError::Kind { path: path.to_owned(), expected: "directory" }
                }
                Errno::NOTDIR => JournalError::Link(path.to_owned()),
                errno => error("open", path, errno),
            })?;
        let descriptor = File::from(descriptor);
        refuse_others(&metadata(&descriptor, path)?, path)?;
        Ok(Self { descriptor, path: path.to_owned() })
    }

    /// Makes the file of a session that has none.
    pub(super) fn create_file(&self, session_id: &str) -> Result<(File, PathBuf), JournalError> {
        let name = file_name(session_id)?;
        let path = self.path.join(&name);
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| error("open", &path, errno))?;
        let file = File::from(file);
        // The mode, whatever the umask; and the name, whatever becomes of the power.
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|source| system("fchmod", &path, source))?;
        self.descriptor.sync_all().map_err(|source| system("fsync", &self.path, source))?;
        Ok((file, path))
    }

    /// The journal of a session, from its first line.
    ///
    /// # Errors
    /// Whatever is wrong with the file; see [`JournalError`].
    pub fn reader(&self, session_id: &str) -> Result<Reader, JournalError> {
        let name = file_name(session_id)?;
        let path = self.path.join(&name);
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let not_regular = || JournalError::Kind { path: path.clone(), expected: "regular file" };
        let file =
            rustix::fs::openat(&self.descriptor, &name, flags, Mode::empty()).map_err(|errno| {
                match errno {
                    Errno::NXIO | Errno::NODEV => not_regular(),
                    errno => error("open", &path, errno),
                }
            })?;
        let file = File::from(file);
        let found = metadata(&file, &path)?;
        if !found.is_file() {
            return Err(not_regular());
        }
        refuse_others(&found, &path)?;
        match found.len() {
            size if size > JOURNAL_MAX => Err(JournalError::TooLarge { path, size }),
            _ => Ok(Reader::new(file, path, session_id.to_owned())),
        }
    }

    /// Reads and checks the journal of a session. The memory that it takes does not depend on the
    /// journal's length.
    ///
    /// # Errors
    /// Whatever keeps the file from being read; what is wrong with a line is the summary's state.
    pub fn summary(&self, session_id: &str) -> Result<Summary, JournalError> {
        Summary::of(self.reader(session_id)?)
    }

    /// The sessions that have a file here, in no order. Files with other names are passed over.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn session_ids(&self) -> Result<Vec<String>, JournalError> {
        let failed = |errno| error("getdents64", &self.path, errno);
        let mut ids = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_str().ok();
            let id = name.and_then(|name| name.strip_suffix(EXTENSION));
            ids.extend(id.filter(|id| is_session_id(id)).map(str::to_owned));
        }
        Ok(ids)
    }

    /// The session that began last, among the journals whose first line holds.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn newest(&self) -> Result<Option<String>, JournalError> {
        let begun = |id: String| match self.reader(&id).and_then(|mut file| file.next_entry()) {
            Ok(Some(Entry::Begin(begin))) => Some((begin.time, id)),
            _ => None,
        };
        Ok(self.session_ids()?.into_iter().filter_map(begun).max().map(|(_, id)| id))
    }

    /// Reads and checks all journals.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Listing, JournalError> {
        let mut listing = Listing::default();
        for id in self.session_ids()? {
            match self.summary(&id) {
                Ok(summary) => listing.sessions.push(summary),
                Err(error) => listing.unreadable.push(error),
            }
        }
        listing.sessions.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok(listing)
    }
}

fn file_name(session_id: &str) -> Result<String, JournalError> {
    if is_session_id(session_id) {
        Ok(format!("{session_id}{EXTENSION}"))
    } else {
        Err(JournalError::SessionId(session_id.to_owned()))
    }
}

fn is_session_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=SESSION_ID_MAX).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}

fn metadata(file: &File, path: &Path) -> Result<Metadata, JournalError> {
    file.metadata().map_err(|source| system("fstat", path, source))
}

/// Fails where somebody else could have written it, or can read it.
fn refuse_others(found: &Metadata, path: &Path) -> Result<(), JournalError> {
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    if owner != rustix::process::geteuid().as_raw() {
        Err(JournalError::Owner { path: path.to_owned(), owner })
    } else if mode & 0o077 != 0 {
        Err(JournalError::OpenToOthers { path: path.to_owned(), mode })
    } else {
        Ok(())
    }
}

fn error(call: &'static str, path: &Path, errno: Errno) -> JournalError {
    match errno {
        Errno::NOENT => JournalError::Missing(path.to_owned()),
        Errno::EXIST => JournalError::Exists(path.to_owned()),
        Errno::LOOP => JournalError::Link(path.to_owned()),
        errno => system(call, path, errno.into()),
    }
}

fn system(call: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::System { call, path: path.to_owned(), source }
}
