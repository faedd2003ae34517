//! Telling a signal for nono from a signal for its process group.
//!
//! A signal sent to the group has reached the program already, one sent to nono's own pid has not,
//! and nothing in the signal tells which it was. The witness is one more member of the group that
//! blocks every signal: what is pending there was sent to the group.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::sys;

/// Knows which signals the group got.
#[derive(Debug)]
pub(crate) struct Witness {
    member: Member,
    /// What members before this one saw and nono has not been asked about yet, as a mask.
    seen_earlier: u64,
}

impl Witness {
    /// Posts a witness. It knows nothing of what was sent before.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { member: Member::new()?, seen_earlier: 0 })
    }

    /// Sends the witness off; dropping it waits until it is gone.
    pub(crate) fn dismiss(&self) {
        self.member.kill();
    }

    /// Whether the group got this signal, too. Does not tell how often: a second one that came before
    /// this call is taken for one to nono alone.
    pub(crate) fn saw(&mut self, number: i32) -> io::Result<bool> {
        // The members of a group get a signal one after the other, and nono may be the first.
        Ok(self.has_seen(number)? || {
            sys::wait_for_senders();
            self.has_seen(number)?
        })
    }

    fn has_seen(&mut self, number: i32) -> io::Result<bool> {
        let signal = bit(number);
        if self.member.pending()? & signal != 0 {
            // What is pending stays pending, so that the next one could not be told from it.
            let next = Member::new()?;
            self.seen_earlier |= self.member.pending()?;
            self.member = next;
        }
        let has_seen = self.seen_earlier & signal != 0;
        self.seen_earlier &= !signal;
        Ok(has_seen)
    }
}

/// A process in nono's group that does nothing but receive the group's signals.
#[derive(Debug)]
struct Member(Pid);

impl Member {
    fn new() -> io::Result<Self> {
        sys::fork_sleeper().map(Self)
    }

    fn kill(&self) {
        // Cannot fail for a child that was not waited for.
        let _ = kill_process(self.0, Signal::KILL);
    }

    fn pending(&self) -> io::Result<u64> {
        Ok(pending(&std::fs::read_to_string(format!("/proc/{}/status", self.0))?))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
        // Cannot fail for a child that was not waited for.
        let _ = waitpid(Some(self.0), WaitOptions::empty());
    }
}

/// The `ShdPnd` mask of a status file. Source: proc_pid_status(5).
fn pending(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A signal's place in a mask.
fn bit(number: i32) -> u64 {
    u32::try_from(number - 1).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_signal_is_found_by_its_bit() {
        let pending = pending("SigPnd:\t0000000000000001\nShdPnd:\t8000000000004000\n");
        assert_eq!(pending, bit(15) | bit(64));
        assert_eq!((super::pending(""), bit(0), bit(65)), (0, 0, 0));
    }
}
