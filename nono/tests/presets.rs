//! What the base set opens and what it must keep closed.
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::path::{Path, PathBuf};

use nono::presets::{self, Grant};
use nono_core::pipeline::{Purpose, Subject};
use nono_core::{AccessMode, CapabilitySet, CapabilitySource, ObjectId, Query};
use nono_supervisor::NeverGrantChecker;

/// Paths that no layout may open for reading: homes, secrets, shared places of all users.
const NEVER_READ: &[&str] = &[
    "/etc/.pwd.lock",
    "/etc/NetworkManager/system-connections/home.nmconnection",
    "/etc/gshadow",
    "/etc/npmrc",
    "/etc/pip.conf",
    "/etc/pki/nssdb/key4.db",
    "/etc/pki/tls/private/localhost.key",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssl/private/ssl-cert-snakeoil.key",
    "/etc/sudoers",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/ptmx",
    "/dev/pts/0",
    "/dev/sda",
    "/dev/shm/x",
    "/home/someone/.ssh/id_ed25519",
    "/opt/vendor/etc/token",
    "/root/.bashrc",
    "/run/NetworkManager/system-connections/home.nmconnection",
    "/run/docker.sock",
    "/run/secrets/token",
    "/run/user/1000/bus",
    "/srv/data",
    "/sys/kernel/debug/tracing",
    "/sys/kernel/security/lsm",
    "/tmp/x",
    "/var/lib/private/x",
    "/var/log/auth.log",
    "/var/run/docker.sock",
    "/var/spool/cron/root",
    "/var/tmp/x",
];

/// Paths that may be read and must not be written.
const NEVER_WRITTEN: &[&str] = &[
    "/dev/random",
    "/etc/ld.so.preload",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/nix/store/x",
    "/proc/sys/kernel/core_pattern",
    "/sys/devices/system/cpu/cpu0/online",
    "/sys/fs/cgroup/cgroup.procs",
    "/usr/bin/env",
    "/usr/local/bin/x",
];

/// Whether the table opens `path` for `access` where no symlink plays a part.
fn opens(table: &[Grant], path: &str, access: AccessMode) -> bool {
    table.iter().any(|grant| Path::new(path).starts_with(grant.path) && grant.access.covers(access))
}

fn base_set() -> CapabilitySet {
    let mut caps = CapabilitySet::new();
    presets::add_base(&mut caps).unwrap();
    caps
}

/// Where `path` leads on this machine, or the path itself where nothing is.
fn resolved(path: &str) -> PathBuf {
    Path::new(path).canonicalize().unwrap_or_else(|_| path.into())
}

#[test]
fn secrets_and_places_of_other_users_are_closed_on_every_layout() {
    for path in NEVER_READ {
        for access in [AccessMode::Read, AccessMode::Write] {
            assert!(!opens(presets::base(), path, access), "{access} {path}");
        }
    }
    for path in NEVER_WRITTEN {
        assert!(!opens(presets::base(), path, AccessMode::Write), "{path}");
    }
}

#[test]
fn secrets_and_places_of_other_users_are_closed_on_this_machine() {
    let caps = base_set();
    for path in NEVER_READ.iter().map(|path| resolved(path)) {
        assert!(!caps.decide(&Query::read(&path)).is_allowed(), "{path:?}");
        assert!(!caps.decide(&Query::write(&path)).is_allowed(), "{path:?}");
    }
    for path in NEVER_WRITTEN.iter().map(|path| resolved(path)) {
        assert!(!caps.decide(&Query::write(&path)).is_allowed(), "{path:?}");
    }
}

#[test]
fn no_grant_is_a_whole_that_holds_other_things() {
    let wholes = [
        "/dev",
        "/etc",
        "/etc/ssl",
        "/etc/pki",
        "/etc/pki/tls",
        "/home",
        "/opt",
        "/root",
        "/run",
        "/sys",
        "/tmp",
        "/var",
        "/var/lib",
    ];
    for grant in presets::base() {
        assert!(!wholes.contains(&grant.path), "{grant:?}");
    }
}

#[test]
fn only_devices_that_lead_nowhere_are_written() {
    let written: Vec<_> = presets::base()
        .iter()
        .filter(|grant| grant.access != AccessMode::Read)
        .map(|grant| grant.path)
        .collect();

    assert_eq!(written, ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"]);
}

#[test]
fn what_programs_need_is_open_on_this_machine() {
    let caps = base_set();
    for path in ["/bin/sh", "/usr/bin/env", "/etc/passwd", "/etc/hosts", "/proc/self/stat"] {
        let path = resolved(path);
        assert!(caps.decide(&Query::read(&path)).is_allowed(), "{path:?}");
    }
    assert!(caps.decide(&Query::execute(&resolved("/bin/sh"))).is_allowed());
    assert!(caps.decide(&Query::write(Path::new("/dev/null"))).is_allowed());
}

#[test]
fn every_grant_of_the_base_set_is_the_systems_and_needed() {
    let caps = base_set();
    let grants = caps.fs_capabilities();

    assert!(grants.len() > 10 && grants.len() < presets::base().len());
    for (at, grant) in grants.iter().enumerate() {
        assert_eq!(grant.source(), &CapabilitySource::System);
        let covered = grants.iter().take(at).any(|held| {
            held.access().covers(grant.access())
                && (held.resolved() == grant.resolved()
                    || (held.is_dir() && grant.resolved().starts_with(held.resolved())))
        });
        assert!(!covered, "{grant:?}");
    }
}

#[test]
fn a_grant_the_caller_made_before_is_left_as_it_is() {
    let mut caps = CapabilitySet::new().allow_path("/usr", AccessMode::Read).unwrap();
    presets::add_base(&mut caps).unwrap();

    assert_eq!(caps.fs_capabilities()[0].source(), &CapabilitySource::User);
    assert!(caps.validate().is_ok());
}

#[test]
fn the_pty_set_gives_terminals_with_their_ioctls() {
    let mut caps = base_set();
    presets::add_pty(&mut caps).unwrap();

    for path in ["/dev/pts/0", "/dev/ptmx"].map(resolved) {
        assert!(caps.decide(&Query::read(&path)).is_allowed(), "{path:?}");
        assert!(caps.decide(&Query::write(&path)).is_allowed(), "{path:?}");
    }
    let pts = Path::new("/dev/pts");
    let mut grants = caps.fs_capabilities().iter();
    assert!(grants.any(|grant| grant.resolved() == pts && grant.grants_device_ioctl()));
}

#[test]
fn what_is_never_written_is_not_what_is_never_granted_at_all() {
    let home = Path::new("/home/user");
    let place = |entry: &presets::Entry| entry.place(home);
    let closed: Vec<_> = presets::never_grant().iter().map(place).collect();
    for entry in presets::never_write().iter().map(place) {
        assert!(!closed.iter().any(|closed| entry.starts_with(closed)), "{entry:?}");
    }
    let never_written: Vec<_> = presets::never_write().iter().map(place).collect();
    for path in ["/home/user/.bashrc", "/home/user/.gitconfig", "/usr"] {
        assert!(never_written.contains(&path.into()), "{path}");
    }
}

#[test]
fn every_entry_that_a_supervisor_refuses_is_one_that_it_understands() {
    let paths = |table: &'static [presets::Entry]| table.iter().map(|entry| entry.path);
    let never: Vec<_> = paths(presets::never_grant()).chain(paths(presets::never_open())).collect();
    let written: Vec<_> = paths(presets::never_write()).collect();
    let home = Path::new("/home/user");
    let checker = NeverGrantChecker::with_home(&never, &written, Some(home)).unwrap();

    for path in ["/etc/shadow", "/proc/kcore", "/dev/mem", "/home/user/.ssh/id"] {
        assert!(checker.is_blocked(path.as_ref()), "{path}");
    }
    // Of no directory is anything known but its name.
    let may_write = |path: &str| {
        let (spelled, canonical, purpose) = (Path::new(path), Path::new(path), Purpose::Write);
        let object = ObjectId { device: 0, inode: 0 };
        let subject = Subject { spelled, canonical, object, links: 1, purpose };
        checker.vet_below(&subject, &[]).is_ok()
    };
    for (path, expected) in [
        ("/home/user/.bashrc", false),
        ("/home/user/src/.git/hooks/pre-commit", false),
        ("/home/user/src/.git", false),
        ("/home/user/src/.git/index", true),
        ("/home/user/notes", true),
    ] {
        assert_eq!(may_write(path), expected, "{path}");
    }
}
