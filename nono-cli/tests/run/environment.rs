//! Which variables a program finds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::common::{Tree, nono_run, outcome};

/// What `env` prints inside, with these variables outside and these flags.
#[track_caller]
fn environment(outside: &[(&str, &[u8])], flags: &[&str]) -> Vec<Vec<u8>> {
    let mut command = nono_run(flags);
    command.args(["--", "/usr/bin/env", "-0"]);
    for (name, value) in outside {
        command.env(name, OsStr::from_bytes(value));
    }
    let ended = outcome(&mut command);
    assert_eq!(ended.code(), 0, "{}", ended.said());
    ended.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

fn has(environment: &[Vec<u8>], entry: &str) -> bool {
    environment.iter().any(|found| found == entry.as_bytes())
}

#[test]
fn what_makes_programs_run_unnamed_code_is_left_out_and_the_rest_is_not() {
    let outside: &[(&str, &[u8])] = &[
        ("LD_PRELOAD", b"/nowhere.so"),
        ("LD_ANYTHING", b"x"),
        ("BASH_ENV", b"x"),
        ("BASH_FUNC_ls%%", b"() { id; }"),
        ("PYTHONPATH", b"x"),
        ("NODE_OPTIONS", b"x"),
        ("OP_SESSION_me", b"x"),
        ("ORDINARY", b"stays"),
        ("PYTHONPATHS", b"stays"),
    ];
    let found = environment(outside, &[]);
    for name in ["LD_", "BASH_ENV", "BASH_FUNC_", "PYTHONPATH=", "NODE_OPTIONS", "OP_SESSION_"] {
        let is_left = found.iter().any(|entry| entry.starts_with(name.as_bytes()));
        assert!(!is_left, "{name}");
    }
    assert!(has(&found, "ORDINARY=stays") && has(&found, "PYTHONPATHS=stays"));
}

#[test]
fn a_named_variable_is_kept_and_a_given_one_is_set() {
    let outside: &[(&str, &[u8])] = &[("PYTHONPATH", b"kept"), ("ORDINARY", b"before")];
    let flags =
        ["--env", "PYTHONPATH", "--env", "ORDINARY=a=b", "--env", "EMPTY=", "--env", "NONE"];
    let found = environment(outside, &flags);
    assert!(has(&found, "PYTHONPATH=kept") && has(&found, "ORDINARY=a=b") && has(&found, "EMPTY="));
    assert!(!found.iter().any(|entry| entry.starts_with(b"NONE")));
}

#[test]
fn a_cleared_environment_has_what_is_named_and_what_nono_adds() {
    let tree = Tree::new();
    tree.file("variables", "# comment\n\nFROM_FILE=1\nORDINARY\nBOTH=file\n");
    let file = tree.at("variables");
    let flags = ["--clear-env", "--env-file", file.to_str().unwrap(), "--env", "BOTH=flag"];
    let mut found = environment(&[("ORDINARY", b"x"), ("OTHER", b"x")], &flags);
    let of_nono = |entry: &[u8]| entry.starts_with(b"TMPDIR=") || entry.starts_with(b"NONO_STATE=");
    found.retain(|entry| !entry.is_empty() && !of_nono(entry));
    found.sort();
    assert_eq!(found, [&b"BOTH=flag"[..], b"FROM_FILE=1", b"ORDINARY=x"]);
}

#[test]
fn values_that_are_not_text_pass_through() {
    let found = environment(&[("RAW", b"\xff\xfe")], &[]);
    assert!(found.iter().any(|entry| entry == b"RAW=\xff\xfe"));
}

#[test]
fn a_file_that_cannot_be_read_and_an_entry_without_a_name_are_125() {
    for flags in [["--env-file", "/no/such"], ["--env", "=x"]] {
        let ended = outcome(nono_run(&flags).args(["--", "true"]));
        assert_eq!(ended.code(), 125);
        assert_eq!(ended.said().lines().count(), 1, "{}", ended.said());
    }
}

#[test]
fn verbose_names_what_is_left_out_and_how_to_pass_it() {
    let ended = outcome(nono_run(&["-v", "--", "true"]).env("LD_PRELOAD", "/nowhere.so"));
    assert!(ended.said().contains("LD_PRELOAD is not passed on"), "{}", ended.said());
}
