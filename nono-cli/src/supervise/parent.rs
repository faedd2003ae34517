//! The supervisor's process: parent of the program, heir of its descendants.

use std::os::fd::AsFd;

use nono::Command;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal as Kill, WaitOptions, WaitStatus, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, setsid, wait,
};

use super::link::{Back, News};
use super::session::{Serving, Session};
use crate::failure::{Failure, NONO_FAILED};
use crate::report::Report;
use crate::signals::Signals;
use crate::sys;
use crate::wait::exit_status;

/// Starts the program and serves it and its descendants until the last one is gone; the exit status
/// of this process, which nobody waits for.
pub(super) fn run(
    command: Command,
    session: Session,
    mut link: Back,
    front: Pid,
    report: &Report,
) -> u8 {
    match start(command, session, front) {
        Ok(family) => {
            // Without a front there is nobody to tell, and the kernel ends this process.
            let _ = link.send(&News::Started(family.program.as_raw_nonzero().get()));
            family.live(&mut link).err().map_or(0, |failure| {
                report.failed(&failure);
                NONO_FAILED
            })
        }
        Err(failure) => {
            let status = failure.exit_status();
            report.failed(&failure);
            let _ = link.send(&News::Ended { status, exited: false });
            status
        }
    }
}

/// The program and all that comes of it.
struct Family {
    program: Pid,
    has_ended: bool,
    signals: Signals,
    serving: Serving,
}

fn start(mut command: Command, session: Session, front: Pid) -> Result<Family, Failure> {
    let system = |call| move |source| Failure::System { call, source };
    let errno = |call| move |errno: Errno| Failure::System { call, source: errno.into() };
    set_child_subreaper(Some(front)).map_err(errno("prctl"))?;
    set_parent_process_death_signal(Some(Kill::KILL)).map_err(errno("prctl"))?;
    if getppid() != Some(front) {
        // It ended before the signal was asked for.
        return Err(Failure::System { call: "getppid", source: Errno::SRCH.into() });
    }
    let signals = Signals::catch().map_err(system("sigaction"))?;
    let ready = session.begin(&mut command)?;
    // Before there are threads, with which the C library takes signals for itself.
    let child = command.die_with_parent().spawn()?;
    let program = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let program = program.ok_or_else(|| errno("fork")(Errno::INVAL))?;
    let serving = ready.serve().inspect_err(|_| {
        // It runs in its sandbox, but nobody would ever answer it.
        let _ = kill_process(program, Kill::KILL);
    })?;
    Ok(Family { program, has_ended: false, signals, serving })
}

impl Family {
    fn live(mut self, link: &mut Back) -> Result<(), Failure> {
        while self.reap(link)? {
            self.listen(link)?;
        }
        self.serving.end();
        Ok(())
    }

    /// Waits for a signal to this process, or for one that is to be passed on.
    fn listen(&self, link: &mut Back) -> Result<(), Failure> {
        let system = |call| move |source| Failure::System { call, source };
        let mut polled = vec![PollFd::from_borrowed_fd(self.signals.arrivals(), PollFlags::IN)];
        if !self.has_ended {
            polled.push(PollFd::from_borrowed_fd(link.as_fd(), PollFlags::IN));
        }
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(system("poll")(errno.into())),
        }
        let is_ready =
            |at: usize| polled.get(at).is_some_and(|polled| !polled.revents().is_empty());
        let (by_kernel, by_front) = (is_ready(0), is_ready(1));
        if by_kernel {
            // Signals to the group reach the program without us; SIGCHLD is looked into next.
            self.signals.next().map_err(system("read"))?;
        }
        if by_front && let Some(answer) = link.recv().map_err(Failure::Ipc)? {
            // It cannot have been reaped: that is done by this thread.
            let _ = sys::kill(self.program, answer.reply.0);
        }
        Ok(())
    }

    /// Looks at whose state changed; whether anybody is left.
    fn reap(&mut self, link: &mut Back) -> Result<bool, Failure> {
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if pid == self.program => self.tell(status, link),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::CHILD) => return Ok(false),
                Err(errno) => {
                    return Err(Failure::System { call: "waitpid", source: errno.into() });
                }
            }
        }
    }

    fn tell(&mut self, status: WaitStatus, link: &mut Back) {
        if status.stopped() {
            let _ = link.send(&News::Stopped);
            return;
        }
        self.has_ended = true;
        // What is left to do is for descendants; the front and its terminal are not theirs.
        let _ = set_parent_process_death_signal(None);
        let _ = setsid();
        leave_standard_descriptors();
        let exited = status.exited();
        let _ = link.send(&News::Ended { status: exit_status(status), exited });
    }
}

/// Whoever waits for the end of what the program writes is not to wait for us.
fn leave_standard_descriptors() {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let Ok(null) = rustix::fs::open(c"/dev/null", flags, Mode::empty()) else { return };
    let _ = rustix::stdio::dup2_stdin(&null);
    let _ = rustix::stdio::dup2_stdout(&null);
    let _ = rustix::stdio::dup2_stderr(&null);
}
