//! `NONO_STATE`: what a sandboxed program learns of its own sandbox, and what it cannot do about it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Outcome, Tree, nono_path, nono_run, outcome};

/// Asks from a sandbox with these grants; `$why` answers, in a shell.
fn inside(tree: &Tree, grants: &[&str], script: &str) -> Outcome {
    let nono = nono_path().into_string().unwrap();
    let script = format!("why() {{ '{nono}' why --json \"$@\" | grep reason; }}; {script}");
    let words = ["--exec", &nono, "--", "sh", "-c", &script];
    let mut command = nono_run(&[grants, &words].concat());
    outcome(command.current_dir(tree.root()).env("TMPDIR", tree.root()))
}

fn reasons(ended: &Outcome) -> Vec<&str> {
    ended.text().lines().map(|line| line.trim().trim_end_matches(',')).collect()
}

/// What nono has in its directory for temporary files.
fn left(tree: &Tree) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree.root()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("nono-") {
            let inner = fs::read_dir(entry.path()).unwrap();
            names.extend(inner.map(|it| it.unwrap().file_name().into_string().unwrap()));
        }
    }
    names
}

#[test]
fn a_sandboxed_program_learns_of_its_own_sandbox() {
    let tree = Tree::new();
    tree.file("data/file", "");
    tree.file("other", "");
    let ended = inside(
        &tree,
        &["--read", "data", "--net-block"],
        "why --path data/file; why --path data/file --op write; why --path other;
         why --self --path /etc/shadow; why --port 443; why --path other --read-file other",
    );
    let expected = [
        "granted",
        "insufficient_access",
        "no_grant",
        "never_grant",
        "port_not_granted",
        "granted",
    ];
    assert_eq!(reasons(&ended), expected.map(|code| format!("\"reason\": \"{code}\"")));

    // Without a grant nothing is carved, and the state has no entries.
    let nono = nono_path().into_string().unwrap();
    let base_alone = outcome(&mut nono_run(&["--", &nono, "why", "--path", "/etc/shadow"]));
    let said = base_alone.said_anywhere();
    assert!(said.contains("(never_grant)"), "{said}");
}

#[test]
fn what_was_enforced_is_told_and_not_what_would_be_now() {
    let tree = Tree::new();
    for file in ["data/kept", "data/secret", "file"] {
        tree.file(file, "");
    }
    tree.directory("work");
    let waiting = "until [ -e go ]; do sleep 0.02; done; ";
    let asked = "why --path data/kept; why --path data/secret; why --path data/later; \
                 why --path file; cat data/later 2>/dev/null || cat file 2>/dev/null || echo refused";
    let change = |root: &Path| {
        fs::write(root.join("data/later"), "").unwrap();
        fs::write(root.join("new"), "").unwrap();
        fs::rename(root.join("new"), root.join("file")).unwrap();
        fs::write(root.join("go"), "").unwrap();
    };
    let grants = ["--read", "data", "--deny", "data/secret", "--read-file", "file"];
    let ended = std::thread::scope(|scope| {
        let script = format!("echo started >work/started; {waiting}{asked}");
        let grants = [&grants[..], &["--allow", "work"]].concat();
        let running = scope.spawn({
            let tree = &tree;
            move || inside(tree, &grants, &script)
        });
        while !tree.at("work/started").exists() && !running.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        change(tree.root());
        running.join().unwrap()
    });
    let expected = ["granted", "denied_path", "carved_directory", "object_replaced"];
    let expected = expected.map(|code| format!("\"reason\": \"{code}\""));
    assert_eq!(reasons(&ended), [&expected[..], &["refused".to_owned()]].concat());
}

#[test]
fn a_sandboxed_program_cannot_change_its_state_and_nothing_of_it_is_left() {
    let tree = Tree::new();
    let script = "chmod 600 \"$NONO_STATE\" 2>/dev/null; (echo x >\"$NONO_STATE\") 2>/dev/null
                  rm -f \"$NONO_STATE\" 2>/dev/null; mv \"$TMPDIR\" \"$NONO_STATE\" 2>/dev/null
                  head -c 1 \"$NONO_STATE\"";
    let ended = inside(&tree, &[], script);
    assert_eq!(ended.text(), "{", "{}", ended.said());
    assert_eq!(left(&tree), [""; 0]);
}

#[test]
fn a_state_that_may_have_been_forged_is_said_to_be() {
    let tree = Tree::new();
    let nono = nono_path().into_string().unwrap();
    let script = format!("'{nono}' why --path /etc/hosts");
    let ended = inside(&tree, &["--allow", "."], &script);
    assert!(ended.text().contains("state_not_protected"), "{}", ended.text());
    let ended = inside(&tree, &[], &script);
    assert!(!ended.text().contains("state_not_protected"), "{}", ended.text());
}

#[test]
fn a_sandbox_in_a_sandbox_has_a_state_of_its_own_or_none() {
    let tree = Tree::new();
    tree.file("data/file", "");
    let nono = nono_path().into_string().unwrap();
    let inner = format!("'{nono}' run -s --exec '{nono}' -- '{nono}' why --json --path data/file");
    let script = format!("why --path data/file; {inner} | grep reason; echo \"$NONO_STATE\"");
    let ended = inside(&tree, &["--read", "data"], &script);
    let [outer, inner, variable] = *reasons(&ended) else { panic!("{}", ended.said_anywhere()) };
    assert_eq!([outer, inner], ["\"reason\": \"granted\"", "\"reason\": \"no_grant\""]);
    assert!(!Path::new(variable).exists(), "{variable}");

    let inner = format!("'{nono}' run -s --exec '{nono}' -- '{nono}' why --json --path /etc/hosts");
    let script = format!("{inner}; '{nono}' why --json --path /etc/hosts");
    let ended = inside(&tree, &[], &script);
    assert_eq!(ended.text().matches("outer_sandbox").count(), 1, "{}", ended.text());
    let asked = format!("'{nono}' why --json --path /etc/hosts --read /etc");
    let ended = inside(&tree, &[], &asked);
    assert_eq!(ended.text().matches("outer_sandbox").count(), 1, "{}", ended.text());

    let base_less =
        ["-s", "--no-base", "--read", "/", "--", "/bin/sh", "-c", "echo \"[$NONO_STATE]\""];
    let mut command = nono_run(&base_less);
    assert_eq!(outcome(command.env("NONO_STATE", "/of/another")).text(), "[]\n");
}

#[test]
fn a_sandbox_without_a_state_is_not_taken_for_none() {
    let nono = nono_path().into_string().unwrap();
    let words = ["-s", "--no-base", "--read", "/", "--", &nono, "why", "--self", "--path", "/"];
    let ended = outcome(&mut nono_run(&words));
    assert_eq!((ended.code(), ended.stdout.len()), (125, 0), "{}", ended.said());
    assert!(ended.said().contains("NONO_STATE does not tell which"), "{}", ended.said());
}

#[test]
fn what_is_no_state_is_an_error_that_says_why() {
    let tree = Tree::new();
    tree.file("empty", "");
    tree.file("text", "{\"version\": 1}");
    fs::File::create(tree.at("large")).unwrap().set_len(1 << 40).unwrap();
    Command::new("mkfifo").arg(tree.at("fifo")).status().unwrap();
    let cases = [
        ("missing", "No such file"),
        ("empty", "not a sandbox state"),
        ("text", "not a sandbox state"),
        ("large", "larger than 16 MiB"),
        ("fifo", "not a regular file"),
        ("", "not a regular file"),
    ];
    for (file, expected) in cases {
        let mut command = Command::new(nono_path());
        let ended = outcome(command.args(["why", "--path", "/"]).env("NONO_STATE", tree.at(file)));
        assert_eq!(ended.code(), 125, "{file}: {}", ended.said_anywhere());
        assert!(ended.said().contains(expected), "{file}: {}", ended.said());
        assert_eq!(ended.said().lines().count(), 1, "{}", ended.said());
    }
}

#[test]
fn a_state_that_belongs_to_somebody_else_is_not_believed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let tree = Tree::new();
    let file = tree.file("state", "{}");
    std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
    let mut command = Command::new(nono_path());
    let ended = outcome(command.args(["why", "--path", "/"]).env("NONO_STATE", file));
    assert_eq!(ended.code(), 125);
    assert!(ended.said().contains("belongs to another user"), "{}", ended.said());
}

#[test]
fn an_empty_variable_names_no_state() {
    let mut why = std::process::Command::new(nono_path());
    why.args(["why", "--path", "/usr/bin/env"]).env("NONO_STATE", "");
    assert!(outcome(&mut why).succeeded());
}
