//! `--deny` keeps an entry closed inside the grants around it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Started, Tree, nono_run, opens, outcome, run};

/// A directory `d` with a file `f` and the directories `a` and `b`.
fn tree() -> Tree {
    let tree = Tree::new();
    for file in ["d/f", "d/a/file", "d/b/file", "d/b/deep/file"] {
        tree.file(file, "line\n");
    }
    tree
}

/// What opening files below `d` gives, started in `d` with `d` granted and these flags.
#[track_caller]
fn opens_in(tree: &Tree, flags: &[&str], files: &[&str]) -> Vec<String> {
    let mut command = nono_run(&["--allow", &tree.word("d")]);
    let files: Vec<PathBuf> = files.iter().map(|file| tree.at("d").join(file)).collect();
    opens(command.args(flags).current_dir(tree.at("d")), &files)
}

const FILES: [&str; 4] = ["b/file", "b/deep/file", "a/file", "f"];

#[test]
fn a_denied_directory_is_closed_however_it_is_spelled_and_the_rest_is_granted() {
    let tree = tree();
    symlink("d/b", tree.at("link")).unwrap();
    symlink("d", tree.at("way")).unwrap();
    for deny in [&tree.word("d/b"), "b", "./b", "b/", "../d/b", "a/../b", "../link", "../way/b"] {
        let works = opens_in(&tree, &["--deny", deny], &FILES);
        assert_eq!(works, ["closed", "closed", "readwrite", "readwrite"], "{deny}");
    }
    assert_eq!(opens_in(&tree, &[], &FILES), ["readwrite"; 4]);
}

#[test]
fn a_denied_link_closes_its_name_and_what_it_leads_to() {
    let tree = tree();
    symlink("b", tree.at("d/link")).unwrap();
    let files = ["link/file", "b/file", "a/file"];
    let works = opens_in(&tree, &["--deny", "link"], &files);
    assert_eq!(works, ["closed", "closed", "readwrite"]);
}

#[test]
fn a_denied_link_that_leads_out_of_the_grant_is_not_replaced() {
    let tree = tree();
    tree.directory("elsewhere");
    symlink("../elsewhere", tree.at("d/link")).unwrap();
    assert!(!run_in(&tree, &["--deny", "link"], "rm link"));
    assert!(!run_in(&tree, &["--deny", "link"], "mv f link"));
    assert!(tree.at("d/link").is_symlink() && tree.at("d/f").exists());
    assert!(run_in(&tree, &[], "rm link"));
}

#[test]
fn a_denied_file_is_closed_and_the_rest_is_granted() {
    let works = opens_in(&tree(), &["--deny", "f"], &FILES);
    assert_eq!(works, ["readwrite", "readwrite", "readwrite", "closed"]);
}

#[test]
fn each_flag_that_grants_a_directory_stops_at_what_is_denied() {
    let tree = tree();
    let (root, d) = (tree.word(""), tree.word("d"));
    for (grant, beside) in [
        (&["--read", d.as_str()][..], "read"),
        (&["--write", d.as_str()][..], "write"),
        (&["--exec", d.as_str()][..], "read"),
        (&["--allow-cwd"][..], "readwrite"),
        (&["--read", root.as_str(), "--write", d.as_str()][..], "readwrite"),
    ] {
        let mut command = nono_run(grant);
        let files = [tree.at("d/b/file"), tree.at("d/a/file")];
        let works = opens(command.args(["--deny", "b"]).current_dir(tree.at("d")), &files);
        assert_eq!(works, ["closed", beside], "{grant:?}");
    }
}

#[test]
fn a_program_below_a_denied_directory_is_not_executed() {
    let tree = tree();
    let program = tree.script("d/b/program", "#!/bin/sh\necho ran\n");
    let (d, program) = (tree.word("d"), program.to_str().unwrap());
    assert_eq!(run(&["--read", &d, program]).text(), "ran\n");
    let ended = run(&["--read", &d, "--deny", &tree.word("d/b"), program]);
    assert_eq!((ended.code(), ended.stdout.as_slice()), (126, &b""[..]), "{}", ended.said());
}

#[test]
fn what_is_denied_before_it_exists_cannot_be_made_inside_and_is_closed_when_made_outside() {
    for deny in ["missing", "missing/deep"] {
        let tree = tree();
        let works = opens_in(&tree, &["--deny", deny], &[deny, "a/file"]);
        assert_eq!(works, ["closed", "readwrite"], "{deny}");
        assert!(!run_in(&tree, &["--deny", deny], "mkdir -p missing/deep"));

        let script = format!("echo ready; read line; cat {deny}/file");
        let mut command = nono_run(&["--allow", &tree.word("d"), "--deny", deny]);
        command.args(["--", "sh", "-c", &script]).current_dir(tree.at("d"));
        let mut started = Started::captured(&mut command);
        assert_eq!(started.line(), "ready");
        tree.file(&format!("d/{deny}/file"), "secret\n");
        let mut stdin = started.stdin();
        std::io::Write::write_all(&mut stdin, b"made\n").unwrap();
        assert!(!started.wait().success());
        assert_eq!(started.line(), "");
    }
}

#[test]
fn a_file_of_grants_denies_relative_to_where_it_lies() {
    let tree = tree();
    let grants = tree.file("grants.toml", "allow = ['d']\ndeny = ['d/b', 'd/f']\n");
    let files = FILES.map(|file| tree.at("d").join(file));
    let works = opens(nono_run(&["--grants"]).arg(grants).current_dir("/"), &files);
    assert_eq!(works, ["closed", "closed", "readwrite", "closed"]);
}

#[test]
fn several_entries_of_one_directory_and_at_several_depths_are_all_closed() {
    let tree = tree();
    tree.file("d/b/other", "line\n");
    let flags = ["--deny", "b/deep", "--deny", "f"];
    let works = opens_in(&tree, &flags, &["b/deep/file", "f", "b/file", "b/other", "a/file"]);
    assert_eq!(works, ["closed", "closed", "readwrite", "readwrite", "readwrite"]);
}

#[test]
fn what_is_granted_and_denied_stays_closed_with_one_warning() {
    let tree = tree();
    for (flag, path) in [
        ("--read", "b"),
        ("--read", "b/deep"),
        ("--allow", "b/deep"),
        ("--read-file", "b/deep/file"),
        ("--allow-file", "b/file"),
    ] {
        let flags = ["--deny", "b", flag, path];
        let works = opens_in(&tree, &flags, &FILES);
        assert_eq!(works, ["closed", "closed", "readwrite", "readwrite"], "{flag} {path}");

        let mut command = nono_run(&flags);
        let said = outcome(command.args(["--", "true"]).current_dir(tree.at("d"))).said();
        let granted = tree.word("d") + "/" + path;
        let warning = format!("nono: warning: {granted} is granted and denied; it stays closed\n");
        assert_eq!(said, warning, "{flag} {path}");
    }
}

/// Whether the script succeeds in `d`, with `d` granted and these flags.
fn run_in(tree: &Tree, flags: &[&str], script: &str) -> bool {
    let mut command = nono_run(&["--allow", &tree.word("d")]);
    command.args(flags).args(["--", "sh", "-e", "-c", script]).current_dir(tree.at("d"));
    outcome(&mut command).succeeded()
}

#[test]
fn a_directory_on_the_way_to_what_is_denied_has_no_listing_and_takes_nothing_new() {
    let tree = tree();
    let deny = ["--deny", "b/deep"];
    assert_eq!(opens_in(&tree, &deny, &["new", "b/new", "a/new"]), ["closed", "closed", "write"]);
    for (directory, lists) in [(".", false), ("b", false), ("a", true)] {
        assert_eq!(run_in(&tree, &deny, &format!("ls {directory}")), lists, "{directory}");
    }
    assert!(!tree.at("d/new").exists() && !tree.at("d/b/new").exists());
}

#[test]
fn nothing_is_renamed_or_linked_into_or_out_of_what_is_denied() {
    for (deny, script) in [
        ("missing", "mv a missing"),
        ("missing", "mv f missing"),
        ("missing", "ln f missing"),
        ("missing", "ln -s a missing"),
        ("f", "mv a/file f"),
        ("b", "mv b elsewhere"),
        ("b", "mv b a/b"),
        ("b/deep", "mv b elsewhere"),
        ("b/deep", "mv b/deep a/deep"),
        ("b", "mv b/file a/stolen"),
        ("b", "mv a/file b/file"),
        ("f", "mv f a/f"),
        ("f", "ln f a/f"),
        ("f", "rm f"),
    ] {
        let tree = tree();
        fs::write(tree.at("d/a/file"), "other\n").unwrap();
        assert!(!run_in(&tree, &["--deny", deny], script), "{deny}: {script}");
        for there in FILES {
            assert!(tree.at("d").join(there).exists(), "{deny}: {script}: {there}");
        }
        assert_eq!(tree.read("d/f") + &tree.read("d/b/file"), "line\nline\n", "{deny}: {script}");
        assert!(!fs::exists(tree.at("d/missing")).unwrap(), "{deny}: {script}");
    }
}

#[test]
fn verbose_names_each_directory_that_was_carved() {
    let tree = tree();
    let ended = run(&["-v", "--allow", &tree.word("d"), "--deny", &tree.word("d/b/deep"), "true"]);
    ended.text();
    for (directory, named) in [("d", true), ("d/b", true), ("d/a", false)] {
        let line = format!("nono: {} cannot be listed, ", tree.word(directory));
        assert_eq!(ended.said().matches(&line).count(), usize::from(named), "{}", ended.said());
    }
}

#[test]
fn a_dry_run_shows_what_is_denied_and_what_was_carved() {
    let tree = tree();
    let (d, b, deep) = (tree.word("d"), tree.word("d/b"), tree.word("d/b/deep"));
    let words = ["--allow", &d, "--deny", &deep, "--dry-run"];
    let plain = run(&[&words[..], &["true"]].concat());
    for carved in [&d, &b] {
        let line = format!("{:<20} {carved}: ", "carved");
        assert_eq!(plain.text().matches(&line).count(), 1, "{}", plain.text());
    }
    assert!(plain.text().contains(&deep), "{}", plain.text());

    let ended = run(&[&words[..], &["--json", "true"]].concat());
    let printed: serde_json::Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!(printed["enforcement"]["carved"], serde_json::json!([d, b]));
}

#[test]
fn more_pieces_than_the_limit_are_125_and_name_what_to_narrow() {
    let tree = Tree::new();
    tree.directory("d/denied");
    (0..4096).for_each(|number| drop(tree.file(&format!("d/{number}"), "")));
    let (d, denied) = (tree.word("d"), tree.word("d/denied"));
    let words = ["--read", &d, "--deny", &denied, "echo", "ran"];
    assert_eq!(run(&words).text(), "ran\n");

    tree.file("d/4096", "");
    let ended = run(&words);
    assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]), "{}", ended.said());
    let said = ended.said();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&format!("grant the parts of {d} ")) && said.contains(&denied), "{said}");
}

/// Makes, renames and removes files and directories until told to stop.
fn come_and_go(directory: &Path, stop: &AtomicBool) {
    let at = |name: &str, number: u32| directory.join(format!("{name}{number}"));
    while !stop.load(Ordering::Relaxed) {
        for number in 0..50 {
            fs::write(at("file", number), "").unwrap();
            fs::create_dir(at("directory", number)).unwrap();
        }
        for number in 0..50 {
            fs::rename(at("file", number), at("other", number)).unwrap();
            fs::remove_dir(at("directory", number)).unwrap();
            fs::remove_file(at("other", number)).unwrap();
        }
    }
}

#[test]
fn a_directory_in_which_files_come_and_go_never_fails_a_run() {
    let tree = tree();
    // What stays gives the rest time to change between the listing and the rules.
    (0..300).for_each(|number| drop(tree.file(&format!("d/stays{number}"), "")));
    let words = ["--allow", &tree.word("d"), "--deny", &tree.word("d/b"), "--", "true"];
    let stop = AtomicBool::new(false);
    let failed: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| come_and_go(&tree.at("d"), &stop));
        let ended: Vec<_> = (0..30).map(|_| run(&words)).collect();
        stop.store(true, Ordering::Relaxed);
        ended.iter().filter(|ended| !ended.succeeded()).map(|ended| ended.said()).collect()
    });
    assert_eq!(failed, [""; 0]);
}
