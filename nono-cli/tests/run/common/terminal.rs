//! A terminal and a session on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::started::DEADLINE;
use super::{Started, sys};

/// The side of a pseudoterminal where a person would sit.
pub(crate) struct Terminal {
    controller: File,
    /// What was shown and no test has looked at yet.
    ahead: Vec<u8>,
}

impl Terminal {
    /// Starts the command as the leader of a session on a new terminal, which is all three of its
    /// standard streams.
    pub(crate) fn start_on_all(command: &mut Command) -> (Self, Started) {
        let (controller, terminal) = pair();
        command.stdout(terminal.try_clone().unwrap());
        Self::lead(command, controller, terminal)
    }

    /// The same with a pipe for standard output.
    pub(crate) fn start(command: &mut Command) -> (Self, Started) {
        let (controller, terminal) = pair();
        command.stdout(Stdio::piped());
        Self::lead(command, controller, terminal)
    }

    fn lead(command: &mut Command, controller: File, terminal: OwnedFd) -> (Self, Started) {
        command.stdin(terminal.try_clone().unwrap()).stderr(terminal);
        sys::before_exec(command, || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())
        });
        let started = Started::leading(command);
        // The command holds copies of the terminal, and shall not hold it open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        (Self { controller, ahead: Vec::new() }, started)
    }

    /// Types something.
    pub(crate) fn types(&mut self, keys: &[u8]) {
        self.controller.write_all(keys).unwrap();
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&self, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.controller, size).unwrap();
    }

    /// Waits until `text` is shown, and gives what was shown before it and after what the last such
    /// wait found.
    #[track_caller]
    pub(crate) fn expects(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let shown = &self.ahead;
            if let Some(at) = shown.windows(text.len()).position(|part| part == text.as_bytes()) {
                let found: Vec<u8> = self.ahead.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&found[..at]).replace("\r\n", "\n");
            }
            let more = self.read_until(begun);
            let shown = String::from_utf8_lossy(&self.ahead);
            assert!(more, "{text:?} is not shown, but {shown:?}");
        }
    }

    /// Reads what is shown next; not when the deadline has passed, or nobody can show anything.
    fn read_until(&mut self, begun: Instant) -> bool {
        let left = Timespec::try_from(DEADLINE.saturating_sub(begun.elapsed())).unwrap();
        let mut readable = [PollFd::new(&self.controller, PollFlags::IN)];
        if poll(&mut readable, Some(&left)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        let count = self.controller.read(&mut bytes).unwrap_or(0);
        self.ahead.extend(&bytes[..count]);
        count > 0
    }

    /// What was shown until no process had the terminal open.
    pub(crate) fn shown(mut self) -> String {
        // The end is an error here: EIO of ioctl_tty(2).
        let _ = self.controller.read_to_end(&mut self.ahead);
        String::from_utf8_lossy(&self.ahead).replace("\r\n", "\n")
    }
}

fn pair() -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags).expect("a terminal can be had");
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let terminal = ioctl_tiocgptpeer(&controller, flags).unwrap();
    (controller.into(), terminal)
}
