//! What is renamed, replaced or removed between two steps of a request.

use std::fs;
use std::os::unix::fs::symlink;

use nono_core::{AccessMode, ReasonCode};

use super::common::{Denied, Want, act, approve, openers, pin, tree};

#[test]
fn a_file_that_was_renamed_into_a_denied_directory_is_refused_untouched() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::create_dir(root.join("denied")).unwrap();
        fs::write(root.join("file"), "content").unwrap();
        let vet = Denied(vec![root.join("denied")]);
        let mut want = Want::new(AccessMode::Write);
        want.intent.truncate = true;
        let pinned = pin(&opener, &root.join("file"), want).unwrap();
        let approved = approve(pinned, want, &vet).unwrap();

        fs::rename(root.join("file"), root.join("denied/file")).unwrap();

        let refusal = act(&opener, &approved, &vet).unwrap_err();
        assert_eq!(refusal.code, ReasonCode::NeverGrant);
        assert_eq!(fs::read_to_string(root.join("denied/file")).unwrap(), "content");
    }
}

#[test]
fn a_file_that_was_renamed_anywhere_has_changed() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::write(root.join("file"), "content").unwrap();
        let vet = Denied::default();
        let pinned = pin(&opener, &root.join("file"), Want::read()).unwrap();
        let approved = approve(pinned, Want::read(), &vet).unwrap();

        fs::rename(root.join("file"), root.join("other")).unwrap();

        assert_eq!(act(&opener, &approved, &vet).unwrap_err().code, ReasonCode::Changed);
    }
}

#[test]
fn a_link_that_was_turned_while_somebody_thought_changes_nothing() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::write(root.join("shown"), "shown").unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        symlink("shown", root.join("link")).unwrap();
        let vet = Denied::default();
        let pinned = pin(&opener, &root.join("link"), Want::read()).unwrap();
        assert_eq!(pinned.canonical(), root.join("shown"));
        let approved = approve(pinned, Want::read(), &vet).unwrap();

        fs::remove_file(root.join("link")).unwrap();
        symlink("secret", root.join("link")).unwrap();

        let opened = act(&opener, &approved, &vet).unwrap();
        assert_eq!(std::io::read_to_string(fs::File::from(opened)).unwrap(), "shown");
    }
}

#[test]
fn nothing_is_made_in_a_directory_that_was_renamed_meanwhile() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::create_dir(root.join("denied")).unwrap();
        fs::create_dir(root.join("open")).unwrap();
        let vet = Denied(vec![root.join("denied")]);
        let want = Want::create(0o600);
        let pinned = pin(&opener, &root.join("open/new"), want).unwrap();
        let approved = approve(pinned, want, &vet).unwrap();

        fs::rename(root.join("open"), root.join("denied/open")).unwrap();

        assert_eq!(act(&opener, &approved, &vet).unwrap_err().code, ReasonCode::Changed);
        assert_eq!(fs::read_dir(root.join("denied/open")).unwrap().count(), 0);
    }
}

#[test]
fn what_took_the_name_of_a_new_file_meanwhile_is_not_opened() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::write(root.join("secret"), "secret").unwrap();
        let (vet, want) = (Denied(vec![root.join("secret")]), Want::create(0o600));
        type Replace = fn(&std::path::Path, &std::path::Path) -> std::io::Result<()>;
        let links: [Replace; 2] =
            [|from, to| symlink(from, to), |from, to| fs::hard_link(from, to)];
        for link in links {
            let pinned = pin(&opener, &root.join("new"), want).unwrap();
            let approved = approve(pinned, want, &vet).unwrap();

            link(&root.join("secret"), &root.join("new")).unwrap();

            let refusal = act(&opener, &approved, &vet).unwrap_err();
            assert_eq!(refusal.errno, Some(libc::EEXIST));
            fs::remove_file(root.join("new")).unwrap();
        }
    }
}
