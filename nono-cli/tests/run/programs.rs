//! Real programs, each with the least it needs beyond the base set, and each without one of these.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Outcome, Tree, nono_run, outcome, program};

/// Flags that make one grant, and what is heard where it is missing.
struct Grant {
    flags: Vec<String>,
    without: &'static str,
}

fn grant(flags: &[&str], without: &'static str) -> Grant {
    Grant { flags: flags.iter().map(|&flag| flag.to_owned()).collect(), without }
}

/// Tries with all grants, and without each in turn. `attempt` sets a fresh scene up, and gives the
/// grants there, the command, and a check of what it did.
#[track_caller]
fn assert_needs_each<Scene>(scene: Scene)
where
    Scene: Fn(&Tree) -> (Vec<Grant>, Command, Box<dyn Fn(&Outcome)>),
{
    let count = {
        let tree = Tree::new();
        let (grants, command, check) = scene(&tree);
        check(&attempt(&grants, None, &command));
        grants.len()
    };
    for left_out in 0..count {
        let tree = Tree::new();
        let (grants, command, _) = scene(&tree);
        let ended = attempt(&grants, Some(left_out), &command);
        let Grant { flags, without } = &grants[left_out];
        assert!(!ended.succeeded(), "succeeded without {flags:?}");
        let said = ended.said_anywhere();
        assert!(said.contains(without), "without {flags:?}, not {without:?} but: {said}");
    }
}

/// Runs the command under nono, with its directory and environment.
fn attempt(grants: &[Grant], left_out: Option<usize>, command: &Command) -> Outcome {
    let kept = grants.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
    let mut sandboxed = nono_run(&[]);
    sandboxed.args(kept.flat_map(|(_, grant)| &grant.flags)).arg("--");
    sandboxed.arg(command.get_program()).args(command.get_args());
    sandboxed.current_dir(command.get_current_dir().unwrap());
    sandboxed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outcome(&mut sandboxed)
}

/// A command in the tree, whose home directory is there and empty.
fn command(tree: &Tree, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(tree.root()).env("HOME", tree.directory("home"));
    command
}

#[test]
fn git_needs_its_repository() {
    let Some(git) = program("git") else { return };
    assert_needs_each(|tree| {
        tree.file("repository/file", "content\n");
        let script = "
            set -e
            cd repository
            git init -q -b main .
            git add file
            git -c user.name=A -c user.email=a@example.org commit -q -m First
            git log --format=%s";
        let mut sh = command(tree, "sh", &["-c", script]);
        sh.env("PATH", format!("{}:/usr/bin:/bin", git.parent().unwrap().display()));
        let grants = vec![grant(&["--allow", &tree.word("repository")], "ermission denied")];
        (grants, sh, Box::new(|ended| assert_eq!(ended.text(), "First\n")))
    });
}

#[test]
fn git_cannot_commit_to_a_repository_that_it_may_only_read() {
    let Some(git) = program("git") else { return };
    let tree = Tree::new();
    let directory = tree.directory("repository");
    let init = command(&tree, &git, &["init", "-q"]).current_dir(&directory).status().unwrap();
    assert!(init.success());
    let mut commit = command(&tree, &git, &["commit", "--allow-empty", "-m", "First"]);
    for (name, value) in [("NAME", "A"), ("EMAIL", "a@example.org")] {
        commit.env(format!("GIT_AUTHOR_{name}"), value);
        commit.env(format!("GIT_COMMITTER_{name}"), value);
    }
    commit.current_dir(&directory);
    let read = [grant(&["--read", &tree.word("repository")], "")];
    let allow = [grant(&["--allow", &tree.word("repository")], "")];
    assert!(!attempt(&read, None, &commit).succeeded());
    assert!(attempt(&allow, None, &commit).succeeded());
}

#[test]
fn cargo_needs_its_crate_and_its_toolchain() {
    let Some(rustc) = program("rustc") else { return };
    let asked = outcome(Command::new(rustc).args(["--print", "sysroot"]));
    let sysroot = PathBuf::from(asked.text().trim());
    assert_needs_each(|tree| {
        let manifest = "[package]\nname = 'small'\nedition = '2024'\n[workspace]\n";
        tree.file("small/Cargo.toml", manifest);
        tree.file("small/src/main.rs", "fn main() { println!(\"built\"); }\n");
        let script = "cargo build --quiet && target/debug/small";
        let mut sh = command(tree, "sh", &["-c", script]);
        sh.current_dir(tree.at("small"));
        sh.env("CARGO_HOME", tree.at("small/.cargo"));
        sh.env("CARGO_TARGET_DIR", tree.at("small/target"));
        sh.env("PATH", format!("{}:/usr/bin:/bin", sysroot.join("bin").display()));
        let mut grants = vec![grant(&["--allow-cwd"], "ermission denied")];
        grants.extend(outside_base(&sysroot, "ermission denied"));
        (grants, sh, Box::new(|ended| assert_eq!(ended.text(), "built\n")))
    });
}

/// Reading a directory, where the base set does not cover it.
fn outside_base(directory: &Path, without: &'static str) -> Option<Grant> {
    let needed = !directory.starts_with("/usr");
    needed.then(|| grant(&["--read", directory.to_str().unwrap()], without))
}

#[test]
fn python_with_sqlite_needs_the_directory_of_its_database() {
    let Some(python) = program("python3") else { return };
    let script = "import sys; print(sys.executable); print(sys.base_prefix)";
    let asked = outcome(Command::new(python).args(["-c", script]));
    let (executable, prefix) = asked.text().trim().split_once('\n').unwrap();
    assert_needs_each(|tree| {
        let script = "
import sqlite3
database = sqlite3.connect('data/base')
with database:
    database.execute('create table numbers (n)')
    database.executemany('insert into numbers values (?)', [(n,) for n in range(10)])
print(database.execute('select sum(n) from numbers').fetchone()[0])";
        let data = tree.directory("data");
        let mut grants = vec![grant(&["--allow", data.to_str().unwrap()], "unable to open")];
        grants.extend(outside_base(Path::new(prefix), "encodings"));
        let python = command(tree, executable, &["-c", script]);
        (grants, python, Box::new(|ended| assert_eq!(ended.text(), "45\n")))
    });
}

#[test]
fn node_needs_what_it_reads_and_where_it_writes() {
    let Some(node) = program("node") else { return };
    assert_needs_each(|tree| {
        tree.file(
            "in/program.js",
            "const fs = require('fs'); fs.writeFileSync('out/file', 'made');",
        );
        tree.directory("out");
        let grants = vec![
            grant(&["--read", &tree.word("in")], "EACCES"),
            grant(&["--write", &tree.word("out")], "EACCES"),
        ];
        let file = tree.at("out/file");
        let check = move |ended: &Outcome| {
            ended.text();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "made");
        };
        (grants, command(tree, &node, &["in/program.js"]), Box::new(check))
    });
}

#[test]
fn java_needs_its_source() {
    let Some(java) = program("java") else { return };
    assert_needs_each(|tree| {
        tree.file(
            "source/Hello.java",
            "class Hello { public static void main(String[] a) { System.out.println(42); } }",
        );
        let grants = vec![grant(&["--read", &tree.word("source")], "Hello.java")];
        let java = command(tree, &java, &["-Xshare:auto", "source/Hello.java"]);
        (grants, java, Box::new(|ended| assert_eq!(ended.text(), "42\n")))
    });
}

#[test]
fn a_pipeline_needs_its_source_and_its_target() {
    assert_needs_each(|tree| {
        tree.file("words", "b\na\nb\n");
        tree.file("counts", "");
        let script = "set -e; sort <words | uniq -c | sed 's/^ *//' >counts";
        let grants = vec![
            grant(&["--read-file", &tree.word("words")], "ermission denied"),
            grant(&["--write-file", &tree.word("counts")], "ermission denied"),
        ];
        let counts = tree.at("counts");
        let check = move |ended: &Outcome| {
            assert_eq!(ended.text(), "");
            assert_eq!(std::fs::read_to_string(&counts).unwrap(), "1 a\n2 b\n");
        };
        // The status of the first command of a pipeline counts only when asked for.
        let script = format!("{script}; test -s counts");
        (grants, command(tree, "sh", &["-c", &script]), Box::new(check))
    });
}

#[test]
fn tar_needs_what_it_packs_and_where_it_puts_it() {
    let Some(tar) = program("tar") else { return };
    assert_needs_each(|tree| {
        tree.file("from/a/file", "content");
        tree.directory("to");
        let grants = vec![
            grant(&["--read", &tree.word("from")], "ermission denied"),
            grant(&["--write", &tree.word("to")], "ermission denied"),
        ];
        let packed = tree.at("to/packed.tar");
        let check = move |ended: &Outcome| {
            ended.text();
            assert!(packed.metadata().unwrap().len() > 512);
        };
        let arguments = ["-cf", "to/packed.tar", "-C", "from", "a"];
        (grants, command(tree, &tar, &arguments), Box::new(check))
    });
}

#[test]
fn tar_needs_the_archive_and_where_it_unpacks_it() {
    let Some(tar) = program("tar") else { return };
    assert_needs_each(|tree| {
        tree.file("from/a/file", "content");
        tree.directory("to");
        let packed = command(tree, &tar, &["-cf", "packed.tar", "-C", "from", "a"]).status();
        assert!(packed.unwrap().success());
        let grants = vec![
            grant(&["--read-file", &tree.word("packed.tar")], "ermission denied"),
            grant(&["--allow", &tree.word("to")], "ermission denied"),
        ];
        let file = tree.at("to/a/file");
        let check = move |ended: &Outcome| {
            ended.text();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "content");
        };
        (grants, command(tree, &tar, &["-xf", "packed.tar", "-C", "to"]), Box::new(check))
    });
}
