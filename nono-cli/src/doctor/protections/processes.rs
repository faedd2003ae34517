//! What is refused on processes outside, which belong to the same user.

use std::fs::File;
use std::io::Read;

use nono::Gap;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::{By, Need, Protection, met};
use crate::doctor::descriptors;
use crate::doctor::sandboxes::Kind;
use crate::doctor::scene::At;
use crate::doctor::sys::{self, Met};

/// Attaches without stopping the process. Source: ptrace(2).
const PTRACE_SEIZE: u32 = 0x4206;

pub(super) const PROCESSES: &[Protection] = &[
    // Signal 0 is judged as any other and reaches nobody.
    Protection::landlock("signals", "signal a process outside", |at| {
        rustix::process::test_kill_process(at.process())
    })
    .refused(&[Errno::PERM])
    .gaps(&[Gap::Signals]),
    Protection::landlock("trace", "trace a process outside", |at| {
        sys::call(libc::SYS_ptrace, [PTRACE_SEIZE, number(at), 0, 0])
    })
    .refused(&[Errno::PERM])
    .never_granted(),
    Protection::landlock("memory", "read the memory of a process outside", |at| {
        sys::read_memory(at.process())
    })
    .refused(&[Errno::PERM]),
    Protection::landlock("environment", "read the environment of a process outside", |at| {
        let file = File::open(format!("/proc/{}/environ", at.process()));
        met(file.and_then(|mut file| file.read(&mut [0])))
    }),
    Protection::seccomp("limits", "limit a process outside", &[Errno::PERM], |at| {
        let Rlimit { current, maximum } = getrlimit(Resource::Core);
        prlimit(Some(at.process()), Resource::Core, Rlimit { current, maximum }).map(drop)
    }),
    Protection::seccomp(
        "scheduling",
        "pin a process outside to processors",
        &[Errno::PERM],
        |at| {
            let own = rustix::thread::sched_getaffinity(None)?;
            rustix::thread::sched_setaffinity(Some(at.process()), &own)
        },
    ),
    Protection::seccomp("priority", "slow a process outside down", &[Errno::PERM], |at| {
        let own = rustix::process::getpriority_process(None)?;
        rustix::process::setpriority_process(Some(at.process()), own)
    }),
    Protection::seccomp("sysv-ipc", "make System V shared memory", &[Errno::NOSYS], |_| {
        // Of no size, so that none is made.
        sys::call(libc::SYS_shmget, [0; 4])
    })
    .passed(&[Errno::INVAL]),
    Protection::landlock("descriptors", "use a descriptor that a program inherits", try_inherited)
        .by(By::Descriptors)
        .refused(&[Errno::BADF])
        .inside(Kind::Program),
    Protection::landlock("capabilities", "use a right of root (chroot)", |_| {
        rustix::process::chroot("/")
    })
    .by(By::Capabilities)
    .refused(&[Errno::PERM])
    .never_granted()
    .needs(Need::Root),
];

fn number(at: &At<'_>) -> u32 {
    at.process().as_raw_nonzero().get().unsigned_abs()
}

fn try_inherited(at: &At<'_>) -> Met {
    descriptors::is_inherited(at.place)
}
