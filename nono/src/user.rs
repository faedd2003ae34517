//! Users by name, without the C library's name service, which a static program does not have.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nono_core::Identity;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// More than any such file holds; what is larger is not one.
const MAX_BYTES: u64 = 16 << 20;

/// `NGROUPS_MAX` of the kernel (limits.h).
const MAX_GROUPS: usize = 65_536;

/// A user of this machine, as `/etc/passwd` and `/etc/group` describe it (passwd(5), group(5)).
///
/// Users that only a directory service knows are not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: OsString,
    identity: Identity,
    home: PathBuf,
    shell: PathBuf,
}

/// Why there is no such user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// No line has the name.
    #[error("no user {} in {PASSWD}; name one that is there", .0.display())]
    Unknown(OsString),
    /// A file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// Which file.
        file: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{file} is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// Which file.
        file: &'static str,
    },
    /// A line that matters is not in the form of passwd(5) or group(5).
    #[error("{file}:{line}: not a valid entry")]
    Malformed {
        /// Which file.
        file: &'static str,
        /// Which line, from 1.
        line: usize,
    },
    /// The kernel takes fewer groups.
    #[error("user {} is in more than {MAX_GROUPS} groups", .0.display())]
    TooManyGroups(OsString),
    /// The calling user's home directory is not known.
    #[error("HOME is not set")]
    NoHome,
}

impl User {
    /// The user with this name, and the groups it is a member of.
    ///
    /// # Errors
    /// [`UserError`]; a line of another user is never looked at closely.
    pub fn named(name: impl AsRef<OsStr>) -> Result<Self, UserError> {
        Self::parse(name.as_ref(), &read(PASSWD)?, &read(GROUP)?)
    }

    fn parse(name: &OsStr, passwd: &[u8], group: &[u8]) -> Result<Self, UserError> {
        let unknown = || UserError::Unknown(name.to_owned());
        let wanted = Some(name.as_bytes()).filter(|name| !name.is_empty()).ok_or_else(unknown)?;
        let (line, fields) = entries(passwd)
            .find(|(_, fields)| fields.first() == Some(&wanted))
            .ok_or_else(unknown)?;
        let malformed = || UserError::Malformed { file: PASSWD, line };
        let entry = Entry::parse(&fields).ok_or_else(malformed)?;
        let groups = groups(wanted, entry.gid, group)?;
        if groups.len() > MAX_GROUPS {
            return Err(UserError::TooManyGroups(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            identity: Identity::new(entry.uid, entry.gid, groups).ok_or_else(malformed)?,
            home: entry.home,
            shell: entry.shell,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// The numbers of the user, its group and its supplementary groups.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The home directory, `/` where the file names none.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The login shell, `/bin/sh` where the file names none.
    #[must_use]
    pub fn shell(&self) -> &Path {
        &self.shell
    }

    /// What programs look for in their environment to know whose they are.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, &OsStr); 4] {
        [
            ("HOME", self.home.as_os_str()),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", self.shell.as_os_str()),
        ]
    }
}

/// The home directory that `~/` means to this process: `HOME`, but for root the one in
/// `/etc/passwd`. Root's `HOME` is often that of the user who called for root, and what lies there
/// is not for root to trust.
///
/// # Errors
/// [`UserError::NoHome`] without `HOME`; as root those of [`recorded_home`].
pub fn home() -> Result<PathBuf, UserError> {
    if rustix::process::geteuid().is_root() {
        return recorded_home();
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(PathBuf::from).ok_or(UserError::NoHome)
}

/// The home directory that `/etc/passwd` has for the effective user, whatever `HOME` says.
///
/// # Errors
/// Those of reading the file; [`UserError::Unknown`] when it has no line for the user.
pub fn recorded_home() -> Result<PathBuf, UserError> {
    Ok(recorded()?.home)
}

/// The login shell that `/etc/passwd` has for the effective user, whatever `SHELL` says; `/bin/sh`
/// where the file names none.
///
/// # Errors
/// Those of [`recorded_home`].
pub fn recorded_shell() -> Result<PathBuf, UserError> {
    Ok(recorded()?.shell)
}

fn recorded() -> Result<Entry, UserError> {
    entry_of(rustix::process::geteuid().as_raw(), &read(PASSWD)?)
}

fn entry_of(uid: u32, passwd: &[u8]) -> Result<Entry, UserError> {
    let mut users = entries(passwd).filter_map(|(_, fields)| Entry::parse(&fields));
    users.find(|entry| entry.uid == uid).ok_or_else(|| UserError::Unknown(uid.to_string().into()))
}

/// What a line of passwd(5) says: name, password, uid, gid, comment, home, shell.
struct Entry {
    uid: u32,
    gid: u32,
    home: PathBuf,
    shell: PathBuf,
}

impl Entry {
    fn parse(fields: &[&[u8]]) -> Option<Self> {
        let [_, _, uid, gid, _, home, shell] = fields else { return None };
        let home = path_or(home, "/");
        home.is_absolute().then_some(())?;
        Some(Self { uid: number(uid)?, gid: number(gid)?, home, shell: path_or(shell, "/bin/sh") })
    }
}

fn path_or(field: &[u8], default: &str) -> PathBuf {
    let bytes = if field.is_empty() { default.as_bytes() } else { field };
    OsString::from_vec(bytes.to_vec()).into()
}

/// The user's own group and those whose lines list it, each once.
fn groups(name: &[u8], own: u32, group: &[u8]) -> Result<Vec<u32>, UserError> {
    let mut groups = vec![own];
    for (line, fields) in entries(group) {
        let members = fields.get(3).copied().unwrap_or_default();
        if members.split(|&byte| byte == b',').any(|member| member == name) {
            let gid = fields.get(2).and_then(|field| number(field));
            groups.push(gid.ok_or(UserError::Malformed { file: GROUP, line })?);
        }
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// The lines with their numbers, cut at the colons.
fn entries(text: &[u8]) -> impl Iterator<Item = (usize, Vec<&[u8]>)> {
    let lines = text.split(|&byte| byte == b'\n').enumerate();
    lines.map(|(index, line)| (index + 1, line.split(|&byte| byte == b':').collect()))
}

/// Digits and nothing else: no sign, no space.
fn number(field: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(field).ok()?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn read(file: &'static str) -> Result<Vec<u8>, UserError> {
    let unreadable = |source| UserError::Unreadable { file, source };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_BYTES => Ok(bytes),
        _ => Err(UserError::TooLarge { file }),
    }
}

#[cfg(test)]
mod tests;
