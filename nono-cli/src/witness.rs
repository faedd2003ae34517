//! Telling a signal for nono from a signal for its process group.
//!
//! A signal sent to the group has reached the program already, one sent to nono's own pid has not,
//! and nothing in the signal tells which it was. The witness is one more member of the group that
//! blocks every signal: what is pending there was sent to the group.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::sys;

/// A process in nono's group that does nothing but receive the group's signals.
#[derive(Debug)]
pub(crate) struct Witness {
    process: Pid,
}

impl Witness {
    /// Posts a witness.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { process: sys::fork_sleeper()? })
    }

    /// Whether the group got this signal too. The witness is then replaced, since what is pending
    /// for it cannot be told from the next.
    pub(crate) fn saw(&mut self, number: i32) -> io::Result<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let saw = pending(&status, number);
        if saw {
            *self = Self::new()?;
        }
        Ok(saw)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Neither can fail for a child that was not waited for.
        let _ = kill_process(self.process, Signal::KILL);
        let _ = waitpid(Some(self.process), WaitOptions::empty());
    }
}

/// Whether the signal is in the `ShdPnd` mask of a status file. Source: proc_pid_status(5).
fn pending(status: &str, number: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    u32::try_from(number - 1)
        .ok()
        .and_then(|bit| mask?.checked_shr(bit))
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_signal_is_found_by_its_bit() {
        let status = "SigPnd:\t0000000000000001\nShdPnd:\t8000000000004000\n";
        assert!(pending(status, 15) && pending(status, 64));
        assert!(!pending(status, 1) && !pending(status, 14));
        assert!(!pending("", 15) && !pending(status, 0));
    }
}
