//! Control messages that no library would write.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends bytes beside a control message, whatever is in it; whether the kernel took it.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], control: &mut [u8]) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: null pointers and zero lengths are a valid, empty message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the message points to `bytes` and `control`, which outlive the call; neither is written.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the kernel pass descriptors on a socket on which we forbade it, as one that is older than
/// 6.16 does. Source: `SO_PASSRIGHTS` in asm-generic/socket.h.
pub fn pass_rights(socket: BorrowedFd<'_>) {
    const SO_PASSRIGHTS: libc::c_int = 83;
    let value: libc::c_int = 1;
    let (pointer, length) = ((&raw const value).cast(), size_of_val(&value) as libc::socklen_t);
    // SAFETY: the kernel reads `length` bytes of `value`, which outlives the call.
    unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, pointer, length);
    }
}
