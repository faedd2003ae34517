//! The opener beside open(2): the same trees, the same questions, the same answers.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use nono_core::AccessMode;
use nono_core::wire::OpenIntent;
use nono_linux::LinuxOpener;
use rustix::fs::{Mode, OFlags};

use super::common::{Denied, Want, open, openers, tree};

/// Paths below a tree, each with a difficulty of its own.
fn paths() -> Vec<Vec<u8>> {
    let mut paths: Vec<Vec<u8>> = [
        "file",
        "file/",
        "file/.",
        "file/..",
        "file/x",
        "dir",
        "dir/",
        "dir/.",
        "dir/..",
        "dir/inner",
        "missing",
        "missing/",
        "missing/x",
        "missing/.",
        "missing/..",
        "dir/new",
        "dir/new/",
        "dir//new",
        "dir/new/.",
        "./dir/../file",
        "to-file",
        "to-file/",
        "to-dir",
        "to-dir/",
        "to-dir/inner",
        "to-dir/..",
        "to-dir/../file",
        "to-new",
        "to-new/",
        "to-file-slash",
        "to-new-slash",
        "to-nowhere",
        "to-dot",
        "absolute",
        "loop",
        "loop/x",
        "chain40",
        "chain41",
        "new40",
        "new41",
        "closed",
        "closed-dir/x",
        "closed-dir/new",
        "read-only",
        "gone (deleted)",
        "there (deleted)",
    ]
    .map(|path| path.as_bytes().to_vec())
    .to_vec();
    paths.push(b"\xff\xfe bytes".to_vec());
    paths.push(b"new \xff".to_vec());
    paths.push(vec![b'n'; 255]);
    paths.push(vec![b'n'; 256]);
    paths.push(b"dir/../".repeat(600));
    paths
}

fn make(root: &Path) {
    fs::create_dir(root.join("dir")).unwrap();
    fs::create_dir(root.join("closed-dir")).unwrap();
    let bytes = OsStr::from_bytes(b"\xff\xfe bytes");
    let names = ["file", "dir/inner", "closed", "closed-dir/x", "read-only", "there (deleted)"];
    for name in names.map(OsStr::new).into_iter().chain([bytes]) {
        fs::write(root.join(name), "content").unwrap();
    }
    for (link, target) in [
        ("to-file", "file"),
        ("to-dir", "dir"),
        ("to-new", "dir/made"),
        ("to-file-slash", "file/"),
        ("to-new-slash", "dir/made/"),
        ("to-nowhere", "missing/x"),
        ("to-dot", "."),
        ("loop", "loop"),
        ("chain1", "file"),
        ("new1", "dir/made"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    symlink(root.join("file"), root.join("absolute")).unwrap();
    for (kind, number) in ["chain", "new"].iter().flat_map(|kind| (2..=41).map(move |n| (kind, n)))
    {
        let (target, link) = (format!("{kind}{}", number - 1), format!("{kind}{number}"));
        symlink(target, root.join(link)).unwrap();
    }
}

/// Takes away what root has in spite of it.
fn close(root: &Path) {
    for (name, mode) in [("closed", 0o000), ("read-only", 0o444), ("closed-dir", 0o000)] {
        fs::set_permissions(root.join(name), Permissions::from_mode(mode)).unwrap();
    }
}

fn wants() -> Vec<Want> {
    let plain = OpenIntent::default();
    let create = OpenIntent { create: true, mode: 0o640, ..plain };
    let intents = [
        plain,
        OpenIntent { directory: true, ..plain },
        OpenIntent { append: true, ..plain },
        OpenIntent { truncate: true, ..plain },
        create,
        OpenIntent { exclusive: true, ..create },
        OpenIntent { truncate: true, append: true, ..create },
    ];
    let accesses = [AccessMode::Read, AccessMode::Write, AccessMode::ReadWrite];
    let pairs =
        intents.into_iter().flat_map(|intent| accesses.map(|access| Want { access, intent }));
    // Truncating what is opened for reading is left undefined by POSIX; the opener does not.
    pairs.filter(|want| !(want.intent.truncate && want.access == AccessMode::Read)).collect()
}

fn open_natively(path: &Path, want: Want) -> Result<File, i32> {
    let mut flags = OFlags::CLOEXEC
        | match want.access {
            AccessMode::Read => OFlags::RDONLY,
            AccessMode::Write => OFlags::WRONLY,
            AccessMode::ReadWrite => OFlags::RDWR,
        };
    let intent = want.intent;
    flags.set(OFlags::CREATE, intent.create);
    flags.set(OFlags::EXCL, intent.exclusive);
    flags.set(OFlags::TRUNC, intent.truncate);
    flags.set(OFlags::APPEND, intent.append);
    flags.set(OFlags::DIRECTORY, intent.directory);
    let opened = rustix::fs::open(path, flags, Mode::from_raw_mode(intent.mode));
    opened.map(File::from).map_err(rustix::io::Errno::raw_os_error)
}

/// What a program gets to see: the errno, or what it reads; and the tree after it wrote.
type Seen = (Result<String, i32>, Files);
type Files = BTreeMap<PathBuf, (u32, String)>;

fn see(root: &Path, opened: Result<File, i32>, want: Want) -> Seen {
    let result = opened.map(|mut file| {
        let mut read = String::new();
        if want.access != AccessMode::Write && file.metadata().unwrap().is_file() {
            file.read_to_string(&mut read).unwrap();
        }
        if want.access != AccessMode::Read {
            file.write_all(b"W").unwrap();
        }
        read
    });
    // So that an ordinary user can look.
    for name in ["closed", "closed-dir", "read-only"] {
        fs::set_permissions(root.join(name), Permissions::from_mode(0o700)).unwrap();
    }
    let mut found = BTreeMap::new();
    for directory in ["", "dir", "closed-dir"] {
        for entry in fs::read_dir(root.join(directory)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let mode = entry.metadata().unwrap().permissions().mode();
                let content = fs::read_to_string(entry.path()).unwrap();
                let path = entry.path().strip_prefix(root).unwrap().to_owned();
                found.insert(path, (mode, content));
            }
        }
    }
    (result, found)
}

/// Paths are joined as bytes: joining as paths would clean them up.
fn below(root: &Path, path: &[u8]) -> PathBuf {
    let bytes = [root.as_os_str().as_bytes(), b"/", path].concat();
    OsStr::from_bytes(&bytes).into()
}

fn compare(opener: &LinuxOpener) {
    let mut differing = vec![];
    let trees @ [(_, native_root), (_, root)] = &[tree(), tree()];
    trees.iter().for_each(|(_, root)| make(root));
    for path in paths() {
        for want in wants() {
            trees.iter().for_each(|(_, root)| close(root));
            let native = open_natively(&below(native_root, &path), want);
            let native = see(native_root, native, want);
            let ours = open(opener, &below(root, &path), want, &Denied::default());
            let ours = see(root, ours.map_err(|refusal| refusal.errno.unwrap_or(-1)), want);
            if native != ours {
                let path = String::from_utf8_lossy(&path).into_owned();
                differing.push(format!("{path}: {want:?}: {:?}, not {:?}", ours.0, native.0));
            }
            restore(native_root, &native.1);
            restore(root, &ours.1);
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Undoes what a program did.
fn restore(root: &Path, found: &Files) {
    static UNTOUCHED: LazyLock<Files> = LazyLock::new(|| {
        let (_tree, root) = tree();
        make(&root);
        see(&root, Err(0), Want::read()).1
    });
    for name in found.keys().filter(|name| !UNTOUCHED.contains_key(*name)) {
        fs::remove_file(root.join(name)).unwrap();
    }
    for (name, file) in UNTOUCHED.iter().filter(|(name, file)| found.get(*name) != Some(*file)) {
        fs::write(root.join(name), &file.1).unwrap();
    }
}

#[test]
fn a_resolved_path_is_opened_as_the_kernel_opens_it() {
    compare(&openers()[0]);
}

#[test]
fn a_walked_path_is_opened_as_the_kernel_opens_it() {
    compare(&openers()[1]);
}
