//! `decide` against the kernel, on random grants in a real tree.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Attempt, can_ask_about_execution, outcomes};
use nono::why::{Answer, Caveat, Operation, Reason, Remedy, Why};
use nono::{AccessMode, CapabilitySet, CapabilitySource, DeniedPath, FsCapability, Query, Sandbox};
use proptest::prelude::*;

/// Directories three deep, each with an executable file and one to remove.
struct Tree {
    _directory: tempfile::TempDir,
    directories: Vec<PathBuf>,
}

const SHAPE: [&str; 10] = ["", "a", "a/b", "a/b/c", "a/d", "ab", "ab/c", "e", "e/f", "e/f/g"];

impl Tree {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let directories: Vec<PathBuf> = SHAPE.iter().map(|path| root.join(path)).collect();
        directories.iter().for_each(|path| fs::create_dir_all(path).unwrap());
        let tree = Self { _directory: directory, directories };
        tree.fill();
        tree
    }

    /// Makes the files, or what attempts have left of them, anew.
    fn fill(&self) {
        let _nobody_forks = common::FORK.lock().unwrap();
        for path in &self.directories {
            fs::write(path.join("file"), "#!/bin/sh\n").unwrap();
            fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(path.join("gone"), "").unwrap();
        }
    }

    fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for path in &self.directories {
            let file = path.join("file");
            attempts.extend([
                Attempt::ReadFile(file.clone()),
                Attempt::List(path.clone()),
                Attempt::WriteFile(file.clone()),
                Attempt::CreateIn(path.clone()),
                Attempt::MakeDirIn(path.clone()),
                Attempt::RemoveFrom(path.clone()),
            ]);
            if can_ask_about_execution() {
                attempts.push(Attempt::Execute(file.clone()));
            }
        }
        // Last, since an empty file cannot be executed.
        attempts.extend(self.directories.iter().map(|path| Attempt::Truncate(path.join("file"))));
        attempts
    }
}

/// The question that stands for an attempt.
fn query(attempt: &Attempt) -> Query<'_> {
    match attempt {
        Attempt::ReadFile(path) | Attempt::List(path) => Query::read(path),
        Attempt::WriteFile(path) | Attempt::Truncate(path) => Query::write(path),
        Attempt::Execute(path) => Query::execute(path),
        Attempt::CreateIn(path) | Attempt::MakeDirIn(path) | Attempt::RemoveFrom(path) => {
            Query::write(path)
        }
    }
}

#[derive(Debug, Clone)]
struct Grant {
    directory: usize,
    on_file: bool,
    access: AccessMode,
    execute: bool,
    source: CapabilitySource,
}

impl Grant {
    fn capability(&self, tree: &Tree) -> FsCapability {
        let directory = &tree.directories[self.directory];
        let path = if self.on_file { directory.join("file") } else { directory.clone() };
        let capability = if self.execute {
            FsCapability::new_executable(path)
        } else {
            FsCapability::new_any(path, self.access)
        };
        capability.unwrap().with_source(self.source.clone())
    }
}

fn any_grant() -> impl Strategy<Value = Grant> {
    use AccessMode::{Read, ReadWrite, Write};
    use CapabilitySource::{Group, Profile, System, User};
    let access = prop::sample::select(vec![Read, Write, ReadWrite]);
    let source = prop::sample::select(vec![User, User, Profile, Group("g".into()), System]);
    // Granting the root covers everything, so it is drawn less often.
    let directory = prop_oneof![1 => Just(0), 9 => 1..SHAPE.len()];
    (directory, any::<bool>(), access, prop::bool::weighted(0.2), source).prop_map(
        |(directory, on_file, access, execute, source)| Grant {
            directory,
            on_file,
            access,
            execute,
            source,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decide_equals_what_the_kernel_does(
        grants in prop::collection::vec(any_grant(), 0..7),
        explicit: bool,
    ) {
        let tree = Tree::new();
        let mut caps = CapabilitySet::new();
        caps.set_explicit_execute(explicit);
        grants.iter().for_each(|grant| caps.add_fs(grant.capability(&tree)));
        // A set that means to narrow is refused before the kernel sees it.
        prop_assume!(caps.validate().is_ok());
        let attempts = tree.attempts();

        let kernel = outcomes(&caps, &attempts);

        for (attempt, kernel) in attempts.iter().zip(kernel) {
            let decision = caps.decide(&query(attempt));
            prop_assert_eq!(decision.is_allowed(), kernel, "{:?}: {:?}", attempt, decision);
        }
    }
}

/// What `why` is asked about an attempt.
fn question(attempt: &Attempt) -> (PathBuf, Operation) {
    use AccessMode::{Read, Write};
    match attempt {
        Attempt::ReadFile(path) | Attempt::List(path) => (path.clone(), Operation::Access(Read)),
        Attempt::WriteFile(path) | Attempt::Truncate(path) | Attempt::RemoveFrom(path) => {
            (path.clone(), Operation::Access(Write))
        }
        Attempt::Execute(path) => (path.clone(), Operation::Execute),
        Attempt::CreateIn(path) | Attempt::MakeDirIn(path) => {
            (path.join("new"), Operation::Access(Write))
        }
    }
}

/// The answers of `why` before anything is tried.
fn answers(caps: &CapabilitySet, attempts: &[Attempt]) -> Vec<Answer> {
    let sandbox = Sandbox::prepare(caps).unwrap();
    let why = Why::new(caps, sandbox.enforcement().carved_set.as_ref());
    let answer = |(path, operation): (PathBuf, Operation)| why.path(&path, operation).unwrap();
    attempts.iter().map(question).map(answer).collect()
}

/// What `why` says of the file alone, which is what the kernel is asked about.
fn allows(answer: &Answer) -> bool {
    answer.reason.allows() || answer.reason == Reason::InterpreterNotGranted
}

/// The set with what `why` says would suffice; nothing where it says nothing.
fn remedied(caps: &CapabilitySet, answer: &Answer) -> Option<CapabilitySet> {
    let mut with_it = caps.clone();
    for remedy in &answer.remedies {
        let Remedy::Grant(grant) = remedy else { panic!("{remedy:?}") };
        with_it.add_fs(grant.clone());
    }
    (with_it != *caps).then_some(with_it)
}

/// Each remedy is tried in a child of its own, so that of this many one is.
const REMEDIES_TRIED_OF: usize = 8;

/// A denied directory or file of the tree, and whether the user or the floor denies it.
fn any_denied() -> impl Strategy<Value = (usize, bool, bool)> {
    (1..SHAPE.len(), any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// With denied entries and hard links, of which `decide` alone does not know what the kernel
    /// does.
    #[test]
    fn why_equals_what_the_kernel_does_and_its_remedies_suffice(
        grants in prop::collection::vec(any_grant(), 0..7),
        denied in prop::collection::vec(any_denied(), 0..3),
        links in prop::collection::vec((0..SHAPE.len(), 0..SHAPE.len()), 0..3),
        explicit: bool,
        tried in 0..REMEDIES_TRIED_OF,
    ) {
        let tree = Tree::new();
        let mut attempts = tree.attempts();
        for (number, (file, place)) in links.into_iter().enumerate() {
            let link = tree.directories[place].join(format!("link{number}"));
            fs::hard_link(tree.directories[file].join("file"), &link).unwrap();
            attempts.extend([Attempt::ReadFile(link.clone()), Attempt::WriteFile(link)]);
        }
        let mut caps = CapabilitySet::new();
        caps.set_explicit_execute(explicit);
        grants.iter().for_each(|grant| caps.add_fs(grant.capability(&tree)));
        for (number, on_file, by_user) in denied {
            let directory = &tree.directories[number];
            let path = if on_file { directory.join("file") } else { directory.clone() };
            let source = if by_user { CapabilitySource::User } else { CapabilitySource::System };
            caps.add_denied(DeniedPath::new(path, source).unwrap());
        }
        prop_assume!(caps.validate().is_ok());
        let answers = answers(&caps, &attempts);

        let kernel = outcomes(&caps, &attempts);

        for (number, ((attempt, answer), kernel)) in
            attempts.iter().zip(&answers).zip(kernel).enumerate()
        {
            prop_assert_eq!(allows(answer), kernel, "{:?}: {:?}", attempt, answer);
            if kernel && answer.denied_by.is_some() {
                prop_assert!(answer.caveats.contains(&Caveat::HardLinks), "{:?}", answer);
            }
            if number % REMEDIES_TRIED_OF != tried {
                continue;
            }
            if let Some(with_it) = remedied(&caps, answer) {
                tree.fill();
                let works = outcomes(&with_it, std::slice::from_ref(attempt));
                prop_assert!(!answer.reason.allows() && works == [true], "{:?}: {:?}", attempt, answer);
            }
        }
    }
}

/// What is granted is an object: a second name of the same file is granted with it. A known limit
/// of Landlock; `decide` knows names only.
#[test]
fn a_file_grant_opens_its_hard_links_too() {
    let tree = Tree::new();
    let (granted, link) = (tree.directories[1].join("file"), tree.directories[7].join("link"));
    fs::hard_link(&granted, &link).unwrap();
    let caps = CapabilitySet::new().allow_file(&granted, AccessMode::Read).unwrap();

    let allowed =
        outcomes(&caps, &[Attempt::ReadFile(link.clone()), Attempt::WriteFile(link.clone())]);

    assert_eq!(allowed, [true, false]);
    assert!(!caps.decide(&Query::read(&link)).is_allowed());
}

#[test]
fn a_granted_directory_stays_granted_under_a_new_name() {
    let tree = Tree::new();
    let (before, after) = (&tree.directories[1], tree.directories[0].join("renamed"));
    let caps = CapabilitySet::new().allow_path(before, AccessMode::Read).unwrap();
    let attempts =
        [Attempt::ReadFile(after.join("b/file")), Attempt::List(tree.directories[0].clone())];

    // The ruleset holds the object already when it is renamed.
    let prepared = nono::Sandbox::prepare(&caps).unwrap();
    fs::rename(before, &after).unwrap();
    let answers = common::in_child(|| {
        prepared.apply().unwrap();
        attempts.iter().map(|attempt| u8::from(attempt.is_allowed())).collect()
    });

    assert_eq!(answers, [1, 0]);
}

#[test]
fn a_bind_mount_shows_a_granted_directory_and_nothing_else() {
    let tree = Tree::new();
    let (granted, secret, place) =
        (&tree.directories[1], &tree.directories[7], &tree.directories[5]);
    let caps = CapabilitySet::new().allow_path(granted, AccessMode::Read).unwrap();
    let attempts = [
        Attempt::ReadFile(place.join("file")),
        Attempt::ReadFile(place.join("b/file")),
        Attempt::WriteFile(place.join("file")),
        Attempt::ReadFile(secret.join("file")),
    ];

    let allowed = common::outcomes_after(&caps, || common::bind_mount(granted, place), &attempts);

    assert_eq!(allowed, [true, true, false, false]);
}

#[test]
fn what_is_mounted_below_a_grant_is_granted_with_it() {
    let tree = Tree::new();
    let (granted, other) = (&tree.directories[1], &tree.directories[7]);
    let place: &Path = &tree.directories[2];
    let caps = CapabilitySet::new().allow_path(granted, AccessMode::Read).unwrap();
    let attempts =
        [Attempt::ReadFile(place.join("f/file")), Attempt::ReadFile(other.join("f/file"))];

    let allowed = common::outcomes_after(&caps, || common::bind_mount(other, place), &attempts);

    assert_eq!(allowed, [true, false]);
}
