//! Signals sent to nono, as records in a pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::sys;

/// One signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Which.
    pub(crate) number: i32,
    /// Whether a process sent it, by kill(2) or the like, and not the kernel.
    pub(crate) by_process: bool,
}

impl Arrival {
    /// Whether a terminal sent it, which sends these to the whole of its foreground group. A hangup
    /// is not among them: it goes to the leader of the session alone.
    pub(crate) fn is_for_the_foreground(self) -> bool {
        let sent_by_terminals = [
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTSTP,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGWINCH,
        ];
        !self.by_process && sent_by_terminals.contains(&self.number)
    }
}

/// The signals of this process from now on. Handlers are undone by exec, so that a program that is
/// started finds the dispositions nono was started with.
#[derive(Debug)]
pub(crate) struct Signals {
    arrivals: OwnedFd,
}

impl Signals {
    /// Catches every signal that can be forwarded, and SIGCHLD. Those that were ignored when nono
    /// started stay ignored, as nohup(1) means it.
    pub(crate) fn catch() -> io::Result<Self> {
        let (arrivals, sender) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&sender, true)?;
        sys::send_signals_to(sender);
        for number in forwarded().chain([libc::SIGCHLD]) {
            sys::catch_signal(number)?;
        }
        sys::unblock(libc::SIGCHLD)?;
        Ok(Self { arrivals })
    }

    /// Becomes readable when one arrives.
    pub(crate) fn arrivals(&self) -> BorrowedFd<'_> {
        self.arrivals.as_fd()
    }

    /// Waits for the next one.
    pub(crate) fn next(&self) -> io::Result<Arrival> {
        let mut record = [0; sys::RECORD_BYTES];
        loop {
            match rustix::io::read(&self.arrivals, &mut record) {
                Ok(_) => return Ok(sys::decode(record)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Everything but what cannot be caught, what tells of nono's own children, what the Rust runtime
/// handles, and what a fault of nono's own raises.
fn forwarded() -> impl Iterator<Item = i32> {
    let named = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGTERM,
        libc::SIGCONT,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGURG,
        libc::SIGXCPU,
        libc::SIGXFSZ,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGWINCH,
        libc::SIGIO,
    ];
    named.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
}
