//! What is refused of sockets: in a sandbox without a network, with one port, with Unix sockets.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use nono::Gap;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketAddrUnix, SocketFlags, SocketType, ipproto, netlink,
    sendto, socket_with, socketpair,
};

use super::{By, Need, Protection, met};
use crate::doctor::sandboxes::Kind;
use crate::doctor::scene::At;
use crate::doctor::sys::{self, Met};

/// Source: `MSG_FASTOPEN` of tcp(7).
const FAST_OPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000);
const CLOSED: &[Errno] = &[Errno::ACCESS];
/// By the filter, or for lack of a capability.
const CLOSED_OR_DROPPED: &[Errno] = &[Errno::ACCESS, Errno::PERM];

pub(super) const SOCKETS: &[Protection] = &[
    Protection::seccomp("tcp", "make a TCP socket (no network granted)", CLOSED, |_| {
        make(AddressFamily::INET, SocketType::STREAM, None)
    }),
    Protection::seccomp("udp", "make a UDP socket", CLOSED, |_| {
        make(AddressFamily::INET, SocketType::DGRAM, None)
    }),
    Protection::seccomp("raw", "make a raw socket", CLOSED_OR_DROPPED, |_| {
        make(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))
    }),
    Protection::seccomp("packet", "make a packet socket", CLOSED_OR_DROPPED, |_| {
        make(AddressFamily::PACKET, SocketType::RAW, None)
    })
    .needs(Need::Protocol("PACKET")),
    Protection::seccomp("netlink", "make a netlink socket for device events", CLOSED, |_| {
        make(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::KOBJECT_UEVENT))
    }),
    Protection::seccomp("vsock", "make a socket to the virtual machine's host", CLOSED, |_| {
        make(AddressFamily::VSOCK, SocketType::STREAM, None)
    })
    .needs(Need::Protocol("AF_VSOCK")),
    Protection::landlock("tcp-connect", "connect to a TCP port that is not granted", connect)
        .inside(Kind::Connect)
        .gaps(&[Gap::TcpPorts])
        .needs(Need::Tcp),
    // The port is taken: being told so is being let through, and nothing is bound.
    Protection::landlock("tcp-bind", "bind a TCP port that is not granted", |at| {
        met(TcpListener::bind(at.port()))
    })
    .inside(Kind::Local)
    .passed(&[Errno::ADDRINUSE])
    .gaps(&[Gap::TcpPorts])
    .needs(Need::Tcp),
    Protection::seccomp("mptcp", "connect past the port rules by MPTCP", CLOSED, |_| {
        make(AddressFamily::INET, SocketType::STREAM, Some(ipproto::MPTCP))
    })
    .inside(Kind::Connect)
    .needs(Need::Protocol("MPTCP")),
    Protection::seccomp(
        "fast-open",
        "connect past the port rules by Fast Open",
        NO_FAST_OPEN,
        |at| {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, CLOEXEC, None)?;
            sendto(socket, b"x", FAST_OPEN, &at.port()).map(drop)
        },
    )
    .inside(Kind::Connect)
    .needs(Need::Tcp),
    Protection::seccomp("listen", "listen with no port to listen on granted", CLOSED, |_| {
        sys::call(libc::SYS_listen, [u32::MAX, 1, 0, 0])
    })
    .inside(Kind::Connect)
    .passed(&[Errno::BADF]),
    Protection::seccomp("listen-unbound", "listen on any port with one granted", CLOSED, |_| {
        sys::call(libc::SYS_listen, [u32::MAX, 1, 0, 0])
    })
    .inside(Kind::Local)
    .passed(&[Errno::BADF])
    .gaps(&[Gap::ListenUnbound]),
    // Nobody listens there, and to be told so is to be let through.
    Protection::landlock("loopback-only", "connect to the granted port of another address", |at| {
        let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
        met(TcpStream::connect(SocketAddrV4::new(elsewhere, at.scene.granted_port())))
    })
    .inside(Kind::Local)
    .passed(&[Errno::CONNREFUSED])
    .never_granted()
    .gaps(&[Gap::LoopbackOnly])
    .needs(Need::Tcp),
    Protection::landlock("unix-paths", "connect to a Unix socket by its path", |at| {
        met(UnixStream::connect(at.file("stream")))
    })
    .by(By::LandlockFrom(9))
    .granted_from(9)
    .needs(Need::Unix),
    Protection::landlock("unix-datagrams", "send to a Unix socket by its path", |at| {
        let (kind, flags) = (SocketType::DGRAM, CLOEXEC);
        let (socket, _peer) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        let address = SocketAddrUnix::new(at.file("datagram"))?;
        sendto(socket, b"x", SendFlags::empty(), &address).map(drop)
    })
    .by(By::LandlockFrom(9))
    .granted_from(9)
    .needs(Need::Unix),
    Protection::landlock(
        "allow-unix",
        "connect to a Unix socket by its path with --allow-unix",
        |at| met(UnixStream::connect(at.file("stream"))),
    )
    .inside(Kind::Unix)
    .never_granted()
    .gaps(&[Gap::UnixPaths])
    .needs(Need::Unix),
    Protection::landlock("abstract-unix", "connect to an abstract Unix socket", |at| {
        met(at.abstract_socket().and_then(|address| UnixStream::connect_addr(&address)))
    })
    .inside(Kind::Unix)
    .refused(&[Errno::PERM])
    .never_granted()
    .gaps(&[Gap::AbstractUnix])
    .needs(Need::Unix),
];

const CLOEXEC: SocketFlags = SocketFlags::CLOEXEC;
const NO_FAST_OPEN: &[Errno] = &[Errno::OPNOTSUPP];

fn make(family: AddressFamily, kind: SocketType, protocol: Option<Protocol>) -> Met {
    socket_with(family, kind, CLOEXEC, protocol).map(drop)
}

fn connect(at: &At<'_>) -> Met {
    met(TcpStream::connect(at.port()))
}
