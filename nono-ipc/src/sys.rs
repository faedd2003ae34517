//! What rustix does not offer as it is needed here.
//!
//! It holds a process id as a number that cannot be 0, which is what the kernel reports for a sender
//! outside of our pid namespace; so credentials are read here, as plain numbers.
#![allow(unsafe_code)]

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::peer::Sender;

/// What a receive has room for beside bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Nothing: a descriptor is dropped by the kernel.
    Nothing,
    /// The credentials of the sender and no descriptor.
    Sender,
    /// One descriptor. (Alignment leaves room for a second on some systems: it is received, and an
    /// error.)
    Descriptor,
}

/// What one receive brought beside bytes.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// The first descriptor, close-on-exec.
    pub(crate) descriptor: Option<OwnedFd>,
    /// How many came. All but the first are closed already.
    pub(crate) count: usize,
    /// Who sent the bytes.
    pub(crate) sender: Option<Sender>,
    /// There was more than there was room for.
    pub(crate) truncated: bool,
}

/// Room for the largest control message that is received, aligned as one.
#[repr(C, align(8))]
struct ControlBuffer([u8; 64]);

const INT: usize = size_of::<libc::c_int>();

/// Receives bytes, and what comes beside them; waits for them if `wait`. `Ok(0)` is the end.
/// Source: recvmsg(2), unix(7), cmsg(3).
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    space: &mut [u8],
    room: Room,
    wait: bool,
) -> Result<(usize, Control), Errno> {
    let mut buffer = ControlBuffer([0; 64]);
    let mut part = libc::iovec { iov_base: space.as_mut_ptr().cast(), iov_len: space.len() };
    let mut message = empty_message();
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut buffer).cast();
    message.msg_controllen = room.size() as _;
    let flags = CLOSE_ON_EXEC | if wait { 0 } else { libc::MSG_DONTWAIT };
    // SAFETY: the message points to `space` and to `buffer`, with their lengths; both outlive the call.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    let length = usize::try_from(received).map_err(|_| last_error())?;
    #[allow(clippy::useless_conversion)] // Its type differs between systems.
    let used = usize::try_from(message.msg_controllen).unwrap_or(0).min(buffer.0.len());
    let mut control = parse(&buffer.0[..used]);
    control.truncated = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok((length, control))
}

impl Room {
    fn size(self) -> usize {
        match self {
            Self::Sender if CREDENTIALS > 0 => header_size() + align(CREDENTIALS),
            Self::Descriptor => header_size() + align(INT),
            Self::Nothing | Self::Sender => 0,
        }
    }
}

/// Where the next part of a control message may begin.
fn align(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

fn header_size() -> usize {
    align(size_of::<libc::cmsghdr>())
}

#[cfg(not(target_vendor = "apple"))]
const ALIGNMENT: usize = size_of::<usize>();
#[cfg(target_vendor = "apple")]
const ALIGNMENT: usize = size_of::<u32>();

/// Takes a control message apart. Every descriptor in it is owned by the result, or closed.
fn parse(mut bytes: &[u8]) -> Control {
    let mut control = Control::default();
    while let Some((length, level, kind)) = header(bytes) {
        let whole = length.min(bytes.len());
        let data = bytes.get(header_size()..whole).unwrap_or_default();
        if level == libc::SOL_SOCKET && kind == libc::SCM_RIGHTS {
            for descriptor in data.chunks_exact(INT).map(descriptor) {
                control.count += 1;
                control.descriptor.get_or_insert(descriptor);
            }
        } else if level == libc::SOL_SOCKET {
            control.sender = sender(kind, data).or(control.sender);
        }
        bytes = bytes.get(align(whole).max(1)..).unwrap_or_default();
    }
    control
}

/// The length, level and type of the control message that begins here.
fn header(bytes: &[u8]) -> Option<(usize, libc::c_int, libc::c_int)> {
    let at = |offset: usize| {
        let bytes = bytes.get(offset..offset + INT)?;
        Some(libc::c_int::from_ne_bytes(bytes.try_into().ok()?))
    };
    let length = header_length(bytes)?;
    let level = at(offset_of!(libc::cmsghdr, cmsg_level))?;
    let kind = at(offset_of!(libc::cmsghdr, cmsg_type))?;
    (length >= header_size()).then_some((length, level, kind))
}

#[cfg(not(target_vendor = "apple"))]
fn header_length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|bytes| usize::from_ne_bytes(*bytes))
}

#[cfg(target_vendor = "apple")]
fn header_length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().and_then(|bytes| usize::try_from(u32::from_ne_bytes(*bytes)).ok())
}

fn descriptor(bytes: &[u8]) -> OwnedFd {
    let number = bytes.first_chunk().map_or(-1, |bytes| RawFd::from_ne_bytes(*bytes));
    // SAFETY: the kernel has just installed this descriptor for the message, and nobody else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    close_on_exec(&descriptor);
    descriptor
}

/// Whether calls on a socket wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// They do.
    Yes,
    /// They fail with `EAGAIN`.
    No,
}

#[cfg(not(target_vendor = "apple"))]
mod platform {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, socket_with};

    use super::*;

    /// A Unix stream socket, close-on-exec.
    pub(crate) fn stream_socket(blocking: Blocking) -> Result<OwnedFd, Errno> {
        let flags = match blocking {
            Blocking::Yes => SocketFlags::empty(),
            Blocking::No => SocketFlags::NONBLOCK,
        };
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)
    }

    /// Accepts a connection, close-on-exec.
    pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
        accept_with(listener, SocketFlags::CLOEXEC)
    }

    pub(super) const CLOSE_ON_EXEC: libc::c_int = libc::MSG_CMSG_CLOEXEC;
    pub(super) const CREDENTIALS: usize = size_of::<libc::ucred>();
    /// Linux 6.16, asm-generic/socket.h.
    const SO_PASSRIGHTS: libc::c_int = 83;
    /// Linux 6.5, asm-generic/socket.h.
    const SO_PEERPIDFD: libc::c_int = 77;

    /// The receive has set it already.
    pub(super) fn close_on_exec(_: &OwnedFd) {}

    /// Who sent a message, if the control message says so.
    pub(super) fn sender(kind: libc::c_int, data: &[u8]) -> Option<Sender> {
        let at = |index: usize| data.get(index * INT..)?.first_chunk::<INT>();
        if kind != libc::SCM_CREDENTIALS {
            return None;
        }
        Some(Sender {
            pid: u32::from_ne_bytes(*at(0)?),
            uid: u32::from_ne_bytes(*at(1)?),
            gid: u32::from_ne_bytes(*at(2)?),
        })
    }

    /// Asks the kernel to name the sender of every message, and to refuse descriptors where it can.
    pub(crate) fn name_senders(socket: BorrowedFd<'_>) -> Result<(), Errno> {
        set_option(socket, libc::SO_PASSCRED, 1)?;
        // Kernels below 6.16 do not know it: there the descriptors are dropped on receipt.
        let _ = set_option(socket, SO_PASSRIGHTS, 0);
        Ok(())
    }

    /// Undoes [`name_senders`], for a socket whose messages come without room for a sender.
    pub(crate) fn name_nobody(socket: BorrowedFd<'_>) -> Result<(), Errno> {
        set_option(socket, libc::SO_PASSCRED, 0)?;
        // As above.
        let _ = set_option(socket, SO_PASSRIGHTS, 1);
        Ok(())
    }

    /// Who made the other end. Source: `SO_PEERCRED` in unix(7).
    pub(crate) fn peer(socket: BorrowedFd<'_>) -> Result<Sender, Errno> {
        let mut words = [0_u32; 3];
        option(socket, libc::SO_PEERCRED, &mut words)?;
        let [pid, uid, gid] = words;
        Ok(Sender { pid, uid, gid })
    }

    /// A handle on the process that made the other end, bound to it whatever becomes of its number;
    /// `None` where the kernel (below 6.5) has none. Source: linux/net/core/sock.c.
    pub(crate) fn peer_pidfd(socket: BorrowedFd<'_>) -> Option<OwnedFd> {
        let mut words = [0_u32; 1];
        option(socket, SO_PEERPIDFD, &mut words).ok()?;
        let number = RawFd::try_from(words[0]).ok()?;
        // SAFETY: the kernel has just opened this descriptor for us, and nobody else has it.
        Some(unsafe { OwnedFd::from_raw_fd(number) })
    }

    fn option<const N: usize>(
        socket: BorrowedFd<'_>,
        name: libc::c_int,
        words: &mut [u32; N],
    ) -> Result<(), Errno> {
        let size = size_of::<[u32; N]>();
        let mut length = libc::socklen_t::try_from(size).map_err(|_| Errno::INVAL)?;
        let (fd, value) = (socket.as_raw_fd(), words.as_mut_ptr().cast());
        // SAFETY: the kernel writes at most `length` bytes to `words`, which is as long.
        let answer =
            unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, value, &raw mut length) };
        if answer == 0 { Ok(()) } else { Err(last_error()) }
    }

    /// Nothing to do: every send says so itself.
    pub(crate) fn never_signal(_: BorrowedFd<'_>) -> Result<(), Errno> {
        Ok(())
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use rustix::net::{AddressFamily, SocketType, socket};

    use super::*;

    /// A Unix stream socket, close-on-exec a moment later: the system cannot do both at once.
    pub(crate) fn stream_socket(blocking: Blocking) -> Result<OwnedFd, Errno> {
        let made = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        close_on_exec(&made);
        rustix::io::ioctl_fionbio(&made, blocking == Blocking::No)?;
        Ok(made)
    }

    /// Accepts a connection, close-on-exec a moment later.
    pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
        let accepted = rustix::net::accept(listener)?;
        close_on_exec(&accepted);
        Ok(accepted)
    }

    pub(super) const CLOSE_ON_EXEC: libc::c_int = 0;
    /// No credentials come with messages; the room is for nothing.
    pub(super) const CREDENTIALS: usize = 0;

    pub(super) fn close_on_exec(descriptor: &OwnedFd) {
        // It is valid and ours, so this cannot fail.
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }

    pub(super) fn sender(_: libc::c_int, _: &[u8]) -> Option<Sender> {
        None
    }

    /// Messages carry no credentials here: the peer of the connection stands for its sender.
    pub(crate) fn name_senders(_: BorrowedFd<'_>) -> Result<(), Errno> {
        Ok(())
    }

    pub(crate) fn name_nobody(_: BorrowedFd<'_>) -> Result<(), Errno> {
        Ok(())
    }

    /// Who made the other end. Source: `LOCAL_PEERPID` in sys/un.h, getpeereid(3).
    pub(crate) fn peer(socket: BorrowedFd<'_>) -> Result<Sender, Errno> {
        let (mut uid, mut gid, mut pid) = (0, 0, 0_u32);
        let fd = socket.as_raw_fd();
        // SAFETY: the call writes two numbers that outlive it.
        if unsafe { libc::getpeereid(fd, &raw mut uid, &raw mut gid) } != 0 {
            return Err(last_error());
        }
        let mut length = libc::socklen_t::try_from(INT).map_err(|_| Errno::INVAL)?;
        let value = (&raw mut pid).cast();
        // SAFETY: the kernel writes at most `length` bytes to `pid`, which is as long.
        let answer = unsafe {
            libc::getsockopt(fd, libc::SOL_LOCAL, libc::LOCAL_PEERPID, value, &raw mut length)
        };
        if answer == 0 { Ok(Sender { pid, uid, gid }) } else { Err(last_error()) }
    }

    pub(crate) fn peer_pidfd(_: BorrowedFd<'_>) -> Option<OwnedFd> {
        None
    }

    /// A send to a peer that is gone is an error and no `SIGPIPE`.
    pub(crate) fn never_signal(socket: BorrowedFd<'_>) -> Result<(), Errno> {
        rustix::net::sockopt::set_socket_nosigpipe(socket, true)
    }
}

use platform::{CLOSE_ON_EXEC, CREDENTIALS, close_on_exec, sender};
pub(crate) use platform::{
    accept, name_nobody, name_senders, never_signal, peer, peer_pidfd, stream_socket,
};

#[cfg(not(target_vendor = "apple"))]
fn set_option(socket: BorrowedFd<'_>, name: libc::c_int, value: libc::c_int) -> Result<(), Errno> {
    let length = libc::socklen_t::try_from(INT).map_err(|_| Errno::INVAL)?;
    let (fd, value) = (socket.as_raw_fd(), &raw const value);
    // SAFETY: the kernel reads `length` bytes of `value`, which is as long and outlives the call.
    let answer = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, name, value.cast(), length) };
    if answer == 0 { Ok(()) } else { Err(last_error()) }
}

/// A message without parts, an address or a control message.
fn empty_message() -> libc::msghdr {
    // SAFETY: null pointers and zero lengths are a valid, empty message.
    unsafe { std::mem::zeroed() }
}

/// Whether a descriptor is a Unix socket of some kind.
pub(crate) fn is_unix(socket: BorrowedFd<'_>) -> bool {
    rustix::net::getsockname(socket)
        .is_ok_and(|name| name.address_family() == rustix::net::AddressFamily::UNIX)
}

/// Lends the descriptor of a number. The caller of the public operation that takes one promises that
/// it is open, as the operation's documentation says; a number that cannot be one is an error.
pub(crate) fn borrow<'a>(number: RawFd) -> Result<BorrowedFd<'a>, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the number is not -1; where nothing is open the kernel says so.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_message_cut_anywhere_gives_no_descriptor_that_is_not_in_it() {
        let mut message = vec![0; header_size() + align(INT)];
        let end = message.len();
        message[..size_of::<usize>()].copy_from_slice(&end.to_ne_bytes());
        for cut in 0..header_size() {
            assert!(parse(&message[..cut]).descriptor.is_none());
        }
        // Of another level: nothing is taken from it, and the walk ends.
        assert!(parse(&message).descriptor.is_none() && parse(&message).sender.is_none());
        message[..size_of::<usize>()].copy_from_slice(&usize::MAX.to_ne_bytes());
        assert!(parse(&message).descriptor.is_none());
    }
}
