//! Random trees with links, and renames under way: what is granted is what was vetted.

use std::fs::{self, File};
use std::io::read_to_string;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nono_core::ObjectId;
use nono_core::pipeline::{Refusal, Subject, Vet};
use proptest::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::common::{Denied, Want, act, approve, identity, openers, pin, tree};

/// Remembers what it said yes to.
struct Witness {
    denied: Denied,
    vetted: Mutex<Vec<(PathBuf, ObjectId)>>,
}

impl Vet for Witness {
    fn vet(&self, subject: &Subject<'_>) -> Result<(), Refusal> {
        self.denied.vet(subject)?;
        self.vetted.lock().unwrap().push((subject.canonical.to_owned(), subject.object));
        Ok(())
    }
}

/// Names of the tree: what a link leads to, what is renamed and what is asked for.
const NAMES: [&str; 9] = ["a", "b", "a/c", "b/d", "a/f", "b/g", "f", "l", "a/l"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

/// A path of up to four steps, with dots.
fn path() -> impl Strategy<Value = String> {
    let step =
        prop::sample::select(vec!["a", "b", "c", "d", "f", "g", "l", "..", ".", "denied", "s"]);
    prop::collection::vec(step, 1..5).prop_map(|steps| steps.join("/"))
}

fn make(root: &Path, links: &[(&str, String)]) {
    for directory in ["a/c", "b/d", "denied"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["a/f", "b/g", "f", "a/c/f", "b/d/g"] {
        fs::write(root.join(file), "public").unwrap();
    }
    for file in ["s", "f", "g"] {
        fs::write(root.join("denied").join(file), "secret").unwrap();
    }
    for (at, target) in links {
        // The name may be taken.
        let _ = symlink(target, root.join(at));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn what_is_granted_is_what_was_vetted(
        links in prop::collection::vec((prop::sample::select(vec!["l", "a/l", "b/l", "a/c/l", "d"]), path()), 0..5),
        renames in prop::collection::vec((name(), name(), any::<bool>()), 1..12),
        asked in prop::collection::vec((path(), any::<bool>()), 1..40),
    ) {
        let (_tree, root) = tree();
        make(&root, &links);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    for (from, to, exchange) in &renames {
                        let flags = if *exchange { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
                        // Many cannot be done at the moment.
                        let _ = renameat_with(CWD, root.join(from), CWD, root.join(to), flags);
                    }
                }
            });
            let checked = std::panic::catch_unwind(|| {
                for (path, walks) in &asked {
                    check(&openers()[usize::from(*walks)], &root, path);
                }
            });
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            checked.unwrap();
        });
    }
}

fn check(opener: &nono_linux::LinuxOpener, root: &Path, path: &str) {
    let denied = Denied(vec![root.join("denied")]);
    let vet = Witness { denied, vetted: Mutex::default() };
    let Ok(pinned) = pin(opener, &root.join(path), Want::read()) else { return };
    let (canonical, object) = (pinned.canonical().to_owned(), pinned.object());
    let Ok(approved) = approve(pinned, Want::read(), &vet) else { return };
    let Ok(opened) = act(opener, &approved, &vet) else { return };
    let file = File::from(opened);
    assert_eq!(identity(&file), object);
    assert_eq!(*vet.vetted.lock().unwrap(), [(canonical, object)]);
    if file.metadata().unwrap().is_file() {
        assert_eq!(read_to_string(file).unwrap(), "public");
    }
}
