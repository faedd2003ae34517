//! What is reached for: files, sockets and a process, all of them doctor's own. They go with the
//! value.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use nono::private_tmp::PrivateTmp;
use rustix::process::{PTracer, Pid, getpid, set_ptracer};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use super::child::{Child, drop_capabilities};
use crate::failure::Failure;

/// Where an attempt is made. Each place has the same files, so that one attempt leaves nothing for
/// the next to trip over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Without a sandbox.
    Control,
    /// Without a sandbox and without capabilities.
    Unprivileged,
    /// In the sandbox, at what is not granted.
    Outside,
    /// In the sandbox, at what is granted.
    Granted,
}

impl Place {
    const ALL: [Self; 4] = [Self::Control, Self::Unprivileged, Self::Outside, Self::Granted];

    fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Unprivileged => "unprivileged",
            Self::Outside => "outside",
            Self::Granted => "granted",
        }
    }
}

/// Everything that is reached for.
pub(super) struct Scene {
    directory: PrivateTmp,
    listeners: io::Result<[TcpListener; 2]>,
    unix: io::Result<UnixSockets>,
    outsider: Child,
}

struct UnixSockets {
    _named: Vec<(UnixListener, UnixDatagram)>,
    _abstract: UnixListener,
}

impl Scene {
    pub(super) fn new() -> Result<Self, Failure> {
        let system = |call| move |source: io::Error| Failure::System { call, source };
        let directory = PrivateTmp::new().map_err(Failure::Tmp)?;
        for place in Place::ALL {
            furnish(&directory.path().join(place.name())).map_err(system("write"))?;
        }
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self {
            listeners: listen().and_then(|first| Ok([first, listen()?])),
            unix: unix_sockets(directory.path()),
            outsider: outsider().map_err(system("fork"))?,
            directory,
        })
    }

    /// The directory of a place.
    pub(super) fn directory(&self, place: Place) -> PathBuf {
        self.directory.path().join(place.name())
    }

    /// The port to grant.
    pub(super) fn granted_port(&self) -> u16 {
        // Nobody connects to the other number: without listeners no attempt is made.
        self.listeners.as_ref().map_or(9, |[granted, _]| port(granted))
    }

    /// Why no attempt can be made that needs TCP.
    pub(super) fn tcp_error(&self) -> Option<&io::Error> {
        self.listeners.as_ref().err()
    }

    /// Why no attempt can be made that needs Unix sockets.
    pub(super) fn unix_error(&self) -> Option<&io::Error> {
        self.unix.as_ref().err()
    }

    /// Removes what was made.
    pub(super) fn remove(self) -> Result<(), Failure> {
        self.directory.remove().map_err(Failure::Tmp)
    }
}

fn furnish(directory: &Path) -> io::Result<()> {
    fs::create_dir(directory)?;
    for name in ["from", "to"] {
        fs::create_dir(directory.join(name))?;
    }
    for name in ["file", "gone", "program", "from/moved"] {
        fs::write(directory.join(name), "no program\n")?;
        fs::set_permissions(directory.join(name), Permissions::from_mode(0o600))?;
    }
    fs::set_permissions(directory.join("program"), Permissions::from_mode(0o700))
}

fn unix_sockets(directory: &Path) -> io::Result<UnixSockets> {
    let bind = |place: Place| {
        let directory = directory.join(place.name());
        Ok((
            UnixListener::bind(directory.join("stream"))?,
            UnixDatagram::bind(directory.join("datagram"))?,
        ))
    };
    Ok(UnixSockets {
        _named: Place::ALL.into_iter().map(bind).collect::<io::Result<_>>()?,
        _abstract: UnixListener::bind_addr(&abstract_address(directory)?)?,
    })
}

/// Its name is as random as that of the directory.
fn abstract_address(directory: &Path) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(directory.as_os_str().as_bytes())
}

/// A process that sleeps, and that nothing but a sandbox protects from others of its user: it has no
/// capabilities that they lack, and lets itself be traced where Yama wants to be told so.
/// Source: `PR_SET_PTRACER` of prctl(2).
fn outsider() -> io::Result<Child> {
    let (mut ready, mut says_ready) = io::pipe()?;
    let child = Child::start(|_| {
        // Without capabilities there are none to drop, and without Yama there is nothing to ask for.
        let _ = drop_capabilities();
        let _ = set_ptracer(PTracer::Any);
        let _ = says_ready.write_all(b"x");
        loop {
            std::thread::park();
        }
    })?;
    drop(says_ready);
    let ended =
        |_| io::Error::other("a process ended at its start; are prctl and socketpair allowed?");
    io::Read::read_exact(&mut ready, &mut [0]).map_err(ended)?;
    Ok(child)
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// An attempt's view of the scene.
pub(super) struct At<'a> {
    pub(super) scene: &'a Scene,
    pub(super) place: Place,
    /// A terminal of the child's own, both ends, where the attempt wants one. Left open: the end of
    /// the controlling side would end the child before it answers.
    pub(super) terminal: ManuallyDrop<Option<(OwnedFd, OwnedFd)>>,
}

impl At<'_> {
    /// A file of the place.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.scene.directory(self.place).join(name)
    }

    /// The same for calls that want it in C.
    pub(super) fn c_file(&self, name: &str) -> CString {
        CString::new(self.file(name).as_os_str().as_bytes()).unwrap_or_default()
    }

    /// A port on which the scene listens: the granted one, or the other.
    pub(super) fn port(&self) -> SocketAddrV4 {
        let other = |scene: &Scene| scene.listeners.as_ref().map_or(9, |[_, other]| port(other));
        let granted = self.place == Place::Granted;
        let port = if granted { self.scene.granted_port() } else { other(self.scene) };
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    /// A process: this one, which is in every sandbox of its own, or the one outside.
    pub(super) fn process(&self) -> Pid {
        if self.place == Place::Granted { getpid() } else { self.scene.outsider.pid() }
    }

    /// The abstract socket of the scene.
    pub(super) fn abstract_socket(&self) -> io::Result<SocketAddr> {
        abstract_address(self.scene.directory.path())
    }
}

/// A terminal that is the calling process's own: only there may a program type.
pub(super) fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::process::setsid()?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags)?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    let terminal = ioctl_tiocgptpeer(&controller, flags)?;
    rustix::process::ioctl_tiocsctty(&terminal)?;
    Ok((controller, terminal))
}
