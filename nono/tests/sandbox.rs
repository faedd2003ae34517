//! The specified way into a sandbox, on paths of the test's own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use common::{Attempt, in_child, outcomes};
use nono::{AccessMode, CapabilitySet, NonoError, Result, Sandbox, SandboxState};

/// The example of the specification, line for line but for the paths.
fn apply(usr: &Path, project: &Path) -> Result<()> {
    let caps = CapabilitySet::new()
        .allow_path(usr, AccessMode::Read)?
        .allow_path(project, AccessMode::ReadWrite)?
        .block_network();
    Sandbox::apply(&caps)?; // irreversible
    Ok(())
}

#[test]
fn the_specified_example_grants_two_directories_and_closes_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for name in ["usr", "project", "home"] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("file"), "").unwrap();
    }
    let attempts = [
        (Attempt::ReadFile(at("usr/file")), true),
        (Attempt::WriteFile(at("usr/file")), false),
        (Attempt::WriteFile(at("project/file")), true),
        (Attempt::CreateIn(at("project")), true),
        (Attempt::ReadFile(at("home/file")), false),
        (Attempt::List(root.path().to_owned()), false),
    ];

    let answers = in_child(|| {
        apply(&at("usr"), &at("project")).unwrap();
        let network =
            TcpListener::bind("127.0.0.1:0").is_ok() || UdpSocket::bind("127.0.0.1:0").is_ok();
        let files = attempts.iter().map(|(attempt, _)| attempt.is_allowed());
        files.chain([network]).map(u8::from).collect()
    });

    let expected = attempts.iter().map(|(_, expected)| *expected).chain([false]);
    assert_eq!(answers, expected.map(u8::from).collect::<Vec<_>>());
}

#[test]
fn a_sandbox_holds_in_children_and_can_only_be_tightened() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::write(at("a/file"), "").unwrap();
    fs::write(at("a/b/file"), "").unwrap();
    let outer = CapabilitySet::new().allow_path(at("a"), AccessMode::Read).unwrap();
    let inner = CapabilitySet::new().allow_path(root.path(), AccessMode::ReadWrite).unwrap();
    let narrow = CapabilitySet::new().allow_path(at("a/b"), AccessMode::Read).unwrap();

    let answers = in_child(|| {
        Sandbox::apply(&outer).unwrap();
        // Granting more from inside gives nothing.
        let again =
            outcomes(&inner, &[Attempt::ReadFile(at("a/file")), Attempt::WriteFile(at("a/file"))]);
        let tighter = outcomes(
            &narrow,
            &[Attempt::ReadFile(at("a/b/file")), Attempt::ReadFile(at("a/file"))],
        );
        again.into_iter().chain(tighter).map(u8::from).collect()
    });

    assert_eq!(answers, [1, 0, 1, 0]);
}

#[test]
fn a_restored_state_grants_the_same() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let caps = CapabilitySet::new().allow_file(&file, AccessMode::Read).unwrap();
    let json = SandboxState::from_caps(&caps).to_json().unwrap();

    let restored = SandboxState::from_json(&json).unwrap().to_caps();

    let attempts = [Attempt::ReadFile(file.clone()), Attempt::WriteFile(file)];
    assert_eq!(outcomes(&restored, &attempts), [true, false]);
}

#[test]
fn a_process_with_threads_is_refused_with_their_count_or_covered_whole() {
    let caps = CapabilitySet::new().allow_path("/", AccessMode::ReadWrite).unwrap();
    let answers = in_child(|| {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let applied = Sandbox::apply(&caps);
        drop(release);
        let _ = thread.join();
        match applied {
            Ok(()) => vec![0],
            Err(NonoError::Threads { count }) => vec![u8::try_from(count).unwrap()],
            Err(other) => panic!("{other}"),
        }
    });
    // 0 from Landlock ABI 8 on.
    assert!(answers == [2] || answers == [0], "{answers:?}");
}

#[test]
fn support_is_told_in_words() {
    let support = Sandbox::support_info();
    assert_eq!(support.is_supported, Sandbox::is_supported());
    assert_eq!(support.platform, std::env::consts::OS);
    assert!(support.details.contains("Landlock"), "{}", support.details);
}
