//! A terminal and a session on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Started, sys};

/// The side of a pseudoterminal where a person would sit.
pub(crate) struct Terminal(File);

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
        (Self(controller), started)
    }

    /// Types something.
    pub(crate) fn types(&mut self, keys: &[u8]) {
        self.0.write_all(keys).unwrap();
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&self, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.0, size).unwrap();
    }

    /// What was shown until no process had the terminal open.
    pub(crate) fn shown(mut self) -> String {
        let mut shown = vec![];
        // The end is an error here: EIO of ioctl_tty(2).
        let _ = self.0.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
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
