//! What no grant reaches: secrets of the user, and nono's own files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Outcome, Started, Tree, nono_path, nono_run, opens, outcome};

const SECRETS: [&str; 5] = [
    "home/.ssh/id",
    "home/.aws/credentials",
    "home/.config/gh/hosts.yml",
    "home/.local/state/nono/x",
    "home/.config/nono/policy",
];

const ORDINARY: [&str; 4] =
    ["home/notes", "home/src/main.c", "home/.config/htop/htoprc", "home/.local/state/other"];

/// A home directory with secrets and ordinary files.
fn home() -> Tree {
    let tree = Tree::new();
    SECRETS.iter().chain(&ORDINARY).for_each(|file| drop(tree.file(file, "line\n")));
    tree
}

/// `nono run` for somebody who lives in `home`.
fn at_home(tree: &Tree, words: &[&str]) -> Command {
    let mut command = nono_run(words);
    command.env("HOME", tree.at("home"));
    command.env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
    command
}

fn places(tree: &Tree, files: &[&str]) -> Vec<PathBuf> {
    files.iter().map(|file| tree.at(file)).collect()
}

#[test]
fn a_grant_of_the_home_directory_gives_what_is_ordinary_and_no_secret() {
    let tree = home();
    for grant in [tree.word("home"), tree.word("")] {
        let mut command = at_home(&tree, &["--allow", &grant]);
        assert_eq!(opens(&mut command, &places(&tree, &SECRETS)), ["closed"; 5], "{grant}");
        let mut command = at_home(&tree, &["--allow", &grant]);
        assert_eq!(opens(&mut command, &places(&tree, &ORDINARY)), ["readwrite"; 4], "{grant}");
    }
}

#[test]
fn a_secret_made_after_the_start_is_closed() {
    let tree = Tree::new();
    let notes = tree.file("home/notes", "ordinary\n");
    let script =
        "mkdir .ssh && exit 9; echo ready; read line; cat notes; cat .ssh/id && exit 9; exit 3";
    let mut command = at_home(&tree, &["--allow", &tree.word("home"), "--", "sh", "-c", script]);
    let mut started = Started::captured(command.current_dir(notes.parent().unwrap()));
    assert_eq!(started.line(), "ready");
    tree.file("home/.ssh/id", "secret\n");
    started.stdin().write_all(b"made\n").unwrap();
    assert_eq!((started.line().as_str(), started.line().as_str()), ("ordinary", ""));
    assert_eq!(started.wait().code(), Some(3));
}

#[test]
fn a_secret_behind_a_link_is_closed_where_it_lies_and_where_it_is_looked_for() {
    let tree = Tree::new();
    tree.file("home/store/keys/id", "line\n");
    tree.file("home/store/other", "line\n");
    symlink("store/keys", tree.at("home/.ssh")).unwrap();
    let files = places(&tree, &["home/.ssh/id", "home/store/keys/id", "home/store/other"]);
    let works = opens(&mut at_home(&tree, &["--allow", &tree.word("home")]), &files);
    assert_eq!(works, ["closed", "closed", "readwrite"]);
}

/// nono refused to grant the path in one line that names it, and started nothing.
#[track_caller]
fn assert_refused(ended: &Outcome, about: &str) {
    let said = ended.said();
    assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]), "{said}");
    assert!(said.starts_with("nono: error: ") && said.contains(about), "{about}: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_grant_of_a_secret_is_refused() {
    let tree = home();
    tree.directory("home/.ssh/deep");
    for (flag, path) in [
        ("--read", "home/.ssh"),
        ("--read", "home/.ssh/deep"),
        ("--read-file", "home/.ssh/id"),
        ("--write-file", "home/.aws/credentials"),
        ("--allow-file", "home/.config/gh/hosts.yml"),
        ("--allow", "home/.config/gh"),
        ("--write", "home/.local/state/nono"),
        ("--exec", "home/.config/nono/policy"),
    ] {
        let path = tree.word(path);
        assert_refused(&outcome(&mut at_home(&tree, &[flag, &path, "echo", "started"])), &path);
        let grants = tree.file("grants.toml", format!("{} = ['{path}']\n", &flag[2..]));
        let mut command = at_home(&tree, &["--grants"]);
        assert_refused(&outcome(command.arg(grants).args(["echo", "started"])), &path);
    }
}

#[test]
fn a_grant_of_a_link_to_a_secret_is_refused() {
    let tree = home();
    symlink("home/.ssh", tree.at("link")).unwrap();
    let ended = outcome(&mut at_home(&tree, &["--silent", "--read", &tree.word("link"), "true"]));
    assert_refused(&ended, &tree.word("home/.ssh"));
}

#[test]
fn nonos_own_directories_are_closed_where_the_environment_puts_them() {
    for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        let tree = Tree::new();
        tree.file("base/nono/file", "line\n");
        tree.file("base/other/file", "line\n");
        let files = places(&tree, &["base/nono/file", "base/other/file"]);
        let at_base = |words: &[&str]| {
            let mut command = at_home(&tree, words);
            command.env(variable, tree.at("base"));
            command
        };
        let works = opens(&mut at_base(&["--allow", &tree.word("base")]), &files);
        assert_eq!(works, ["closed", "readwrite"], "{variable}");
        let own = tree.word("base/nono");
        assert_refused(&outcome(&mut at_base(&["--read", &own, "echo", "started"])), &own);
    }
}

/// The paths that stay closed, as a dry run prints them.
#[track_caller]
fn denied(dry_run: &mut Command) -> Vec<PathBuf> {
    let ended = outcome(dry_run.args(["--dry-run", "--json", "true"]));
    let printed: serde_json::Value = serde_json::from_str(ended.text()).unwrap();
    let entries = printed["capabilities"]["denied"].as_array().expect("a list");
    entries.iter().map(|entry| entry["original"].as_str().unwrap().into()).collect()
}

/// Field `wanted` of the line of passwd(5) whose field `key` is `value`.
fn passwd(key: usize, value: &str, wanted: usize) -> Option<String> {
    let lines = fs::read_to_string("/etc/passwd").unwrap();
    let mut users = lines.lines().map(|line| line.split(':').collect::<Vec<_>>());
    users.find(|user| user.get(key) == Some(&value)).map(|user| user[wanted].to_owned())
}

#[test]
fn the_recorded_home_is_kept_whatever_home_says() {
    let own = rustix::process::geteuid().as_raw().to_string();
    let Some(recorded) = passwd(2, &own, 5) else {
        eprintln!("not tested: /etc/passwd does not know this user");
        return;
    };
    let tree = home();
    for said in [None, Some(""), Some("home"), Some(tree.at("home").to_str().unwrap())] {
        let mut command = at_home(&tree, &["--read", &tree.word("home/src")]);
        match said {
            Some(home) => command.env("HOME", home),
            None => command.env_remove("HOME"),
        };
        let denied = denied(command.current_dir(tree.root()));
        let has = |home: PathBuf| denied.contains(&home.join(".ssh"));
        assert!(has(recorded.as_str().into()), "HOME={said:?}: {denied:?}");
        let absolute = said.is_some_and(|home| home.starts_with('/'));
        assert_eq!(has(tree.at("home")), absolute, "HOME={said:?}: {denied:?}");
        assert!(denied.iter().all(|path| path.is_absolute()), "HOME={said:?}: {denied:?}");
    }
}

#[test]
fn the_home_of_the_user_that_the_program_runs_as_is_kept_too() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested: needs root");
        return;
    }
    let name = passwd(2, "65534", 0).expect("there is a user without rights");
    let recorded = PathBuf::from(passwd(0, &name, 5).unwrap());
    let tree = home();
    let grant = tree.word("home/src");
    let flags = ["--user", name.as_str(), "--read", grant.as_str()];
    let denied_for = |flags: &[&str]| denied(&mut at_home(&tree, flags));
    let roots = PathBuf::from(passwd(2, "0", 5).unwrap());
    for kept in [recorded.join(".ssh"), tree.at("home/.ssh"), roots.join(".ssh")] {
        assert!(denied_for(&flags).contains(&kept), "{kept:?}");
    }
    assert!(!denied_for(&flags[2..]).contains(&recorded.join(".ssh")));
}

#[test]
fn a_grant_for_a_user_whose_home_nobody_knows_is_refused() {
    let unknown = 54_321;
    if !rustix::process::geteuid().is_root() || passwd(2, &unknown.to_string(), 5).is_some() {
        eprintln!("not tested: needs root, and a user that /etc/passwd does not know");
        return;
    }
    let tree = home();
    // By another process: what is open for writing here cannot be executed.
    outcome(Command::new("cp").arg(nono_path()).arg(tree.at("nono"))).text();
    let started_with = |home: Option<PathBuf>| {
        let mut command = Command::new(tree.at("nono"));
        command.uid(unknown).gid(unknown).env_remove("HOME");
        command.envs(home.map(|home| ("HOME", home)));
        outcome(command.args(["run", "--read", &tree.word("home/src"), "echo", "started"]))
    };
    assert_eq!(started_with(Some(tree.at("home"))).text(), "started\n");
    assert_refused(&started_with(None), "HOME");
}

#[test]
fn the_passwords_of_the_machine_are_kept() {
    let tree = home();
    let denied = denied(&mut at_home(&tree, &["--read", &tree.word("home")]));
    assert!(denied.contains(&"/etc/shadow".into()), "{denied:?}");
}

#[test]
fn the_base_set_alone_needs_no_floor() {
    let tree = home();
    assert_eq!(denied(&mut at_home(&tree, &[])), [] as [PathBuf; 0]);
    assert_ne!(denied(&mut at_home(&tree, &["--read", &tree.word("home")])), [] as [PathBuf; 0]);
}

#[test]
fn a_file_of_grants_inside_a_write_grant_stays_closed_and_a_note_says_so() {
    let tree = Tree::new();
    tree.file("d/file", "line\n");
    let text = "allow = ['.']\n";
    let grants = tree.file("d/grants.toml", text);
    let with_grants = || at_home(&tree, &["--grants", grants.to_str().unwrap()]);
    let files = [grants.clone(), tree.at("d/file"), tree.at("d/new")];
    assert_eq!(opens(&mut with_grants(), &files), ["closed", "readwrite", "closed"]);

    let mut renames = with_grants();
    let ended = outcome(renames.args(["--", "mv"]).args([tree.at("d/file"), grants.clone()]));
    assert!(!ended.succeeded());
    let note = format!("nono: {} lies in a write grant and stays closed, ", grants.display());
    assert_eq!(ended.said().matches(&note).count(), 1, "{}", ended.said());
    assert_eq!(tree.read("d/grants.toml"), text);
}

#[test]
fn a_file_of_grants_that_grants_writing_itself_is_refused() {
    let tree = Tree::new();
    let grants = tree.file("grants.toml", "write-file = ['grants.toml']\n");
    let mut command = at_home(&tree, &["--grants"]);
    let ended = outcome(command.arg(&grants).args(["--silent", "echo", "started"]));
    assert_refused(&ended, grants.to_str().unwrap());
}

#[test]
fn a_file_of_grants_inside_a_read_grant_needs_no_note() {
    let tree = Tree::new();
    let grants = tree.file("d/grants.toml", "read = ['.']\n");
    let mut command = at_home(&tree, &["--grants", grants.to_str().unwrap()]);
    assert_eq!(opens(&mut command, std::slice::from_ref(&grants)), ["read"]);
    assert_eq!(outcome(command.args(["--", "true"])).said(), "");
}

/// A file of grants in `kept`, which grants writing `d` and nothing else.
fn grants_kept_outside() -> Tree {
    let tree = Tree::new();
    tree.directory("d/sub");
    tree.file("kept/grants.toml", format!("allow = ['{}']\n", tree.word("d")));
    symlink("kept/grants.toml", tree.at("link")).unwrap();
    symlink("../kept/grants.toml", tree.at("d/file")).unwrap();
    symlink("../kept", tree.at("d/directory")).unwrap();
    tree
}

fn with_grants(tree: &Tree, path: &str) -> Outcome {
    outcome(&mut at_home(tree, &["--grants", &tree.word(path), "echo", "started"]))
}

#[test]
fn a_file_of_grants_is_read_where_no_write_grant_is_on_the_way() {
    let tree = grants_kept_outside();
    for path in ["kept/grants.toml", "link"] {
        assert_eq!(with_grants(&tree, path).text(), "started\n");
    }
}

/// The program could put a link there that leads the next run to another file.
#[test]
fn a_file_of_grants_behind_a_link_in_a_write_grant_is_refused() {
    let tree = grants_kept_outside();
    for path in ["d/file", "d/directory/grants.toml"] {
        assert_refused(&with_grants(&tree, path), &tree.word(path));
    }
}

#[test]
fn a_file_of_grants_behind_a_link_to_a_link_in_a_write_grant_is_refused() {
    let tree = grants_kept_outside();
    symlink("d/file", tree.at("first")).unwrap();
    symlink("d/directory", tree.at("way")).unwrap();
    for path in ["first", "way/grants.toml"] {
        assert_refused(&with_grants(&tree, path), &tree.word(path));
    }
}

#[test]
fn a_file_of_grants_whose_path_leads_through_a_write_grant_and_out_is_refused() {
    let tree = grants_kept_outside();
    let path = "d/sub/../../kept/grants.toml";
    assert_refused(&with_grants(&tree, path), &tree.word(path));
}

#[test]
fn a_long_way_to_a_file_of_grants_hides_no_link() {
    let tree = Tree::new();
    tree.directory("d");
    tree.file("kept/grants.toml", format!("allow = ['{}']\n", tree.word("d")));
    symlink("../kept/grants.toml", tree.at("d/file")).unwrap();
    let way = tree.word(&format!("{}d/file", "kept/../".repeat(50)));
    let ended = outcome(&mut at_home(&tree, &["--grants", &way, "echo", "started"]));
    assert_refused(&ended, "d/file");
}
