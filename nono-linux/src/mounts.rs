//! The mounts of this process, through which one object has several names.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nono_core::{NonoError, Result};

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// What proc_pid_mountinfo(5) tells of each mount, in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<Mount>);

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// `major:minor` of the filesystem.
    device: Vec<u8>,
    /// Which directory of the filesystem is shown.
    root: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Mounts {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read(MOUNTINFO).map_err(|source| NonoError::System {
            call: "open",
            path: Some(MOUNTINFO.into()),
            source,
        })?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Self {
        Self(text.split(|&byte| byte == b'\n').filter_map(Mount::parse).collect())
    }

    /// The other paths under which a canonical path, or all that lies below it in its filesystem,
    /// can be reached.
    pub(crate) fn other_names(&self, path: &Path) -> Vec<PathBuf> {
        let Some((own, inside)) = self.place(path) else { return Vec::new() };
        let same_filesystem = self.0.iter().filter(|mount| mount.device == own.device);
        same_filesystem
            .filter_map(|mount| mount.name_of(&inside))
            .filter(|name| name != path)
            .collect()
    }

    /// The mount a path is on, the last of those that reach farthest, and its path from the root
    /// of the filesystem.
    fn place(&self, path: &Path) -> Option<(&Mount, PathBuf)> {
        let reaches = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        let mount = reaches.max_by_key(|mount| mount.point.as_os_str().len())?;
        let inside = join(&mount.root, path.strip_prefix(&mount.point).ok()?);
        Some((mount, inside))
    }
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ').skip(2);
        Some(Self {
            device: fields.next()?.to_vec(),
            root: unescaped(fields.next()?),
            point: unescaped(fields.next()?),
        })
    }

    /// Where this mount shows the object that lies at `inside` in the filesystem; the mount point
    /// when it shows only something below it.
    fn name_of(&self, inside: &Path) -> Option<PathBuf> {
        match inside.strip_prefix(&self.root) {
            Ok(rest) => Some(join(&self.point, rest)),
            Err(_) => self.root.starts_with(inside).then(|| self.point.clone()),
        }
    }
}

/// `Path::join` leaves a slash at the end when there is nothing to join.
fn join(path: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { path.to_owned() } else { path.join(rest) }
}

/// Undoes the octal escapes of blanks and backslashes.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let code = match (byte, after) {
            (b'\\', [a, b, c, ..]) => octal([*a, *b, *c]),
            _ => None,
        };
        if let Some(code) = code {
            plain.push(code);
            rest = &after[3..];
        } else {
            plain.push(byte);
        }
    }
    OsString::from_vec(plain).into()
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    let text = std::str::from_utf8(&digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 254:16 /data /srv rw - ext4 /dev/vdb rw
31 22 254:0 /home/u /mnt/a\\040b rw - ext4 /dev/vda rw
32 22 254:0 /home/u/.ssh/keys /keys rw - ext4 /dev/vda rw
33 22 254:16 / /disk rw - ext4 /dev/vdb rw
";

    fn names(path: &str) -> Vec<PathBuf> {
        Mounts::parse(TABLE).other_names(Path::new(path))
    }

    #[test]
    fn a_bind_mount_gives_a_second_name() {
        assert_eq!(names("/home/u/notes"), [Path::new("/mnt/a b/notes")]);
        assert_eq!(names("/mnt/a b/notes"), [Path::new("/home/u/notes")]);
        assert_eq!(names("/srv/x"), [Path::new("/disk/data/x")]);
    }

    #[test]
    fn a_mount_that_shows_part_of_an_entry_is_one_of_its_names() {
        assert_eq!(names("/home/u/.ssh"), [Path::new("/mnt/a b/.ssh"), Path::new("/keys")]);
    }

    #[test]
    fn what_only_one_mount_shows_has_one_name() {
        assert_eq!(names("/etc/shadow"), [] as [&Path; 0]);
        assert_eq!(names("/disk/other"), [] as [&Path; 0]);
    }
}
