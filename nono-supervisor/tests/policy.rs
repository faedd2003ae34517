//! What policies say, and how wrong ones are refused.
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::path::Path;

use nono_core::wire::OpenIntent;
use nono_core::{
    AccessMode, ApprovalBackend, ApprovalDecision, CapabilityRequest, Operation, Opinion, Prompt,
    ReasonCode, Verdict,
};
use nono_supervisor::{PolicyApproval, PolicyErrorKind};

fn policy(text: &str) -> PolicyApproval {
    PolicyApproval::parse(text, Some(Path::new("/home/me"))).unwrap()
}

fn prompt(path: &str, access: AccessMode) -> Prompt {
    Prompt::new(CapabilityRequest {
        request_id: "r".into(),
        path: path.into(),
        access,
        reason: None,
        child_pid: 1,
        session_id: "s".into(),
    })
}

fn connect(port: u16) -> Prompt {
    let mut prompt = prompt("/a", AccessMode::Read);
    prompt.operation = Operation::Connect(port);
    prompt
}

/// `grant SCOPE`, `deny REASON` or `pass`.
fn says(text: &str, prompt: &Prompt) -> String {
    match policy(text).consider(prompt).unwrap() {
        Opinion::Pass => "pass".into(),
        Opinion::Decided(Verdict { decision: ApprovalDecision::Granted, scope, .. }) => {
            format!("grant {scope:?}")
        }
        Opinion::Decided(Verdict {
            decision: ApprovalDecision::Denied { reason }, code, ..
        }) => {
            assert_eq!(code, Some(ReasonCode::Policy));
            format!("deny {reason}")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_without_one_nobody_has() {
    let text = "
        [[rule]]
        path = '/srv/secret*'
        decision = 'deny'
        reason = 'secret'
        [[rule]]
        path = '/srv/maybe'
        decision = 'ask'
        [[rule]]
        path = '/srv/**'
        access = 'read'
        decision = 'grant'
        scope = 'session'
        [[rule]]
        path = '~/notes'
        access = 'readwrite'
        decision = 'grant'
    ";
    for (path, access, expected) in [
        ("/srv/secrets", AccessMode::Read, "deny secret"),
        ("/srv/maybe", AccessMode::Read, "pass"),
        ("/srv/a/b", AccessMode::Read, "grant Session"),
        ("/srv/a/b", AccessMode::ReadWrite, "pass"),
        ("/home/me/notes", AccessMode::Write, "grant Once"),
        ("/home/you/notes", AccessMode::Write, "pass"),
    ] {
        assert_eq!(says(text, &prompt(path, access)), expected, "{path} {access}");
    }
    let rule = policy(text).deciding_rule(&prompt("/srv/a", AccessMode::Read)).unwrap();
    assert_eq!(rule.line, 9);
}

#[test]
fn a_grant_matches_what_is_within_its_access_and_a_denial_what_touches_it() {
    let grant = "[[rule]]\npath = '/a'\naccess = 'read'\ndecision = 'grant'";
    let deny = "[[rule]]\npath = '/a'\naccess = 'write'\ndecision = 'deny'\nreason = 'no'";
    for (access, granted, denied) in [
        (AccessMode::Read, "grant Once", "pass"),
        (AccessMode::Write, "pass", "deny no"),
        (AccessMode::ReadWrite, "pass", "deny no"),
    ] {
        let prompt = prompt("/a", access);
        assert_eq!((says(grant, &prompt), says(deny, &prompt)), (granted.into(), denied.into()));
    }
    for intent in [
        OpenIntent { create: true, ..OpenIntent::default() },
        OpenIntent { truncate: true, ..OpenIntent::default() },
    ] {
        let mut prompt = prompt("/a", AccessMode::Read);
        prompt.operation = Operation::Open(intent);
        assert_eq!(
            (says(grant, &prompt).as_str(), says(deny, &prompt).as_str()),
            ("pass", "deny no")
        );
    }
}

#[test]
fn a_port_is_that_of_a_connection_and_nothing_else() {
    let text = "[[rule]]\nport = 443\ndecision = 'grant'";
    assert_eq!(says(text, &connect(443)), "grant Once");
    assert_eq!(says(text, &connect(80)), "pass");
    let mut bind = connect(443);
    bind.operation = Operation::Bind(443);
    assert_eq!(says(text, &bind), "pass");
    assert_eq!(says(text, &prompt("/a", AccessMode::Read)), "pass");
    let all = "[[rule]]\npath = '/**'\naccess = 'readwrite'\ndecision = 'grant'";
    assert_eq!(says(all, &connect(443)), "pass");
}

#[test]
fn an_executable_that_is_not_known_is_denied_and_never_granted() {
    let text = |decision: &str| {
        format!(
            "[[rule]]\npath = '/a'\naccess = 'read'\nexe = '/usr/*'\ndecision = '{decision}'\nreason = 'no'"
        )
    };
    let mut prompt = prompt("/a", AccessMode::Read);
    for (executable, granted, denied) in [
        (Some("/usr/x"), "grant Once", "deny no"),
        (Some("/tmp/x"), "pass", "pass"),
        (None, "pass", "deny no"),
    ] {
        prompt.peer.executable = executable.map(Into::into);
        assert_eq!(says(&text("grant"), &prompt), granted, "{executable:?}");
        assert_eq!(says(&text("deny"), &prompt), denied, "{executable:?}");
    }
}

#[test]
fn a_subtree_is_granted_for_a_directory_that_no_earlier_rule_cuts_into() {
    let grant =
        "[[rule]]\npath = '/srv/**'\naccess = 'read'\ndecision = 'grant'\nscope = 'subtree'";
    let deny = "[[rule]]\npath = '/srv/*/secret'\ndecision = 'deny'";
    let mut directory = prompt("/srv/a", AccessMode::Read);
    assert_eq!(says(grant, &directory), "grant Session", "a file");
    directory.is_directory = true;
    assert_eq!(says(grant, &directory), "grant Subtree");
    assert_eq!(says(&format!("{deny}\n{grant}"), &directory), "grant Session");
    assert_eq!(says(&format!("{grant}\n{deny}"), &directory), "grant Subtree");
    directory.request.path = "/srv/a/b".into();
    assert_eq!(says(&format!("{deny}\n{grant}"), &directory), "grant Subtree");
}

#[test]
fn what_is_wrong_is_named_with_line_and_column() {
    for (text, line, column, part) in [
        ("[[rule]]\npath = '/a'\ndecision = 'grand'", 3, 12, "grand"),
        ("[[rule]]\npath = '/a'\ndecision = 'deny'\npaht = 1", 4, 1, "paht"),
        ("rules = []", 1, 1, "rules"),
        ("[[rule]]\npath = '/a'", 1, 1, "decision"),
        ("[[rule]]\ndecision = 'deny'", 1, 1, "either"),
        ("[[rule]]\npath = '/a'\nport = 1\ndecision = 'deny'", 1, 1, "either"),
        ("\n[[rule]]\npath = '/a'\ndecision = 'grant'", 2, 1, "what access"),
        ("[[rule]]\npath = 'a'\ndecision = 'deny'", 2, 8, "absolute"),
        ("[[rule]]\npath = '/a/**b'\ndecision = 'deny'", 2, 8, "**"),
        ("[[rule]]\npath = '/a'\nexe = 'x'\ndecision = 'deny'", 3, 7, "absolute"),
        ("[[rule]]\npath = '/a'\ndecision = 'deny'\nscope = 'once'", 4, 9, "scope"),
        ("[[rule]]\nport = 0\ndecision = 'deny'", 2, 8, "nonzero"),
        ("[[rule]]\nport = 65536\ndecision = 'deny'", 2, 8, "65536"),
        ("[[rule]]\nport = 1\naccess = 'read'\ndecision = 'deny'", 3, 10, "path"),
        ("[[rule]]\nport = 1\nscope = 'subtree'\ndecision = 'grant'", 3, 9, "path"),
        ("[[rule]]\nport = 1\nmatch = ['/a']\ndecision = 'grant'", 3, 10, "path"),
        ("[[rule]]\npath = '/a'\ndecision = 'deny'\nmatch = ['/a', '/b']", 4, 16, "not match"),
        ("[[rule]]\npath = '/*'\ndecision = 'deny'\nnot_match = ['/b']", 4, 14, "matches"),
        ("[[rule]]\npath = '/*'\ndecision = 'deny'\nnot_match = ['b']", 4, 14, "absolute"),
        ("[[rule]\n", 1, 8, ""),
    ] {
        match PolicyApproval::parse(text, None).unwrap_err() {
            PolicyErrorKind::Malformed { position, message } => {
                assert_eq!((position.line, position.column), (line, column), "{text}: {message}");
                assert!(message.contains(part) && !message.contains('\n'), "{text}: {message}");
            }
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn a_policy_file_is_read_and_its_errors_name_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    std::fs::write(&file, "[[rule]]\nport = 1\ndecision = 'deny'\n").unwrap();
    assert_eq!(PolicyApproval::load(&file, None).unwrap().len(), 1);

    std::fs::write(&file, "[[rule]]\nport = 1\n").unwrap();
    let error = PolicyApproval::load(&file, None).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}:1:1: ", file.display())), "{error}");
}

#[test]
fn a_plain_request_is_decided_by_its_path_and_denied_where_no_rule_matches() {
    let policy = policy("[[rule]]\npath = '/a'\naccess = 'read'\ndecision = 'grant'");
    let decide = |path| policy.request_capability(&prompt(path, AccessMode::Read).request).unwrap();
    assert!(decide("/a").is_granted() && decide("/b").is_denied());
    assert!(policy.is_immediate());
}
