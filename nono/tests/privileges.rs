//! What is left of root's rights in a sandbox: nothing, unless it is kept by name.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code)]

mod common;

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use common::in_child;
use common::process::{ORDINARY, address, become_ordinary, is_root, is_root_or_says_so, try_call};
use nono::private_tmp::PrivateTmp;
use nono::{
    AccessMode, CapabilitySet, Command, Exemption, Gap, NonoError, Privilege, Sandbox, User,
};

const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
const EPERM: u8 = 1;
const EACCES: u8 = 13;
const ENOSYS: u8 = 38;

/// All files may be read and the network is free, so that only rights of root are at stake.
fn read_all() -> CapabilitySet {
    CapabilitySet::new().allow_path("/", AccessMode::Read).unwrap()
}

/// One field of a status file.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap().trim()
}

fn capability_sets(status: &str) -> [u64; 5] {
    SETS.map(|name| u64::from_str_radix(field(status, name), 16).unwrap())
}

/// What `cat /proc/self/status` shows of the program itself, from inside.
fn status_of(cat: &Path, caps: &CapabilitySet, user: Option<&User>) -> String {
    let sandbox = match user {
        Some(user) => Sandbox::prepare_for(caps, user).unwrap(),
        None => Sandbox::prepare(caps).unwrap(),
    };
    let output =
        Command::with_sandbox(cat, sandbox).unwrap().arg("/proc/self/status").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn nobody() -> User {
    User::named("nobody").unwrap()
}

#[test]
fn every_set_of_root_is_empty_and_locked_from_the_first_moment_on() {
    if !is_root_or_says_so() {
        return;
    }
    let answers = in_child(|| {
        Sandbox::apply(&read_all()).unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        // SAFETY: the call takes a number.
        let securebits = unsafe { libc::prctl(libc::PR_GET_SECUREBITS) };
        let empty = capability_sets(&status).map(|set| u8::from(set == 0));
        [u8::try_from(securebits).unwrap()].into_iter().chain(empty).collect()
    });
    // NOROOT and NO_CAP_AMBIENT_RAISE set, NO_SETUID_FIXUP and KEEP_CAPS off, all four locked.
    assert_eq!(answers, [0b1110_1011, 1, 1, 1, 1, 1]);
}

#[test]
fn a_program_of_root_starts_with_empty_sets_and_its_parent_keeps_its_own() {
    if !is_root_or_says_so() {
        return;
    }
    let before = fs::read_to_string("/proc/thread-self/status").unwrap();
    let status = status_of(Path::new("/bin/cat"), &read_all(), None);
    assert_eq!(capability_sets(&status), [0; 5]);
    assert_eq!(field(&status, "NoNewPrivs"), "1");
    let after = fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_eq!(capability_sets(&after), capability_sets(&before));
    assert_ne!(capability_sets(&after)[1], 0);
}

#[test]
fn a_set_user_id_root_program_gives_another_user_nothing() {
    if !is_root_or_says_so() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let cat = directory.path().join("cat");
    // Not by this process: a child of another test would hold the file open for writing.
    assert!(std::process::Command::new("cp").arg("/bin/cat").arg(&cat).status().unwrap().success());
    fs::set_permissions(&cat, Permissions::from_mode(0o4755)).unwrap();

    let status = status_of(&cat, &read_all(), Some(&nobody()));

    assert_eq!(capability_sets(&status), [0; 5]);
    let id = ORDINARY.to_string();
    assert!(field(&status, "Uid").split_whitespace().all(|uid| uid == id), "{status}");
}

#[test]
fn what_is_kept_survives_exec_and_nothing_else_does() {
    if !is_root_or_says_so() {
        return;
    }
    let caps = read_all().keep_privilege(Privilege::CHOWN).keep_privilege(Privilege::NET_RAW);
    let kept = 1 << Privilege::CHOWN.number() | 1 << Privilege::NET_RAW.number();
    for user in [None, Some(&nobody())] {
        let status = status_of(Path::new("/bin/cat"), &caps, user);
        assert_eq!(capability_sets(&status), [kept; 5], "{user:?}");
    }
}

#[test]
fn what_is_kept_is_lost_by_a_program_that_leaves_user_0() {
    if !is_root_or_says_so() {
        return;
    }
    let caps = [Privilege::SETUID, Privilege::SETGID, Privilege::SETPCAP]
        .into_iter()
        .fold(read_all(), CapabilitySet::keep_privilege);
    let answers = in_child(|| {
        Sandbox::apply(&caps).unwrap();
        let keep_caps = libc::PR_SET_KEEPCAPS as u64;
        let kept = try_call(libc::SYS_prctl, [keep_caps, 1, 0, 0, 0, 0]);
        become_ordinary();
        let sets = capability_sets(&fs::read_to_string("/proc/self/status").unwrap());
        // Permitted, effective and ambient.
        vec![kept, u8::from(sets[1] == 0), u8::from(sets[2] == 0), u8::from(sets[4] == 0)]
    });
    assert_eq!(answers, [EPERM, 1, 1, 1]);
}

#[test]
fn keeping_what_the_process_does_not_have_is_refused() {
    let code = in_child(|| {
        become_ordinary();
        let caps = read_all().keep_privilege(Privilege::NET_RAW);
        match Sandbox::prepare(&caps) {
            Err(NonoError::PrivilegeNotHeld(privilege)) => vec![privilege.number()],
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(code, [Privilege::NET_RAW.number()]);
}

#[test]
fn a_sandbox_inside_a_sandbox_of_root_can_be_made_and_gives_nothing_back() {
    if !is_root_or_says_so() {
        return;
    }
    let answers = in_child(|| {
        Sandbox::apply(&read_all()).unwrap();
        Sandbox::apply(&read_all()).unwrap();
        let sets = capability_sets(&fs::read_to_string("/proc/self/status").unwrap());
        vec![u8::from(sets == [0; 5])]
    });
    assert_eq!(answers, [1]);
}

/// A call that takes a right of root, with arguments that do no harm where it succeeds; gives its
/// error number.
type Attempt = fn(&Place) -> u8;

/// A directory that is granted for writing, with a file of root and one of an ordinary user.
struct Place {
    directory: tempfile::TempDir,
    roots: CString,
    others: CString,
    secret: CString,
    device: CString,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text =
            |name: &str| CString::new(directory.path().join(name).as_os_str().as_bytes()).unwrap();
        let (roots, others, secret, device) =
            (text("roots"), text("others"), text("secret"), text("device"));
        for name in ["roots", "others", "secret"] {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            let mode = if name == "secret" { 0o600 } else { 0o644 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            if name != "roots" && is_root() {
                chown(&path, Some(ORDINARY), Some(ORDINARY)).unwrap();
            }
        }
        Self { directory, roots, others, secret, device }
    }

    /// One that any user may write.
    fn new_for_any_user() -> Self {
        let place = Self::new();
        fs::set_permissions(place.directory.path(), Permissions::from_mode(0o1777)).unwrap();
        place
    }

    fn caps(&self) -> CapabilitySet {
        // The filter's own refusals of these are taken away where that is possible.
        read_all()
            .allow_path(self.directory.path(), AccessMode::ReadWrite)
            .unwrap()
            .exempt(Exemption::Clock)
            .exempt(Exemption::Bpf)
            .exempt(Exemption::Perf)
            .allow_gap(Gap::UnixPaths)
    }
}

fn path(text: &CString) -> u64 {
    address(text.as_bytes_with_nul())
}

fn bind_port_1() -> u8 {
    // sin_family in the machine's order; port 1 and 127.0.0.1 in the network's.
    let mut name = [0_u8; 16];
    name[..2].copy_from_slice(&2_u16.to_ne_bytes());
    name[2..8].copy_from_slice(&[0, 1, 127, 0, 0, 1]);
    // SAFETY: the call takes numbers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    assert!(socket >= 0);
    let socket = u64::try_from(socket).unwrap();
    try_call(libc::SYS_bind, [socket, address(&name), 16, 0, 0, 0])
}

/// Lowers a hard limit, which anyone may, and raises it again.
fn raise_limit() -> u8 {
    let set = |limit: [u64; 2]| {
        let resource = u64::from(libc::RLIMIT_NICE);
        try_call(libc::SYS_prlimit64, [0, resource, address(&limit), 0, 0, 0])
    };
    assert_eq!(set([0, 0]), 0);
    set([0, 1])
}

/// Sets the clock to what it shows.
fn set_clock() -> u8 {
    let mut now = [0_u64; 2];
    let read = [0, std::ptr::from_mut(&mut now) as u64, 0, 0, 0, 0];
    assert_eq!(try_call(libc::SYS_clock_gettime, read), 0);
    try_call(libc::SYS_clock_settime, [0, address(&now), 0, 0, 0, 0])
}

/// Refused for want of one capability alone: to the same process outside each is allowed.
const BY_CAPABILITY: &[(Privilege, &str, Attempt)] = &[
    (Privilege::CHOWN, "chown", |place| {
        try_call(libc::SYS_fchownat, [here(), path(&place.roots), 7, 7, 0, 0])
    }),
    (Privilege::FOWNER, "chmod of another's file", |place| {
        try_call(libc::SYS_fchmodat, [here(), path(&place.others), 0o604, 0, 0, 0])
    }),
    (Privilege::DAC_READ_SEARCH, "reading another's file", |place| {
        try_call(libc::SYS_openat, [0, path(&place.secret), 0, 0, 0, 0])
    }),
    (Privilege::DAC_OVERRIDE, "writing another's file", |place| {
        try_call(libc::SYS_openat, [0, path(&place.others), 1, 0, 0, 0])
    }),
    (Privilege::SYS_CHROOT, "chroot", |_| {
        let root = CString::new("/").unwrap();
        try_call(libc::SYS_chroot, [path(&root), 0, 0, 0, 0, 0])
    }),
    (Privilege::NET_RAW, "raw socket", |_| try_call(libc::SYS_socket, [2, 3, 255, 0, 0, 0])),
    (Privilege::NET_RAW, "packet socket", |_| try_call(libc::SYS_socket, [17, 3, 0, 0, 0, 0])),
    (Privilege::NET_BIND_SERVICE, "port below 1024", |_| bind_port_1()),
    (Privilege::SYS_NICE, "lower nice value", |_| {
        try_call(libc::SYS_setpriority, [0, 0, 0_u64.wrapping_sub(5), 0, 0, 0])
    }),
    (Privilege::SYS_RESOURCE, "higher hard limit", |_| raise_limit()),
    (Privilege::SYS_TIME, "setting the clock", |_| set_clock()),
    (Privilege::SETGID, "setgroups", |_| try_call(libc::SYS_setgroups, [0; 6])),
    (Privilege::SETUID, "setresuid", |_| {
        let id = u64::from(ORDINARY);
        try_call(libc::SYS_setresuid, [id, id, id, 0, 0, 0])
    }),
];

#[test]
fn root_may_do_inside_what_takes_a_capability_only_if_that_is_kept() {
    if !is_root_or_says_so() {
        return;
    }
    let place = Place::new();
    let caps = place.caps();
    let try_inside = |caps: &CapabilitySet, attempt: Attempt| {
        in_child(|| {
            Sandbox::apply(caps).unwrap();
            vec![attempt(&place)]
        })
    };
    let own = fs::read_to_string("/proc/thread-self/status").unwrap();
    let [_, permitted, ..] = capability_sets(&own);
    for (privilege, name, attempt) in BY_CAPABILITY {
        let answer = try_inside(&caps, *attempt);
        assert!(answer == [EPERM] || answer == [EACCES], "{name}: errno {answer:?}");
        // A container may have taken it from this test.
        if permitted & 1 << privilege.number() != 0 {
            let kept = caps.clone().keep_privilege(*privilege);
            assert_eq!(try_inside(&kept, *attempt), [0], "{name} with {privilege}");
        }
    }
}

fn sethostname() -> u8 {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim_end();
    let length = u64::try_from(name.len()).unwrap();
    try_call(libc::SYS_sethostname, [address(name), length, 0, 0, 0, 0])
}

/// The working directory, for calls that take one.
fn here() -> u64 {
    i64::from(libc::AT_FDCWD).cast_unsigned()
}

fn mount_setattr() -> u8 {
    // Asks for no change at all.
    let root = CString::new("/").unwrap();
    let attributes = [0_u64; 4];
    try_call(libc::SYS_mount_setattr, [here(), path(&root), 0, address(&attributes), 32, 0])
}

/// Refused by the filter or Landlock too, so that one mistake opens none of them. Arguments that
/// mean nothing where nothing would be harmless.
const BY_SEVERAL: &[(&str, Attempt)] = &[
    ("mknod of a disk", |place| {
        let mode = u64::from(libc::S_IFBLK | 0o600);
        try_call(libc::SYS_mknodat, [0, path(&place.device), mode, 0x0700, 0, 0])
    }),
    ("mknod of memory", |place| {
        let mode = u64::from(libc::S_IFCHR | 0o600);
        try_call(libc::SYS_mknodat, [0, path(&place.device), mode, 0x0101, 0, 0])
    }),
    ("mount_setattr", |_| mount_setattr()),
    ("init_module", |_| try_call(libc::SYS_init_module, [0; 6])),
    ("delete_module", |_| try_call(libc::SYS_delete_module, [0; 6])),
    ("kexec_load", |_| try_call(libc::SYS_kexec_load, [0, 99, 0, 0, 0, 0])),
    ("reboot without its magic", |_| try_call(libc::SYS_reboot, [0; 6])),
    ("swapoff of nothing", |_| try_call(libc::SYS_swapoff, [0; 6])),
    ("sethostname", |_| sethostname()),
    #[cfg(target_arch = "x86_64")]
    ("iopl", |_| try_call(libc::SYS_iopl, [3, 0, 0, 0, 0, 0])),
    ("the kernel's log", |_| try_call(libc::SYS_syslog, [9, 0, 0, 0, 0, 0])),
    ("open_by_handle_at", |_| try_call(libc::SYS_open_by_handle_at, [0; 6])),
    ("bpf", |_| try_call(libc::SYS_bpf, [0, 0, 0, 0, 0, 0])),
    ("acct off", |_| try_call(libc::SYS_acct, [0; 6])),
    ("a user namespace", |_| {
        try_call(libc::SYS_unshare, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0])
    }),
    ("a network namespace", |_| {
        try_call(libc::SYS_unshare, [libc::CLONE_NEWNET as u64, 0, 0, 0, 0, 0])
    }),
];

#[test]
fn what_changes_the_machine_is_refused_to_root_and_to_an_ordinary_user() {
    let place = Place::new_for_any_user();
    // Not the exemptions: this is the sandbox as it stands.
    let caps = read_all().allow_path(place.directory.path(), AccessMode::ReadWrite).unwrap();
    for (name, attempt) in BY_SEVERAL {
        for become_user in [|| (), become_ordinary] {
            let answer = in_child(|| {
                become_user();
                Sandbox::apply(&caps).unwrap();
                vec![attempt(&place)]
            });
            // ENOSYS: this kernel was built without it.
            assert!(
                [[EPERM], [EACCES], [ENOSYS]].contains(&answer[..].try_into().unwrap()),
                "{name}: errno {answer:?}"
            );
        }
    }
}

#[test]
fn no_set_id_bit_is_left_behind_by_root_or_an_ordinary_user() {
    let place = Place::new_for_any_user();
    let caps = read_all().allow_path(place.directory.path(), AccessMode::ReadWrite).unwrap();
    for (number, become_user) in [|| (), become_ordinary].into_iter().enumerate() {
        let file = place.directory.path().join(format!("own{number}"));
        let made = place.directory.path().join(format!("made{number}"));
        let answers = in_child(|| {
            become_user();
            fs::write(&file, "").unwrap();
            Sandbox::apply(&caps).unwrap();
            let text = CString::new(file.as_os_str().as_bytes()).unwrap();
            let made = CString::new(made.as_os_str().as_bytes()).unwrap();
            vec![
                try_call(libc::SYS_fchmodat, [here(), path(&text), 0o4755, 0, 0, 0]),
                try_call(libc::SYS_fchmodat, [here(), path(&text), 0o2755, 0, 0, 0]),
                try_call(libc::SYS_openat, [0, path(&made), 0o101, 0o4755, 0, 0]),
                try_call(libc::SYS_mknodat, [here(), path(&made), 0o104_755, 0, 0, 0]),
                try_call(libc::SYS_fchmodat, [here(), path(&text), 0o755, 0, 0, 0]),
            ]
        });
        assert_eq!(answers, [EPERM, EPERM, EPERM, EPERM, 0]);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o6000, 0);
        assert!(!made.exists());
    }
}

#[test]
fn a_program_runs_as_the_user_it_is_given_with_nothing_of_roots() {
    if !is_root_or_says_so() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "root's own").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let user = nobody();
    let mut private = PrivateTmp::new().unwrap();
    private.give_to(user.identity()).unwrap();
    let mut caps = read_all();
    caps.add_fs(private.capability().unwrap());

    let script = r#"
        id -u; id -g; id -G
        echo "$HOME $USER $LOGNAME $SHELL"
        cat "$1" 2>/dev/null && echo read a file of root
        echo mine > "$2/file" && cat "$2/file" && ls "$2/.." 2>/dev/null
        exit 7"#;
    let sandbox = Sandbox::prepare_for(&caps, &user).unwrap();
    let mut command = Command::with_sandbox("/bin/sh", sandbox).unwrap();
    command.args(["-c", script, "sh"]).arg(&secret).arg(private.path()).env("LC_ALL", "C");
    let output = command.die_with_parent().output().unwrap();

    let identity = user.identity();
    let expected = format!(
        "{}\n{}\n{}\n{} nobody nobody {}\nmine\n",
        identity.uid(),
        identity.gid(),
        identity.groups().iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        user.home().display(),
        user.shell().display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(7));
    private.remove().unwrap();
}

#[test]
fn no_group_of_the_caller_is_left_to_the_user() {
    if !is_root_or_says_so() {
        return;
    }
    let user = nobody();
    let groups = in_child(|| {
        let foreign = [7_u32, 8];
        assert_eq!(try_call(libc::SYS_setgroups, [2, address(&foreign), 0, 0, 0, 0]), 0);
        let status = status_of(Path::new("/bin/cat"), &read_all(), Some(&user));
        field(&status, "Groups").as_bytes().to_vec()
    });
    let expected: Vec<_> = user.identity().groups().iter().map(u32::to_string).collect();
    assert_eq!(String::from_utf8(groups).unwrap(), expected.join(" "));
}

#[test]
fn an_ordinary_user_cannot_start_a_program_as_another() {
    let root = User::named("root").unwrap();
    let answers = in_child(|| {
        become_ordinary();
        let sandbox = Sandbox::prepare_for(&read_all(), &root).unwrap();
        let error = Command::with_sandbox("/bin/true", sandbox).unwrap().spawn().unwrap_err();
        match error {
            NonoError::Enforce(error) => vec![error.step as u8, error.errno.try_into().unwrap()],
            other => panic!("{other}"),
        }
    });
    assert_eq!(answers, [nono::EnforceStep::Identity as u8, EPERM]);
}
