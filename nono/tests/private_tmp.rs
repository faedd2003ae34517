//! Private temporary directories: closed to others, removed whatever is in them, nothing else
//! removed. Each test runs as an ordinary user, also when it is started by root.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nono::private_tmp::PrivateTmp;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::process::{Gid, Uid, geteuid};

const ORDINARY: u32 = 65_534;

/// Runs `body` as an ordinary user in a thread of its own, with a directory that is shared as
/// /tmp is. Credentials belong to threads in Linux.
fn as_ordinary_user(body: impl FnOnce(&Path) + Send) {
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), Permissions::from_mode(0o1777)).unwrap();
    let body = || {
        if geteuid().is_root() {
            let (uid, gid) = (Uid::from_raw(ORDINARY), Gid::from_raw(ORDINARY));
            rustix::thread::set_thread_groups(&[]).unwrap();
            rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        }
        body(shared.path());
    };
    thread::scope(|scope| scope.spawn(body).join()).unwrap();
}

fn user_directory(shared: &Path) -> PathBuf {
    shared.join(format!("nono-{}", geteuid().as_raw()))
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn it_is_closed_to_others_on_every_level_and_goes_with_all_that_is_in_it() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        let path = private.path().to_owned();
        for level in path.ancestors().take(2) {
            let status = fs::symlink_metadata(level).unwrap();
            assert_eq!(status.mode() & 0o7777, 0o700, "{level:?}");
            assert_eq!(status.uid(), geteuid().as_raw(), "{level:?}");
        }
        fs::create_dir_all(path.join("a/b/c")).unwrap();
        fs::write(path.join("a/b/file"), "x").unwrap();

        private.remove().unwrap();

        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

#[test]
fn what_stands_beside_it_is_not_in_it_and_goes_with_it() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        let (_file, grant) = private.state_file().unwrap();
        let state = grant.resolved().to_owned();
        let status = fs::symlink_metadata(&state).unwrap();
        assert_eq!((status.mode() & 0o7777, status.uid()), (0o400, geteuid().as_raw()));
        assert!(!state.starts_with(private.path().canonicalize().unwrap()));
        // A program that may write there may have put anything in its place.
        fs::remove_file(&state).unwrap();
        fs::create_dir_all(state.join("a/b")).unwrap();

        private.remove().unwrap();

        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

#[test]
fn what_stands_beside_a_stale_one_goes_with_it_and_what_stands_beside_a_live_one_stays() {
    as_ordinary_user(|shared| {
        let (live, other) =
            (PrivateTmp::new_in(shared).unwrap(), PrivateTmp::new_in(shared).unwrap());
        let (_file, grant) = live.state_file().unwrap();
        let user = user_directory(shared);
        fs::create_dir(user.join("stale")).unwrap();
        for name in ["stale.state", "gone.state"] {
            fs::write(user.join(name), "x").unwrap();
        }

        assert_eq!(other.remove_stale().unwrap(), 1);

        assert_eq!(entries(&user), 3, "two runs, one with a state");
        assert!(grant.resolved().exists());
    });
}

#[test]
fn a_dropped_one_is_removed_too() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        fs::write(private.path().join("file"), "x").unwrap();

        drop(private);

        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

#[test]
fn closed_directories_are_removed() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        for (number, mode) in [0o000, 0o111, 0o222, 0o444, 0o555, 0o666].into_iter().enumerate() {
            let outer = private.path().join(number.to_string());
            fs::create_dir_all(outer.join("inner/leaf")).unwrap();
            fs::write(outer.join("inner/file"), "x").unwrap();
            set_mode(&outer.join("inner/file"), 0o000);
            set_mode(&outer.join("inner"), mode);
            set_mode(&outer, mode);
        }
        set_mode(private.path(), 0o000);

        private.remove().unwrap();

        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

#[test]
fn ten_thousand_levels_are_removed_with_few_descriptors() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        let mut level = open_directory(CWD, private.path());
        for _ in 0..10_000 {
            rustix::fs::mkdirat(&level, "level", Mode::RWXU).unwrap();
            level = open_directory(&level, "level");
        }

        private.remove().unwrap();

        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

fn open_directory(parent: impl std::os::fd::AsFd, name: impl rustix::path::Arg) -> OwnedFd {
    rustix::fs::openat(parent, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

#[test]
fn links_are_removed_and_what_they_lead_to_is_not() {
    as_ordinary_user(|shared| {
        let outside = shared.join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "x").unwrap();
        let private = PrivateTmp::new_in(shared).unwrap();
        symlink(&outside, private.path().join("link")).unwrap();
        symlink("..", private.path().join("up")).unwrap();
        fs::hard_link(outside.join("file"), private.path().join("hard")).unwrap();

        private.remove().unwrap();

        assert_eq!(fs::read(outside.join("file")).unwrap(), b"x");
    });
}

#[test]
fn a_directory_swapped_with_a_link_during_removal_leads_nowhere() {
    as_ordinary_user(|shared| {
        let outside = shared.join("outside");
        fs::create_dir_all(outside.join("closed/sub")).unwrap();
        fs::write(outside.join("closed/sub/file"), "x").unwrap();
        set_mode(&outside.join("closed"), 0o500);
        set_mode(&outside, 0o500);
        for _ in 0..10 {
            let private = PrivateTmp::new_in(shared).unwrap();
            let pairs: Vec<_> = (0..32)
                .map(|number| {
                    let real = private.path().join(format!("real{number}"));
                    let link = private.path().join(format!("link{number}"));
                    fs::create_dir_all(real.join("sub/leaf")).unwrap();
                    set_mode(&real, 0o100);
                    symlink(&outside, &link).unwrap();
                    (real, link)
                })
                .collect();
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        for (real, link) in &pairs {
                            let swap = RenameFlags::EXCHANGE;
                            let _ = rustix::fs::renameat_with(CWD, real, CWD, link, swap);
                        }
                    }
                });
                let outcome = private.remove();
                is_over.store(true, Ordering::Relaxed);
                outcome.unwrap();
            });
        }
        assert_eq!(fs::symlink_metadata(&outside).unwrap().mode() & 0o777, 0o500);
        assert_eq!(fs::symlink_metadata(outside.join("closed")).unwrap().mode() & 0o777, 0o500);
        assert_eq!(fs::read(outside.join("closed/sub/file")).unwrap(), b"x");
        set_mode(&outside, 0o700);
        set_mode(&outside.join("closed"), 0o700);
    });
}

#[test]
fn what_another_user_planted_is_left_alone() {
    type Plant = fn(&Path, &Path);
    let plants: [(&str, Plant); 3] = [
        ("link", |place, outside| symlink(outside, place).unwrap()),
        ("file", |place, _| fs::write(place, "x").unwrap()),
        ("dangling link", |place, outside| symlink(outside.join("missing"), place).unwrap()),
    ];
    for (what, plant) in plants {
        as_ordinary_user(|shared| {
            let outside = shared.join("outside");
            fs::create_dir(&outside).unwrap();
            set_mode(&outside, 0o700);
            let place = user_directory(shared);
            plant(&place, &outside);
            let before = fs::symlink_metadata(&place).unwrap();

            let private = PrivateTmp::new_in(shared).unwrap();

            assert!(!private.path().starts_with(&place), "{what}");
            assert_eq!(entries(&outside), 0, "{what}");
            private.remove_stale().unwrap();
            private.remove().unwrap();
            let after = fs::symlink_metadata(&place).unwrap();
            assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()), "{what}");
            assert_eq!(entries(shared), 2, "{what}: the new one is gone");
        });
    }
}

/// Only root can make a directory that belongs to somebody else.
#[test]
fn a_directory_of_another_user_is_neither_used_nor_changed() {
    if !geteuid().is_root() {
        return;
    }
    let shared = tempfile::tempdir().unwrap();
    let place = user_directory(shared.path());
    fs::create_dir(&place).unwrap();
    set_mode(&place, 0o700);
    fs::create_dir(place.join("stale")).unwrap();
    std::os::unix::fs::chown(&place, Some(ORDINARY), None).unwrap();

    let private = PrivateTmp::new_in(shared.path()).unwrap();
    private.remove_stale().unwrap();

    assert!(!private.path().starts_with(&place));
    private.remove().unwrap();
    assert!(place.join("stale").exists());
    assert_eq!(entries(shared.path()), 1);
}

#[test]
fn many_runs_at_once_do_not_disturb_each_other() {
    as_ordinary_user(|shared| {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let private = PrivateTmp::new_in(shared).unwrap();
                        fs::write(private.path().join("file"), "x").unwrap();
                        private.remove_stale().unwrap();
                        assert!(private.path().join("file").exists());
                        private.remove().unwrap();
                    }
                });
            }
        });
        assert_eq!(entries(&user_directory(shared)), 0);
    });
}

/// Not a test by itself: the process that the next one kills.
#[test]
#[ignore = "started by another test"]
fn a_process_that_holds_one_until_it_is_killed() {
    let private = PrivateTmp::new().unwrap();
    fs::create_dir_all(private.path().join("a/b")).unwrap();
    println!("\nmade {}", private.path().display());
    thread::park();
}

#[test]
fn what_a_killed_run_left_is_removed_by_a_later_one_and_not_before() {
    let shared = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_holds_one_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .env("TMPDIR", shared.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let left = lines.find_map(|line| line.unwrap().strip_prefix("made ").map(PathBuf::from));
    let left = left.unwrap();
    let private = PrivateTmp::new_in(shared.path()).unwrap();

    assert_eq!(private.remove_stale().unwrap(), 0);
    assert!(left.exists(), "its owner lives");

    holder.kill().unwrap();
    holder.wait().unwrap();

    assert_eq!(private.remove_stale().unwrap(), 1);
    assert!(!left.exists());
    assert!(private.path().exists());
}

#[test]
fn hostile_leftovers_are_removed_in_bounded_steps_and_strange_ones_left() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();
        let place = user_directory(shared);
        let stale = place.join("stale");
        fs::create_dir_all(stale.join("tmp/closed/x")).unwrap();
        fs::create_dir_all(stale.join("0/left by a removal that was cut short")).unwrap();
        set_mode(&stale, 0o700);
        for number in 0..6000 {
            fs::write(stale.join(format!("tmp/{number}")), "").unwrap();
        }
        set_mode(&stale.join("tmp/closed"), 0o000);
        symlink(shared, place.join("link")).unwrap();
        fs::write(place.join("file"), "x").unwrap();

        assert_eq!(private.remove_stale().unwrap(), 0, "more than one call does");
        // What was deep in it stands beside it by now and counts for itself.
        assert!(private.remove_stale().unwrap() >= 1);

        assert!(!stale.exists());
        for name in ["link", "file"] {
            assert!(fs::symlink_metadata(place.join(name)).is_ok(), "{name}");
        }
        assert!(private.path().exists());
    });
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
    as_ordinary_user(|shared| {
        let missing = shared.join("missing");

        let error = PrivateTmp::new_in(&missing).unwrap_err();

        assert!(error.to_string().starts_with("mkdir "), "{error}");
        assert!(error.to_string().contains("missing/nono-"), "{error}");
    });
}

#[test]
fn the_capability_is_of_the_directory_alone() {
    as_ordinary_user(|shared| {
        let private = PrivateTmp::new_in(shared).unwrap();

        let capability = private.capability().unwrap();

        assert_eq!(capability.resolved(), private.path().canonicalize().unwrap());
        assert_eq!(capability.access(), nono_core::AccessMode::ReadWrite);
    });
}

#[test]
fn a_program_that_changes_the_mode_above_its_directory_changes_nothing_for_long() {
    as_ordinary_user(|shared| {
        for mode in [0o000, 0o777, 0o500] {
            let private = PrivateTmp::new_in(shared).unwrap();
            fs::write(private.path().join("file"), "x").unwrap();
            set_mode(&user_directory(shared), mode);

            private.remove().unwrap();

            let next = PrivateTmp::new_in(shared).unwrap();
            assert!(next.path().starts_with(user_directory(shared)), "{mode:o}");
            let closed = fs::metadata(user_directory(shared)).unwrap().mode() & 0o7777;
            assert_eq!(closed, 0o700, "{mode:o}");
        }
    });
}
