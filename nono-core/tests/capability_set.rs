//! What a capability set answers, on real paths.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use nono_core::{
    AccessMode, CapabilityError, CapabilitySet, CapabilitySource, Decision, Denial, FsCapability,
    NetworkMode, PortRange, Query, Rights, Rule,
};
use tempfile::TempDir;

/// A tree `root/a/b/file` and `root/other`.
struct Tree {
    _directory: TempDir,
    root: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(root.join("other")).unwrap();
        fs::write(root.join("a/b/file"), "").unwrap();
        Self { _directory: directory, root }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn grant(&self, path: &str, access: AccessMode, source: CapabilitySource) -> FsCapability {
        FsCapability::new_any(self.at(path), access).unwrap().with_source(source)
    }
}

fn rights(caps: &CapabilitySet, path: &Path) -> String {
    let holds = |rights| caps.decide(&Query::Path { path, rights }).is_allowed();
    let mut held = Rights::NONE;
    for right in [Rights::READ, Rights::WRITE, Rights::EXECUTE] {
        if holds(right) {
            held |= right;
        }
    }
    held.to_string()
}

#[test]
fn a_directory_grant_covers_what_is_below_and_nothing_beside() {
    let tree = Tree::new();
    let caps = CapabilitySet::new().allow_path(tree.at("a"), AccessMode::ReadWrite).unwrap();

    assert_eq!(rights(&caps, &tree.at("a")), "read+write+execute");
    assert_eq!(rights(&caps, &tree.at("a/b/new/deep")), "read+write+execute");
    assert_eq!(rights(&caps, &tree.at("other")), "nothing");
    assert_eq!(rights(&caps, &tree.at("ab")), "nothing");
    assert_eq!(rights(&caps, &tree.root), "nothing");
}

#[test]
fn a_file_grant_covers_that_name_alone() {
    let tree = Tree::new();
    let caps = CapabilitySet::new().allow_file(tree.at("a/b/file"), AccessMode::Write).unwrap();

    assert_eq!(rights(&caps, &tree.at("a/b/file")), "write");
    assert_eq!(rights(&caps, &tree.at("a/b/file/below")), "nothing");
    assert_eq!(rights(&caps, &tree.at("a/b")), "nothing");
}

#[test]
fn reads_and_writes_granted_on_different_levels_unite() {
    let tree = Tree::new();
    let caps = CapabilitySet::new()
        .allow_path(tree.at("a"), AccessMode::Read)
        .unwrap()
        .allow_path(tree.at("a/b"), AccessMode::Write)
        .unwrap();

    assert_eq!(rights(&caps, &tree.at("a/b/file")), "read+write+execute");
    assert_eq!(rights(&caps, &tree.at("a/x")), "read+execute");
    caps.validate().unwrap();
}

#[test]
fn execution_comes_with_reading_unless_it_must_be_explicit() {
    let tree = Tree::new();
    let caps = CapabilitySet::new()
        .allow_path(tree.at("a"), AccessMode::Read)
        .unwrap()
        .explicit_execute()
        .allow_execute(tree.at("a/b/file"))
        .unwrap();

    assert_eq!(rights(&caps, &tree.at("a/b")), "read");
    assert_eq!(rights(&caps, &tree.at("a/b/file")), "read+execute");
}

#[test]
fn on_one_path_a_stronger_source_replaces_a_weaker_one_in_any_order() {
    use CapabilitySource::{Group, Profile, System, User};
    let tree = Tree::new();
    let order = [System, Group("g".into()), Profile, User];
    for weak in 0..order.len() {
        for strong in weak + 1..order.len() {
            let weak_grant = tree.grant("a", AccessMode::ReadWrite, order[weak].clone());
            let strong_grant = tree.grant("a", AccessMode::Read, order[strong].clone());
            for grants in [[&weak_grant, &strong_grant], [&strong_grant, &weak_grant]] {
                let mut caps = CapabilitySet::new();
                grants.into_iter().for_each(|grant| caps.add_fs(grant.clone()));
                assert_eq!(rights(&caps, &tree.at("a")), "read+execute");
                caps.validate().unwrap();
            }
        }
    }
}

#[test]
fn narrowing_below_a_weaker_sources_grant_is_an_error_not_a_widening() {
    let tree = Tree::new();
    let mut caps = CapabilitySet::new();
    caps.add_fs(tree.grant("a", AccessMode::ReadWrite, CapabilitySource::Profile));
    caps.add_fs(tree.grant("a/b", AccessMode::Read, CapabilitySource::User));

    let Err(CapabilityError::Narrowed { path, above, .. }) = caps.validate() else {
        panic!("narrowing passed");
    };
    assert_eq!((path, above), (tree.at("a/b"), tree.at("a")));
}

#[test]
fn a_denied_path_stays_closed_inside_a_grant_also_before_it_exists() {
    let tree = Tree::new();
    let caps = CapabilitySet::new()
        .allow_path(&tree.root, AccessMode::ReadWrite)
        .unwrap()
        .deny_path(tree.at("a/b"))
        .unwrap()
        .deny_path(tree.at("other/later/secret"))
        .unwrap();

    assert_eq!(rights(&caps, &tree.at("a/b/file")), "nothing");
    assert_eq!(rights(&caps, &tree.at("other/later/secret/x")), "nothing");
    assert_eq!(rights(&caps, &tree.at("other/later")), "read+write+execute");
    let at = tree.at("a/b/file");
    let Decision::Denied(Denial::DeniedPath(entry)) = caps.decide(&Query::read(&at)) else {
        panic!("not denied by the entry");
    };
    assert_eq!(entry, tree.at("a/b"));
}

#[test]
fn the_answer_names_the_nearest_rule_and_what_is_held() {
    let tree = Tree::new();
    let caps = CapabilitySet::new()
        .allow_path(&tree.root, AccessMode::Read)
        .unwrap()
        .allow_path(tree.at("a"), AccessMode::Read)
        .unwrap();
    let path = tree.at("a/b/file");

    match caps.decide(&Query::read(&path)) {
        Decision::Allowed(Rule::Grant(grant)) => assert_eq!(grant.resolved(), tree.at("a")),
        other => panic!("{other:?}"),
    }
    match caps.decide(&Query::write(&path)) {
        Decision::Denied(Denial::Insufficient { held, .. }) => {
            assert_eq!(held, Rights::READ | Rights::EXECUTE);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_with_dot_dot_is_never_matched_as_text() {
    let tree = Tree::new();
    let caps = CapabilitySet::new().allow_path(&tree.root, AccessMode::Read).unwrap();
    for path in [tree.at("a/../other"), PathBuf::from("a"), PathBuf::new()] {
        let decision = caps.decide(&Query::read(&path));
        assert_eq!(decision, Decision::Denied(Denial::NotCanonical), "{}", path.display());
    }
}

#[test]
fn granting_a_port_blocks_the_others() {
    let caps = CapabilitySet::new().allow_tcp_connect(443).allow_tcp_bind(8080);
    assert_eq!(*caps.network_mode(), NetworkMode::Blocked);
    for (query, expected) in [
        (Query::Connect(443), true),
        (Query::Connect(8080), false),
        (Query::Bind(8080), true),
        (Query::Bind(443), false),
        (Query::Connect(0), false),
    ] {
        assert_eq!(caps.decide(&query).is_allowed(), expected, "{query:?}");
    }
    assert!(CapabilitySet::new().decide(&Query::Connect(1)).is_allowed());
}

#[test]
fn a_proxy_mode_allows_its_own_ports_alone() {
    let mode = NetworkMode::ProxyOnly { port: 3128, bind_ports: vec![9000] };
    let caps = CapabilitySet::new().set_network_mode(mode);
    assert_eq!(caps.decide(&Query::Connect(3128)), Decision::Allowed(Rule::Proxy));
    assert_eq!(caps.decide(&Query::Bind(9000)), Decision::Allowed(Rule::Proxy));
    assert!(!caps.decide(&Query::Connect(9000)).is_allowed());
    assert!(!caps.decide(&Query::Bind(3128)).is_allowed());
}

#[test]
fn deduplicating_changes_no_answer_and_leaves_a_path_once() {
    let tree = Tree::new();
    let mut caps = CapabilitySet::new();
    caps.add_fs(tree.grant("a", AccessMode::Read, CapabilitySource::User));
    caps.add_fs(tree.grant("a/../a", AccessMode::Write, CapabilitySource::User));
    caps.add_fs(tree.grant("a", AccessMode::ReadWrite, CapabilitySource::System));
    caps.add_fs(tree.grant("other", AccessMode::Read, CapabilitySource::System));
    let before = rights(&caps, &tree.at("a"));

    caps.deduplicate();

    assert_eq!(rights(&caps, &tree.at("a")), before);
    assert_eq!(before, "read+write+execute");
    assert_eq!(caps.fs_capabilities().len(), 2);
}

#[test]
fn a_set_that_changes_after_an_answer_gives_the_new_answer() {
    let tree = Tree::new();
    let mut caps = CapabilitySet::new();
    assert!(!caps.path_covered(&tree.at("a")));
    caps.add_fs(tree.grant("a", AccessMode::Read, CapabilitySource::User));
    assert!(caps.path_covered(&tree.at("a/b/file")));
    assert!(!caps.path_covered(&tree.root));
    caps.add_tcp_connect(PortRange::new(1, 10).unwrap());
    assert!(caps.summary().contains("TCP 1-10"));
}
