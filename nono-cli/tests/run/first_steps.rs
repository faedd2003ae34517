//! `docs/first-steps.md` is what happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::common::{Tree, nono_path, outcome, program};

const PAGE: &str = include_str!("../../../docs/first-steps.md");

/// Files of the reader of the page, whose home is the tree.
fn home() -> Tree {
    let tree = Tree::new();
    let script = PAGE.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    tree.script("project/agent.sh", script);
    tree.file(
        "project/hello.c",
        "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n",
    );
    tree.file(".config/agent/token", "secret\n");
    tree.file(".ssh/id_ed25519", "secret\n");
    tree.file(".gitconfig", "[user]\n\tname = me\n\temail = me@example.com\n");
    let grants = PAGE.split("$ cat ~/agent.toml\n").nth(1).unwrap().split("$ ").next().unwrap();
    tree.file("agent.toml", grants);
    fs::create_dir(tree.at("bin")).unwrap();
    fs::copy(nono_path(), tree.at("bin/nono")).unwrap();
    fs::set_permissions(tree.at("bin/nono"), fs::Permissions::from_mode(0o755)).unwrap();
    for words in
        [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "First"]]
    {
        let mut git = Command::new("git");
        git.args(words).current_dir(tree.at("project")).env("HOME", tree.root());
        let date = "2026-01-01T00:00:00+0000";
        git.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
        assert!(outcome(&mut git).succeeded());
    }
    tree
}

/// What a command of the page prints on either output, as the page shows it.
fn printed(tree: &Tree, command: &str) -> String {
    let mut shell = Command::new("sh");
    let path = format!("{}:/usr/bin:/bin", tree.word("bin"));
    shell.arg("-c").arg(format!("exec 2>&1; {command}")).env_clear();
    shell.env("HOME", tree.root()).env("PATH", path).current_dir(tree.at("project"));
    let text = String::from_utf8(outcome(&mut shell).stdout).unwrap();
    let text = text.replace(tree.root().to_str().unwrap(), "/home/me");
    // The reader of the page is not root.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.contains("running as root")).collect();
    lines.dedup();
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_command_of_the_first_steps_prints_what_the_page_says() {
    if !["git", "cc"].iter().all(|name| program(name).is_some()) {
        return;
    }
    let tree = home();
    for block in PAGE.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for session in block.split("$ ").filter(|session| !session.is_empty()) {
            let (command, expected) = session.split_once('\n').unwrap();
            assert_eq!(printed(&tree, command), expected, "$ {command}");
        }
    }
    assert!(Path::new(&tree.at("project/out/report")).exists());
}
