//! What is attempted inside.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc;

use libc::{EACCES, ENOSYS, EOPNOTSUPP, EPERM};
use nono_linux::seccomp::{Inet, Threads, install};

use crate::sys::{call, errno_of, errno_of_clone};

/// Makes an attempt and gives the errno it meets, 0 for none.
pub(crate) type Make = fn(&Files) -> i32;

/// One attempt, the errno it meets, and the calls whose rules are what refuses it.
pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    pub(crate) errno: i32,
    pub(crate) rule: &'static str,
    pub(crate) make: Make,
}

/// Files made before the filter, each removed with its directory.
pub(crate) struct Files {
    directory: tempfile::TempDir,
    file: File,
    path: Vec<u8>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).unwrap();
        let mut path = path.as_os_str().as_bytes().to_vec();
        path.push(0);
        Self { directory, file, path }
    }

    fn fd(&self) -> u64 {
        number(self.file.as_raw_fd())
    }

    fn path(&self) -> u64 {
        address(self.path.as_slice())
    }

    fn openat(&self, flags: i32, mode: u64) -> i32 {
        let made = self.directory.path().join("made");
        let mut made = made.as_os_str().as_bytes().to_vec();
        made.push(0);
        let path = if flags & libc::O_CREAT == 0 { self.path() } else { address(made.as_slice()) };
        errno_of(libc::SYS_openat, [AT_FDCWD, path, number(flags), mode, 0, 0])
    }
}

const AT_FDCWD: u64 = 0xffff_ff9c;
/// Bits that the kernel ignores in a 32-bit argument and a careless filter does not.
const UPPER: u64 = 0xdead_beef_0000_0000;

fn number(value: RawFd) -> u64 {
    u64::from(value.cast_unsigned())
}

fn address<T: ?Sized>(value: &T) -> u64 {
    u64::try_from(std::ptr::from_ref(value).addr()).unwrap()
}

fn own_pid() -> u64 {
    u64::from(std::process::id())
}

fn socket(family: i32, kind: i32, protocol: i32) -> i32 {
    errno_of(libc::SYS_socket, [number(family), number(kind), number(protocol), 0, 0, 0])
}

fn pair(kind: i32) -> i32 {
    let ends = [0_i32; 2];
    errno_of(libc::SYS_socketpair, [1, number(kind), 0, address(&ends), 0, 0])
}

/// Asks this of a terminal that is the process's own: only there may a user type.
fn ioctl_on_terminal(request: u64) -> i32 {
    const TIOCSPTLCK: u64 = 0x4004_5431;
    const TIOCGPTPEER: u64 = 0x5441;
    const TIOCSCTTY: u64 = 0x540e;
    errno_of(libc::SYS_setsid, [0; 6]);
    let master = OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
    let ioctl = |fd, request, arg| call(libc::SYS_ioctl, [fd, request, arg, 0, 0, 0]);
    // Left open: the end of the master would hang this process up.
    let fd = number(master.into_raw_fd());
    assert_eq!(ioctl(fd, TIOCSPTLCK, address(&0_i32)), 0);
    let terminal = u64::try_from(ioctl(fd, TIOCGPTPEER, number(libc::O_RDWR))).unwrap();
    assert_eq!(ioctl(terminal, TIOCSCTTY, 0), 0);
    errno_of(libc::SYS_ioctl, [terminal, request, address(&b'x'), 0, 0, 0])
}

fn set_own_limit(_: &Files) -> i32 {
    let limit = [64_u64, 64];
    errno_of(libc::SYS_prlimit64, [own_pid(), 7, address(&limit), 0, 0, 0])
}

fn set_own_affinity(pid: u64) -> i32 {
    let mut mask = [0_u64; 16];
    let size = 128;
    let place = u64::try_from(mask.as_mut_ptr().addr()).unwrap();
    assert_eq!(errno_of(libc::SYS_sched_getaffinity, [0, size, place, 0, 0, 0]), 0);
    errno_of(libc::SYS_sched_setaffinity, [pid, size, place, 0, 0, 0])
}

fn int80(_: &Files) -> i32 {
    #[cfg(target_arch = "x86_64")]
    return crate::sys::getpid_i386().min(0).abs();
    #[cfg(not(target_arch = "x86_64"))]
    ENOSYS
}

macro_rules! attempts {
    ($constant:ident: $($name:literal $errno:ident $rule:literal $make:expr;)*) => {
        pub(crate) const $constant: &[Attempt] =
            &[$(Attempt { name: $name, errno: $errno, rule: $rule, make: $make }),*];
    };
}

attempts! { BLOCKED:
    // what, what it meets, without the rules of which calls it gets further
    "TIOCSTI" EPERM "ioctl" |_| ioctl_on_terminal(0x5412);
    "TIOCSTI under upper bits" EPERM "ioctl" |_| ioctl_on_terminal(UPPER | 0x5412);
    "TIOCLINUX" EPERM "ioctl" |_| ioctl_on_terminal(0x541c);
    "prlimit by pid" EPERM "prlimit64" set_own_limit;
    "affinity by pid" EPERM "sched_setaffinity" |_| set_own_affinity(own_pid());
    "priority by pid" EPERM "setpriority" |_| errno_of(libc::SYS_setpriority, [0, own_pid(), 5, 0, 0, 0]);
    "priority of the group" EPERM "setpriority" |_| {
        assert_eq!(errno_of(libc::SYS_setpgid, [0; 6]), 0);
        errno_of(libc::SYS_setpriority, [1, 0, 5, 0, 0, 0])
    };
    "I/O priority by pid" EPERM "ioprio_set" |_| errno_of(libc::SYS_ioprio_set, [1, own_pid(), 3 << 13, 0, 0, 0]);
    "access mode 3" EACCES "openat" |files| files.openat(3, 0);
    "access mode 3 with O_TRUNC" EACCES "openat" |files| files.openat(3 | libc::O_TRUNC, 0);
    "O_TRUNC without writing" EACCES "openat" |files| files.openat(libc::O_TRUNC, 0);
    "truncate" EACCES "truncate" |files| errno_of(libc::SYS_truncate, [files.path(), 0, 0, 0, 0, 0]);
    "set-id file by openat" EPERM "openat" |files| files.openat(libc::O_CREAT | libc::O_WRONLY, 0o4755);
    "set-id bits by fchmod" EPERM "fchmod" |files| errno_of(libc::SYS_fchmod, [files.fd(), UPPER | 0o2755, 0, 0, 0, 0]);
    "set-id bits by fchmodat" EPERM "fchmodat" |files| errno_of(libc::SYS_fchmodat, [AT_FDCWD, files.path(), 0o4755, 0, 0, 0]);
    "openat2" ENOSYS "openat2" |files| {
        let how = [0_u64; 3];
        errno_of(libc::SYS_openat2, [AT_FDCWD, files.path(), address(&how), 24, 0, 0])
    };
    "keyctl" EPERM "keyctl" |_| errno_of(libc::SYS_keyctl, [0, 0xffff_fffe, 1, 0, 0, 0]);
    "io_uring" ENOSYS "io_uring_setup" |_| {
        let params = [0_u64; 15];
        errno_of(libc::SYS_io_uring_setup, [1, address(&params), 0, 0, 0, 0])
    };
    "userfaultfd" EPERM "userfaultfd" |_| errno_of(libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0]);
    "lease" EPERM "fcntl" |files| errno_of(libc::SYS_fcntl, [files.fd(), 1024, 1, 0, 0, 0]);
    "user namespace by clone" EPERM "clone" |_| errno_of_clone(0x1000_0000 | 17);
    "user namespace by unshare" EPERM "unshare" |_| errno_of(libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0, 0]);
    "clone3" ENOSYS "clone3" |_| errno_of(libc::SYS_clone3, [0; 6]);
    "setns" EPERM "setns" |files| errno_of(libc::SYS_setns, [files.fd(), 0, 0, 0, 0, 0]);
    "mount_setattr" EPERM "mount_setattr" |files| errno_of(libc::SYS_mount_setattr, [AT_FDCWD, files.path(), 0, 0, 0, 0]);
    "the i386 interface" ENOSYS "filter" int80;
    "a TCP socket" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_STREAM, 0);
    "a TCP socket for IPv6" EACCES "socket" |_| socket(libc::AF_INET6, libc::SOCK_STREAM, 0);
    "a UDP socket" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
    "an MPTCP socket" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_STREAM, 262);
    "a raw socket" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_RAW, 1);
    "a packet socket" EACCES "socket" |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
    "a vsock socket" EACCES "socket" |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0);
    "a Unix socket" EACCES "socket" |_| socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
    "a netlink socket for uevents" EACCES "socket" |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, 15);
    "a pair of datagram sockets" EACCES "socketpair" |_| pair(libc::SOCK_DGRAM);
    "a raw pair" EACCES "socketpair" |_| pair(libc::SOCK_RAW);
}

attempts! { PAST_PORTS:
    "UDP beside a port" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
    "MPTCP beside a port" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_STREAM, 262);
    "raw beside a port" EACCES "socket" |_| socket(libc::AF_INET, libc::SOCK_RAW, 1);
    "TCP Fast Open by sendto" EOPNOTSUPP "sendto" |_| {
        let loopback = loopback();
        let flags = UPPER | number(libc::MSG_FASTOPEN);
        errno_of(libc::SYS_sendto, [tcp(), address(&b'x'), 1, flags, address(&loopback), 16])
    };
    "TCP Fast Open by sendmsg" EOPNOTSUPP "sendmsg" |_| {
        let loopback = loopback();
        let header = [address(&loopback), 16, 0, 0, 0, 0, 0];
        let flags = number(libc::MSG_FASTOPEN);
        errno_of(libc::SYS_sendmsg, [tcp(), address(&header), flags, 0, 0, 0])
    };
    "TCP Fast Open by option" EOPNOTSUPP "setsockopt" |_| {
        errno_of(libc::SYS_setsockopt, [tcp(), 6, 30, address(&1_i32), 4, 0])
    };
    "an upper layer for TCP" EOPNOTSUPP "setsockopt" |_| {
        errno_of(libc::SYS_setsockopt, [tcp(), 6, 31, address(b"smc"), 3, 0])
    };
    "listening unbound" EACCES "listen" |_| errno_of(libc::SYS_listen, [tcp(), 1, 0, 0, 0, 0]);
}

/// 127.0.0.1, port 9: nobody listens there.
fn loopback() -> [u8; 16] {
    [2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// A TCP socket: what the ports leave.
fn tcp() -> u64 {
    u64::try_from(call(libc::SYS_socket, [2, 1, 6, 0, 0, 0])).unwrap()
}

/// A named attempt that no table judges.
pub(crate) type Named = (&'static str, Make);

/// What ordinary programs do next to what is refused: all succeed.
pub(crate) const HARMLESS: &[Named] = &[
    ("limit of oneself", |_| {
        let limit = [64_u64, 64];
        errno_of(libc::SYS_prlimit64, [0, 7, address(&limit), 0, 0, 0])
    }),
    ("reading the limit of a pid", |_| {
        let limit = [0_u64; 2];
        errno_of(libc::SYS_prlimit64, [own_pid(), 7, 0, address(&limit), 0, 0])
    }),
    ("affinity of oneself", |_| set_own_affinity(0)),
    ("priority of oneself", |_| errno_of(libc::SYS_setpriority, [0, 0, 5, 0, 0, 0])),
    ("writing and truncating", |files| files.openat(libc::O_RDWR | libc::O_TRUNC, 0)),
    ("creating", |files| files.openat(libc::O_CREAT | libc::O_RDWR, 0o1644)),
    ("ftruncate", |files| errno_of(libc::SYS_ftruncate, [files.fd(), 0, 0, 0, 0, 0])),
    ("chmod", |files| errno_of(libc::SYS_fchmod, [files.fd(), 0o640, 0, 0, 0, 0])),
    ("reading routes", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0)),
    ("a pair of streams", |_| pair(libc::SOCK_STREAM | libc::SOCK_CLOEXEC)),
    ("fork", |_| errno_of_clone(17)),
];

/// What installs a filter itself.
pub(crate) const INSTALLING: &[Named] = &[
    ("install without no_new_privs", |_| match install(&crate::strictest(), Threads::Caller) {
        Ok(()) => 0,
        Err(errno) => errno.raw_os_error(),
    }),
    ("tsync", |_| {
        let (started, wait) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            started.send(()).unwrap();
            gone.recv().unwrap();
            errno_of(libc::SYS_keyctl, [0, 0xffff_fffe, 1, 0, 0, 0])
        });
        wait.recv().unwrap();
        crate::sys::no_new_privs();
        install(&crate::strictest(), Threads::All).unwrap();
        go.send(()).unwrap();
        thread.join().unwrap()
    }),
];

/// What the attempt of this name does, and which network is granted to it.
pub(crate) fn find(name: &str) -> Option<(Make, Inet)> {
    let judged = |attempts: &'static [Attempt], inet| {
        attempts.iter().map(move |attempt| (attempt.name, attempt.make, inet))
    };
    let named = HARMLESS.iter().chain(INSTALLING).map(|(name, make)| (*name, *make, Inet::Blocked));
    let ports = Inet::TcpPorts { listen: false };
    let all = judged(BLOCKED, Inet::Blocked).chain(judged(PAST_PORTS, ports)).chain(named);
    all.into_iter().find(|(known, ..)| *known == name).map(|(_, make, inet)| (make, inet))
}
