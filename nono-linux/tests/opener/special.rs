//! What is never opened for anybody, and what would wait.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nono_core::pipeline::PinError;
use nono_core::{AccessMode, ReasonCode};

use super::common::{Denied, Want, act, approve, fifo, open, openers, pin, tree, try_pin};
use super::sys;

const ACCESSES: [AccessMode; 3] = [AccessMode::Read, AccessMode::Write, AccessMode::ReadWrite];

fn assert_not_regular(path: &Path) {
    for (way, opener) in openers().iter().enumerate() {
        for access in ACCESSES {
            for want in [Want::new(access), Want { access, ..Want::create(0o600) }] {
                let refusal = pin(opener, path, want).unwrap_err();
                assert_eq!(
                    refusal.code,
                    ReasonCode::NotRegular,
                    "{path:?} {way} {want:?} {refusal:?}"
                );
            }
        }
    }
}

#[test]
fn fifos_sockets_and_devices_are_refused_and_not_waited_for() {
    let (_tree, root) = tree();
    fifo(&root.join("fifo"));
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    symlink(root.join("fifo"), root.join("link")).unwrap();

    for name in ["fifo", "socket", "link"] {
        assert_not_regular(&root.join(name));
    }
    for device in ["/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx"] {
        assert_not_regular(device.as_ref());
    }
}

#[test]
fn files_that_act_on_the_kernel_or_on_processes_are_refused() {
    let me = std::process::id();
    let process = ["mem", "environ", "maps", "status", "cmdline", "attr/current"];
    let process = process.map(|name| format!("/proc/{me}/{name}"));
    let own = ["/proc/self/mem", "/proc/self/environ", "/proc/self/maps", "/proc/version"];
    let filesystems = ["/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/cpu/tasks"];
    for path in process.iter().map(String::as_str).chain(own).chain(filesystems) {
        if Path::new(path).exists() {
            assert_not_regular(path.as_ref());
        }
    }
}

#[test]
fn nothing_is_made_in_a_filesystem_that_is_never_opened() {
    for path in ["/proc/new", "/proc/self/new", "/proc/self/task/new", "/dev/pts/new"] {
        assert_not_regular_new(path.as_ref());
    }
    let (_tree, root) = tree();
    symlink("/proc/self/new", root.join("link")).unwrap();
    assert_not_regular_new(&root.join("link"));
}

fn assert_not_regular_new(path: &Path) {
    for opener in openers() {
        let refusal = pin(&opener, path, Want::create(0o600)).unwrap_err();
        assert_eq!(refusal.code, ReasonCode::NotRegular, "{path:?} {refusal:?}");
    }
}

#[test]
fn magic_links_lead_nowhere_however_they_are_spelled() {
    let (_tree, root) = tree();
    fs::write(root.join("file"), "").unwrap();
    let held = File::open(root.join("file")).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&held);
    let (me, path) = (std::process::id(), root.display());
    for (link, target) in [("fds", "/proc/self/fd"), ("root", "/proc/self/root"), ("proc", "/proc")]
    {
        symlink(target, root.join(link)).unwrap();
    }
    for spelled in [
        format!("/proc/self/fd/{number}"),
        format!("/proc/thread-self/fd/{number}"),
        format!("/proc/{me}/task/{me}/fd/{number}"),
        format!("/dev/fd/{number}"),
        format!("//dev/./fd/../fd/{number}"),
        format!("{path}/fds/{number}"),
        format!("{path}/root/etc/passwd"),
        format!("{path}/proc/self/root{path}/file"),
        format!("/proc/self/cwd/{path}/file"),
        format!("/proc/{me}/root{path}/file"),
        format!("/proc/1/../self/root{path}/file"),
        "/proc/self/exe".into(),
        "/proc/self/ns/net".into(),
        "/dev/stdin".into(),
        "/dev/stdout".into(),
        "/dev/stderr".into(),
    ] {
        assert_not_regular(spelled.as_ref());
    }
}

#[test]
fn a_lease_is_answered_with_eagain_and_not_waited_for() {
    let (_tree, root) = tree();
    let path = root.join("file");
    fs::write(&path, "content").unwrap();
    for (kind, want) in [
        (libc::F_RDLCK, Want::new(AccessMode::Write)),
        (libc::F_WRLCK, Want::read()),
        (libc::F_WRLCK, Want::new(AccessMode::ReadWrite)),
    ] {
        let read_only = kind == libc::F_RDLCK;
        let holder = File::options().read(true).write(!read_only).open(&path).unwrap();
        sys::lease(&holder, kind);
        for opener in openers() {
            let refusal = open(&opener, &path, want, &Denied::default()).unwrap_err();
            assert_eq!(refusal.errno, Some(libc::EAGAIN), "{want:?}");
        }
    }
}

#[test]
fn what_was_opened_without_waiting_waits_when_it_is_read_as_anything_else_does() {
    let (_tree, root) = tree();
    fs::write(root.join("file"), "").unwrap();
    for opener in openers() {
        let file = open(&opener, &root.join("file"), Want::read(), &Denied::default()).unwrap();
        let flags = rustix::fs::fcntl_getfl(&file).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        let flags = rustix::io::fcntl_getfd(&file).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn what_may_not_wait_is_given_up_until_its_filesystem_is_known() {
    let (_tree, root) = tree();
    let path = root.join("file");
    fs::write(&path, "").unwrap();
    let [opener, walks] = openers();

    let first = try_pin(&opener, &path, Want::read(), false);
    assert!(matches!(first, Err(PinError::WouldWait)), "{first:?}");
    try_pin(&opener, &path, Want::read(), true).unwrap();
    try_pin(&opener, &path, Want::read(), false).unwrap();
    try_pin(&opener.clone(), &path, Want::create(0o600), false).unwrap();

    try_pin(&walks, &path, Want::read(), true).unwrap();
    let walked = try_pin(&walks, &path, Want::read(), false);
    assert!(matches!(walked, Err(PinError::WouldWait)), "{walked:?}");
}

#[test]
fn a_removed_file_is_not_found_even_beside_one_that_is_named_as_removed() {
    let (_tree, root) = tree();
    let (path, decoy) = (root.join("x"), root.join("x (deleted)"));
    for opener in openers() {
        fs::write(&path, "removed").unwrap();
        fs::write(&decoy, "decoy").unwrap();
        let vet = Denied::default();
        let approved = approve(pin(&opener, &path, Want::read()).unwrap(), Want::read(), &vet);
        fs::remove_file(&path).unwrap();
        let refusal = act(&opener, &approved.unwrap(), &vet).unwrap_err();
        assert_eq!(refusal.code, ReasonCode::NotFound);

        let pinned = pin(&opener, &decoy, Want::read()).unwrap();
        assert_eq!(pinned.canonical(), decoy);
    }
}
