//! Signals reach the program once, whatever way they come, and nono stops and ends with it.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::common::{Started, Terminal, Tree, nono_run, outcome, probe};

const WATCHED: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::ALARM,
    Signal::TERM,
    Signal::CONT,
    Signal::TSTP,
    Signal::WINCH,
];

/// Sent to nono's own pid after another signal: when it is the next to arrive, nothing of the
/// other was on the way. Of signals that wait, the kernel delivers the lowest number first, and
/// this is the highest.
const MARK: Signal = Signal::IO;

/// `nono run` with these words. The tests are compiled twice: for a program alone, and for one under
/// a supervisor.
fn watched(words: &[&str]) -> std::process::Command {
    let supervised = ["--supervised", "--no-audit"];
    let flags = if module_path!().ends_with("supervised") { &supervised[..] } else { &[] };
    nono_run(&[flags, words].concat())
}

/// A program that tells what arrives, and the tree it lies in.
struct Counter {
    tree: Tree,
}

impl Counter {
    fn new() -> Option<Self> {
        let tree = Tree::new();
        probe(&tree, "signals", include_str!("probes/signals.c"))?;
        Some(Self { tree })
    }

    /// Starts the program under nono. When a signal has been passed on, both are at work.
    fn started(&self) -> Started {
        let mut started = Started::captured(&mut self.command());
        at_work(&mut started);
        started
    }

    fn command(&self) -> std::process::Command {
        let mut command = watched(&["--"]);
        command.arg(self.tree.at("signals"));
        command.args(WATCHED.iter().chain([&MARK]).map(|signal| signal.as_raw().to_string()));
        command
    }
}

#[track_caller]
fn at_work(started: &mut Started) {
    assert_eq!(started.line(), "ready");
    assert_nothing_on_the_way(started);
}

#[track_caller]
fn assert_nothing_on_the_way(started: &mut Started) {
    started.signal(MARK);
    assert_eq!(started.line(), MARK.as_raw().to_string());
}

#[track_caller]
fn assert_arrives_once(started: &mut Started, signal: Signal, send: impl Fn(&mut Started)) {
    for round in 0..3 {
        send(started);
        assert_eq!(started.line(), signal.as_raw().to_string(), "round {round}");
        assert_nothing_on_the_way(started);
    }
}

#[test]
fn a_signal_to_nono_alone_reaches_the_program_once() {
    let Some(counter) = Counter::new() else { return };
    let mut started = counter.started();
    for signal in WATCHED {
        assert_arrives_once(&mut started, signal, |started| started.signal(signal));
    }
}

#[test]
fn a_signal_to_the_group_reaches_the_program_once() {
    let Some(counter) = Counter::new() else { return };
    let mut started = counter.started();
    for signal in WATCHED {
        assert_arrives_once(&mut started, signal, |started| started.signal_group(signal));
    }
}

#[test]
fn signals_to_nono_and_to_the_group_are_told_apart_when_they_alternate() {
    let Some(counter) = Counter::new() else { return };
    let mut started = counter.started();
    for _ in 0..10 {
        for signal in [Signal::INT, Signal::TERM] {
            assert_arrives_once(&mut started, signal, |started| started.signal_group(signal));
            assert_arrives_once(&mut started, signal, |started| started.signal(signal));
        }
    }
}

#[test]
fn two_signals_to_the_group_at_once_reach_the_program_once_each() {
    let Some(counter) = Counter::new() else { return };
    let mut started = counter.started();
    let both = [Signal::HUP, Signal::TERM].map(|signal| signal.as_raw().to_string());
    for round in 0..50 {
        started.signal_group(Signal::HUP);
        started.signal_group(Signal::TERM);
        let arrived = BTreeSet::from([started.line(), started.line()]);
        assert_eq!(arrived, BTreeSet::from(both.clone()), "round {round}");
        assert_nothing_on_the_way(&mut started);
    }
}

#[test]
fn keys_on_the_terminal_reach_the_program_once() {
    let Some(counter) = Counter::new() else { return };
    let (mut terminal, mut started) = Terminal::start(&mut counter.command());
    at_work(&mut started);
    for (key, signal) in [(b"\x03", Signal::INT), (b"\x1c", Signal::QUIT), (b"\x1a", Signal::TSTP)]
    {
        for round in 0..3 {
            terminal.types(key);
            assert_eq!(started.line(), signal.as_raw().to_string(), "round {round}");
            assert_nothing_on_the_way(&mut started);
        }
    }
}

#[test]
fn a_change_of_the_window_reaches_the_program_once() {
    let Some(counter) = Counter::new() else { return };
    let (terminal, mut started) = Terminal::start(&mut counter.command());
    at_work(&mut started);
    for rows in 30..33 {
        terminal.resize(rows);
        assert_eq!(started.line(), Signal::WINCH.as_raw().to_string());
        assert_nothing_on_the_way(&mut started);
    }
}

/// The kernel tells the leader of the session alone, which nono is here.
#[test]
fn the_end_of_the_terminal_reaches_the_program() {
    let Some(counter) = Counter::new() else { return };
    let (terminal, mut started) = Terminal::start(&mut counter.command());
    at_work(&mut started);
    drop(terminal);
    let arrived = BTreeSet::from([started.line(), started.line()]);
    let expected = [Signal::HUP, Signal::CONT].map(|signal| signal.as_raw().to_string());
    assert_eq!(arrived, BTreeSet::from(expected));
}

#[test]
fn a_signal_that_ends_the_program_ends_nono_with_it() {
    let mut started = Started::captured(&mut watched(&["sh", "-c", "echo up; exec sleep 1000"]));
    assert_eq!(started.line(), "up");
    started.signal(Signal::TERM);
    assert_eq!(started.wait().code(), Some(128 + 15));
}

#[test]
fn a_hangup_that_the_caller_ignores_is_ignored_by_the_program() {
    let script = "trap '' HUP; exec \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh"]).arg(crate::common::nono_path());
    command.args(["run", "--", "sh", "-c", "echo up; read line; echo \"$line\""]);
    let mut started = Started::captured(&mut command);
    assert_eq!(started.line(), "up");
    started.signal_group(Signal::HUP);
    assert_eq!(started.outcome_after(b"alive\n").text(), "alive\n");
}

#[test]
fn the_program_ignores_and_blocks_no_signal_that_its_caller_did_not() {
    let script = "grep -E '^Sig(Blk|Ign):' /proc/self/status";
    let without = outcome(std::process::Command::new("sh").args(["-c", script]));
    let within = outcome(&mut watched(&["sh", "-c", script]));
    assert_eq!(within.text(), without.text());
}

#[test]
fn nono_stops_with_the_program_and_goes_on_with_it() {
    type Send = fn(&Started);
    let to_nono: Send = |started| started.signal(Signal::CONT);
    let to_group: Send = |started| started.signal_group(Signal::CONT);
    for goes_on in [to_nono, to_group] {
        let script = "kill -STOP $$; echo on; read line; exit 7";
        let mut started = Started::captured(&mut watched(&["sh", "-c", script]));
        assert!(started.change().stopped());
        goes_on(&started);
        assert!(started.change().continued());
        assert_eq!(started.line(), "on");
        assert_eq!(started.outcome_after(b"\n").code(), 7);
    }
}

/// As a shell with job control sees it: nono's group is in the foreground of the shell's session.
#[test]
fn a_stop_key_gives_the_terminal_back_to_the_shell_and_fg_goes_on() {
    let script = r#"
        set -m
        "$0" run -- sh -c 'echo up; read line; echo "$line"; exit 7'
        echo "stopped: $?"
        fg >/dev/null
        echo "ended: $?"
    "#;
    let mut shell = std::process::Command::new("sh");
    let (mut terminal, mut started) =
        Terminal::start(shell.args(["-c", script]).arg(crate::common::nono_path()));
    assert_eq!(started.line(), "up");
    terminal.types(b"\x1a");
    assert_eq!(started.line(), format!("stopped: {}", 128 + Signal::STOP.as_raw()));
    terminal.types(b"typed\n");
    assert_eq!(started.line(), "typed");
    assert_eq!(started.line(), "ended: 7");
    assert!(started.wait().success());
}

#[test]
fn the_program_and_all_that_serves_it_end_when_nono_is_killed() {
    for _ in 0..20 {
        let mut started =
            Started::captured(&mut watched(&["sh", "-c", "echo up; exec sleep 1000"]));
        assert_eq!(started.line(), "up");
        started.signal(Signal::KILL);
        started.wait();
        started.wait_for_group();
    }
}

/// Callers that wait by signalfd block it, and some ignore it.
#[test]
fn the_end_of_the_program_is_seen_whatever_the_caller_does_with_sigchld() {
    let Some(python) = crate::common::program("python3") else { return };
    for prepare in ["signal.pthread_sigmask(0, {17})", "signal.signal(17, signal.SIG_IGN)"] {
        let start =
            format!("import os, signal, sys; {prepare}; os.execv(sys.argv[1], sys.argv[1:])");
        let mut command = std::process::Command::new(&python);
        command.args(["-c", &start]).arg(crate::common::nono_path());
        command.args(["run", "--", "sh", "-c", "exit 7"]);
        assert_eq!(crate::common::outcome(&mut command).code(), 7, "{prepare}");
    }
}
