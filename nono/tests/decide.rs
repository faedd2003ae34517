//! `decide` against the kernel, on random grants in a real tree.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::sets::{Tree, any_grant, query};
use common::{Attempt, outcomes};
use nono::{AccessMode, CapabilitySet, Query};
use proptest::prelude::*;

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
