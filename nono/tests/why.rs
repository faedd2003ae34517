//! `why` against the kernel: the random sets of `decide`, with denied entries and hard links.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::sets::{Grant, SHAPE, Tree, any_grant};
use common::{Attempt, outcomes, outcomes_in};
use nono::why::{Answer, Caveat, Operation, Reason, Remedy, Why};
use nono::{
    AccessMode, CapabilitySet, CapabilitySource, DeniedPath, FsCapability, Query, Rights, Sandbox,
};
use proptest::prelude::*;
use proptest::sample::Index;

const READ: Operation = Operation::Access(AccessMode::Read);
const WRITE: Operation = Operation::Access(AccessMode::Write);

/// What is asked for an attempt.
fn question(attempt: &Attempt) -> (PathBuf, Operation) {
    match attempt {
        Attempt::ReadFile(path) | Attempt::List(path) => (path.clone(), READ),
        Attempt::WriteFile(path) | Attempt::Truncate(path) | Attempt::RemoveFrom(path) => {
            (path.clone(), WRITE)
        }
        Attempt::Execute(path) => (path.clone(), Operation::Execute),
        Attempt::CreateIn(path) | Attempt::MakeDirIn(path) => (path.join("new"), WRITE),
    }
}

fn ask(caps: &CapabilitySet, attempts: &[Attempt]) -> Vec<Answer> {
    let prepared = Sandbox::prepare(caps).unwrap();
    let why = Why::new(caps, prepared.enforcement().carved_set.as_ref());
    let answer = |(path, operation): (PathBuf, _)| why.path(&path, operation).unwrap();
    attempts.iter().map(question).map(answer).collect()
}

/// Whether the file itself may be used: the kernel is asked about execution without its interpreter.
fn allows(answer: &Answer) -> bool {
    answer.reason.allows() || answer.reason == Reason::InterpreterNotGranted
}

/// A random set in a random tree.
#[derive(Debug, Clone)]
struct Scene {
    grants: Vec<Grant>,
    /// The directory, and what in it: the file, what does not exist, or the directory itself; and
    /// whether the user or the floor denies it.
    denied: Vec<(usize, &'static str, CapabilitySource)>,
    /// From the file of one directory to a name in another.
    links: Vec<(usize, usize)>,
    explicit: bool,
}

impl Scene {
    fn caps(&self, tree: &Tree) -> CapabilitySet {
        let mut caps = CapabilitySet::new();
        caps.set_explicit_execute(self.explicit);
        self.grants.iter().for_each(|grant| caps.add_fs(grant.capability(tree)));
        for (number, name, source) in &self.denied {
            let path = tree.directories[*number].join(name);
            caps.add_denied(DeniedPath::new(path, source.clone()).unwrap());
        }
        caps
    }

    /// Makes the links, and gives what can be tried on them.
    fn link(&self, tree: &Tree) -> Vec<Attempt> {
        let mut attempts = vec![];
        for (number, (from, to)) in self.links.iter().enumerate() {
            let link = tree.directories[*to].join(format!("link{number}"));
            fs::hard_link(tree.directories[*from].join("file"), &link).unwrap();
            attempts.push(Attempt::ReadFile(link.clone()));
            attempts.push(Attempt::WriteFile(link.clone()));
            if common::can_ask_about_execution() {
                attempts.push(Attempt::Execute(link));
            }
        }
        attempts
    }
}

fn any_denied() -> impl Strategy<Value = (usize, &'static str, CapabilitySource)> {
    let name = prop::sample::select(vec!["", "file", "new"]);
    let source = prop::sample::select(vec![CapabilitySource::User, CapabilitySource::System]);
    (1..SHAPE.len(), name, source)
}

prop_compose! {
    fn any_scene()(
        grants in prop::collection::vec(any_grant(), 0..7),
        denied in prop::collection::vec(any_denied(), 0..3),
        links in prop::collection::vec((0..SHAPE.len(), 0..SHAPE.len()), 0..4),
        explicit: bool,
    ) -> Scene {
        Scene { grants, denied, links, explicit }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn why_equals_what_the_kernel_does(scene in any_scene()) {
        let tree = Tree::new();
        let mut attempts = scene.link(&tree);
        attempts.extend(tree.attempts());
        let caps = scene.caps(&tree);
        prop_assume!(caps.validate().is_ok());
        let answers = ask(&caps, &attempts);

        let kernel = outcomes(&caps, &attempts);

        for ((attempt, answer), kernel) in attempts.iter().zip(&answers).zip(kernel) {
            prop_assert_eq!(allows(answer), kernel, "{:?}: {:?}", attempt, answer);
            let is_told = answer.caveats.contains(&Caveat::DeniedUnderOneName);
            prop_assert!(is_told || !kernel || answer.denied_by.is_none(), "{:?}: {:?}", attempt, answer);
        }
    }
}

proptest! {
    // Each remedy is tried in several children.
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn each_remedy_works_and_a_narrower_one_does_not(
        scene in any_scene(),
        tried in prop::collection::vec(any::<Index>(), 4),
    ) {
        let tree = Tree::new();
        let mut attempts = scene.link(&tree);
        attempts.extend(tree.attempts());
        let caps = scene.caps(&tree);
        prop_assume!(caps.validate().is_ok());
        let answers = ask(&caps, &attempts);
        let is_remedied = |number: &usize| !answers[*number].remedies.is_empty();
        let remedied: Vec<usize> = (0..attempts.len()).filter(is_remedied).collect();
        prop_assume!(!remedied.is_empty());

        for number in tried.iter().map(|index| *index.get(&remedied)) {
            let answer = &answers[number];
            let path = question(&attempts[number]).0;
            // What worked before must still work.
            let wanted: Vec<Attempt> = (0..attempts.len())
                .filter(|&other| other == number || allows(&answers[other]))
                .map(|number| attempts[number].clone())
                .collect();
            let grants = grants_of(&answer.remedies);
            let grants_at = grants[0].resolved();
            let works = |grants: &[FsCapability]| {
                tree.restore();
                let mut with_them = caps.clone();
                grants.iter().for_each(|grant| with_them.add_fs(grant.clone()));
                // A right may be lost that no attempt shows, as executing what is made later.
                let keeps = |right| {
                    let query = Query::Path { path: grants_at, rights: right };
                    !caps.decide(&query).is_allowed() || with_them.decide(&query).is_allowed()
                };
                if ![Rights::READ, Rights::WRITE, Rights::EXECUTE].into_iter().all(keeps) {
                    return false;
                }
                // What narrows a grant above it is refused before the kernel sees it.
                with_them.validate().is_ok() && outcomes(&with_them, &wanted) == vec![true; wanted.len()]
            };

            prop_assert!(works(&grants), "{:?}: {:?}", attempts[number], answer);
            if answer.reason == Reason::InterpreterNotGranted {
                // The kernel is not asked about interpreters here.
                continue;
            }
            for narrower in narrower(&grants, &path, scene.explicit) {
                prop_assert!(!works(&narrower), "{:?}: {:?} suffices", attempts[number], narrower);
            }
        }
    }
}

fn grants_of(remedies: &[Remedy]) -> Vec<FsCapability> {
    let grant = |remedy: &Remedy| match remedy {
        Remedy::Grant(grant) => grant.clone(),
        other => panic!("{other:?}"),
    };
    remedies.iter().map(grant).collect()
}

/// Each of the grants on what was asked for left out, or with less of what it gives.
fn narrower(grants: &[FsCapability], path: &Path, explicit: bool) -> Vec<Vec<FsCapability>> {
    let mut narrower = vec![];
    for (number, grant) in grants.iter().enumerate() {
        if !path.starts_with(grant.resolved()) {
            continue;
        }
        let with = |mode: Option<AccessMode>| {
            let mut grants = grants.to_vec();
            match mode {
                Some(mode) => {
                    grants[number] = FsCapability::new_any(grant.resolved(), mode).unwrap();
                }
                None => drop(grants.remove(number)),
            }
            grants
        };
        narrower.push(with(None));
        match grant.access() {
            AccessMode::ReadWrite => {
                narrower.push(with(Some(AccessMode::Read)));
                narrower.push(with(Some(AccessMode::Write)));
            }
            AccessMode::Read if explicit && grant.grants_execute() => {
                narrower.push(with(Some(AccessMode::Read)));
            }
            _ => {}
        }
    }
    narrower
}

/// A granted directory with a denied file in it, and two more names of that file: one beside it,
/// one in a directory that is granted whole.
struct Linked {
    tree: Tree,
    caps: CapabilitySet,
    beside: PathBuf,
    elsewhere: PathBuf,
}

impl Linked {
    fn new() -> Self {
        let tree = Tree::new();
        let (root, a, e) = (&tree.directories[0], &tree.directories[1], &tree.directories[7]);
        let (beside, elsewhere) = (a.join("beside"), e.join("elsewhere"));
        for link in [&beside, &elsewhere] {
            fs::hard_link(a.join("file"), link).unwrap();
        }
        let caps = CapabilitySet::new()
            .allow_path(root, AccessMode::Read)
            .unwrap()
            .deny_path(a.join("file"))
            .unwrap();
        Self { tree, caps, beside, elsewhere }
    }
}

#[test]
fn a_link_to_a_denied_file_is_answered_as_the_kernel_does_and_says_what_it_is() {
    let Linked { tree, caps, beside, elsewhere } = Linked::new();
    let attempts = [Attempt::ReadFile(beside), Attempt::ReadFile(elsewhere)];
    let answers = ask(&caps, &attempts);

    assert_eq!(outcomes(&caps, &attempts), [false, true]);

    let reasons: Vec<_> = answers.iter().map(|answer| answer.reason).collect();
    assert_eq!(reasons, [Reason::DeniedPath, Reason::Granted]);
    let entry = tree.directories[1].join("file");
    for answer in &answers {
        assert!(answer.caveats.contains(&Caveat::DeniedUnderOneName), "{answer:?}");
        assert!(answer.remedies.is_empty(), "{answer:?}");
        assert_eq!(answer.denied_by.as_ref().map(|(path, _)| path), Some(&entry));
    }
}

#[test]
fn what_is_made_beside_a_denied_entry_after_the_start_is_not_granted() {
    let Linked { tree, caps, .. } = Linked::new();
    let (carved, whole) = (tree.directories[1].join("made"), tree.directories[7].join("made"));
    let prepared = Sandbox::prepare(&caps).unwrap();
    for made in [&carved, &whole] {
        fs::write(made, "").unwrap();
    }
    let why = Why::new(&caps, prepared.enforcement().carved_set.as_ref());
    let reason = |path: &Path| why.path(path, READ).unwrap().reason;

    assert_eq!(reason(&carved), Reason::CarvedDirectory);
    assert_eq!(reason(&whole), Reason::Granted);
    let attempts = [Attempt::ReadFile(carved), Attempt::ReadFile(whole)];
    assert_eq!(outcomes_in(|| prepared.apply().unwrap(), &attempts), [false, true]);
}

#[test]
fn a_file_that_replaces_a_granted_one_is_not_granted() {
    let tree = Tree::new();
    let file = tree.directories[1].join("file");
    let caps = CapabilitySet::new().allow_file(&file, AccessMode::Read).unwrap();
    let prepared = Sandbox::prepare(&caps).unwrap();
    let why = Why::new(&caps, prepared.enforcement().carved_set.as_ref());
    let before = why.path(&file, READ).unwrap();
    // Kept, so that its number is not given to the new one.
    fs::rename(&file, tree.directories[1].join("old")).unwrap();
    fs::write(&file, "").unwrap();

    let after = why.path(&file, READ).unwrap();
    let old = why.path(&tree.directories[1].join("old"), READ).unwrap();

    assert_eq!(before.reason, Reason::Granted);
    assert!(before.caveats.contains(&Caveat::AtomicReplace));
    assert_eq!((after.reason, after.remedies), (Reason::ObjectReplaced, vec![]));
    assert_eq!(old.reason, Reason::GrantedByAnotherName);
    let attempts = [Attempt::ReadFile(file), Attempt::ReadFile(tree.directories[1].join("old"))];
    assert_eq!(outcomes_in(|| prepared.apply().unwrap(), &attempts), [false, true]);
}

#[test]
fn a_file_that_nobody_may_write_has_no_remedy_whatever_is_granted() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new();
    let file = tree.directories[1].join("file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let caps = CapabilitySet::new().allow_file(&file, AccessMode::ReadWrite).unwrap();
    let prepared = Sandbox::prepare(&caps).unwrap();

    let answer =
        Why::new(&caps, prepared.enforcement().carved_set.as_ref()).path(&file, WRITE).unwrap();

    assert_eq!((answer.reason, answer.remedies), (Reason::FileMode, vec![]));
    assert_eq!(outcomes(&caps, &[Attempt::WriteFile(file)]), [false]);
}

#[test]
fn a_directory_with_a_denied_entry_in_it_has_no_remedy() {
    let Linked { tree, caps, .. } = Linked::new();
    let directory = &tree.directories[1];
    for (path, operation) in [(directory.clone(), READ), (directory.join("new"), WRITE)] {
        let prepared = Sandbox::prepare(&caps).unwrap();
        let why = Why::new(&caps, prepared.enforcement().carved_set.as_ref());
        let answer = why.path(&path, operation).unwrap();
        assert_eq!((answer.reason, answer.remedies), (Reason::CarvedDirectory, vec![]));
        assert!(answer.caveats.contains(&Caveat::Carving));
    }
}

#[test]
fn a_link_is_followed_to_where_it_leads_also_where_nothing_is() {
    let tree = Tree::new();
    let (root, a, e) = (&tree.directories[0], &tree.directories[1], &tree.directories[7]);
    symlink(e.join("made"), a.join("dangling")).unwrap();
    let caps = CapabilitySet::new().allow_path(e, AccessMode::ReadWrite).unwrap();
    let prepared = Sandbox::prepare(&caps).unwrap();
    let why = Why::new(&caps, prepared.enforcement().carved_set.as_ref());
    let reason = |path: &Path| why.path(path, WRITE).unwrap().reason;

    assert_eq!(reason(&a.join("dangling")), Reason::Granted);
    assert_eq!(reason(&root.join("e/f/../file")), Reason::Granted);
    assert_eq!(reason(&root.join("e/../a/file")), Reason::NoGrant);
}
