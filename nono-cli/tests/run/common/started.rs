//! A command that runs, with an end to waiting for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, waitpid,
};

use super::Outcome;

/// Far more than anything here takes: only a hang gets there.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// A running command that leads a process group of its own. The group is killed at the deadline,
/// which fails the test, and when the value is dropped.
pub(crate) struct Started {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    late: Arc<AtomicBool>,
    _in_time: Sender<()>,
}

impl Started {
    /// Starts the command with pipes for its standard streams, in a group of its own.
    pub(crate) fn captured(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::leading(command.process_group(0))
    }

    /// Starts a command that becomes the leader of a group by its own means.
    pub(crate) fn leading(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the command starts");
        let (in_time, wait) = channel::<()>();
        let late = Arc::new(AtomicBool::new(false));
        let (group, watched) = (pid(&child), Arc::clone(&late));
        std::thread::spawn(move || {
            if wait.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                watched.store(true, Ordering::SeqCst);
                let _ = kill_process_group(group, Signal::KILL);
            }
        });
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout, late, _in_time: in_time }
    }

    pub(crate) fn pid(&self) -> Pid {
        pid(&self.child)
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Sends a signal to the whole group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).unwrap();
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is a pipe, taken once")
    }

    pub(crate) fn stdout(&mut self) -> BufReader<ChildStdout> {
        self.stdout.take().expect("standard output is a pipe, taken once")
    }

    /// The next line of standard output, without its end; empty when there is none.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().expect("standard output is a pipe");
        stdout.read_line(&mut line).unwrap();
        assert!(!self.late.load(Ordering::SeqCst), "no line within {DEADLINE:?}");
        line.trim_end().to_owned()
    }

    /// What the process did when it stopped, continued or ended, as its parent shell sees it.
    pub(crate) fn change(&self) -> WaitStatus {
        let options = WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        let (_, status) = waitpid(Some(self.pid()), options).unwrap().unwrap();
        assert!(!self.late.load(Ordering::SeqCst), "nothing happened within {DEADLINE:?}");
        status
    }

    /// Waits for the end. What holds the standard streams open does not matter.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        assert!(!self.late.load(Ordering::SeqCst), "no end within {DEADLINE:?}");
        status
    }

    /// Waits until no process of the group is left.
    pub(crate) fn wait_for_group(&self) {
        while lives(self.pid()) {
            std::thread::yield_now();
        }
        assert!(!self.late.load(Ordering::SeqCst), "no end of the group within {DEADLINE:?}");
    }

    /// Closes standard input, reads all output, and waits for the end.
    pub(crate) fn outcome(self) -> Outcome {
        self.outcome_after(b"")
    }

    /// Gives `input` to the command, reads all output, and waits for the end.
    pub(crate) fn outcome_after(mut self, input: &[u8]) -> Outcome {
        let mut stdin = self.stdin();
        let mut errors = self.child.stderr.take().expect("standard error is a pipe");
        let mut output = self.stdout();
        let (mut stdout, mut stderr) = (vec![], vec![]);
        std::thread::scope(|scope| {
            // A command need not read what it is given.
            scope.spawn(move || drop(stdin.write_all(input)));
            scope.spawn(|| errors.read_to_end(&mut stderr).unwrap());
            output.read_to_end(&mut stdout).unwrap();
        });
        Outcome { status: self.wait(), stdout, stderr: without_root_warning(stderr) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Members of the group may have outlived its leader, and there may be none.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Whether the group has a member that is more than an entry that nobody has reaped yet.
fn lives(group: Pid) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).any(
        |stat| {
            // Behind the name in parentheses: state, parent, group. Source: proc_pid_stat(5).
            let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
            fields[0] != "Z" && fields[2] == group.to_string()
        },
    )
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap()).unwrap()
}

/// What was said but for the line that every run as root has, which has a test of its own.
fn without_root_warning(stderr: Vec<u8>) -> Vec<u8> {
    let is_other = |line: &&[u8]| !String::from_utf8_lossy(line).contains("running as root");
    stderr.split_inclusive(|&byte| byte == b'\n').filter(is_other).flatten().copied().collect()
}
