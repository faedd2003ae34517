//! Denied entries inside grants, on random trees and the real kernel.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Attempt, in_child, outcomes};
use nono::{AccessMode, CapabilityError, CapabilitySet, NonoError, Query, Sandbox};
use proptest::prelude::*;

/// A tree of directories `a`, `b`, `c` within each other, three deep, each with a file.
struct Tree {
    directory: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Tree {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        grow(&directory.path().canonicalize().unwrap(), 3, &mut files);
        Self { directory, files }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }
}

fn grow(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let file = directory.join("file");
    fs::write(&file, "").unwrap();
    files.push(file);
    if depth > 0 {
        for name in ["a", "b", "c"] {
            fs::create_dir(directory.join(name)).unwrap();
            grow(&directory.join(name), depth - 1, files);
        }
    }
}

/// A path in the tree, now and then one that does not exist.
fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "file", "later"]), 0..4)
        .prop_map(|names| names.join("/"))
}

fn any_grants() -> impl Strategy<Value = Vec<(String, AccessMode)>> {
    use AccessMode::{Read, ReadWrite, Write};
    let access = prop::sample::select(vec![Read, Write, ReadWrite]);
    prop::collection::vec((any_path(), access), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_denied_is_reachable_and_every_other_granted_file_is(
        grants in any_grants(),
        denied in prop::collection::vec(any_path(), 0..4),
    ) {
        let tree = Tree::new();
        let root = tree.root();
        let mut caps = CapabilitySet::new();
        for (path, access) in grants {
            if let Ok(grant) = nono::FsCapability::new_any(root.join(path), access) {
                caps.add_fs(grant);
            }
        }
        for path in denied {
            caps = caps.deny_path(root.join(path)).unwrap();
        }
        let attempts: Vec<Attempt> = tree.files.iter()
            .flat_map(|file| [Attempt::ReadFile(file.clone()), Attempt::WriteFile(file.clone())])
            .collect();

        let kernel = outcomes(&caps, &attempts);

        for (attempt, kernel) in attempts.iter().zip(kernel) {
            let query = match attempt {
                Attempt::ReadFile(path) => Query::read(path),
                Attempt::WriteFile(path) => Query::write(path),
                _ => unreachable!(),
            };
            prop_assert_eq!(caps.decide(&query).is_allowed(), kernel, "{:?}", attempt);
        }
    }
}

/// A home directory with a secret in it, granted but for the secret.
fn home_without(secret: &str) -> (tempfile::TempDir, PathBuf, CapabilitySet) {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().canonicalize().unwrap();
    for name in ["src", ".config/gh", ".config/htop"] {
        fs::create_dir_all(home.join(name)).unwrap();
    }
    for file in ["src/main.c", ".config/gh/token", ".config/htop/rc", "notes"] {
        fs::write(home.join(file), "").unwrap();
    }
    let caps = CapabilitySet::new()
        .allow_path(&home, AccessMode::ReadWrite)
        .unwrap()
        .deny_path(home.join(secret))
        .unwrap();
    (directory, home, caps)
}

#[test]
fn an_entry_that_is_made_later_stays_closed() {
    let (_guard, home, caps) = home_without(".ssh");
    let prepared = Sandbox::prepare(&caps).unwrap();
    fs::create_dir(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/id"), "").unwrap();

    let answers = in_child(|| {
        prepared.apply().unwrap();
        [
            Attempt::ReadFile(home.join(".ssh/id")),
            Attempt::CreateIn(home.join(".ssh")),
            Attempt::ReadFile(home.join("notes")),
            Attempt::WriteFile(home.join("src/main.c")),
            Attempt::CreateIn(home.join("src")),
        ]
        .iter()
        .map(|attempt| u8::from(attempt.is_allowed()))
        .collect()
    });

    assert_eq!(answers, [0, 0, 1, 1, 1]);
}

#[test]
fn the_directories_of_the_chain_cannot_be_listed_or_added_to_and_are_named() {
    let (_guard, home, caps) = home_without(".config/gh");
    let prepared = Sandbox::prepare(&caps).unwrap();
    assert_eq!(prepared.enforcement().carved, [home.clone(), home.join(".config")]);

    let attempts = [
        Attempt::List(home.clone()),
        Attempt::CreateIn(home.join(".config")),
        Attempt::ReadFile(home.join(".config/gh/token")),
        Attempt::ReadFile(home.join(".config/htop/rc")),
        Attempt::CreateIn(home.join(".config/htop")),
    ];
    assert_eq!(outcomes(&caps, &attempts), [false, false, false, true, true]);
}

#[test]
fn a_denied_link_is_closed_with_what_it_leads_to_and_cannot_be_replaced() {
    let (_guard, home, _) = home_without("notes");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("id"), "").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), home.join(".ssh")).unwrap();
    let caps = CapabilitySet::new()
        .allow_path(&home, AccessMode::ReadWrite)
        .unwrap()
        .allow_path(elsewhere.path(), AccessMode::Read)
        .unwrap()
        .deny_path(home.join(".ssh"))
        .unwrap();

    let attempts = [
        Attempt::ReadFile(home.join(".ssh/id")),
        // Whoever may change the entries of the home directory can put another link there.
        Attempt::CreateIn(home.clone()),
        Attempt::ReadFile(home.join("notes")),
    ];
    assert_eq!(outcomes(&caps, &attempts), [false, false, true]);
}

#[test]
fn a_hard_link_beside_the_chain_is_closed_with_the_entry() {
    let (_guard, home, caps) = home_without("notes");
    fs::hard_link(home.join("notes"), home.join("copy")).unwrap();
    let attempts =
        [Attempt::ReadFile(home.join("copy")), Attempt::ReadFile(home.join("src/main.c"))];
    assert_eq!(outcomes(&caps, &attempts), [false, true]);
}

#[test]
fn a_bind_mount_of_the_entry_inside_the_grant_is_closed_too() {
    let (_guard, home, caps) = home_without(".config/gh");
    fs::create_dir_all(home.join("src/deep/place")).unwrap();
    let attempts = [
        Attempt::ReadFile(home.join("src/deep/place/token")),
        Attempt::ReadFile(home.join("src/main.c")),
    ];
    let bind = || common::bind_mount(&home.join(".config/gh"), &home.join("src/deep/place"));
    assert_eq!(common::outcomes_after(&caps, bind, &attempts), [false, true]);
}

#[test]
fn a_grant_at_or_below_an_entry_gives_nothing() {
    let (_guard, home, caps) = home_without(".config");
    let caps = caps.allow_path(home.join(".config/htop"), AccessMode::Read).unwrap();
    let attempts = [Attempt::ReadFile(home.join(".config/htop/rc"))];
    assert_eq!(outcomes(&caps, &attempts), [false]);
}

#[test]
fn reads_and_writes_of_different_sources_still_add_up_after_carving() {
    let (_guard, home, _) = home_without("notes");
    let grant = |path: &Path, access, source| {
        nono::FsCapability::new_dir(path, access).unwrap().with_source(source)
    };
    let mut caps = CapabilitySet::new().deny_path(home.join("notes")).unwrap();
    caps.add_fs(grant(&home, AccessMode::Read, nono::CapabilitySource::Profile));
    caps.add_fs(grant(&home.join("src"), AccessMode::Write, nono::CapabilitySource::User));
    let file = home.join("src/main.c");
    let attempts = [Attempt::ReadFile(file.clone()), Attempt::WriteFile(file)];
    assert_eq!(outcomes(&caps, &attempts), [true, true]);
}

#[test]
fn an_entry_among_too_many_siblings_is_refused_with_the_grant_to_narrow() {
    let (_guard, home, caps) = home_without("notes");
    for number in 0..=nono_linux::CARVE_LIMIT {
        fs::write(home.join(number.to_string()), "").unwrap();
    }
    let error = Sandbox::prepare(&caps).unwrap_err();
    let NonoError::Capability(CapabilityError::CarvedTooWide { grant, entry, limit }) = error
    else {
        panic!("{error}");
    };
    assert_eq!((grant, entry, limit), (home.clone(), home.join("notes"), nono_linux::CARVE_LIMIT));
}
