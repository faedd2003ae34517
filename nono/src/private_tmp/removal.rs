//! Removing a tree that a program may have made hostile, and may still be changing.
//!
//! A directory that is not empty is emptied in place, and the directories in it that are not
//! empty are renamed first, to stand beside the entry that is removed. So at most three descriptors are open at any depth, no
//! path is longer than one name, and what was moved is out of the reach of a sandboxed program,
//! whose grant ends below the root. Only held descriptors and single names are used: no link is
//! followed.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, RawDirEntry, SeekFrom};
use rustix::io::Errno;

/// How often a directory is emptied again because somebody keeps filling it.
const MAX_PASSES: u32 = 100;

const ENTRIES_BYTES: usize = 8192;

type Result<T> = std::result::Result<T, (&'static str, Errno)>;

/// Whether everything is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    OutOfBudget,
}

/// The removal of one entry of a directory, with all that is below it.
pub(super) struct Removal<'a> {
    root: BorrowedFd<'a>,
    name: &'a CStr,
    pending: Vec<CString>,
    moved: u64,
    budget: &'a mut u64,
}

/// What became of one name.
#[derive(PartialEq, Eq)]
enum Unlinked {
    Gone,
    /// A directory with entries, or something that was swapped meanwhile.
    Remains,
}

impl<'a> Removal<'a> {
    /// Prepares to remove the entry `name` of `root`, and at most `budget` entries below it. Only
    /// the calling user may be able to change the entries of `root` itself.
    pub(super) fn new(root: BorrowedFd<'a>, name: &'a CStr, budget: &'a mut u64) -> Self {
        Self { root, name, pending: vec![name.to_owned()], moved: 0, budget }
    }

    pub(super) fn run(mut self) -> Result<Progress> {
        while let Some(name) = self.pending.pop() {
            if self.remove(&name)? == Progress::OutOfBudget {
                return Ok(Progress::OutOfBudget);
            }
        }
        Ok(Progress::Done)
    }

    /// Removes one entry of the root.
    fn remove(&mut self, name: &CStr) -> Result<Progress> {
        for _ in 0..MAX_PASSES {
            if unlink(self.root, name)? == Unlinked::Gone {
                return Ok(Progress::Done);
            }
            let Some(directory) = open(self.root, name)? else { continue };
            if self.empty(directory.as_fd())? == Progress::OutOfBudget {
                return Ok(Progress::OutOfBudget);
            }
        }
        Err(("rmdir", Errno::BUSY))
    }

    /// Removes or moves away each entry of a directory that one reading of it shows.
    fn empty(&mut self, directory: BorrowedFd<'_>) -> Result<Progress> {
        let mut buffer = [MaybeUninit::uninit(); ENTRIES_BYTES];
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(entry) = next(&mut entries)? {
            if is_dot(entry.file_name()) {
                continue;
            }
            let Some(left) = self.budget.checked_sub(1) else {
                return Ok(Progress::OutOfBudget);
            };
            *self.budget = left;
            if unlink(directory, entry.file_name())? == Unlinked::Remains {
                self.move_to_root(directory, entry.file_name())?;
            }
        }
        Ok(Progress::Done)
    }

    fn move_to_root(&mut self, from: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let mut was_opened = false;
        loop {
            let target = [self.name.to_bytes(), self.moved.to_string().as_bytes()].join(&b'.');
            let target = CString::new(target).unwrap_or_default();
            match rustix::fs::renameat(from, name, self.root, &target) {
                Ok(()) => {
                    self.moved += 1;
                    self.pending.push(target);
                    return Ok(());
                }
                Err(Errno::NOENT) => return Ok(()),
                // The name is taken: left by a removal that was itself cut short.
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ISDIR | Errno::NOTDIR) => {
                    self.moved += 1;
                }
                // Moving a directory changes its `..`, so that it must be writable itself.
                Err(Errno::ACCESS) if !was_opened => {
                    open(from, name)?;
                    was_opened = true;
                }
                Err(errno) => return Err(("rename", errno)),
            }
        }
    }
}

/// Opens a directory and gives its owner all rights to it. Nothing if it is none, or no more.
pub(super) fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>> {
    let directory = match open_nofollow(parent, name, OFlags::RDONLY) {
        Err(Errno::ACCESS) => open_closed(parent, name),
        other => other.map_err(|errno| ("open", errno)),
    };
    match directory {
        Ok(directory) => {
            let status = rustix::fs::fstat(&directory).map_err(|errno| ("fstat", errno))?;
            if !Mode::from_raw_mode(status.st_mode).contains(Mode::RWXU) {
                rustix::fs::fchmod(&directory, Mode::RWXU).map_err(|errno| ("fchmod", errno))?;
            }
            Ok(Some(directory))
        }
        Err((_, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a directory that its owner may not read. Its mode is changed through the descriptor:
/// by name, a link put there in the meantime would be followed.
fn open_closed(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let held = open_nofollow(parent, name, OFlags::PATH).map_err(|errno| ("open", errno))?;
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    rustix::fs::chmod(path, Mode::RWXU).map_err(|errno| ("chmod", errno))?;
    open_nofollow(held.as_fd(), c".", OFlags::RDONLY).map_err(|errno| ("open", errno))
}

/// At most `limit` names of the entries of a directory.
pub(super) fn names(directory: BorrowedFd<'_>, limit: usize) -> Result<Vec<CString>> {
    rustix::fs::seek(directory, SeekFrom::Start(0)).map_err(|errno| ("lseek", errno))?;
    let mut buffer = [MaybeUninit::uninit(); ENTRIES_BYTES];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = next(&mut entries)?.filter(|_| names.len() < limit) {
        if !is_dot(entry.file_name()) {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// The next entry; a directory that was itself removed has none.
fn next<'a>(entries: &'a mut RawDir<'_, BorrowedFd<'_>>) -> Result<Option<RawDirEntry<'a>>> {
    match entries.next() {
        None | Some(Err(Errno::NOENT)) => Ok(None),
        Some(Ok(entry)) => Ok(Some(entry)),
        Some(Err(errno)) => Err(("getdents64", errno)),
    }
}

fn is_dot(name: &CStr) -> bool {
    name == c"." || name == c".."
}

/// Removes a name of whatever kind, a directory if it is empty.
fn unlink(parent: BorrowedFd<'_>, name: &CStr) -> Result<Unlinked> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(Unlinked::Gone),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(("unlink", errno)),
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(Unlinked::Gone),
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(Unlinked::Remains),
        Err(errno) => Err(("rmdir", errno)),
    }
}

fn open_nofollow(
    parent: BorrowedFd<'_>,
    name: &CStr,
    access: OFlags,
) -> std::result::Result<OwnedFd, Errno> {
    let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_that_was_put_in_place_of_a_directory_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::set_permissions(&outside, Permissions::from_mode(0o100)).unwrap();
        symlink(&outside, directory.path().join("link")).unwrap();
        let parent = File::open(directory.path()).unwrap();

        let opened = open(parent.as_fd(), c"link").unwrap();
        let closed = open_closed(parent.as_fd(), c"link").unwrap_err();

        assert!(opened.is_none());
        assert!([Errno::NOTDIR, Errno::LOOP].contains(&closed.1), "{closed:?}");
        assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o777, 0o100);
    }

    #[test]
    fn a_directory_that_is_filled_for_ever_ends_in_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let filled = directory.path().join("filled");
        fs::create_dir(&filled).unwrap();
        let root = File::open(directory.path()).unwrap();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let fill = || {
            let mut number = 0_u64;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = File::create(filled.join(number.to_string()));
                number += 1;
            }
        };

        let outcome = std::thread::scope(|scope| {
            scope.spawn(fill);
            let mut budget = 1_000_000;
            let outcome = Removal::new(root.as_fd(), c"filled", &mut budget).run();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            outcome
        });

        // Whoever is faster wins; what counts is that there is an end.
        match outcome {
            Ok(Progress::Done) => assert!(!filled.exists()),
            Ok(Progress::OutOfBudget) | Err(("rmdir", Errno::BUSY)) => assert!(filled.exists()),
            Err(other) => panic!("{other:?}"),
        }
    }
}
