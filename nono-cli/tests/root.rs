//! `nono run` by root, and for other users.
#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const NOBODY: u32 = 65_534;

/// Whether a test for root can run, said aloud if not.
fn is_root_or_says_so() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// Where `nono` is: beside this test, or where `NONO_BIN` says when both were moved.
fn nono_path() -> std::ffi::OsString {
    std::env::var_os("NONO_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_nono").into())
}

fn nono(arguments: &[&str]) -> Command {
    let mut command = Command::new(nono_path());
    command.arg("run").args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    nono(arguments).output().unwrap()
}

/// nono in a place where any user may execute it, started by an ordinary user.
fn run_as_ordinary(directory: &Path, arguments: &[&str]) -> Output {
    let copy = directory.join("nono");
    // By another process: a child that a test forks meanwhile would inherit our descriptor, and
    // what is open for writing cannot be executed.
    assert!(Command::new("cp").arg(nono_path()).arg(&copy).status().unwrap().success());
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.arg("run").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn root_is_warned_in_one_line_and_others_are_not() {
    if !is_root_or_says_so() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let quiet = [
        run(&["--silent", "--", "true"]),
        run(&["--user", "nobody", "--", "true"]),
        run_as_ordinary(directory.path(), &["--", "true"]),
    ];
    for output in quiet {
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    }
    for arguments in [&["--", "true"][..], &["--no-base", "--exec", "/", "--", "true"]] {
        let line = text(&run(arguments).stderr);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(
            line.contains("root without its capabilities") && line.contains("--user"),
            "{line}"
        );
    }
    let line = text(&run(&["--keep-cap", "chown", "--user", "root", "--", "true"]).stderr);
    assert!(line.contains("root with cap_chown"), "{line}");
}

#[test]
fn a_named_user_gets_a_home_a_private_tmpdir_and_no_right_of_roots() {
    if !is_root_or_says_so() {
        return;
    }
    let script = r#"id -un; echo "$HOME $USER $LOGNAME"; stat -c %u "$TMPDIR"
        echo mine > "$TMPDIR/file" && cat "$TMPDIR/file"; grep -c 'Cap.*0000000000000000$' /proc/self/status"#;
    let output = nono(&["--user", "nobody", "--", "sh", "-c", script])
        .env("HOME", "/root")
        .env("USER", "root")
        .output()
        .unwrap();
    let home = nono::User::named("nobody").unwrap().home().display().to_string();
    let expected = format!("nobody\n{home} nobody nobody\n{NOBODY}\nmine\n5\n");
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_private_tmpdir_of_root_is_found_again_after_it_was_made_passable() {
    if !is_root_or_says_so() {
        return;
    }
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), Permissions::from_mode(0o1777)).unwrap();
    for user in ["nobody", "root", "nobody"] {
        let script = "echo x > $TMPDIR/x && echo $TMPDIR";
        let output = nono(&["--silent", "--user", user, "--", "sh", "-c", script])
            .env("TMPDIR", shared.path())
            .output()
            .unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        assert!(Path::new(&text(&output.stdout)).starts_with(shared.path().join("nono-0")));
    }
    let left: Vec<_> = fs::read_dir(shared.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read_dir(left[0].path()).unwrap().count(), 0);
}

#[test]
fn a_user_that_is_not_there_or_not_to_be_had_is_refused_with_125() {
    let directory = tempfile::tempdir().unwrap();
    let as_ordinary = |arguments: &[&str]| run_as_ordinary(directory.path(), arguments);
    let mut refused = vec![
        (as_ordinary(&["--user", "root", "--", "true"]), "only root"),
        (as_ordinary(&["--keep-cap", "net_raw", "--", "true"]), "cap_net_raw"),
        (run(&["--keep-cap", "everything", "--", "true"]), "nono run --help"),
    ];
    if is_root_or_says_so() {
        refused.push((run(&["--user", "no-such-user", "--", "true"]), "no-such-user"));
    }
    for (output, reason) in refused {
        let line = text(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{line}");
        assert!(line.contains(reason) && line.lines().count() == 1, "{line}");
    }
}

#[test]
fn the_home_of_a_grants_file_is_roots_own_whatever_home_says() {
    if !is_root_or_says_so() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("grants.toml");
    fs::write(&file, "read = ['~/']\nuser = 'nobody'\n").unwrap();
    let output = nono(&["--dry-run", "--json", "--grants", file.to_str().unwrap(), "--", "true"])
        .env("HOME", directory.path())
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let grants = shown["capabilities"]["fs"].as_array().unwrap();
    let profile: Vec<_> = grants.iter().filter(|grant| grant["source"] == "Profile").collect();
    assert_eq!(profile.len(), 1);
    assert_eq!(profile[0]["resolved"], serde_json::json!("/root"));
    assert_eq!(shown["user"], "nobody");
}

#[test]
fn the_secrets_of_root_and_of_the_named_user_are_closed_whatever_home_says() {
    if !is_root_or_says_so() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    let output = nono(&["--dry-run", "--json", "--user", "nobody", "--read", home, "--", "true"])
        .env("HOME", home)
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    let nobody = nono::User::named("nobody").unwrap();
    for home in [home, "/root", nobody.home().to_str().unwrap()] {
        assert!(shown.contains(&format!("{home}/.ssh")), "{home} in {shown}");
    }
}

#[test]
fn a_write_grant_on_the_system_is_a_gap_for_root_and_not_for_a_named_user() {
    if !is_root_or_says_so() {
        return;
    }
    let gaps = |arguments: &[&str]| {
        let output = run(&[&["--dry-run", "--json"], arguments, &["--", "true"]].concat());
        text(&output.stdout).contains("root-writes")
    };
    assert!(gaps(&["--write", "/etc"]));
    assert!(!gaps(&["--write", "/etc", "--user", "nobody"]));
    assert!(!gaps(&["--read", "/etc"]));
}

#[test]
fn the_shell_for_a_named_user_is_its_own_whatever_the_environment_says() {
    if !is_root_or_says_so() {
        return;
    }
    let mut command = Command::new(nono_path());
    let output = command
        .args(["shell", "--dry-run", "--json", "--user", "nobody"])
        .env("SHELL", "/bin/bash")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nobody = nono::User::named("nobody").unwrap();
    assert_eq!(shown["program"], nobody.shell().to_str().unwrap());
}

#[test]
fn a_program_of_another_user_can_read_its_state() {
    if !is_root_or_says_so() {
        return;
    }
    let output = run(&["--user", "nobody", "--", "sh", "-c", "head -c 1 \"$NONO_STATE\""]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("{".to_owned(), String::new()));
}
