//! What a file is that was made for somebody.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{XattrFlags, setxattr};

use super::common::{Denied, Want, open, openers, tree};

fn mode_of_new(path: &Path, asked: u32) -> Vec<u32> {
    let made = openers().map(|opener| {
        let file = open(&opener, path, Want::create(asked), &Denied::default()).unwrap();
        fs::remove_file(path).unwrap();
        file.metadata().unwrap().mode() & 0o7777
    });
    made.to_vec()
}

#[test]
fn a_new_file_has_the_mode_that_was_asked_for_without_an_umask_of_ours() {
    let (_tree, root) = tree();
    for mode in [0o666, 0o777, 0o600, 0o622, 0o000, 0o444] {
        assert_eq!(mode_of_new(&root.join("new"), mode), [mode; 2], "{mode:o}");
    }
}

#[test]
fn a_new_file_never_has_a_set_id_or_sticky_bit() {
    let (_tree, root) = tree();
    assert_eq!(mode_of_new(&root.join("new"), 0o7755), [0o755; 2]);
    assert_eq!(mode_of_new(&root.join("new"), u32::MAX), [0o777; 2]);
}

#[test]
fn a_default_acl_keeps_out_whom_it_keeps_out() {
    let (_tree, root) = tree();
    // Of user rwx, group r-x, other ---. Source: struct posix_acl_xattr_header.
    let entries: [(u16, u16); 3] = [(0x01, 7), (0x04, 5), (0x20, 0)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions) in entries {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(u32::MAX.to_le_bytes());
    }
    let set = setxattr(&root, c"system.posix_acl_default", &acl, XattrFlags::empty());
    if set == Err(rustix::io::Errno::OPNOTSUPP) {
        return; // A filesystem without them.
    }
    set.unwrap();
    assert_eq!(mode_of_new(&root.join("new"), 0o666), [0o640; 2]);
}

#[test]
fn a_new_file_takes_the_group_of_a_directory_that_hands_it_on() {
    let (_tree, root) = tree();
    fs::set_permissions(&root, Permissions::from_mode(0o2755)).unwrap();
    let group = fs::metadata(&root).unwrap().gid();
    for opener in openers() {
        let file = open(&opener, &root.join("new"), Want::create(0o600), &Denied::default());
        assert_eq!(file.unwrap().metadata().unwrap().gid(), group);
        fs::remove_file(root.join("new")).unwrap();
    }
}

#[test]
fn the_kernel_refuses_an_ordinary_user_what_the_permissions_refuse() {
    if rustix::process::geteuid().is_root() {
        return; // Root is refused nothing.
    }
    let (_tree, root) = tree();
    fs::write(root.join("closed"), "").unwrap();
    fs::set_permissions(root.join("closed"), Permissions::from_mode(0o000)).unwrap();
    for opener in openers() {
        for (path, want) in [
            (root.join("closed"), Want::read()),
            ("/etc/shadow".into(), Want::read()),
            ("/etc/passwd".into(), Want::create(0)),
            ("/etc/new".into(), Want::create(0)),
        ] {
            let refusal = open(&opener, &path, want, &Denied::default()).unwrap_err();
            assert_eq!(refusal.errno, Some(libc::EACCES), "{path:?}");
        }
    }
}
