//! The file that a policy stands in.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::PolicyErrorKind;

/// The largest policy, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Permission bits by which others than the owner can change a file (inode(7)).
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Reads a file that nobody but its owner can change, the owner being this process's user or root.
/// The checks look at what was opened; a link is not followed.
pub(super) fn read(path: &Path) -> Result<String, PolicyErrorKind> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags | OFlags::NOCTTY, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        // open(2): what O_NOFOLLOW says to a link.
        Err(rustix::io::Errno::LOOP) => return Err(PolicyErrorKind::NotRegular),
        Err(errno) => return Err(PolicyErrorKind::Unreadable(errno.into())),
    };
    let metadata = file.metadata().map_err(PolicyErrorKind::Unreadable)?;
    let (uid, mode) = (metadata.uid(), metadata.mode());
    if !metadata.is_file() {
        return Err(PolicyErrorKind::NotRegular);
    }
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Err(PolicyErrorKind::OwnedByOther { uid });
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(PolicyErrorKind::WritableByOthers { mode: mode & 0o7777 });
    }
    read_bounded(file)
}

fn read_bounded(file: File) -> Result<String, PolicyErrorKind> {
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(PolicyErrorKind::Unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(PolicyErrorKind::TooLarge);
    }
    let not_text =
        |error| PolicyErrorKind::Unreadable(io::Error::new(io::ErrorKind::InvalidData, error));
    String::from_utf8(bytes).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Reads what `make` makes.
    fn read_made(make: impl FnOnce(&Path)) -> Result<String, PolicyErrorKind> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        make(&path);
        read(&path)
    }

    fn write(path: &Path, mode: u32) {
        fs::write(path, "text").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_only_its_owner_can_change_is_read() {
        assert_eq!(read_made(|path| write(path, 0o644)).unwrap(), "text");
    }

    #[test]
    fn what_others_can_change_or_replace_is_refused() {
        for mode in [0o620, 0o602, 0o666] {
            let error = read_made(|path| write(path, mode)).unwrap_err();
            assert!(matches!(error, PolicyErrorKind::WritableByOthers { mode: m } if m == mode));
        }
        let error = read_made(|path| {
            write(&path.with_extension("real"), 0o600);
            symlink("policy.real", path).unwrap();
        });
        assert!(matches!(error, Err(PolicyErrorKind::NotRegular)));
    }

    #[test]
    fn another_users_file_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let error = read_made(|path| {
            write(path, 0o600);
            chown(path, Some(4711), None).unwrap();
        });
        assert!(matches!(error, Err(PolicyErrorKind::OwnedByOther { uid: 4711 })));
    }

    #[test]
    fn what_is_no_file_is_refused_and_never_waited_for() {
        let fifo = |path: &Path| {
            let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        };
        assert!(matches!(read_made(fifo), Err(PolicyErrorKind::NotRegular)));
        let directory = |path: &Path| fs::create_dir(path).unwrap();
        assert!(matches!(read_made(directory), Err(PolicyErrorKind::NotRegular)));
        let socket = |path: &Path| drop(UnixListener::bind(path).unwrap());
        assert!(matches!(read_made(socket), Err(PolicyErrorKind::Unreadable(_))));
        assert!(matches!(read_made(|_| {}), Err(PolicyErrorKind::Unreadable(_))));
    }

    #[test]
    fn a_huge_or_binary_file_is_a_typed_error() {
        let limit = usize::try_from(MAX_BYTES).unwrap();
        let sized = |length| move |path: &Path| fs::write(path, "#".repeat(length)).unwrap();
        assert_eq!(read_made(sized(limit)).unwrap().len(), limit);
        assert!(matches!(read_made(sized(limit + 1)), Err(PolicyErrorKind::TooLarge)));
        let binary = |path: &Path| fs::write(path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_made(binary), Err(PolicyErrorKind::Unreadable(_))));
    }
}
