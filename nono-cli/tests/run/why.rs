//! `nono why` about grants that are named; `state` has it in a sandbox.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::common::{Outcome, Tree, nono_path, outcome, run};

fn why(words: &[&str]) -> Outcome {
    let mut command = Command::new(nono_path());
    outcome(command.arg("why").args(words).env_remove("NONO_STATE"))
}

/// Its exit status and what it said, with `ROOT` for the directory of this test.
fn said(tree: &Tree, words: &[&str]) -> String {
    let ended = why(words);
    let text = String::from_utf8(ended.stdout.clone()).unwrap() + &ended.said();
    format!("{}\n{}", ended.code(), text.replace(tree.root().to_str().unwrap(), "ROOT"))
}

fn json(words: &[&str]) -> Value {
    let ended = why(&[words, &["--json"]].concat());
    let value: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", ended.said_anywhere()));
    assert_eq!(value["status"] == "allowed", ended.code() == 0, "{value}");
    value
}

/// The words of a command line that would allow it.
fn allowed_by(value: &Value) -> Vec<String> {
    let words = value["allowed_by"].as_array().cloned().unwrap_or_default();
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn caveats(value: &Value) -> Vec<&str> {
    let caveats = value["caveats"].as_array().unwrap();
    caveats.iter().map(|caveat| caveat["code"].as_str().unwrap()).collect()
}

/// The reason and what would allow it.
fn reason(words: &[&str]) -> String {
    let value = json(words);
    let words = [vec![value["reason"].as_str().unwrap().to_owned()], allowed_by(&value)].concat();
    words.join(" ")
}

#[test]
fn an_answer_in_words_names_the_rule_its_source_and_the_narrowest_flag() {
    let tree = Tree::new();
    tree.file("data/file", "");
    tree.file("grants.toml", "read = ['data']\n");
    let [file, new, data, grants] =
        ["data/file", "data/new", "data", "grants.toml"].map(|path| tree.word(path));
    let asked: [&[&str]; 10] = [
        &["--path", &file],
        &["--path", &file, "--read", &data],
        &["--path", &file, "--op", "readwrite", "--grants", &grants],
        &["--path", &file, "--read", &data, "--deny", &file],
        &["--path", &data, "--read", &data, "--deny", &file],
        &["--path", &new, "--op", "write"],
        &["--path", "/etc/shadow"],
        &["--port", "443"],
        &["--port", "443", "--allow-connect", "400-499"],
        &["--host", "example.org", "--port", "443", "--net-block"],
    ];
    let answers: Vec<String> = asked.iter().map(|words| said(&tree, words)).collect();
    insta::assert_snapshot!(answers.join("\n"));
}

#[test]
fn an_answer_as_json_has_every_field() {
    let tree = Tree::new();
    tree.file("data/file", "");
    let [file, data] = ["data/file", "data"].map(|path| tree.word(path));
    let asked: [&[&str]; 5] = [
        &["--json", "--path", &file, "--read", &data],
        &["--json", "--path", &file, "--op", "write", "--read", &data],
        &["--json", "--path", &file, "--read", &data, "--deny", &file],
        &["--json", "--host", "::1", "--port", "443", "--op", "bind", "--net-block"],
        &["--json", "--self", "--path", &file],
    ];
    let answers: Vec<String> = asked.iter().map(|words| said(&tree, words)).collect();
    insta::assert_snapshot!(answers.join("\n"));
}

#[test]
fn what_allows_it_is_never_wider_than_needed() {
    let tree = Tree::new();
    tree.file("data/file", "");
    let [root, file, new, data] = ["", "data/file", "data/new", "data"].map(|path| tree.word(path));
    let root = root.trim_end_matches('/');
    let write = |path: &str| reason(&["--path", path, "--op", "write"]);

    assert_eq!(reason(&["--path", &file]), format!("no_grant --read-file {file}"));
    assert_eq!(reason(&["--path", &data]), format!("no_grant --read {data}"));
    assert_eq!(write(&file), format!("no_grant --write-file {file}"));
    assert_eq!(write(&new), format!("no_grant --write {data}"));
    let both = reason(&["--path", &file, "--op", "readwrite", "--read", root]);
    assert_eq!(both, format!("insufficient_access --write-file {file}"));
    let both = reason(&["--path", &file, "--op", "readwrite"]);
    assert_eq!(both, format!("no_grant --allow-file {file}"));
    let port = ["--host", "localhost", "--port", "443", "--net-block"];
    assert_eq!(reason(&port), "port_not_granted --allow-connect 443");
}

#[test]
fn what_is_denied_has_no_remedy() {
    let tree = Tree::new();
    tree.file("data/secret", "");
    let [root, data, secret, new] = [".", "data", "data/secret", "data/new"].map(|p| tree.word(p));
    let ask = |path: &str, op: &str| {
        reason(&["--path", path, "--op", op, "--allow", &root, "--deny", &secret])
    };

    assert_eq!(ask(&secret, "read"), "denied_path");
    assert_eq!(ask(&data, "read"), "carved_directory");
    assert_eq!(ask(&new, "write"), "carved_directory");
    assert_eq!(reason(&["--path", &data, "--deny", &secret]), "carved_directory");
    assert_eq!(reason(&["--path", "/etc/shadow"]), "never_grant");
    assert_eq!(reason(&["--path", &data, "--op", "execute"]), "is_directory");
}

#[test]
fn what_is_named_works_in_a_run() {
    let tree = Tree::new();
    let script = tree.script("tools/script", "#!/bin/cat\n");
    tree.file("data/file", "read\n");
    let [file, new, script] =
        [tree.word("data/file"), tree.word("data/new"), script.to_str().unwrap().to_owned()];
    let cases: [(&str, &str, [&str; 4]); 4] = [
        (&file, "read", ["cat", &file, "", ""]),
        (&file, "write", ["sh", "-c", "echo more >>\"$0\"", &file]),
        (&new, "write", ["sh", "-c", "echo new >\"$0\"", &new]),
        (&script, "execute", ["sh", "-c", "\"$0\"", &script]),
    ];
    for (path, op, program) in cases {
        let program: Vec<&str> = program.into_iter().filter(|word| !word.is_empty()).collect();
        let tried = |flags: &[String]| {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            run(&[&flags, &["--"][..], &program].concat()).succeeded()
        };
        let answer = json(&["--path", path, "--op", op]);
        assert!(!tried(&[]), "{op} {path}");
        assert!(tried(&allowed_by(&answer)), "{op} {path}: {answer}");
    }
}

#[test]
fn a_path_of_any_bytes_is_named_as_a_shell_takes_it() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    let names: [&[u8]; 4] = [b"plain name", b"it's", b"a\x1b[2Jb\n", b"q'\\\xff\xe4 z"];
    for name in names {
        let file = tree.root().join(std::ffi::OsStr::from_bytes(name));
        fs::write(&file, "content\n").unwrap();
        let mut command = Command::new(nono_path());
        let answer = outcome(command.arg("why").arg("--path").arg(&file).env_remove("NONO_STATE"));
        let text = String::from_utf8(answer.stdout).unwrap();
        let flags = text.lines().find_map(|line| line.strip_prefix("  allow by  ")).unwrap();

        let script = format!("\"$0\" run -s {flags} -- cat \"$1\"");
        let mut shell = Command::new("bash");
        let ended = outcome(shell.arg("-c").arg(script).arg(nono_path()).arg(&file));

        assert_eq!(ended.text(), "content\n", "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
    let mut command = Command::new(nono_path());
    let file = tree.root().join(std::ffi::OsStr::from_bytes(names[3]));
    let answer = outcome(command.args(["why", "--json", "--path"]).arg(&file));
    let value: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert!(value["resolved"]["path"]["base64"].is_string(), "{value}");
    assert_eq!(value["resolved"]["path"], value["allowed_by"][1]);
}

#[test]
fn a_path_is_followed_from_where_the_caller_is() {
    let tree = Tree::new();
    tree.file("data/file", "");
    tree.directory("other/deep");
    std::os::unix::fs::symlink("../data", tree.at("other/link")).unwrap();
    let asked = ["file", "./file", "../other/link/file", "../other/link/../data/file"];
    for path in asked {
        let mut command = Command::new(nono_path());
        command.args(["why", "--json", "--path", path, "--read", "."]);
        let answer = outcome(command.current_dir(tree.at("data")).env_remove("NONO_STATE"));
        let value: Value = serde_json::from_slice(&answer.stdout).unwrap();
        assert_eq!(value["resolved"]["path"], tree.word("data/file"), "{path}");
        assert_eq!(value["reason"], "granted", "{path}");
    }
    let answer = why(&["--path", &tree.word("none/../data/file")]);
    assert_eq!(answer.code(), 125, "the kernel knows no such path: {}", answer.said());
}

#[test]
fn a_port_that_is_named_can_be_connected_to_and_the_next_one_cannot() {
    let listeners: Vec<_> =
        (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let [port, other] =
        [0, 1].map(|number: usize| listeners[number].local_addr().unwrap().port().to_string());
    let words = allowed_by(&json(&["--host", "127.0.0.1", "--port", &port, "--net-block"]));
    let connects = |port: &str, flags: &[&str]| {
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        run(&[&["--net-block"], flags, &["--", "bash", "-c", &script]].concat()).succeeded()
    };
    let flags: Vec<&str> = words.iter().map(String::as_str).collect();

    assert!(connects(&port, &flags));
    assert!(!connects(&other, &flags) && !connects(&port, &[]));
}

#[test]
fn an_interpreter_that_is_not_granted_is_named_with_its_loader() {
    let tree = Tree::new();
    tree.script("script", "#!/bin/sh\n");
    let script = tree.word("script");
    let answer = json(&["--path", &script, "--op", "execute", "--exec", &script, "--no-base"]);
    assert_eq!(answer["reason"], "interpreter_not_granted");
    let words = allowed_by(&answer);
    let shell = fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(words[..2], ["--exec", shell.to_str().unwrap()], "{answer}");

    let flags: Vec<&str> = words.iter().map(String::as_str).collect();
    let asked = ["--path", &script, "--op", "execute", "--exec", &script, "--no-base"];
    assert_eq!(reason(&[&asked[..], &flags].concat()), "granted");
}

#[test]
fn a_hard_link_of_what_is_denied_is_told_as_the_kernel_has_it() {
    let tree = Tree::new();
    let secret = tree.file("data/secret", "secret\n");
    tree.directory("elsewhere");
    for link in ["data/link", "elsewhere/link"] {
        fs::hard_link(&secret, tree.at(link)).unwrap();
    }
    let [data, elsewhere, secret] =
        ["data", "elsewhere", "data/secret"].map(|path| tree.word(path));
    let grants = ["--read", &data, "--read", &elsewhere, "--deny", &secret];
    for (link, expected) in [("data/link", "denied_path"), ("elsewhere/link", "granted")] {
        let link = tree.word(link);
        let answer = json(&[&["--path", &link][..], &grants].concat());
        let ended = run(&[&grants[..], &["--", "cat", &link]].concat());
        assert_eq!(answer["reason"], expected);
        assert_eq!(ended.succeeded(), expected == "granted", "{}", ended.said());
        assert!(caveats(&answer).contains(&"hard_links"), "{answer}");
    }
}

#[test]
fn what_the_mode_forbids_is_no_matter_of_grants() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let tree = Tree::new();
    let file = tree.file("file", "");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let file = tree.word("file");
    let asked = ["--path", &file, "--read-file", &file];
    if rustix::process::geteuid().is_root() {
        // Root may read it here, and has no capability to in a sandbox.
        chown(&file, Some(65534), None).unwrap();
    }
    assert_eq!(reason(&asked), "file_mode");
    assert_eq!(reason(&["--path", &file]), "file_mode", "no false remedy");
    assert!(!run(&["--read-file", &file, "--", "cat", &file]).succeeded());
}

#[test]
fn what_grants_do_not_cover_is_said() {
    let tree = Tree::new();
    tree.file("data/file", "");
    let _socket = std::os::unix::net::UnixListener::bind(tree.at("socket")).unwrap();
    let [data, file, new, socket] =
        ["data", "data/file", "data/new", "socket"].map(|path| tree.word(path));
    let ask = |words: &[&str]| -> Vec<String> {
        caveats(&json(words)).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(ask(&["--path", &file, "--read", &data]), ["metadata"]);
    assert_eq!(ask(&["--path", &file, "--read-file", &file]), ["atomic_replace", "metadata"]);
    assert_eq!(ask(&["--path", &new, "--read", &data]), ["does_not_exist", "metadata"]);
    let beside = ask(&["--path", &data, "--read", &data, "--deny", &new]);
    assert_eq!(beside, ["carving", "metadata"]);
    assert_eq!(ask(&["--path", &socket]), ["unix_socket", "metadata"]);
    assert_eq!(ask(&["--port", "443", "--allow-connect", "443"]), ["any_address"]);
    let named = ["--host", "example.org", "--port", "443", "--allow-connect", "443"];
    assert_eq!(ask(&named), ["any_address", "name_lookup"]);
    assert_eq!(ask(&["--port", "443"]), [""; 0]);
}

#[test]
fn a_question_that_is_none_is_an_error() {
    let asked: [&[&str]; 6] = [
        &[],
        &["--path", "/", "--port", "1"],
        &["--path", "/", "--op", "bind"],
        &["--port", "1", "--op", "read"],
        &["--port", "0"],
        &["--self", "--path", "/", "--read", "/"],
    ];
    for words in asked {
        let ended = why(words);
        assert_eq!((ended.code(), ended.stdout.len()), (125, 0), "{words:?}: {}", ended.said());
        assert_eq!(ended.said().lines().count(), 1, "{}", ended.said());
    }
    let ended = why(&["--path", "/etc/hosts", "--read-file", "/etc/shadow"]);
    assert_eq!(ended.code(), 125, "what run refuses is refused: {}", ended.said_anywhere());
}
