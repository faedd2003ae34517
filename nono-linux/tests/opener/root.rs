//! What only root can try.

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use nono_core::pipeline::PinError;

use super::common::{Denied, Want, act, approve, open, openers, pin, tree, try_pin};
use super::sys;

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_new_file_belongs_to_the_requester_or_to_the_group_that_is_handed_on() {
    if !is_root() {
        return;
    }
    for opener in openers() {
        for (directory_mode, group) in [(0o755, NOBODY), (0o2755, 1)] {
            let (_tree, root) = tree();
            chown(&root, None, Some(1)).unwrap();
            fs::set_permissions(&root, Permissions::from_mode(directory_mode)).unwrap();
            let (want, vet) = (Want::create(0o6664), Denied::default());
            let pinned = pin(&opener, &root.join("new"), want).unwrap();
            let approved = approve(pinned, want, &vet).unwrap().owned_by(Some((NOBODY, NOBODY)));

            let file = File::from(act(&opener, &approved, &vet).unwrap());

            let found = file.metadata().unwrap();
            let found = (found.uid(), found.gid(), found.mode() & 0o7777);
            assert_eq!(found, (NOBODY, group, 0o664));
        }
    }
}

#[test]
fn the_walk_follows_no_link_that_another_user_planted_in_a_shared_directory() {
    if !is_root() {
        return;
    }
    let (_tree, root) = tree();
    fs::write(root.join("target"), "").unwrap();
    let shared = root.join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    for link in ["planted", "ours"] {
        symlink("../target", shared.join(link)).unwrap();
    }
    std::os::unix::fs::lchown(shared.join("planted"), Some(NOBODY), Some(NOBODY)).unwrap();
    let [_, walks] = openers();
    open(&walks, &shared.join("ours"), Want::read(), &Denied::default()).unwrap();
    let refusal = pin(&walks, &shared.join("planted"), Want::read()).unwrap_err();
    assert_eq!(refusal.errno, Some(libc::EACCES));
}

#[test]
fn a_mount_whose_server_never_answers_is_not_waited_for() {
    if !is_root() {
        return;
    }
    let (_tree, root) = tree();
    // Closed before the tree is removed, which would wait otherwise.
    let Ok(server) = File::options().read(true).write(true).open("/dev/fuse") else { return };
    sys::unshare_mounts();
    sys::mount_fuse(&root, server.as_raw_fd());
    let [opener, walks] = openers();
    for opener in [opener, walks] {
        for want in [Want::read(), Want::create(0o600)] {
            let answer = try_pin(&opener, &root, want, false);
            assert!(matches!(answer, Err(PinError::WouldWait)), "{answer:?}");
            let answer = try_pin(&opener, &root.join("new"), want, false);
            assert!(matches!(answer, Err(PinError::WouldWait)), "{answer:?}");
        }
    }
    sys::unmount(&root);
}
