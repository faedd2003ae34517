//! What the program is given by its caller: words, environment, descriptors, session, home.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::common::{Tree, nono_path, nono_run, outcome, run, sys};

#[test]
fn arguments_that_are_not_text_arrive_as_they_are() {
    let mut command = nono_run(&["--", "printf", "%s|"]);
    command.arg(OsStr::from_bytes(b"\xff\xfe")).arg("").arg("--dry-run").arg("a b\n");
    assert_eq!(outcome(&mut command).stdout, b"\xff\xfe||--dry-run|a b\n|");
}

#[test]
fn environment_that_is_not_text_arrives_as_it_is() {
    let mut command = nono_run(&["env"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("EMPTY", "");
    command.env(OsStr::from_bytes(b"NAME\xff"), OsStr::from_bytes(b"\xfe value\n"));
    let printed = outcome(&mut command).stdout;
    let mut lines: Vec<_> = printed.split(|&byte| byte == b'\n').collect();
    lines.retain(|line| !line.starts_with(b"TMPDIR=") && !line.starts_with(b"NONO_STATE="));
    lines.sort_unstable();
    assert_eq!(lines, [&b""[..], b"", b"EMPTY=", b"NAME\xff=\xfe value", b"PATH=/usr/bin:/bin"]);
}

#[test]
fn the_program_sees_its_name_as_it_was_typed() {
    let tree = Tree::new();
    std::os::unix::fs::symlink("/usr/bin/cat", tree.at("other-name")).unwrap();
    assert_eq!(run(&["cat", "/proc/self/cmdline"]).text(), "cat\0/proc/self/cmdline\0");
    let linked = tree.word("other-name");
    let expected = format!("{linked}\0/proc/self/cmdline\0");
    assert_eq!(run(&[&linked, "/proc/self/cmdline"]).text(), expected);
    let mut relative = nono_run(&["./other-name", "/proc/self/cmdline"]);
    let ended = outcome(relative.current_dir(tree.root()));
    assert_eq!(ended.text(), "./other-name\0/proc/self/cmdline\0");
}

#[test]
fn a_path_that_is_not_text_can_be_granted() {
    let tree = Tree::new();
    let directory = tree.root().join(OsStr::from_bytes(b"d\xff"));
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("file"), "content").unwrap();
    let mut command = nono_run(&["--read"]);
    command.arg(&directory).arg("cat").arg(directory.join("file"));
    assert_eq!(outcome(&mut command).text(), "content");
}

/// With the base set nono forks, without it it execs.
#[test]
fn descriptors_of_the_caller_are_closed() {
    for flags in [&["--"][..], &["--no-base", "--read", "/", "--"][..]] {
        let mut command = nono_run(flags);
        command.args(["ls", "/proc/self/fd"]);
        let held = [5, 77]
            .map(|least| fcntl_dupfd_cloexec(File::open("/etc/passwd").unwrap(), least).unwrap());
        let numbers = held.each_ref().map(AsRawFd::as_raw_fd);
        sys::before_exec(&mut command, move || {
            held.iter().try_for_each(|descriptor| fcntl_setfd(descriptor, FdFlags::empty()))
        });
        let ended = outcome(&mut command);
        let listed: Vec<i32> = ended.text().lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.iter().all(|number| !listed.contains(number)), "{listed:?}");
        // The three standard streams, and the one by which the directory is read.
        assert_eq!(listed.len(), 4, "{flags:?}: {listed:?}");
    }
}

/// Runs a shell that changes its own descriptors and becomes nono.
fn run_with_redirections(redirections: &str, words: &[&str]) -> crate::common::Outcome {
    let script = format!("exec \"$@\" {redirections}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(nono_path()).arg("run").args(words);
    outcome(&mut command)
}

#[test]
fn a_closed_standard_input_is_empty() {
    assert_eq!(run_with_redirections("<&-", &["cat"]).text(), "");
}

#[test]
fn a_closed_standard_output_does_not_keep_the_program_from_running() {
    let tree = Tree::new();
    let (root, file) = (tree.word(""), tree.word("made"));
    let ended = run_with_redirections(">&- 2>&-", &["--write", &root, "touch", &file]);
    assert!(ended.succeeded() && tree.at("made").exists());
}

#[test]
fn a_file_that_takes_the_place_of_a_closed_stream_gets_no_output() {
    let tree = Tree::new();
    let file = tree.file("file", "content");
    let file = file.to_str().unwrap();
    let words = ["--allow-file", file, "--", "sh", "-c", "echo lost; exec 4<\"$0\"; cat <&4 >&2"];
    let ended = run_with_redirections(">&-", &[&words[..], &[file]].concat());
    assert_eq!((ended.code(), ended.said().as_str()), (0, "content"));
    assert_eq!(tree.read("file"), "content");
}

#[test]
fn a_session_without_a_terminal_is_enough() {
    let mut command = nono_run(&["sh", "-c", "echo up; : 2>&- </dev/tty || echo none"]);
    // A leader of a group cannot begin a session: the shell between is no leader.
    let mut shell = Command::new("setsid");
    shell.args(["--wait"]).arg(command.get_program()).args(command.get_args());
    command = shell;
    let ended = outcome(&mut command);
    assert!(String::from_utf8_lossy(&ended.stdout).starts_with("up\n"), "{}", ended.said());
}

#[test]
fn a_home_below_tmp_stays_closed_unless_it_is_granted() {
    let tree = Tree::new();
    tree.file("home/secret", "secret");
    tree.script("home/bin/program", "#!/bin/sh\ncat \"$HOME/secret\"\n");
    let program = tree.word("home/bin/program");
    let home = tree.word("home");

    let closed = outcome(nono_run(&[&program]).env("HOME", &home));
    let granted = outcome(nono_run(&["--read", &home, &program]).env("HOME", &home));

    assert!(!closed.succeeded() && closed.said().contains("ermission denied"), "{}", closed.said());
    assert_eq!(granted.text(), "secret");
}

#[test]
fn ten_thousand_paths_are_granted_and_nothing_else() {
    const COUNT: usize = 10_000;
    let tree = Tree::new();
    let mut grants = String::from("read-file = [\n");
    for number in 0..COUNT {
        let name = format!("{}/{number}", number % 100);
        tree.file(&name, number.to_string());
        writeln!(grants, "  '{name}',").unwrap();
    }
    tree.file("grants.toml", grants + "]\n");
    tree.file("99/other", "other");
    let file = tree.word("grants.toml");

    let words = ["--grants", &file, "--", "sh", "-c", "cat 0/0 50/5050 99/9999; cat 99/other"];
    let ended = outcome(nono_run(&words).current_dir(tree.root()));

    assert_eq!(ended.stdout, b"050509999");
    assert!(!ended.succeeded() && ended.said().contains("99/other"), "{}", ended.said());
}
