//! Programs that ask for more while they run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Outcome, Started, Tree, nono_path, nono_run, outcome};

/// A tree with a policy that grants what lies in `open/`, and a place for records.
struct Asking {
    tree: Tree,
}

impl Asking {
    fn new() -> Self {
        let tree = Tree::new();
        tree.file("open/notes", "notes\n");
        tree.file("closed/notes", "closed\n");
        let rule =
            "[[rule]]\npath = \"ROOT/open/**\"\naccess = \"readwrite\"\ndecision = \"grant\"\n";
        let path = tree.file("policy.toml", rule.replace("ROOT", tree.root().to_str().unwrap()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        Self { tree }
    }

    fn command(&self, flags: &[&str], script: &str) -> Command {
        let policy = format!("policy={}", self.tree.word("policy.toml"));
        let audit = self.tree.word("audit");
        let fixed = ["--supervised", "--approve", &policy, "--audit-dir", &audit];
        let mut command = nono_run(&[&fixed[..], flags, &["--", "sh", "-c", script]].concat());
        command.env("HOME", self.tree.root()).current_dir(self.tree.directory("open"));
        command
    }

    /// What a script in the sandbox does; `$N` is nono there.
    fn run(&self, script: &str) -> Outcome {
        let nono = nono_path();
        let script = format!("N={}; R={}; {script}", nono.display(), self.tree.root().display());
        let mut command = self.command(&[], &script);
        outcome(&mut command)
    }

    fn audit(&self, words: &[&str]) -> Outcome {
        let audit = self.tree.word("audit");
        let mut command = Command::new(nono_path());
        outcome(command.arg("audit").args(words).args(["--audit-dir", &audit]))
    }

    fn sessions(&self) -> Vec<String> {
        let listed = self.audit(&["list", "--json"]);
        let listed: serde_json::Value = serde_json::from_str(listed.text()).unwrap();
        let sessions = listed.as_array().unwrap().iter();
        sessions.map(|session| session["session_id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_the_policy_grants_is_printed_and_what_it_does_not_is_denied() {
    let asking = Asking::new();
    let granted = asking.run("cat $R/open/notes 2>/dev/null || $N request $R/open/notes");
    assert_eq!(granted.text(), "notes\n");
    let denied = asking.run("$N request $R/closed/notes");
    assert_eq!((denied.code(), denied.stdout.len()), (1, 0));
    assert!(denied.said().contains("closed/notes: denied: "), "{}", denied.said());
}

#[test]
fn a_command_gets_the_file_as_standard_input_or_a_copy_by_name() {
    let asking = Asking::new();
    let counted = asking.run("$N request --reason 'to count' $R/open/notes -- wc -c");
    assert_eq!(counted.text().trim(), "6");
    let copied = asking.run("$N request $R/open/notes -- cat {} {}");
    assert_eq!(copied.text(), "notes\nnotes\n");
    let status = asking.run("$N request $R/open/notes -- sh -c 'exit 9'");
    assert_eq!(status.code(), 9);
    let changed = asking.run("$N request $R/open/notes -- sh -c 'echo x > {}'");
    assert_ne!(changed.code(), 0);
    assert_eq!(asking.tree.read("open/notes"), "notes\n");
}

#[test]
fn a_file_is_written_made_and_emptied_first() {
    let asking = Asking::new();
    asking.run("echo new | $N request --write $R/open/made").text();
    assert_eq!(asking.tree.read("open/made"), "new\n");
    asking.run("echo x | $N request --write $R/open/notes").text();
    assert_eq!(asking.tree.read("open/notes"), "x\n");
    let denied = asking.run("echo x | $N request --write $R/closed/made");
    assert_eq!(denied.code(), 1);
    assert!(!asking.tree.at("closed/made").exists());
}

#[test]
fn the_status_and_the_output_are_the_programs_own() {
    let asking = Asking::new();
    let ended = asking.run("printf 'a\\000b'; exit 42");
    assert_eq!((ended.code(), &*ended.stdout), (42, &b"a\0b"[..]));
    let missing = outcome(&mut nono_run(&["--supervised", "--no-audit", "--", "/no/such/program"]));
    assert_eq!(missing.code(), 127);
    let killed = asking.run("kill -9 $$");
    assert_eq!(killed.code(), 128 + 9);
}

#[test]
fn a_descendant_that_outlives_the_program_can_still_ask() {
    let asking = Asking::new();
    let told = asking.tree.word("open/told");
    // In a session of its own, as a daemon is: what is left of the group is killed with the test.
    let script =
        "export N R P=$$; setsid sh -c '>$TMPDIR/apart; while kill -0 $P 2>/dev/null; do :; done
         echo late | $N request --write $R/open/told' >/dev/null 2>&1 </dev/null &
         while ! [ -e $TMPDIR/apart ]; do :; done; exit 0";
    assert_eq!(asking.run(script).text(), "");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while fs::read_to_string(&told).unwrap_or_default() != "late\n" {
        assert!(std::time::Instant::now() < deadline, "it never asked");
        std::thread::yield_now();
    }
}

#[test]
fn whoever_reads_the_output_does_not_wait_for_a_descendant() {
    let asking = Asking::new();
    let script = "setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1 </dev/null' & exit 0";
    let ended = asking.run(script);
    let sleeper: i32 = ended.text().trim().parse().unwrap();
    let sleeper = rustix::process::Pid::from_raw(sleeper).unwrap();
    rustix::process::kill_process(sleeper, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn every_decision_is_in_the_journal_which_is_complete_when_the_last_program_has_ended() {
    let asking = Asking::new();
    asking
        .run("$N request $R/open/notes; $N request $R/closed/notes; $N request /etc/shadow; true");
    let [session] = &*asking.sessions() else { panic!("one session") };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let verified = asking.audit(&["verify", session]);
        if verified.text().contains("complete: 1 granted, 2 denied") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{}", verified.text());
        std::thread::yield_now();
    }
    let shown = asking.audit(&["show", session]);
    assert!(shown.text().contains("never_grant"), "{}", shown.text());
}

#[test]
fn records_that_the_program_could_reach_are_refused_at_start() {
    let asking = Asking::new();
    let audit = asking.tree.directory("audit");
    fs::set_permissions(&audit, fs::Permissions::from_mode(0o700)).unwrap();
    let flags = ["--allow", audit.to_str().unwrap()];
    let refused = outcome(&mut asking.command(&flags, "echo started"));
    assert_eq!((refused.code(), refused.stdout.len()), (125, 0), "{}", refused.said());
    assert!(refused.said().contains("--audit-dir"), "{}", refused.said());
}

#[test]
fn no_policy_grants_what_the_caller_denied_nor_the_policy_itself() {
    let asking = Asking::new();
    let all = "[[rule]]\npath = \"ROOT/**\"\naccess = \"readwrite\"\ndecision = \"grant\"\n";
    fs::write(
        asking.tree.at("policy.toml"),
        all.replace("ROOT", asking.tree.root().to_str().unwrap()),
    )
    .unwrap();
    let closed = asking.tree.word("closed");
    let nono = nono_path();
    for (flags, path) in [
        (&["--deny", &closed][..], "closed/notes"),
        (&["--never-grant", &closed], "closed/notes"),
        (&[], "policy.toml"),
        (&[], "audit"),
    ] {
        let script = format!("{} request {}", nono.display(), asking.tree.word(path));
        let denied = outcome(&mut asking.command(flags, &script));
        assert_eq!(denied.code(), 1, "{path}: {}", denied.said());
        assert!(denied.said().contains("never_grant"), "{path}: {}", denied.said());
    }
    let script = format!("{} request {}", nono.display(), asking.tree.word("closed/notes"));
    assert_eq!(outcome(&mut asking.command(&[], &script)).text(), "closed\n");
}

#[test]
fn a_policy_that_is_refused_leaves_no_journal() {
    let asking = Asking::new();
    fs::write(asking.tree.at("policy.toml"), "nonsense").unwrap();
    assert_eq!(asking.run("echo started").code(), 125);
    assert!(!asking.tree.at("audit").exists());
}

#[test]
fn a_policy_that_the_program_could_change_is_refused_at_start() {
    let asking = Asking::new();
    let policy = asking.tree.word("policy.toml");
    for flags in [["--allow", &asking.tree.word("")], ["--write-file", &policy]] {
        let mut command = asking.command(&flags, "echo started");
        let refused = outcome(&mut command);
        assert_eq!((refused.code(), refused.stdout.len()), (125, 0), "{}", refused.said());
    }
    let mut command = asking.command(&["--write-file", &policy], "echo started");
    let refused = outcome(&mut command);
    assert!(refused.said().contains("could change the policy"), "{}", refused.said());
}

#[test]
fn a_policy_that_is_wrong_or_others_can_write_starts_nothing() {
    let asking = Asking::new();
    let policy = asking.tree.at("policy.toml");
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
    let open = asking.run("echo started");
    assert_eq!((open.code(), open.stdout.len()), (125, 0), "{}", open.said());
    assert!(open.said().contains("chmod go-w"), "{}", open.said());
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&policy, "[[rule]]\nwhat = 1\n").unwrap();
    let wrong = asking.run("echo started");
    assert_eq!((wrong.code(), wrong.stdout.len()), (125, 0));
    assert!(wrong.said().contains("policy.toml:2:1"), "{}", wrong.said());
}

#[test]
fn without_a_supervisor_a_request_says_how_to_get_one() {
    let mut command = Command::new(nono_path());
    let alone =
        outcome(command.args(["request", "/etc/hostname"]).env_remove("NONO_SUPERVISOR_FD"));
    // It opens what it may itself, but that needs no answer from anybody.
    assert!(
        alone.code() == 125 && alone.said().contains("nono run --supervised"),
        "{}",
        alone.said()
    );
}

#[test]
fn a_sandbox_inside_does_not_reach_the_supervisor_outside() {
    let asking = Asking::new();
    let script = "$N run --read-file $N -- sh -c \"env | grep -c NONO_SUPERVISOR; $N request $R/open/notes\"";
    let inner = asking.run(script);
    assert_eq!(String::from_utf8_lossy(&inner.stdout), "0\n", "{}", inner.said());
    assert_eq!(inner.code(), 125, "{}", inner.said());
}

#[test]
fn without_an_approver_the_answer_is_no() {
    let tree = Tree::new();
    let file = tree.file("notes", "notes");
    let script = format!("{} request {}", nono_path().display(), file.display());
    let mut command = nono_run(&["--supervised", "--no-audit", "--", "sh", "-c", &script]);
    let denied = Started::captured(&mut command).outcome();
    assert_eq!(denied.code(), 1, "{}", denied.said());
    assert!(denied.said().contains("no_approver"), "{}", denied.said());
}
