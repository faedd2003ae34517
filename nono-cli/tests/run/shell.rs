//! `nono shell`: which shell, and the same grants as `nono run`.

use std::process::Command;

use crate::common::{Started, Terminal, Tree, nono_path, run};

/// Names the program that reads it.
const WHO: &[u8] = b"echo at $0\n";

fn nono_shell(words: &[&str]) -> Command {
    let mut command = Command::new(nono_path());
    command.arg("shell").args(words);
    command
}

/// What the shell that reads `script` writes.
#[track_caller]
fn written(command: &mut Command, script: &[u8]) -> String {
    Started::captured(command).outcome_after(script).text().to_owned()
}

#[test]
fn the_shell_that_is_named_is_started_whatever_the_environment_says() {
    let shell = written(nono_shell(&["--shell", "/bin/sh"]).env("SHELL", "/bin/false"), WHO);
    assert_eq!(shell, "at /bin/sh\n");
}

#[test]
fn the_shell_of_the_environment_is_started_when_none_is_named() {
    let tree = Tree::new();
    let shell = tree.script("shell", "#!/bin/sh\necho mine\n");
    assert_eq!(written(nono_shell(&[]).env("SHELL", shell), b""), "mine\n");
}

#[test]
fn the_recorded_shell_is_started_without_one_in_the_environment() {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let uid = rustix::process::geteuid().to_string();
    let mut users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let recorded = users.find(|fields| fields[2] == uid).unwrap()[6].to_owned();
    for empty in [true, false] {
        let mut command = nono_shell(&["--dry-run"]);
        if empty {
            command.env("SHELL", "");
        } else {
            command.env_remove("SHELL");
        }
        let told = written(&mut command, b"");
        let program = told.lines().next().unwrap();
        assert!(program.ends_with(&format!(" {recorded}")), "{program}");
    }
}

#[test]
fn the_shell_has_the_grants_of_a_run_and_its_status_is_passed_on() {
    let tree = Tree::new();
    tree.file("open/file", "granted\n");
    tree.file("closed/file", "secret\n");
    let (open, shell) = (tree.word("open"), "/bin/sh");
    let script = format!("cd {}; cat open/file closed/file; exit 7\n", tree.root().display());

    let mut command = nono_shell(&["--read", &open, "--shell", shell]);
    let ended = Started::captured(&mut command).outcome_after(script.as_bytes());
    let told = Started::captured(command.arg("--dry-run")).outcome();
    let told_by_run = run(&["--read", &open, "--dry-run", shell]);

    assert_eq!((ended.code(), ended.stdout.as_slice()), (7, &b"granted\n"[..]));
    assert_eq!(told.text(), told_by_run.text());
}

/// What is shown on a terminal of a shell that does nothing.
fn shown(words: &[&str]) -> String {
    let tree = Tree::new();
    let shell = tree.script("shell", "#!/bin/sh\necho begun\n");
    let mut command = nono_shell(words);
    let (terminal, mut started) = Terminal::start_on_all(command.arg("--shell").arg(shell));
    assert!(started.wait().success());
    terminal.shown()
}

#[test]
fn who_types_into_the_shell_is_told_first_what_it_may_do_beyond_the_base_set() {
    let tree = Tree::new();
    let told = format!(
        "nono: in a sandbox until exit: read+execute {}, network blocked, connect to TCP 443\nbegun\n",
        tree.root().display()
    );
    let shown_with = shown(&["--read", &tree.word(""), "--allow-connect", "443"]);
    assert!(shown_with.ends_with(&told), "{shown_with}");

    let told = "nono: in a sandbox until exit: no grants, network unrestricted\nbegun\n";
    let shown_without = shown(&[]);
    assert!(shown_without.ends_with(told), "{shown_without}");
}

#[test]
fn a_shell_that_reads_a_script_or_is_to_be_silent_is_not_announced() {
    assert_eq!(shown(&["--silent"]), "begun\n");
    let mut command = nono_shell(&["--shell", "/bin/sh"]);
    assert_eq!(Started::captured(&mut command).outcome_after(WHO).said(), "");
}
