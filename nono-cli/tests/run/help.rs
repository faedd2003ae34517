//! Help, completions, and how messages look.

use std::process::Command;

use crate::common::{Terminal, Tree, nono_path, outcome, program};

fn nono(words: &[&str]) -> Command {
    let mut command = Command::new(nono_path());
    // As wide as it is without a terminal.
    command.args(words).env_remove("COLUMNS");
    command
}

#[test]
fn the_help_groups_the_subcommands() {
    insta::assert_snapshot!(outcome(&mut nono(&["--help"])).text());
}

#[test]
fn the_help_of_a_subcommand_groups_its_flags_and_has_examples() {
    for subcommand in ["run", "shell", "completions", "man"] {
        let help = outcome(&mut nono(&[subcommand, "--help"]));
        insta::assert_snapshot!(format!("help_{subcommand}"), help.text());
    }
}

/// What bash offers behind these words, one a line.
#[track_caller]
fn offered(words: &str) -> Option<Vec<String>> {
    const COMPLETE: &str = r#"
        eval "$1"
        COMP_LINE=$2
        read -ra COMP_WORDS <<<"$2"
        [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        registered=$(complete -p nono)
        function=${registered#*-F }
        "${function%% *}" nono "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let bash = program("bash")?;
    let script = outcome(&mut nono(&["completions", "bash"])).text().to_owned();
    let ended = outcome(Command::new(bash).args(["-c", COMPLETE, "bash", &script, words]));
    Some(ended.text().lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_subcommands_flags_their_values_and_commands() {
    for (words, expected) in [
        ("nono sh", "shell"),
        ("nono run --allow-f", "--allow-file"),
        ("nono run --read-file /et", "/etc"),
        ("nono run --allow-gap metad", "metadata"),
        ("nono run --keep-cap net_r", "net_raw"),
        ("nono run --allow . -- mkfif", "mkfifo"),
        ("nono completions fi", "fish"),
    ] {
        let Some(offered) = offered(words) else { return };
        assert!(offered.iter().all(|offer| offer == expected), "{words}: {offered:?}");
        assert!(!offered.is_empty(), "{words}");
    }
}

#[test]
fn flags_behind_the_command_are_not_completed_as_flags_of_nono() {
    let Some(offered) = offered("nono run --allow . -- git --ver") else { return };
    assert_eq!(offered, [""]);
}

#[test]
fn the_tab_key_completes_flags_directories_and_commands_in_an_interactive_bash() {
    let Some(bash) = program("bash") else { return };
    let tree = Tree::new();
    tree.directory("only");
    let mut command = Command::new(bash);
    command.args(["--norc", "-i"]).current_dir(tree.root()).env("INPUTRC", "/dev/null");
    command.env("HOME", tree.root()).env("TERM", "dumb").env("NONO", nono_path());
    let (mut terminal, mut started) = Terminal::start_on_all(&mut command);
    terminal.types(b"nono() { \"$NONO\" \"$@\"; }; source <(nono completions bash); PS1='>''> '\n");
    terminal.expects("\n>> ");
    terminal.types(b"nono run --dry\t --read on\t -- mkfif\t\n");
    terminal.expects("/mkfifo\r\n");
    terminal.expects(&format!("{} (user)", tree.word("only")));
    terminal.expects(">> ");
    terminal.types(b"exit\n");
    assert!(started.wait().success());
}

/// The scripts offer what is hidden, too.
#[test]
fn completions_offer_nothing_that_help_does_not_show() {
    for subcommand in ["run", "shell", "why", "request", "doctor", "setup", "completions", "man"] {
        let Some(offered) = offered(&format!("nono {subcommand} -")) else { return };
        let help = outcome(&mut nono(&[subcommand, "--help"]));
        let shown: Vec<_> =
            help.text().split_whitespace().map(|word| word.trim_end_matches(',')).collect();
        for flag in offered {
            assert!(shown.contains(&flag.as_str()), "{subcommand}: {flag}");
        }
    }
}

#[test]
fn every_shell_gets_completions_that_name_every_subcommand() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = outcome(&mut nono(&["completions", shell]));
        for subcommand in ["run", "shell", "doctor", "completions"] {
            assert!(script.text().contains(subcommand), "{shell}: {subcommand}");
        }
    }
}

#[test]
fn what_cannot_be_written_is_told_with_the_next_step() {
    for words in [&["completions", "bash"][..], &["run", "--dry-run", "true"], &["doctor"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = nono(words);
        let ended = command.stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(125), "{words:?}: {said}");
        assert!(said.contains("write: No space left on device; make room"), "{words:?}: {said}");
    }
}

#[test]
fn messages_have_colour_on_a_terminal_that_shows_it_and_where_nobody_minds() {
    let plain = "nono: error: unrecognized";
    let coloured = "nono: \x1b[1;31merror:\x1b[0m unrecognized";
    for (term, no_colour, expected) in [
        (Some("xterm"), None, coloured),
        (Some("xterm"), Some(""), coloured),
        (Some("xterm"), Some("1"), plain),
        (Some("dumb"), None, plain),
        (None, None, plain),
    ] {
        let wrong = || {
            let mut command = nono(&["walk"]);
            command.env_remove("TERM").env_remove("NO_COLOR");
            command.envs(term.map(|term| ("TERM", term)));
            command.envs(no_colour.map(|value| ("NO_COLOR", value)));
            command
        };
        let piped = outcome(&mut wrong()).said();
        assert!(piped.starts_with(plain), "{piped:?}");

        let (terminal, mut started) = Terminal::start(&mut wrong());
        started.wait();
        let shown = terminal.shown();
        assert!(shown.starts_with(expected), "{term:?}, {no_colour:?}: {shown:?}");
    }
}
