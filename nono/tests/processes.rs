//! Processes outside the sandbox cannot be signalled, looked into, changed or starved from inside,
//! by root as little as by an ordinary user.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use common::in_child;
use common::process::{Bystander, address, become_ordinary, is_root_or_says_so, try_call};
use nono::{AccessMode, CapabilitySet, Sandbox};

const EPERM: u8 = 1;
const EACCES: u8 = 13;

/// Memory that every forked child has at the same address.
static WORD: AtomicU64 = AtomicU64::new(7);

/// Something tried on the process with this pid; gives its error number. Where it succeeds it does
/// the bystander no lasting harm but for what it does to its limits and its speed.
type Attempt = fn(u64) -> u8;

fn io_errno<T>(result: io::Result<T>) -> u8 {
    match result {
        Ok(_) => 0,
        Err(error) => u8::try_from(error.raw_os_error().unwrap()).unwrap(),
    }
}

fn of(pid: u64, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(pid.to_string()).join(name)
}

fn read(pid: u64, name: &str) -> u8 {
    io_errno(fs::read(of(pid, name)))
}

/// One vector of the kernel's `struct iovec` each, here and there.
fn transfer(call: i64, pid: u64) -> u8 {
    let own = WORD.load(Ordering::Relaxed);
    let (here, there) = ([address(&own), 8], [address(&WORD), 8]);
    try_call(call, [pid, address(&here), 1, address(&there), 1, 0])
}

fn ptrace(request: u32, pid: u64) -> u8 {
    let answer = try_call(libc::SYS_ptrace, [u64::from(request), pid, 0, 0, 0, 0]);
    if answer == 0 && request == libc::PTRACE_ATTACH {
        // The stop of the attached process belongs to this one.
        // SAFETY: the process is traced by this one, which waits once; no status is asked for.
        unsafe { libc::waitpid(pid.try_into().unwrap(), std::ptr::null_mut(), libc::__WALL) };
        try_call(libc::SYS_ptrace, [u64::from(libc::PTRACE_DETACH), pid, 0, 0, 0, 0]);
    }
    answer
}

fn with_pidfd(pid: u64, attempt: impl FnOnce(u64) -> u8) -> u8 {
    // SAFETY: the call takes numbers.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    assert!(pidfd >= 0, "pidfd_open: {}", io::Error::last_os_error());
    attempt(pidfd.try_into().unwrap())
}

fn limit(pid: u64, resource: u32, value: u64) -> u8 {
    let limit = [value, value];
    try_call(libc::SYS_prlimit64, [pid, u64::from(resource), address(&limit), 0, 0, 0])
}

/// A signal with a made-up sender.
fn queue(pid: u64) -> u8 {
    let mut info = [0_i32; 32];
    info[0] = libc::SIGCONT;
    info[2] = libc::SI_QUEUE;
    try_call(libc::SYS_rt_sigqueueinfo, [pid, libc::SIGCONT as u64, address(&info), 0, 0, 0])
}

const LOOKING: &[(&str, Attempt)] = &[
    ("kill", |pid| try_call(libc::SYS_kill, [pid, libc::SIGCONT as u64, 0, 0, 0, 0])),
    ("kill with signal 0", |pid| try_call(libc::SYS_kill, [pid, 0, 0, 0, 0, 0])),
    ("tkill", |pid| try_call(libc::SYS_tkill, [pid, libc::SIGCONT as u64, 0, 0, 0, 0])),
    ("tgkill", |pid| try_call(libc::SYS_tgkill, [pid, pid, libc::SIGCONT as u64, 0, 0, 0])),
    ("rt_sigqueueinfo", queue),
    ("pidfd_send_signal", |pid| {
        with_pidfd(pid, |fd| {
            let signal = libc::SIGCONT as u64;
            try_call(libc::SYS_pidfd_send_signal, [fd, signal, 0, 0, 0, 0])
        })
    }),
    ("ptrace attach", |pid| ptrace(libc::PTRACE_ATTACH, pid)),
    ("ptrace seize", |pid| ptrace(0x4206, pid)),
    ("process_vm_readv", |pid| transfer(libc::SYS_process_vm_readv, pid)),
    ("process_vm_writev", |pid| transfer(libc::SYS_process_vm_writev, pid)),
    ("pidfd_getfd", |pid| {
        with_pidfd(pid, |fd| try_call(libc::SYS_pidfd_getfd, [fd, 0, 0, 0, 0, 0]))
    }),
    ("kcmp", |pid| {
        let own = u64::from(std::process::id());
        try_call(libc::SYS_kcmp, [own, pid, 1, 0, 0, 0])
    }),
    ("get_robust_list", |pid| {
        let answer = [0_u64; 2];
        let [head, length] = [address(&answer[0]), address(&answer[1])];
        try_call(libc::SYS_get_robust_list, [pid, head, length, 0, 0, 0])
    }),
    ("environ", |pid| read(pid, "environ")),
    ("maps", |pid| read(pid, "maps")),
    ("smaps", |pid| read(pid, "smaps")),
    ("auxv", |pid| read(pid, "auxv")),
    ("mem", |pid| io_errno(File::open(of(pid, "mem")))),
    ("fd/0", |pid| io_errno(fs::read_link(of(pid, "fd/0")))),
    ("cwd", |pid| io_errno(fs::read_link(of(pid, "cwd")))),
    ("root", |pid| io_errno(fs::read_dir(of(pid, "root/")))),
    ("exe", |pid| io_errno(fs::read_link(of(pid, "exe")))),
];

const CHANGING: &[(&str, Attempt)] = &[
    ("prlimit of processor time", |pid| limit(pid, libc::RLIMIT_CPU, 1 << 30)),
    ("prlimit of file size", |pid| limit(pid, libc::RLIMIT_FSIZE, 1 << 30)),
    ("prlimit of descriptors", |pid| limit(pid, libc::RLIMIT_NOFILE, 64)),
    ("setpriority", |pid| try_call(libc::SYS_setpriority, [0, pid, 5, 0, 0, 0])),
    ("ioprio_set", |pid| try_call(libc::SYS_ioprio_set, [1, pid, 3 << 13, 0, 0, 0])),
    ("sched_setaffinity", |pid| {
        try_call(libc::SYS_sched_setaffinity, [pid, 8, address(&1_u64), 0, 0, 0])
    }),
    ("sched_setscheduler to idle", |pid| {
        try_call(libc::SYS_sched_setscheduler, [pid, 5, address(&0_u64), 0, 0, 0])
    }),
];

fn attempts() -> impl Iterator<Item = &'static (&'static str, Attempt)> {
    LOOKING.iter().chain(CHANGING)
}

/// The kernel may be set up so that no process looks into another of its user, sandbox or not.
fn yama_restricts() -> bool {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").is_ok_and(|scope| scope != "0\n")
}

fn read_all() -> CapabilitySet {
    CapabilitySet::new().allow_path("/", AccessMode::Read).unwrap()
}

/// The answers of a child that `become_user` made one of the bystander's user.
fn answers(bystander: &Bystander, become_user: fn(), caps: Option<&CapabilitySet>) -> Vec<u8> {
    let pid = u64::try_from(bystander.pid).unwrap();
    in_child(|| {
        become_user();
        if let Some(caps) = caps {
            Sandbox::apply(caps).unwrap();
        }
        attempts().map(|(_, attempt)| attempt(pid)).collect()
    })
}

fn holds_for(become_user: fn()) {
    let bystander = Bystander::start(become_user);

    let inside = answers(&bystander, become_user, Some(&read_all()));

    for ((name, _), answer) in attempts().zip(&inside) {
        assert!([EPERM, EACCES].contains(answer), "{name}: errno {answer}");
    }
    assert_eq!(inside.len(), attempts().count());
    assert!(bystander.is_alive());
    if !yama_restricts() {
        let outside = answers(&bystander, become_user, None);
        for ((name, _), answer) in attempts().zip(&outside) {
            assert_eq!(*answer, 0, "{name}, outside: errno {answer}");
        }
    }
}

#[test]
fn an_ordinary_user_cannot_reach_its_own_processes_outside() {
    holds_for(become_ordinary);
}

#[test]
fn root_cannot_reach_roots_processes_outside() {
    if is_root_or_says_so() {
        holds_for(|| ());
    }
}

#[test]
fn root_cannot_reach_another_users_process() {
    if !is_root_or_says_so() {
        return;
    }
    let bystander = Bystander::start(become_ordinary);
    let inside = answers(&bystander, || (), Some(&read_all()));
    for ((name, _), answer) in attempts().zip(&inside) {
        assert!([EPERM, EACCES].contains(answer), "{name}: errno {answer}");
    }
    assert_eq!(inside.len(), attempts().count());
}

#[test]
fn a_parent_outside_is_out_of_reach_and_unchanged() {
    let limits = || fs::read_to_string("/proc/self/limits").unwrap();
    for become_user in [|| (), become_ordinary] {
        let answers = in_child(|| {
            become_user();
            let before = limits();
            let parent = u64::from(std::process::id());
            let mut answers = in_child(|| {
                Sandbox::apply(&read_all()).unwrap();
                attempts().map(|(_, attempt)| attempt(parent)).collect()
            });
            answers.push(u8::from(before == limits()));
            answers
        });
        assert_eq!(answers.len(), attempts().count() + 1);
        assert_eq!(answers.last(), Some(&1), "the limits were changed");
        for ((name, _), answer) in attempts().zip(&answers) {
            assert!([EPERM, EACCES].contains(answer), "{name}: errno {answer}");
        }
    }
}

#[test]
fn processes_of_one_sandbox_can_reach_each_other() {
    for become_user in [|| (), become_ordinary] {
        let answers = in_child(|| {
            become_user();
            Sandbox::apply(&read_all()).unwrap();
            let sibling = Bystander::start(|| ());
            let pid = u64::try_from(sibling.pid).unwrap();
            LOOKING.iter().map(|(_, attempt)| attempt(pid)).collect()
        });
        for ((name, _), answer) in LOOKING.iter().zip(&answers) {
            assert_eq!(*answer, 0, "{name}: errno {answer}");
        }
        assert_eq!(answers.len(), LOOKING.len());
    }
}
