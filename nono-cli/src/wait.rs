//! Waiting for the program while standing in for it.
//!
//! To the caller nono's pid is the program: what is sent to it goes on to the program, it stops
//! when the program stops, and it ends as the program ends.

use std::io;
use std::process::ExitCode;

use nono::Command;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpgid, waitpid};

use crate::failure::Failure;
use crate::signals::{Arrival, Signals};
use crate::sys;
use crate::witness::Witness;

/// How the program ended. Dropping it waits for what nono started besides, which may well be gone
/// by then: do the rest first.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ended {
    pub(crate) status: ExitCode,
    /// Whether it exited, and not with 0.
    pub(crate) has_failed: bool,
    pub(crate) _witness: Option<Witness>,
}

/// Runs the command to its end, with `meanwhile` done while it runs.
pub(crate) fn run(command: &mut Command, meanwhile: impl FnOnce()) -> Result<Ended, Failure> {
    let system = |call| move |source| Failure::System { call, source };
    let signals = Signals::catch().map_err(system("sigaction"))?;
    let child = command.spawn()?;
    let process = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Failure::System { call: "fork", source: io::ErrorKind::InvalidData.into() })?;
    let mut program = Program { process, witness: Witness::new().ok() };
    meanwhile();
    loop {
        let arrival = signals.next().map_err(system("read"))?;
        if arrival.number == libc::SIGCHLD {
            if let Some(status) = program.reap().map_err(system("waitpid"))? {
                program.witness.iter().for_each(Witness::dismiss);
                return Ok(Ended {
                    status: exit_status(status).into(),
                    has_failed: status.exit_status().is_some_and(|status| status != 0),
                    _witness: program.witness,
                });
            }
        } else if !arrival.is_for_the_foreground() {
            program.forward(arrival);
        }
    }
}

/// The program runs already, so that nothing that fails now may end it: without a witness a signal
/// to the group reaches it twice.
struct Program {
    process: Pid,
    witness: Option<Witness>,
}

impl Program {
    fn forward(&mut self, arrival: Arrival) {
        forward(self.process, &mut self.witness, arrival, |number| {
            // If it ended meanwhile, the next arrival tells; no other failure is worth its end.
            let _ = sys::kill(self.process, number);
        });
    }

    /// Looks at what became of the program; stops with it, and tells how it ended.
    fn reap(&self) -> io::Result<Option<WaitStatus>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        while let Some((_, status)) = waitpid(Some(self.process), options)? {
            if !status.stopped() {
                return Ok(Some(status));
            }
            sys::stop_self()?;
        }
        Ok(None)
    }
}

/// Passes a signal on through `send`, unless it was sent to the group and the program is in it.
pub(crate) fn forward(
    process: Pid,
    witness: &mut Option<Witness>,
    arrival: Arrival,
    send: impl FnOnce(i32),
) {
    let shares_group = getpgid(Some(process)).ok() == getpgid(None).ok();
    let saw = witness.as_mut().map(|witness| witness.saw(arrival.number));
    if !(matches!(saw, Some(Ok(true))) && shares_group) {
        send(arrival.number);
    }
}

/// The program's own status, or 128+n when signal n ended it, as the shells tell it.
pub(crate) fn exit_status(status: WaitStatus) -> u8 {
    let killed = || status.terminating_signal().map(|number| 128 + number);
    let status = status.exit_status().or_else(killed).unwrap_or_default();
    u8::try_from(status & 0xff).unwrap_or_default()
}
