//! What is said after a program failed, to whom, and when.

use std::process::Command;

use crate::common::{Terminal, Tree, nono_path, nono_run, outcome, program, run};

const GENERAL: &str = "nono why --path PATH";

/// What is shown on a terminal that is standard error.
fn shown(command: &mut Command) -> String {
    let (terminal, mut started) = Terminal::start(command);
    started.wait();
    terminal.shown()
}

#[test]
fn a_failure_on_a_terminal_is_followed_by_one_line_on_how_to_find_the_cause() {
    let shown = shown(&mut nono_run(&["sh", "-c", "echo mine >&2; exit 3"]));
    let after = shown.split_once("mine\n").unwrap().1;
    assert!(after.starts_with("nono: ") && after.contains(GENERAL), "{shown}");
    assert_eq!(after.lines().count(), 1, "{shown}");
}

#[test]
fn a_failure_is_followed_by_a_hint_without_a_terminal_when_every_detail_was_asked_for() {
    let ended = run(&["-v", "sh", "-c", "exit 3"]);
    assert_eq!(ended.code(), 3);
    assert!(ended.said().contains(GENERAL), "{}", ended.said());
}

#[test]
fn no_hint_is_given_where_nobody_watches_nobody_wants_it_or_nothing_failed() {
    assert_eq!(run(&["sh", "-c", "exit 3"]).said(), "");
    for words in
        [&["sh", "-c", "exit 0"][..], &["-s", "sh", "-c", "exit 3"], &["sh", "-c", "kill -TERM $$"]]
    {
        let shown = shown(&mut nono_run(words));
        assert!(!shown.contains(GENERAL), "{words:?}: {shown}");
    }
}

#[test]
fn no_hint_is_given_for_the_last_command_of_a_shell() {
    let mut command = Command::new(nono_path());
    let tree = Tree::new();
    let shell = tree.script("shell", "#!/bin/sh\nexit 3\n");
    let shown = shown(command.args(["shell", "--shell"]).arg(shell));
    assert!(!shown.contains(GENERAL), "{shown}");
}

/// A home with a repository and settings of git.
struct GitHome {
    tree: Tree,
}

impl GitHome {
    fn new(settings: &[&str]) -> Option<Self> {
        program("git")?;
        let tree = Tree::new();
        tree.directory("home/repository");
        settings.iter().for_each(|file| drop(tree.file(file, "[user]\n\tname = A\n")));
        Some(Self { tree })
    }

    /// `git init`, with what else is granted.
    fn init(&self, flags: &[&str]) -> Command {
        let repository = self.tree.word("home/repository");
        let mut command = nono_run(&["-v", "--allow", &repository]);
        command.args(flags).args(["--", "git", "init", "-q", &repository]);
        command.env("HOME", self.tree.at("home"));
        command.env_remove("XDG_CONFIG_HOME").env_remove("GIT_CONFIG_GLOBAL");
        command
    }
}

/// What follows the last colon of the last line that was said.
fn flags_of_hint(said: &str) -> Vec<String> {
    let (_, flags) = said.trim_end().rsplit_once(": ").unwrap();
    flags.split(' ').map(str::to_owned).collect()
}

#[test]
fn git_that_may_not_read_its_settings_gets_the_flags_that_let_it_work() {
    let places = ["home/.gitconfig", "home/.config/git/config"];
    for settings in [&places[..1], &places[1..], &places[..]] {
        let Some(git) = GitHome::new(settings) else { return };
        let refused = outcome(&mut git.init(&[]));
        assert_eq!(refused.code(), 128, "{}", refused.said());
        let flags = flags_of_hint(&refused.said());
        assert_eq!(flags.len(), 2 * settings.len(), "{flags:?}");

        let home = git.tree.word("home");
        let flags: Vec<_> = flags.iter().map(|flag| flag.replace('~', &home)).collect();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let ended = outcome(&mut git.init(&flags));
        assert!(ended.succeeded(), "{settings:?}: {flags:?}: {}", ended.said());
    }
}

#[test]
fn the_settings_of_git_are_where_the_environment_of_the_program_says() {
    let Some(git) = GitHome::new(&["other/git/config", "home/.config/git/config"]) else { return };
    let other = git.tree.word("other");
    let ended = outcome(&mut git.init(&["--env", &format!("XDG_CONFIG_HOME={other}")]));
    assert_eq!(flags_of_hint(&ended.said()), ["--read-file", &format!("{other}/git/config")]);
}

#[test]
fn settings_of_git_that_no_flag_opens_or_that_it_does_not_read_are_not_named() {
    let Some(git) = GitHome::new(&["home/.gitconfig"]) else { return };
    let settings = git.tree.word("home/.gitconfig");
    let denied = outcome(&mut git.init(&["--deny", &settings]));
    assert!(denied.said().contains(GENERAL), "{}", denied.said());

    let mut command = git.init(&["--env", "GIT_CONFIG_GLOBAL=/dev/null"]);
    let unread = outcome(command.arg("--no-such-flag"));
    assert!(!unread.succeeded() && unread.said().contains(GENERAL), "{}", unread.said());
}
