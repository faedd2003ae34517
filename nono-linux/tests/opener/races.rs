//! Hostile programs that rename while a path is resolved and opened: 240,000 tries in all.

use std::fs;
use std::io::read_to_string;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nono_linux::LinuxOpener;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::common::{Denied, Want, open, openers, tree};

const TRIES: usize = 40_000;

fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// Opens a path again and again while the adversary acts, until both were met, a grant and a refusal:
/// a race that is always won or always lost shows nothing. Panics if what was granted is anything but
/// public.
fn race(opener: &LinuxOpener, path: &Path, vet: &Denied, adversary: impl Fn() + Send + Sync) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                adversary();
            }
        });
        let (mut tries, mut granted) = (0, 0);
        while tries < TRIES || granted == 0 || granted == tries {
            assert!(tries < 20 * TRIES, "{granted} of {tries} were granted");
            tries += 1;
            if let Ok(file) = open(opener, path, Want::read(), vet) {
                assert_eq!(read_to_string(file).unwrap(), "public");
                granted += 1;
            }
        }
    });
}

/// Ends the adversary even where a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn a_directory_that_is_swapped_with_a_link_never_leads_outside() {
    for opener in openers() {
        let (_tree, root) = tree();
        write(&root.join("a/file"), "public");
        write(&root.join("secret/file"), "secret");
        symlink("secret", root.join("b")).unwrap();
        let vet = Denied(vec![root.join("secret")]);
        let (a, b) = (root.join("a"), root.join("b"));
        race(&opener, &root.join("a/file"), &vet, || exchange(&a, &b));
    }
}

#[test]
fn a_name_that_comes_and_goes_before_two_dots_is_never_matched_as_text() {
    for opener in openers() {
        let (_tree, root) = tree();
        write(&root.join("secret/file"), "secret");
        // As text the path below is that of the secret; through the link it is another's.
        write(&root.join("deep/secret/file"), "public");
        fs::create_dir_all(root.join("deep/er/est")).unwrap();
        fs::create_dir(root.join("a")).unwrap();
        symlink("../deep/er/est", root.join("a/link")).unwrap();
        fs::create_dir(root.join("a/zz")).unwrap();
        let vet = Denied(vec![root.join("secret")]);
        let (zz, link) = (root.join("a/zz"), root.join("a/link"));
        let path = root.join("a/zz/../../secret/file");
        let adversary = || {
            for name in [&zz, &link] {
                // One of the two is the link.
                if fs::remove_dir(name).is_ok() {
                    fs::create_dir(name).unwrap();
                }
            }
            exchange(&zz, &link);
        };
        race(&opener, &path, &vet, adversary);
    }
}

#[test]
fn a_directory_that_moves_into_a_denied_one_and_back_is_never_opened_there() {
    for opener in openers() {
        let (_tree, root) = tree();
        write(&root.join("open/dir/file"), "public");
        write(&root.join("denied/dir/file"), "secret");
        let vet = Denied(vec![root.join("denied")]);
        let (open, denied, away) = (root.join("open"), root.join("denied"), root.join("away"));
        symlink("denied", &away).unwrap();
        // The link takes the place of the directory; meanwhile that one goes elsewhere.
        let adversary = || {
            exchange(&open, &away);
            fs::rename(away.join("dir"), denied.join("public")).unwrap();
            fs::rename(denied.join("public"), away.join("dir")).unwrap();
            exchange(&open, &away);
        };
        race(&opener, &root.join("open/dir/file"), &vet, adversary);
    }
}

#[test]
fn a_link_in_the_place_of_a_new_file_never_makes_one_elsewhere() {
    for opener in openers() {
        let (_tree, root) = tree();
        fs::create_dir(root.join("denied")).unwrap();
        let (new, is_over) = (root.join("new"), AtomicBool::new(false));
        let vet = Denied(vec![root.join("denied")]);
        let made = std::thread::scope(|scope| {
            let stop = Stop(&is_over);
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Either may fail: the file is there, or is gone.
                    let _ = symlink("denied/made", &new);
                    let _ = fs::remove_file(&new);
                }
            });
            let opens = (0..TRIES / 8).filter(|_| {
                let made = open(&opener, &new, Want::create(0o600), &vet).is_ok();
                let _ = fs::remove_file(&new);
                made
            });
            let made = opens.count();
            drop(stop);
            made
        });
        assert!((1..TRIES / 8).contains(&made), "{made}");
        assert_eq!(fs::read_dir(root.join("denied")).unwrap().count(), 0);
    }
}
