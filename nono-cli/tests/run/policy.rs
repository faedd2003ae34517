//! `nono policy`: rules are read as `nono run --supervised` reads them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Outcome, Tree, nono_path, outcome};

const RULES: &str = r#"
[[rule]]
path = "ROOT/open/secret"
access = "read"
decision = "deny"
reason = "not this one"

[[rule]]
path = "ROOT/open/**"
access = "read"
decision = "grant"
scope = "session"
match = ["ROOT/open/a"]
"#;

fn policy(tree: &Tree, rules: &str) -> String {
    let rules = rules.replace("ROOT", tree.root().to_str().unwrap());
    let file = tree.file("rules.toml", rules);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.to_str().unwrap().to_owned()
}

fn nono_policy(words: &[&str]) -> Outcome {
    outcome(Command::new(nono_path()).arg("policy").args(words))
}

#[test]
fn check_counts_the_rules_and_names_the_place_of_what_is_wrong() {
    let tree = Tree::new();
    let file = policy(&tree, RULES);
    assert_eq!(nono_policy(&["check", &file]).text(), format!("{file}: 2 rules\n"));
    for wrong in [RULES.replace("open/a", "shut/a"), RULES.replace("\"grant\"", "\"perhaps\"")] {
        let file = policy(&tree, &wrong);
        let refused = nono_policy(&["check", &file]);
        assert_eq!((refused.code(), refused.stdout.len()), (125, 0));
        assert!(refused.said().contains("rules.toml:"), "{}", refused.said());
    }
}

#[test]
fn test_tells_the_decision_the_rule_and_where_the_path_leads() {
    let tree = Tree::new();
    let file = policy(&tree, RULES);
    tree.file("open/a", "");
    tree.file("open/secret", "");
    std::os::unix::fs::symlink(tree.at("open/secret"), tree.at("open/link")).unwrap();
    let test = |path: &str, more: &[&str]| {
        let path = tree.word(path);
        let tested = nono_policy(&[&["test", &file, "--path", &path], more].concat());
        let said = String::from_utf8(tested.stdout.clone()).unwrap();
        (tested.code(), said.replace(tree.root().to_str().unwrap(), ""))
    };
    let secret = "/open/secret: deny (rule at line 2): not this one\n";
    assert_eq!(test("open/a", &[]), (0, "/open/a: grant (rule at line 8)\n".to_owned()));
    assert_eq!(test("open/secret", &[]), (1, secret.to_owned()));
    assert_eq!(test("open/link", &[]), (1, secret.to_owned()));
    let write = test("open/a", &["--access", "write"]);
    assert_eq!(write, (1, "/open/a: ask (no rule matches)\n".to_owned()));
    let (code, json) = test("open/a", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["decision"], &json["scope"]), (0, &"grant".into(), &"session".into()));
}
