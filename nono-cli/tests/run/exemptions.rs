//! What every sandbox refuses, and the flag that gives each back.

use std::path::Path;
use std::process::Command;

use nono::Exemption;

use crate::common::{Tree, nono_run, outcome, probe, run};

/// A call, the error of the filter, and the exemption that lets it through.
const CALLS: &[(Exemption, &str, &str)] = &[
    (Exemption::Userns, "unshare", "EPERM"),
    (Exemption::Userns, "clone", "EPERM"),
    (Exemption::Userns, "clone3", "ENOSYS"),
    (Exemption::Userns, "setns", "EPERM"),
    (Exemption::Setid, "chmod", "EPERM"),
    (Exemption::Setid, "fchmod", "EPERM"),
    (Exemption::Setid, "fchmodat", "EPERM"),
    (Exemption::Setid, "fchmodat2", "EPERM"),
    (Exemption::Setid, "openat", "EPERM"),
    (Exemption::Setid, "creat", "EPERM"),
    (Exemption::Setid, "mknodat", "EPERM"),
    (Exemption::IoUring, "io_uring_setup", "ENOSYS"),
    (Exemption::IoUring, "io_uring_enter", "ENOSYS"),
    (Exemption::IoUring, "io_uring_register", "ENOSYS"),
    (Exemption::Keyrings, "add_key", "EPERM"),
    (Exemption::Keyrings, "request_key", "EPERM"),
    (Exemption::Keyrings, "keyctl", "EPERM"),
    (Exemption::Userfaultfd, "userfaultfd", "EPERM"),
    (Exemption::Perf, "perf_event_open", "EPERM"),
    (Exemption::Bpf, "bpf", "EPERM"),
    (Exemption::Lease, "lease", "EPERM"),
    (Exemption::Scheduling, "sched_setaffinity", "EPERM"),
    (Exemption::Lease, "delegation", "EPERM"),
    (Exemption::Scheduling, "sched_setscheduler", "EPERM"),
    (Exemption::Scheduling, "sched_setparam", "EPERM"),
    (Exemption::Scheduling, "sched_setattr", "EPERM"),
    (Exemption::Scheduling, "setpriority", "EPERM"),
    (Exemption::Scheduling, "ioprio_set", "EPERM"),
    (Exemption::Prlimit, "prlimit", "EPERM"),
    (Exemption::Clock, "clock_settime", "EPERM"),
    (Exemption::Clock, "settimeofday", "EPERM"),
    (Exemption::SysvIpc, "shmget", "ENOSYS"),
    (Exemption::SysvIpc, "shmat", "ENOSYS"),
    (Exemption::SysvIpc, "shmctl", "ENOSYS"),
    (Exemption::SysvIpc, "msgget", "ENOSYS"),
    (Exemption::SysvIpc, "msgsnd", "ENOSYS"),
    (Exemption::SysvIpc, "msgrcv", "ENOSYS"),
    (Exemption::SysvIpc, "msgctl", "ENOSYS"),
    (Exemption::SysvIpc, "semget", "ENOSYS"),
    (Exemption::SysvIpc, "semop", "ENOSYS"),
    (Exemption::SysvIpc, "semctl", "ENOSYS"),
    (Exemption::SysvIpc, "mq_unlink", "ENOSYS"),
];

/// Calls that the filter refuses to root, and the kernel itself to others.
const CALLS_OF_ROOT: &[(Exemption, &str, &str)] =
    &[(Exemption::Clock, "adjtimex", "EPERM"), (Exemption::Clock, "clock_adjtime", "EPERM")];

/// A directory with the file that the calls change. Each call gets a fresh one.
fn own() -> Tree {
    let tree = Tree::new();
    tree.file("file", "");
    tree
}

/// What the call gives under nono with these flags.
fn inside(flags: &[String], probe: &Path, call: &str) -> String {
    let own = own();
    let mut command = nono_run(&["--allow", &own.word(""), "--workdir", &own.word("")]);
    outcome(command.args(flags).arg("--").arg(probe).arg(call)).text().trim_end().to_owned()
}

/// What the kernel says to the call when nothing filters it.
fn outside(probe: &Path, call: &str) -> String {
    let own = own();
    let mut command = Command::new(probe);
    outcome(command.arg(call).current_dir(own.root())).text().trim_end().to_owned()
}

#[test]
fn each_call_is_refused_and_its_exemption_alone_gives_it_back() {
    let tree = Tree::new();
    let source = include_str!("probes/exemptions.c");
    let Some(probe) = probe(&tree, "exemptions", source) else { return };
    let of_root = if rustix::process::geteuid().is_root() { CALLS_OF_ROOT } else { &[] };
    for &(exemption, call, errno) in CALLS.iter().chain(of_root) {
        let refused = format!("{call} {errno}");
        let others = Exemption::ALL.into_iter().filter(|other| *other != exemption);
        let others: Vec<_> = others.map(|other| format!("--allow-{other}")).collect();
        assert_eq!(inside(&[], &probe, call), refused);
        assert_eq!(inside(&others, &probe, call), refused, "{others:?}");

        let native = outside(&probe, call);
        if native == refused {
            eprintln!("not tested: this machine refuses {call} to everyone");
            continue;
        }
        let flag = format!("--allow-{exemption}");
        assert_eq!(inside(std::slice::from_ref(&flag), &probe, call), native, "{flag}");
    }
}

#[test]
fn every_exemption_is_tried() {
    for exemption in Exemption::ALL {
        assert!(CALLS.iter().any(|(tried, ..)| *tried == exemption), "{exemption}");
    }
}

#[test]
fn verbose_names_each_exemption_and_its_risk() {
    for exemption in Exemption::ALL {
        let said = run(&["-v", &format!("--allow-{exemption}"), "--", "true"]).said();
        let risk = format!("{exemption}: {}", exemption.risk());
        let lines: Vec<_> = said.lines().filter(|line| line.starts_with("nono: exempt")).collect();
        assert!(lines.len() == 1 && lines[0].ends_with(&risk), "{exemption}: {said}");
    }
    assert!(!run(&["-v", "--", "true"]).said().contains("nono: exempt"));
}
