//! What is never granted, on real trees: names, links, mounts, directories above, latecomers.
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nono_core::{AccessMode, NonoError, ObjectId};
use nono_supervisor::{Blocked, NeverGrantChecker, NeverGrantResult, Purpose, Subject};

const EVERY_PURPOSE: [Purpose; 6] = [
    Purpose::Read,
    Purpose::Write,
    Purpose::Create,
    Purpose::Subtree(AccessMode::Read),
    Purpose::Subtree(AccessMode::Write),
    Purpose::Subtree(AccessMode::ReadWrite),
];

/// A home directory with keys in `.ssh`, a start-up file, and a checker for them.
struct Home {
    _directory: tempfile::TempDir,
    path: PathBuf,
    checker: NeverGrantChecker,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("home");
        fs::create_dir_all(path.join(".ssh")).unwrap();
        fs::create_dir_all(path.join("work/deep")).unwrap();
        for name in [".ssh/id_rsa", ".bashrc", "work/notes"] {
            fs::write(path.join(name), name).unwrap();
        }
        let never = ["~/.ssh/id_rsa", "~/.aws/credentials"];
        let checker = NeverGrantChecker::with_home(&never, &["~/.bashrc"], Some(&path)).unwrap();
        Self { _directory: directory, path, checker }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Vets what is at `name` as a pin would find it.
    fn vet(&self, name: &str, purpose: Purpose) -> Result<(), Blocked> {
        let spelled = self.join(name);
        let canonical = &spelled.canonicalize().unwrap();
        let metadata = fs::metadata(canonical).unwrap();
        let links = if metadata.is_dir() { 1 } else { metadata.nlink() };
        let object = id_of(canonical);
        self.checker.vet(&Subject { spelled: &spelled, canonical, object, links, purpose })
    }

    /// Vets the making of `name`.
    fn vet_new(&self, name: &str) -> Result<(), Blocked> {
        let spelled = self.join(name);
        let parent = spelled.parent().unwrap().canonicalize().unwrap();
        let canonical = &parent.join(spelled.file_name().unwrap());
        let (object, links, purpose) = (id_of(&parent), 1, Purpose::Create);
        self.checker.vet(&Subject { spelled: &spelled, canonical, object, links, purpose })
    }

    fn is_closed(&self, name: &str) -> bool {
        let is_entry = |purpose| matches!(self.vet(name, purpose), Err(Blocked::Entry { .. }));
        EVERY_PURPOSE.into_iter().all(is_entry) && self.checker.is_blocked(&self.join(name))
    }

    fn is_open(&self, name: &str) -> bool {
        let is_open = |purpose| self.vet(name, purpose).is_ok();
        EVERY_PURPOSE.into_iter().all(is_open) && !self.checker.is_blocked(&self.join(name))
    }
}

fn id_of(path: &Path) -> ObjectId {
    let metadata = fs::metadata(path).unwrap();
    ObjectId { device: metadata.dev(), inode: metadata.ino() }
}

#[test]
fn an_entry_is_closed_and_what_lies_beside_it_is_open() {
    let home = Home::new();
    fs::write(home.join(".ssh/id_rsa2"), "").unwrap();

    assert!(home.is_closed(".ssh/id_rsa"));
    assert!(home.is_open(".ssh/id_rsa2") && home.is_open("work/notes") && home.is_open("work"));
}

#[test]
fn a_symlink_and_dot_dot_lead_to_the_entry() {
    let home = Home::new();
    symlink(home.join(".ssh"), home.join("work/link")).unwrap();
    symlink("../.ssh/id_rsa", home.join("work/innocent")).unwrap();

    assert!(home.is_closed("work/link/id_rsa"));
    assert!(home.is_closed("work/innocent"));
    assert!(home.is_closed("work/deep/../../.ssh/id_rsa"));
}

#[test]
fn an_entrys_own_name_is_closed_wherever_it_leads() {
    let home = Home::new();
    fs::remove_file(home.join(".ssh/id_rsa")).unwrap();
    symlink("../work/notes", home.join(".ssh/id_rsa")).unwrap();

    for spelled in [".ssh/id_rsa", ".ssh/./id_rsa", "work/../.ssh//id_rsa"] {
        // Another object than the entry leads to by now.
        let (spelled, canonical) = (&home.join(spelled), &home.join("work/deep"));
        let (object, links, purpose) = (id_of(canonical), 1, Purpose::Read);
        let vetted = home.checker.vet(&Subject { spelled, canonical, object, links, purpose });
        assert!(matches!(vetted, Err(Blocked::Entry { .. })), "{spelled:?}");
    }
}

#[test]
fn a_hard_link_to_an_entry_is_closed_at_once() {
    let home = Home::new();
    fs::hard_link(home.join("work/notes"), home.join("work/more")).unwrap();
    fs::hard_link(home.join(".ssh/id_rsa"), home.join("work/key")).unwrap();

    assert!(home.is_closed("work/key"));
    assert!(home.is_open("work/more"));
}

#[test]
fn a_hard_link_to_a_file_below_an_entry_is_closed() {
    let mut home = Home::new();
    let [never, written] = [[".ssh"], ["work"]];
    let entries = |names: [&str; 1]| names.map(|name| home.join(name).to_str().unwrap().to_owned());
    let [never, written] = [entries(never), entries(written)];
    home.checker = NeverGrantChecker::with_home(&[&never[0]], &[&written[0]], None).unwrap();
    fs::create_dir(home.join(".ssh/deep")).unwrap();
    fs::write(home.join(".ssh/deep/key"), "made after the list").unwrap();
    fs::hard_link(home.join(".ssh/deep/key"), home.join("key")).unwrap();
    fs::hard_link(home.join("work/notes"), home.join("notes")).unwrap();
    fs::hard_link(home.join(".bashrc"), home.join("start")).unwrap();

    assert!(home.is_closed("key"));
    assert!(home.vet("notes", Purpose::Read).is_ok());
    assert!(matches!(home.vet("notes", Purpose::Write), Err(Blocked::Entry { .. })));
    assert!(home.is_open("start"));
}

#[test]
fn names_that_are_meant_anywhere_are_closed_in_a_row_and_above() {
    let never = ["**/.git/keys"];
    let checker = NeverGrantChecker::with_home(&never, &["**/.git/hooks"], None).unwrap();
    let vet = |path: &str, purpose| {
        let (spelled, canonical) = (Path::new(path), Path::new(path));
        let object = ObjectId { device: 0, inode: 0 };
        let subject = Subject { spelled, canonical, object, links: 1, purpose };
        checker.vet_below(&subject, &[]).is_ok()
    };
    for (path, read, written) in [
        ("/a/.git/keys", false, false),
        ("/.git/keys/x", false, false),
        ("/a/.git/.git/keys/x", false, false),
        ("/a/.git/hooks/x", true, false),
        ("/a/.git", true, false),
        ("/a/.git/x", true, true),
        ("/a/.git/x/keys", true, true),
        ("/a/keys", true, true),
        ("/a", true, true),
        ("/", true, true),
    ] {
        assert_eq!(vet(path, Purpose::Read), read, "{path}");
        assert_eq!(vet(path, Purpose::Write), written, "{path}");
    }
    for entry in ["**/", "**/..", "**/a/../b"] {
        assert!(NeverGrantChecker::with_home(&[entry], &[], None).is_err(), "{entry}");
    }
}

#[test]
fn an_entry_that_was_replaced_and_linked_since_is_closed_at_once() {
    let home = Home::new();
    fs::write(home.join(".ssh/new"), "new key").unwrap();
    fs::rename(home.join(".ssh/new"), home.join(".ssh/id_rsa")).unwrap();
    fs::hard_link(home.join(".ssh/id_rsa"), home.join("work/key")).unwrap();

    assert!(home.is_closed("work/key"));
}

#[test]
fn an_entry_made_after_start_is_closed_by_its_name_and_by_its_links() {
    let home = Home::new();
    assert!(matches!(home.vet_new(".aws"), Err(Blocked::Above { .. })));
    fs::create_dir(home.join(".aws")).unwrap();
    assert!(matches!(home.vet_new(".aws/credentials"), Err(Blocked::Entry { .. })));
    assert!(home.vet_new(".aws/config").is_ok());
    fs::write(home.join(".aws/credentials"), "secret").unwrap();
    fs::hard_link(home.join(".aws/credentials"), home.join("work/linked")).unwrap();

    assert!(home.is_closed(".aws/credentials"));
    assert!(home.is_closed("work/linked"));
}

#[test]
fn a_directory_above_an_entry_can_be_listed_and_nothing_else() {
    let home = Home::new();
    for above in [".ssh", ".", ".."] {
        for purpose in EVERY_PURPOSE {
            let vetted = home.vet(above, purpose);
            assert_eq!(vetted.is_ok(), purpose == Purpose::Read, "{above} {purpose:?}");
            assert!(!matches!(vetted, Err(Blocked::Entry { .. })), "{above} {purpose:?}");
        }
        assert!(home.checker.check(&home.join(above)).is_allowed());
    }
    assert!(home.vet_new(".ssh/config").is_ok());
}

#[test]
fn a_start_up_file_can_be_read_and_not_written() {
    let home = Home::new();
    for purpose in EVERY_PURPOSE {
        let reads = matches!(purpose, Purpose::Read | Purpose::Subtree(AccessMode::Read));
        assert_eq!(home.vet(".bashrc", purpose).is_ok(), reads, "{purpose:?}");
    }
    assert!(home.checker.is_blocked(&home.join(".bashrc")));
}

/// A bind mount that goes when the test does.
struct Mount(PathBuf);

impl Mount {
    /// None for a user who may not mount.
    fn bind(source: &Path, target: &Path) -> Option<Self> {
        let mount = Command::new("mount").arg("--bind").args([source, target]).output().ok()?;
        mount.status.success().then(|| Self(target.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_bind_mount_of_an_entry_or_of_what_is_around_it_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let [target, file] = ["target", "file"].map(|name| directory.path().join(name));
    fs::create_dir(&target).unwrap();
    fs::write(&file, "").unwrap();
    let mut home = Home::new();
    let Some(_outer) = Mount::bind(&home.path, &target) else { return };
    let Some(_key) = Mount::bind(&home.join(".ssh/id_rsa"), &file) else { return };

    home.path = target;
    assert!(home.is_closed(".ssh/id_rsa"), "in a mount of a directory above");
    assert!(home.vet(".ssh", Purpose::Write).is_err());
    assert!(home.vet(".ssh", Purpose::Subtree(AccessMode::Read)).is_err());
    assert!(home.vet(".ssh", Purpose::Read).is_ok());
    assert!(home.vet_new(".aws").is_err(), "what leads to an entry that is not there yet");
    assert!(home.vet_new("other").is_ok());
    assert!(home.is_open("work/notes"));
    home.path = file;
    assert!(home.checker.is_blocked(&home.path), "a mount of the file itself");
}

#[test]
fn a_missing_path_is_judged_by_what_exists_of_it() {
    let home = Home::new();
    symlink(home.join(".ssh"), home.join("work/link")).unwrap();
    let is_blocked = |name: &str| home.checker.is_blocked(&home.join(name));

    assert!(is_blocked(".aws/credentials") && is_blocked(".aws/credentials/x"));
    assert!(!is_blocked("not/there/at/all") && !is_blocked(".aws/other"));
    fs::remove_file(home.join(".ssh/id_rsa")).unwrap();
    assert!(is_blocked("work/link/id_rsa") && !is_blocked("work/link/other"));
}

#[test]
fn what_cannot_be_looked_up_is_blocked() {
    let home = Home::new();
    symlink("loop", home.join("loop")).unwrap();
    for path in ["loop/x", "not-there/../x"] {
        assert!(home.checker.is_blocked(&home.join(path)), "{path}");
    }
    assert!(home.checker.is_blocked(Path::new("")));

    let canonical = &home.join("gone/x");
    let (object, links, purpose) = (id_of(&home.path), 1, Purpose::Read);
    let subject = Subject { spelled: canonical, canonical, object, links, purpose };
    assert!(matches!(home.checker.vet(&subject), Err(Blocked::Unclear { .. })));
}

#[test]
fn entries_are_absolute_or_below_the_home_directory() {
    let new = |entry: &str, home: Option<&str>| {
        NeverGrantChecker::with_home(&[entry], &[], home.map(Path::new)).map(|list| list.len())
    };
    assert!(matches!(new("~/x", None), Err(NonoError::NoHome(_))));
    assert!(matches!(new("~/x", Some("")), Err(NonoError::NoHome(_))));
    for entry in ["", "x", "./x", "~other/x"] {
        assert!(matches!(new(entry, Some("/")), Err(NonoError::NotAbsolute(_))), "{entry}");
    }
    assert_eq!(new("/etc/shadow", None).unwrap(), 1);
    assert!(NeverGrantChecker::new(&[]).unwrap().is_empty());
}

#[test]
fn the_rule_is_named_as_it_was_written() {
    let home = Home::new();
    let result = home.checker.check(&home.join(".ssh/id_rsa/below"));
    assert_eq!(result, NeverGrantResult::Blocked { matched_rule: "~/.ssh/id_rsa".to_owned() });
}
