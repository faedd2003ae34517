//! `nono doctor`, `nono setup` and `nono --version` on this kernel and under filters that stand for
//! others.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Outcome, Started, Tree, nono_path, nono_run, outcome, probe};

/// What is proven on every kernel that these tests run on: no machine's settings decide it.
const ALWAYS: &[&str] = &[
    "read",
    "list",
    "write",
    "create",
    "make-directory",
    "remove",
    "rename",
    "truncate",
    "execute",
    "device-ioctl",
    "set-id",
    "open-mode-3",
    "openat2",
    "signals",
    "trace",
    "memory",
    "environment",
    "limits",
    "scheduling",
    "priority",
    "descriptors",
    "tcp",
    "udp",
    "netlink",
    "tcp-connect",
    "tcp-bind",
    "listen",
    "unix-paths",
    "unix-datagrams",
    "abstract-unix",
    "clone3",
    "namespaces",
    "mount",
    "mount-attributes",
    "clock",
];

/// From this version on the kernel has all rights and scopes that `ALWAYS` takes.
const SCOPES_ABI: u64 = 6;

/// A run with its files in a directory of its own.
fn doctor(tree: &Tree, words: &[&str]) -> Command {
    let mut command = Command::new(nono_path());
    command.args(words).env("TMPDIR", tree.root());
    command
}

fn json(ended: &Outcome) -> Value {
    serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", ended.said()))
}

fn protections(report: &Value) -> &[Value] {
    report["protections"].as_array().unwrap()
}

fn find<'a>(report: &'a Value, id: &str) -> &'a Value {
    protections(report).iter().find(|found| found["id"] == id).unwrap_or_else(|| panic!("{id}"))
}

fn feature<'a>(report: &'a Value, id: &str) -> &'a Value {
    let features = report["supervision"]["features"].as_array().unwrap();
    features.iter().find(|found| found["id"] == id).unwrap_or_else(|| panic!("{id}"))
}

fn is_enforced(protection: &Value) -> bool {
    protection["state"] == "enforced" || protection["state"] == "closed-by-seccomp"
}

/// What doctor says under a filter that answers a call with an error, or lets it wait.
fn under_filter(tree: &Tree, filter: &Path, call: &str, how: &str) -> Outcome {
    let mut command = Command::new(filter);
    command.args([call, how]).arg(nono_path()).args(["doctor", "--json"]);
    outcome(command.env("TMPDIR", tree.root()))
}

fn filter(tree: &Tree) -> Option<PathBuf> {
    probe(tree, "filter", include_str!("probes/filter.c"))
}

#[test]
fn every_protection_that_can_be_tried_holds() {
    let tree = Tree::new();
    let ended = outcome(&mut doctor(&tree, &["doctor", "--json"]));
    let report = json(&ended);
    assert_eq!((ended.code(), &report["status"]), (0, &Value::from("enforced")), "{report:#}");
    assert_eq!(report["reason"], "enforced");
    for protection in protections(&report) {
        assert_ne!(protection["state"], "failed", "{protection:#}");
    }
    if report["kernel"]["landlock_abi"].as_u64().unwrap() < SCOPES_ABI {
        eprintln!("not tested: this kernel lacks a part of what is protected");
        return;
    }
    for id in ALWAYS {
        assert!(is_enforced(find(&report, id)), "{:#}", find(&report, id));
    }
    assert_eq!(find(&report, "metadata")["gap"], "metadata");
    assert_eq!(find(&report, "loopback-only")["gap"], "loopback-only");
}

#[test]
fn only_root_is_shown_what_only_root_could_do() {
    let tree = Tree::new();
    let report = json(&outcome(&mut doctor(&tree, &["doctor", "--json"])));
    let root = rustix::process::geteuid().is_root();
    assert_eq!(report["kernel"]["root"], root);
    for id in ["capabilities", "reboot", "make-device"] {
        let is_tried = find(&report, id)["state"] != "not-tried";
        assert!(root || !is_tried, "{:#}", find(&report, id));
    }
}

#[test]
fn nothing_is_left_behind() {
    let tree = Tree::new();
    let started = Started::captured(&mut doctor(&tree, &["doctor"]));
    let users = tree.at(&format!("nono-{}", rustix::process::geteuid().as_raw()));
    started.wait_for_group();
    assert!(started.outcome().succeeded());
    let left: Vec<_> = std::fs::read_dir(tree.root()).unwrap().map(|one| one.unwrap()).collect();
    assert!(left.iter().all(|entry| entry.path() == users), "{left:?}");
    assert_eq!(std::fs::read_dir(users).map_or(0, Iterator::count), 0);
}

#[test]
fn a_caller_that_ignores_the_end_of_children_gets_the_same_answer() {
    let tree = Tree::new();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' CHLD; exec \"$@\"", "sh"]).arg(nono_path()).arg("doctor");
    let ended = outcome(command.env("TMPDIR", tree.root()));
    assert!(ended.text().ends_with("a sandbox can be enforced here\n"), "{}", ended.said());
}

#[test]
fn without_landlock_the_cause_is_named_and_no_file_right_is_claimed() {
    let tree = Tree::new();
    let Some(filter) = filter(&tree) else { return };
    let causes =
        [(libc::ENOSYS, "filtered"), (libc::EPERM, "filtered"), (libc::EOPNOTSUPP, "not-enabled")];
    for (errno, reason) in causes {
        let ended = under_filter(&tree, &filter, "landlock_create_ruleset", &errno.to_string());
        let report = json(&ended);
        assert_eq!((ended.code(), &report["reason"]), (1, &Value::from(reason)), "{report:#}");
        assert_eq!(report["status"], "not-enforced");
        assert_eq!(find(&report, "read")["gap"], "no-landlock");
        assert!(protections(&report).iter().all(|found| found["by"] != "landlock"), "{report:#}");
        assert_eq!(find(&report, "udp")["state"], "closed-by-seccomp");
        assert_eq!(find(&report, "truncate")["state"], "closed-by-seccomp");
    }
}

#[test]
fn where_a_filter_keeps_a_sandbox_from_being_entered_nothing_is_claimed() {
    let tree = Tree::new();
    let Some(filter) = filter(&tree) else { return };
    for (call, errno) in [("landlock_restrict_self", libc::EPERM), ("seccomp", libc::ENOSYS)] {
        let ended = under_filter(&tree, &filter, call, &errno.to_string());
        let report = json(&ended);
        assert_eq!((ended.code(), &report["reason"]), (1, &Value::from("filtered")), "{report:#}");
        assert!(report["message"].as_str().unwrap().contains(call), "{report:#}");
        assert!(protections(&report).is_empty(), "{report:#}");
    }
}

#[test]
fn what_is_refused_without_nono_too_is_not_claimed() {
    let tree = Tree::new();
    let Some(filter) = filter(&tree) else { return };
    let refused = [
        ("keyctl", libc::EPERM, "key-rings"),
        ("io_uring_setup", libc::ENOSYS, "io-uring"),
        ("openat2", libc::ENOSYS, "openat2"),
        ("clock_settime", libc::EPERM, "clock"),
        ("process_vm_readv", libc::EPERM, "memory"),
    ];
    for (call, errno, id) in refused {
        let ended = under_filter(&tree, &filter, call, &errno.to_string());
        let report = json(&ended);
        let found = find(&report, id);
        assert_eq!((ended.code(), &found["state"]), (0, &Value::from("not-tried")), "{found:#}");
        assert!(found["why"].as_str().unwrap().contains("without nono"), "{found:#}");
        assert_eq!(find(&report, "udp")["state"], "closed-by-seccomp");
    }
}

#[test]
fn an_attempt_that_hangs_is_given_up_and_a_second_supervisor_is_named() {
    let tree = Tree::new();
    let Some(filter) = filter(&tree) else { return };
    let ended = under_filter(&tree, &filter, "keyctl", "ask");
    let report = json(&ended);
    let hung = find(&report, "key-rings");
    assert_eq!((ended.code(), &hung["state"]), (0, &Value::from("not-tried")), "{hung:#}");
    assert!(hung["why"].as_str().unwrap().contains("in time"), "{hung:#}");

    assert_eq!(report["supervision"]["available"], false);
    let listener = feature(&report, "listener");
    assert_eq!(listener["state"], "missing");
    assert_eq!(listener["why"], "a supervisor is around already");
}

#[test]
fn a_supervisor_can_do_what_this_kernel_has() {
    let tree = Tree::new();
    let report = json(&outcome(&mut doctor(&tree, &["doctor", "--json"])));
    assert_eq!(report["supervision"]["available"], true, "{:#}", report["supervision"]);

    let Some(filter) = filter(&tree) else { return };
    let errno = libc::EPERM.to_string();
    let report = json(&under_filter(&tree, &filter, "process_vm_readv", &errno));
    assert_eq!(feature(&report, "memory")["state"], "missing");
    assert_eq!(feature(&report, "listener")["state"], "works");
    assert_eq!(report["supervision"]["available"], false);
}

#[test]
fn inside_a_sandbox_doctor_says_what_a_further_one_would_add() {
    let mut command = nono_run(&["--net-block", "--"]);
    let ended = outcome(command.arg(nono_path()).args(["doctor", "--json"]));
    let report = json(&ended);
    assert_eq!(ended.code(), 0, "{report:#}");
    assert!(report["kernel"]["filters_around"].as_u64().unwrap() >= 1);
    for id in ["read", "write", "signals", "trace"] {
        assert_eq!(find(&report, id)["state"], "enforced", "{:#}", find(&report, id));
    }
    for id in ["udp", "tcp-connect", "unix-paths", "openat2", "set-id"] {
        assert_eq!(find(&report, id)["state"], "not-tried", "{:#}", find(&report, id));
    }
}

#[test]
fn nono_that_cannot_try_anything_fails_as_nono() {
    let tree = Tree::new();
    let mut command = doctor(&tree, &["doctor", "--json"]);
    let ended = outcome(command.env("TMPDIR", tree.at("nowhere")));
    assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]));
    let said: Value = serde_json::from_str(&ended.said()).unwrap();
    assert!(said["message"].as_str().unwrap().contains("set TMPDIR"), "{said}");
}

/// What depends on the machine is masked; what is stable is the names, their order and their words.
#[test]
fn the_report_in_words_has_every_protection() {
    let tree = Tree::new();
    let ended = outcome(&mut doctor(&tree, &["doctor"]));
    let masked = ended.text().lines().map(|line| match line.split_at_checked(42) {
        Some((start, tried)) if start.starts_with("  ") => {
            let tried = tried.split_once(": ").map_or(tried, |(tried, _)| tried);
            format!("{}[state]  {tried}\n", &start[..20])
        }
        _ if line.contains("protections: ") => "[summary]\n".to_owned(),
        _ if line.starts_with(char::is_alphabetic) && line.contains("    ") => {
            format!("{}[here]\n", &line[..18])
        }
        _ => format!("{line}\n"),
    });
    insta::assert_snapshot!(masked.collect::<String>());
}

#[test]
fn the_report_as_json_has_every_field() {
    let tree = Tree::new();
    let mut report = json(&outcome(&mut doctor(&tree, &["doctor", "--json"])));
    mask(&mut report["kernel"]);
    let protections = report["protections"].as_array_mut().unwrap();
    protections.truncate(1);
    mask(&mut protections[0]["errno"]);
    let features = report["supervision"]["features"].as_array_mut().unwrap();
    features.iter_mut().for_each(|feature| feature["state"] = "[here]".into());
    insta::assert_snapshot!(format!("{report:#}"));
}

fn mask(object: &mut Value) {
    object.as_object_mut().unwrap().values_mut().for_each(|value| *value = "[here]".into());
}

#[test]
fn setup_needs_nothing_and_its_check_is_doctor() {
    let tree = Tree::new();
    let ended = outcome(&mut doctor(&tree, &["setup"]));
    assert_eq!(ended.text().lines().count(), 1);
    assert!(ended.text().contains("nono doctor"), "{}", ended.text());
    assert_eq!(outcome(&mut doctor(&tree, &["setup", "--json"])).code(), 125);

    let checked = outcome(&mut doctor(&tree, &["setup", "--check-only"]));
    let examined = outcome(&mut doctor(&tree, &["doctor"]));
    assert_eq!(checked.text(), examined.text());
    let words = ["setup", "--check-only", "--json"];
    assert_eq!(json(&outcome(&mut doctor(&tree, &words)))["status"], "enforced");
}

#[test]
fn the_version_tells_protocol_and_landlock() {
    let tree = Tree::new();
    let report = json(&outcome(&mut doctor(&tree, &["doctor", "--json"])));
    let (kernel, nono) = (&report["kernel"], &report["nono"]);
    let expected = format!(
        "nono {} (protocol {}, Landlock ABI {} here, up to ABI {} known)\n",
        nono["version"].as_str().unwrap(),
        nono["protocol"],
        kernel["landlock_abi"],
        kernel["landlock_abi_known"]
    );
    for word in ["--version", "-V"] {
        assert_eq!(outcome(&mut doctor(&tree, &[word])).text(), expected);
    }
    let Some(filter) = filter(&tree) else { return };
    let mut hidden = Command::new(filter);
    hidden.args(["landlock_create_ruleset", "38"]).arg(nono_path()).arg("--version");
    assert!(outcome(&mut hidden).text().contains("no Landlock here"));
}
