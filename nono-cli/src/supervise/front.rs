//! The process that the shell sees: it passes signals on, stops and ends with the program.

use std::process::ExitCode;
use std::task::Poll;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Pid;

use super::link::{Front, News, Signal};
use crate::failure::{Failure, NONO_FAILED};
use crate::signals::{Arrival, Signals};
use crate::sys;
use crate::wait::{self, Ended};
use crate::witness::Witness;

/// Stands in for the program until it ends, with `meanwhile` done while it runs.
pub(super) fn run(mut link: Front, meanwhile: impl FnOnce()) -> Result<Ended, Failure> {
    let system = |call| move |source| Failure::System { call, source };
    let signals = Signals::catch().map_err(system("sigaction"))?;
    let mut front = Standing { program: None, early: Vec::new(), witness: Witness::new().ok() };
    meanwhile();
    loop {
        match link.poll_recv().map_err(Failure::Ipc)? {
            Poll::Ready(Some(news)) => {
                if let Some((status, exited)) = front.hear(news.message, &mut link)? {
                    return Ok(front.end(status, exited));
                }
            }
            // The program was killed with its supervisor.
            Poll::Ready(None) => return Ok(front.end(NONO_FAILED, false)),
            Poll::Pending => {
                if wait_for(&link, &signals)? {
                    let arrival = signals.next().map_err(system("read"))?;
                    front.pass_on(arrival, &mut link);
                }
            }
        }
    }
}

/// What stands in for the program.
struct Standing {
    program: Option<Pid>,
    /// Signals that came before the program was there.
    early: Vec<Arrival>,
    witness: Option<Witness>,
}

impl Standing {
    fn end(self, status: u8, exited: bool) -> Ended {
        self.witness.iter().for_each(Witness::dismiss);
        let has_failed = exited && status != 0;
        Ended { status: ExitCode::from(status), has_failed, _witness: self.witness }
    }

    /// Acts on news of the program; its exit status at the end, and whether it exited with it.
    fn hear(&mut self, news: News, link: &mut Front) -> Result<Option<(u8, bool)>, Failure> {
        match news {
            News::Started(pid) => {
                self.program = Pid::from_raw(pid);
                for arrival in std::mem::take(&mut self.early) {
                    self.pass_on(arrival, link);
                }
            }
            News::Stopped => {
                sys::stop_self().map_err(|source| Failure::System { call: "raise", source })?
            }
            News::Ended { status, exited } => return Ok(Some((status, exited))),
        }
        Ok(None)
    }

    fn pass_on(&mut self, arrival: Arrival, link: &mut Front) {
        if arrival.number == libc::SIGCHLD || arrival.is_for_the_foreground() {
            return;
        }
        let Some(program) = self.program else { return self.early.push(arrival) };
        wait::forward(program, &mut self.witness, arrival, |number| {
            // If the supervisor is gone, its end of the link tells.
            let _ = link.send(&Signal(number));
        });
    }
}

/// Waits until there is news or a signal; whether it is a signal.
fn wait_for(link: &Front, signals: &Signals) -> Result<bool, Failure> {
    let mut polled = [
        PollFd::new(link, PollFlags::IN),
        PollFd::from_borrowed_fd(signals.arrivals(), PollFlags::IN),
    ];
    match poll(&mut polled, None) {
        Ok(_) => Ok(polled[1].revents().contains(PollFlags::IN)),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(Failure::System { call: "poll", source: errno.into() }),
    }
}
