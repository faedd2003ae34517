//! Filters on the real kernel: each refusal is seen with its rule, and seen to end without it.
//!
//! A filter cannot be taken off, so every attempt runs in a process of its own: this binary again,
//! with the attempt's name in the environment. It answers by exit code: the errno, 0 for success.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod attempt;
mod sys;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, exit};

use nono_linux::seccomp::{
    Arch, FilterSpec, Inet, Program, SocketPolicy, Threads, filter, install, rules,
};

use attempt::{BLOCKED, PAST_PORTS};

const ATTEMPT: &str = "NONO_TEST_ATTEMPT";
const WITHOUT: &str = "NONO_TEST_WITHOUT";
const NOBODY: &str = "NONO_TEST_NOBODY";
/// What [`WITHOUT`] says to leave the filter away.
const FILTER: &str = "filter";

/// The strictest filter for this network, for ABI 2 so that the truncation closers are in it.
fn spec(inet: Inet) -> FilterSpec {
    FilterSpec {
        landlock_abi: 2,
        sockets: SocketPolicy { inet, unix: false },
        exemptions: BTreeSet::new(),
        root: sys::is_root(),
    }
}

/// Puts the strictest filter on this process, without the rules on the calls that are named.
fn confine(inet: Inet, without: &str) {
    if without == FILTER {
        return;
    }
    let left_out: Vec<&str> = without.split(',').collect();
    let mut rules = rules(&spec(inet));
    rules.retain(|rule| !left_out.contains(&rule.syscall.name()));
    let program = Program::compile(&rules, Arch::NATIVE.unwrap()).unwrap();
    sys::no_new_privs();
    install(&program, Threads::Caller).unwrap();
}

#[test]
#[ignore = "the process that the other tests start"]
fn child() {
    let Ok(name) = std::env::var(ATTEMPT) else { return };
    if std::env::var_os(NOBODY).is_some() {
        sys::become_nobody();
    }
    let without = std::env::var(WITHOUT).unwrap_or_default();
    if let Some(program) = name.strip_prefix("exec ") {
        let mut words = program.split('\u{1f}');
        let mut command = Command::new(words.next().unwrap());
        confine(Inet::Blocked, &without);
        panic!("{}", command.args(words).exec());
    }
    let (make, inet) = attempt::find(&name).unwrap();
    let files = attempt::Files::new();
    confine(inet, &without);
    let errno = make(&files);
    drop(files);
    exit(errno);
}

fn start(name: &str, without: &str, nobody: bool) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]);
    command.env(ATTEMPT, name).env(WITHOUT, without);
    if nobody {
        command.env(NOBODY, "1");
    }
    command.output().unwrap()
}

fn errno(name: &str, without: &str, nobody: bool) -> i32 {
    let output = start(name, without, nobody);
    output.status.code().unwrap_or_else(|| panic!("{name}: {output:?}"))
}

/// As the user of the test, and where that is root also as an ordinary one.
fn users() -> Vec<bool> {
    if sys::is_root() { vec![false, true] } else { vec![false] }
}

#[test]
fn each_attempt_is_refused_with_its_rule_and_not_without_it() {
    for nobody in users() {
        for attempt in BLOCKED.iter().chain(PAST_PORTS) {
            let name = attempt.name;
            assert_eq!(errno(name, "", nobody), attempt.errno, "{name}, as nobody: {nobody}");
            let without = errno(name, attempt.rule, nobody);
            assert_ne!(without, attempt.errno, "{name} without its rule, as nobody: {nobody}");
            assert_ne!(without, 101, "{name} panicked, as nobody: {nobody}");
        }
    }
}

#[test]
fn what_programs_need_beside_the_refusals_still_works() {
    for nobody in users() {
        for (name, _) in attempt::HARMLESS {
            assert_eq!(errno(name, "", nobody), 0, "{name}, as nobody: {nobody}");
        }
    }
}

/// Runs a program under the strictest filter, if it is installed, and looks for the text.
fn runs(words: &[&str], expected: &str) {
    if !Command::new("which").arg(words[0]).output().unwrap().status.success() {
        eprintln!("{} is not installed", words[0]);
        return;
    }
    for nobody in users() {
        let output = start(&format!("exec {}", words.join("\u{1f}")), "", nobody);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.ends_with(expected), "{words:?}: {output:?}");
    }
}

#[test]
fn a_shell_runs_pipelines() {
    runs(&["bash", "-c", "cd /; (echo a; echo b) | sort -r | tr ab cd; wait"], "d\nc\n");
}

#[test]
fn python_runs_threads_processes_and_interface_listings() {
    let script = "import subprocess,threading,socket,multiprocessing.pool as p,os
os.chdir('/'); t=threading.Thread(target=lambda: None); t.start(); t.join()
a,b=socket.socketpair(); a.send(b'x'); assert b.recv(1)==b'x'
assert socket.if_nameindex(); os.nice(1)
print(subprocess.check_output(['echo','ok']).decode(), p.ThreadPool(2).map(abs,[-1,2]))";
    runs(&["/usr/bin/python3", "-c", script], "ok\n [1, 2]\n");
}

#[test]
fn node_runs_its_event_loop_and_a_child() {
    let script = "process.chdir('/');
require('fs').promises.readFile('/etc/passwd').then(() =>
  console.log(require('child_process').execSync('echo ok').toString().trim(), 'done'))";
    runs(&["node", "-e", script], "ok done\n");
}

#[test]
fn a_jvm_runs_threads() {
    runs(&["java", "-XshowSettings:none", "--version"], "");
    let program = tempfile::tempdir().unwrap();
    let source = program.path().join("Hello.java");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(program.path(), open).unwrap();
    std::fs::write(
        &source,
        "public class Hello { public static void main(String[] a) {
            int sum = java.util.stream.IntStream.range(0, 1000).parallel().sum();
            System.out.println(\"sum \" + sum); } }",
    )
    .unwrap();
    runs(&["java", source.to_str().unwrap()], "sum 499500\n");
}

#[test]
fn a_filter_on_all_threads_reaches_one_that_runs_already() {
    assert_eq!(errno("tsync", FILTER, false), libc::EPERM);
}

#[test]
fn without_no_new_privs_an_ordinary_user_cannot_install() {
    if sys::is_root() {
        assert_eq!(errno("install without no_new_privs", FILTER, true), libc::EACCES);
    }
}

/// Used by the attempts that install for themselves.
fn strictest() -> Program {
    filter(&spec(Inet::Blocked), Arch::NATIVE.unwrap()).unwrap()
}
