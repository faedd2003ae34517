//! Preparing on the running kernel.
#![allow(clippy::unwrap_used)]

use std::fs;

use nono_core::{AccessMode, CapabilitySet, NonoError, Prepared, SandboxBackend};
use nono_linux::{KernelFeatures, LinuxBackend};

#[test]
fn a_path_that_was_replaced_after_it_was_granted_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "granted").unwrap();
    let caps = CapabilitySet::new().allow_file(&file, AccessMode::Read).unwrap();

    fs::write(root.path().join("other"), "another").unwrap();
    fs::rename(root.path().join("other"), &file).unwrap();

    let error = LinuxBackend::new().prepare(&caps).unwrap_err();
    assert!(
        matches!(error, NonoError::ObjectChanged(path) if path == file.canonicalize().unwrap())
    );
}

#[test]
fn a_granted_directory_that_became_a_link_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (granted, secret) = (root.path().join("granted"), root.path().join("secret"));
    fs::create_dir(&granted).unwrap();
    fs::create_dir(&secret).unwrap();
    let caps = CapabilitySet::new().allow_path(&granted, AccessMode::Read).unwrap();

    fs::remove_dir(&granted).unwrap();
    std::os::unix::fs::symlink(&secret, &granted).unwrap();

    let error = LinuxBackend::new().prepare(&caps).unwrap_err();
    assert!(matches!(error, NonoError::ObjectChanged(_)), "{error}");
}

#[test]
fn a_kernel_that_holds_less_than_it_was_taken_for_is_an_error_not_a_weaker_sandbox() {
    let caps = CapabilitySet::new().allow_path("/", AccessMode::Read).unwrap();
    let probed = KernelFeatures::probe().abi();
    assert!(probed > 0, "this test needs a kernel with Landlock");
    if probed < 9 {
        let newer = LinuxBackend::with_features(KernelFeatures::with_abi(9));
        assert!(matches!(newer.prepare(&caps), Err(NonoError::System { .. })));
    }
}

#[test]
fn a_process_with_several_threads_is_covered_whole_or_refused_with_their_count() {
    let caps = CapabilitySet::new().allow_path("/", AccessMode::ReadWrite).unwrap();
    let prepared = LinuxBackend::new().prepare(&caps).unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());

    let applied = std::thread::spawn(move || prepared.enforce_process()).join().unwrap();

    if KernelFeatures::probe().abi() < 8 {
        assert!(matches!(applied, Err(NonoError::Threads { count }) if count >= 3));
    } else {
        applied.unwrap();
    }
    drop(release);
    let _ = other.join().unwrap();
}

/// What a race between the look-up and the opening leaves: a path that is spelled without a link,
/// and the number of what lies behind the link that took the place of its directory.
#[test]
fn a_link_in_the_place_of_a_directory_on_the_way_is_refused_even_if_it_leads_to_the_same_object() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    fs::create_dir(root.join("secret")).unwrap();
    for name in ["id", "other"] {
        fs::write(root.join("secret").join(name), "").unwrap();
    }
    std::os::unix::fs::symlink("secret", root.join("sub")).unwrap();

    for names in [&["id"][..], &["id", "other"]] {
        let mut caps = CapabilitySet::new();
        for name in names {
            let file =
                nono_core::FsCapability::new_file(root.join("secret").join(name), AccessMode::Read);
            caps.add_fs(file.unwrap());
        }
        let raced = nono_core::SandboxState::from_caps(&caps).to_json().unwrap();
        let raced = raced.replace("/secret/", "/sub/");
        let caps = nono_core::SandboxState::from_json(&raced).unwrap().to_caps();

        let error = LinuxBackend::new().prepare(&caps).unwrap_err();
        assert!(matches!(error, NonoError::ObjectChanged(_)), "{names:?}: {error}");
    }
}
