//! What a supervisor of unchanged programs needs of the kernel, each part tried.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

use super::child::{Answer, Child, in_child};
use super::judgement::words;
use super::sys::{self, Met};

/// One part.
pub(super) struct Feature {
    /// A stable name.
    pub(super) id: &'static str,
    /// What it is, in words.
    pub(super) what: &'static str,
    /// Whether there is no supervision without it.
    pub(super) is_needed: bool,
    /// The first kernel that has it.
    since: &'static str,
    attempt: fn(Duration) -> Met,
}

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        id: "listener",
        what: "be told of system calls",
        is_needed: true,
        since: "5.0",
        attempt: |_| listen(0).map(drop),
    },
    Feature {
        id: "memory",
        what: "read what a call points to",
        is_needed: true,
        since: "5.0",
        attempt: |_| {
            let trapped = Trapped::new()?;
            sys::read_memory(trapped.process)
        },
    },
    Feature {
        id: "descriptors",
        what: "answer with a descriptor in one step",
        is_needed: true,
        since: "5.14",
        attempt: |limit| Trapped::new()?.answer_with_null(limit),
    },
    Feature {
        id: "killable-receive",
        what: "keep signals from repeating a call",
        is_needed: false,
        since: "5.19",
        attempt: |_| listen(libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).map(drop),
    },
    Feature {
        id: "sync-wake-up",
        what: "answer sooner",
        is_needed: false,
        since: "6.6",
        attempt: |_| sys::wake_in_sync(listen(0)?.as_fd()),
    },
];

/// A part and what its attempt met.
pub(super) struct Finding {
    pub(super) feature: &'static Feature,
    pub(super) answer: Answer,
}

impl Finding {
    /// Tries a part in a child of its own.
    pub(super) fn of(feature: &'static Feature, limit: Duration) -> Self {
        Self { feature, answer: in_child(limit, || (feature.attempt)(limit).into()) }
    }

    pub(super) fn works(&self) -> bool {
        self.answer == Answer::Met(0)
    }

    /// Why it does not work.
    pub(super) fn why(&self) -> Option<String> {
        let since = self.feature.since;
        match self.answer {
            Answer::Met(0) => None,
            Answer::Met(libc::EBUSY) => Some("a supervisor is around already".to_owned()),
            Answer::Met(libc::EINVAL | libc::ENOTTY) => Some(format!("needs Linux {since}")),
            answer => Some(words(answer)),
        }
    }
}

fn listen(flags: libc::c_ulong) -> rustix::io::Result<OwnedFd> {
    rustix::thread::set_no_new_privs(true)?;
    sys::listen(flags)
}

/// A child that has made a trapped call and waits for its answer.
struct Trapped {
    listener: OwnedFd,
    caller: Child,
    id: u64,
    process: Pid,
}

impl Trapped {
    fn new() -> rustix::io::Result<Self> {
        let listener = listen(0)?;
        let caller = Child::start(|answers| {
            // The numbers of the standard streams are taken, so that a descriptor has another.
            let met = if sys::trapped_call() > 0 { Ok(()) } else { Err(Errno::BADF) };
            let _ = answers.write_all(&Answer::from(met).to_bytes());
        });
        let caller = caller.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let (id, process) = sys::receive(listener.as_fd())?;
        Ok(Self { listener, caller, id, process: process.ok_or(Errno::SRCH)? })
    }

    fn answer_with_null(self, limit: Duration) -> Met {
        let given = File::open("/dev/null").map_err(|_| Errno::NODEV)?;
        sys::answer_with(self.listener.as_fd(), self.id, given.as_fd())?;
        match self.caller.answer(limit) {
            Answer::Met(0) => Ok(()),
            _ => Err(Errno::BADF),
        }
    }
}
