//! What is refused of the kernel's interfaces, wherever the program is. Each attempt ends before it
//! changes anything, should it not be refused: arguments are null, of no size or of no meaning.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::{Need, Protection};
use crate::doctor::scene::At;
use crate::doctor::sys::{self, Met};

const PERM: &[Errno] = &[Errno::PERM];
const NOSYS: &[Errno] = &[Errno::NOSYS];
const CLONE_NEWUSER: u32 = 0x1000_0000;
/// `KEYCTL_GET_KEYRING_ID` of the session's key ring (-3), which is not to be made (0). keyctl(2).
const SESSION_KEYRING: [u32; 4] = [0, (-3_i32).cast_unsigned(), 0, 0];
/// A command that no version of bpf(2) has.
const NO_COMMAND: u32 = 0xffff;
/// `UFFD_USER_MODE_ONLY`, which everybody may ask for, and a flag that does not exist.
const USERFAULTFD_FLAGS: u32 = 1 | 1 << 30;
/// `CLOCK_REALTIME`.
const REALTIME: u32 = 0;

pub(super) const KERNEL: &[Protection] = &[
    Protection::seccomp("terminal-input", "type into the terminal (TIOCSTI)", PERM, |at| {
        ioctl(at, libc::TIOCSTI)
    })
    .needs(Need::Terminal),
    Protection::seccomp("console-paste", "paste into the console (TIOCLINUX)", PERM, |at| {
        ioctl(at, libc::TIOCLINUX)
    })
    .passed(&[Errno::NOTTY, Errno::INVAL])
    .needs(Need::Terminal),
    Protection::seccomp("io-uring", "set up io_uring", NOSYS, |_| {
        sys::call(libc::SYS_io_uring_setup, [0; 4])
    })
    .passed(&[Errno::FAULT, Errno::INVAL]),
    Protection::seccomp("user-namespaces", "make a user namespace", PERM, |_| {
        sys::call(libc::SYS_unshare, [CLONE_NEWUSER, 0, 0, 0])
    }),
    Protection::seccomp("clone3", "clone with flags unseen by filters", NOSYS, |_| {
        sys::call(libc::SYS_clone3, [0; 4])
    })
    .passed(&[Errno::INVAL]),
    Protection::seccomp("namespaces", "enter a namespace", PERM, |_| {
        sys::call(libc::SYS_setns, [u32::MAX, 0, 0, 0])
    })
    .passed(&[Errno::BADF]),
    Protection::seccomp("mount", "mount a file system", PERM, |_| {
        sys::call(libc::SYS_mount, [0; 4])
    })
    .passed(&[Errno::FAULT]),
    Protection::seccomp("mount-attributes", "change a mount", PERM, |_| {
        sys::call(libc::SYS_mount_setattr, [0; 4])
    })
    .passed(&[Errno::INVAL, Errno::FAULT]),
    Protection::seccomp("key-rings", "use the kernel's key rings", PERM, |_| {
        sys::call(libc::SYS_keyctl, SESSION_KEYRING)
    })
    .passed(&[Errno::NOKEY]),
    Protection::seccomp("bpf", "load a BPF program", PERM, |_| {
        sys::call(libc::SYS_bpf, [NO_COMMAND, 0, 0, 0])
    })
    .passed(&[Errno::INVAL, Errno::FAULT]),
    Protection::seccomp("perf", "open a performance counter", PERM, |_| {
        sys::call(libc::SYS_perf_event_open, [0; 4])
    })
    .passed(&[Errno::FAULT, Errno::INVAL]),
    Protection::seccomp("userfaultfd", "hold page faults", PERM, |_| {
        sys::call(libc::SYS_userfaultfd, [USERFAULTFD_FLAGS, 0, 0, 0])
    })
    .passed(&[Errno::INVAL]),
    Protection::seccomp("modules", "remove a kernel module", PERM, |_| {
        sys::call(libc::SYS_delete_module, [0; 4])
    })
    .passed(&[Errno::FAULT])
    .needs(Need::Root),
    Protection::seccomp("reboot", "restart the machine", PERM, |_| {
        sys::call(libc::SYS_reboot, [0; 4])
    })
    .passed(&[Errno::INVAL])
    .needs(Need::Root),
    Protection::seccomp("swap", "stop swapping to a file", PERM, |_| {
        sys::call(libc::SYS_swapoff, [0; 4])
    })
    .passed(&[Errno::FAULT])
    .needs(Need::Root),
    Protection::seccomp("clock", "set the clock", PERM, |_| {
        sys::call(libc::SYS_clock_settime, [REALTIME, 0, 0, 0])
    })
    .passed(&[Errno::FAULT]),
    Protection::seccomp("foreign-calls", "call by the 32-bit interface", NOSYS, |_| {
        sys::call_as_i386()
    }),
];

fn ioctl(at: &At<'_>, request: libc::Ioctl) -> Met {
    let (_, terminal) = at.terminal.as_ref().ok_or(Errno::NODEV)?;
    sys::ioctl(terminal.as_fd(), request)
}
