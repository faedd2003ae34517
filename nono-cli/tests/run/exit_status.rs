//! The exit status, and what nono says of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::{Outcome, Tree, nono_run, outcome, run};

#[test]
fn the_programs_own_status_is_nonos() {
    for status in [0, 1, 2, 42, 124, 125, 126, 127, 128, 137, 254, 255] {
        let ended = run(&["--", "sh", "-c", &format!("exit {status}")]);
        assert_eq!((ended.code(), ended.said().as_str()), (status, ""));
    }
}

#[test]
fn a_program_ended_by_a_signal_is_128_and_its_number() {
    for (name, number) in [("HUP", 1), ("QUIT", 3), ("KILL", 9), ("SEGV", 11), ("TERM", 15)] {
        let ended = run(&["--", "sh", "-c", &format!("ulimit -c 0; kill -{name} $$")]);
        assert_eq!((ended.code(), ended.said().as_str()), (128 + number, ""), "SIG{name}");
    }
}

/// nono gave up with this status, said why in one line that ends with the next step, and wrote
/// nothing else.
#[track_caller]
fn assert_gave_up(ended: &Outcome, status: i32, about: &str, next_step: &str) {
    let said = ended.said();
    assert_eq!(ended.code(), status, "{said}");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "");
    assert!(said.starts_with("nono: error: ") && said.ends_with('\n'), "{said:?}");
    assert_eq!(said.lines().count(), 1, "{said:?}");
    let step = said.split_once(about).unwrap_or_else(|| panic!("not about {about:?}: {said:?}")).1;
    assert!(step.contains(next_step), "no step {next_step:?}: {said:?}");
}

#[test]
fn a_wrong_command_line_is_125_and_points_at_the_help() {
    let help = "nono run --help";
    for (words, about) in [
        (&["--alow", "/", "true"][..], "--alow"),
        (&["--allow"][..], "--allow"),
        (&[][..], "COMMAND"),
        (&["--silent", "--verbose", "true"][..], "--silent"),
        (&["--dry-run=7", "true"][..], "--dry-run"),
    ] {
        assert_gave_up(&run(words), 125, about, help);
    }
}

#[test]
fn an_unknown_gap_is_125_and_lists_the_known_ones() {
    assert_gave_up(&run(&["--allow-gap", "gravity", "true"]), 125, "gravity", "loopback-only");
}

#[test]
fn no_subcommand_or_an_unknown_one_is_125() {
    for words in [&[][..], &["walk"][..]] {
        let mut command = std::process::Command::new(crate::common::nono_path());
        assert_gave_up(&outcome(command.args(words)), 125, "subcommand", "nono --help");
    }
}

#[test]
fn a_directory_that_cannot_be_entered_is_125() {
    let tree = Tree::new();
    let file = tree.file("file", "").into_os_string().into_string().unwrap();
    for workdir in [tree.word("missing"), file] {
        let ended = run(&["--workdir", &workdir, "true"]);
        assert_gave_up(&ended, 125, &workdir, "name a directory");
    }
}

#[test]
fn grants_that_cannot_be_read_are_125() {
    let tree = Tree::new();
    let missing = tree.word("grants.toml");
    assert_gave_up(&run(&["--grants", &missing, "true"]), 125, &missing, "name a file");
}

#[test]
fn a_file_where_a_directory_is_asked_for_is_125() {
    let tree = Tree::new();
    tree.file("file", "");
    let (file, directory) = (tree.word("file"), tree.word(""));
    assert_gave_up(&run(&["--read", &file, "true"]), 125, "--read", "grant it as a file");
    let ended = run(&["--read-file", &directory, "true"]);
    assert_gave_up(&ended, 125, "--read-file", "grant it as a directory");
}

#[test]
fn what_may_not_be_executed_is_126() {
    let tree = Tree::new();
    let file = tree.file("plain", "#!/bin/sh\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_gave_up(&run(&[&tree.word("plain")]), 126, "plain", "chmod +x");
    assert_gave_up(&run(&[&tree.word("")]), 126, &tree.word(""), "name a program");
}

#[test]
fn a_damaged_executable_is_126() {
    let tree = Tree::new();
    tree.script("damaged", "\x7fELF and no more");
    assert_gave_up(&run(&[&tree.word("damaged")]), 126, "damaged", "built for this machine");
}

#[test]
fn what_is_not_found_is_127() {
    assert_gave_up(&run(&["no-such-program"]), 127, "no-such-program", "PATH");
    assert_gave_up(&run(&["/no/such/program"]), 127, "/no/such/program", "check the path");
    assert_gave_up(&run(&["--", ""]), 127, "", "name a program");
}

#[test]
fn a_script_whose_interpreter_is_missing_is_126() {
    let tree = Tree::new();
    tree.script("script", "#!/no/such/interpreter\n");
    assert_gave_up(&run(&[&tree.word("script")]), 126, "/no/such/interpreter", "install it");
}

#[test]
fn a_program_that_the_sandbox_does_not_cover_is_126() {
    let ended = run(&["--no-base", "/bin/true"]);
    assert_gave_up(&ended, 126, "true", "--exec");
}

#[test]
fn warnings_and_notes_stay_off_standard_output() {
    let ended = run(&["-v", "--read", "/no/such/directory", "--", "echo", "out"]);
    assert_eq!(ended.text(), "out\n");
    assert!(ended.said().contains("Skipping non-existent path"), "{}", ended.said());
}

#[test]
fn a_dry_run_starts_nothing_and_creates_nothing() {
    let tree = Tree::new();
    tree.directory("tmp");
    for format in [&[][..], &["--json"][..]] {
        let mut command = nono_run(format);
        command.args(["--dry-run", "--allow"]).arg(tree.root());
        command.args(["--", "touch"]).arg(tree.at("started"));
        let ended = outcome(command.env("TMPDIR", tree.at("tmp")));

        assert!(ended.text().contains("touch"), "{}", ended.text());
        assert!(!tree.at("started").exists());
        assert_eq!(fs::read_dir(tree.at("tmp")).unwrap().count(), 0);
    }
}

#[test]
fn the_same_run_without_dry_starts_the_program() {
    let tree = Tree::new();
    let (root, file) = (tree.word(""), tree.word("started"));
    assert_eq!(run(&["--allow", &root, "--", "touch", &file]).text(), "");
    assert!(tree.at("started").exists());
}

/// Wherever on its way nono meets the limit.
#[test]
fn a_limit_of_open_files_is_125_and_names_the_limit_to_raise() {
    for limit in 4..=9 {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" run true")]);
        let ended = outcome(command.arg(crate::common::nono_path()));
        assert_gave_up(&ended, 125, "Too many open files", "ulimit -n");
    }
}

#[test]
fn a_program_among_what_is_never_granted_is_not_advised_to_be_granted() {
    let tree = Tree::new();
    tree.script(".ssh/tool", "#!/bin/sh\n");
    tree.directory("project");
    let (tool, project) = (tree.word(".ssh/tool"), tree.word("project"));
    let mut command = nono_run(&["--read", &project, "--", &tool]);
    let refused = outcome(command.env("HOME", tree.root()));
    let said = refused.said();
    assert!(said.contains("is never granted") && !said.contains("--exec"), "{said}");
    assert_eq!(refused.code(), 125);
}
