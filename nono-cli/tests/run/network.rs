//! What is left of the network: every kind of socket is tried by a program inside.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Tree, nono_run, outcome, probe, program, run};

/// The program that tries, and sockets of the test for it to reach.
struct Scene {
    tree: Tree,
    probe: PathBuf,
    v4: TcpListener,
    other: TcpListener,
    v6: Option<TcpListener>,
    udp: UdpSocket,
    _path: UnixListener,
    _abstract: UnixListener,
}

impl Scene {
    fn new() -> Option<Self> {
        let tree = Tree::new();
        let probe = probe(&tree, "network", include_str!("probes/network.c"))?;
        let (v4, other) = far_apart();
        let name = SocketAddr::from_abstract_name(tree.word("abstract")).unwrap();
        Some(Self {
            probe,
            v4,
            other,
            v6: TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).ok(),
            udp: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            _path: UnixListener::bind(tree.directory("sockets").join("path")).unwrap(),
            _abstract: UnixListener::bind_addr(&name).unwrap(),
            tree,
        })
    }

    fn port(&self) -> u16 {
        self.v4.local_addr().unwrap().port()
    }

    fn other_port(&self) -> u16 {
        self.other.local_addr().unwrap().port()
    }

    /// The words of the probe, with where this scene listens.
    fn word(&self, attempt: &str) -> String {
        let at = match attempt {
            "tcp6" => self.v6.as_ref().map_or(0, |v6| v6.local_addr().unwrap().port()).to_string(),
            "udp4" | "udp6" => self.udp.local_addr().unwrap().port().to_string(),
            "path" => self.tree.word("sockets/path"),
            "abstract" => self.tree.word("abstract"),
            _ => self.port().to_string(),
        };
        format!("{attempt}:{at}")
    }

    /// What the attempts come to under nono with these flags: a line each, the name and the end.
    #[track_caller]
    fn inside(&self, flags: &[&str], attempts: &[&str]) -> Vec<String> {
        let mut command = nono_run(flags);
        command.arg("--").arg(&self.probe);
        self.lines(&mut command, attempts)
    }

    /// The same without nono.
    #[track_caller]
    fn outside(&self, attempts: &[&str]) -> Vec<String> {
        self.lines(&mut Command::new(&self.probe), attempts)
    }

    #[track_caller]
    fn lines(&self, command: &mut Command, attempts: &[&str]) -> Vec<String> {
        let words = attempts.iter().map(|attempt| {
            if attempt.contains(':') { (*attempt).to_owned() } else { self.word(attempt) }
        });
        outcome(command.args(words)).text().lines().map(str::to_owned).collect()
    }
}

/// Two listeners, with more than a few ports between theirs.
fn far_apart() -> (TcpListener, TcpListener) {
    let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let one = listener();
    let mut others = std::iter::repeat_with(listener);
    let other = others.find(|other| port(other).abs_diff(port(&one)) > 8).unwrap();
    (one, other)
}

/// Each attempt with the same end.
fn all(attempts: &[&str], end: &str) -> Vec<String> {
    attempts.iter().map(|attempt| format!("{attempt} {end}")).collect()
}

/// Attempts that work on any machine with a loopback interface, and for every user.
const EVERYWHERE: &[&str] = &["tcp4", "udp4", "listen", "bind"];

/// Attempts that need a part of the kernel, or a right, that may be missing.
const SOMEWHERE: &[&str] = &[
    "tcp6",
    "udp6",
    "mptcp",
    "sctp",
    "fast-open-sendto",
    "fast-open-sendmsg",
    "fast-open-sendmmsg",
    "fast-open-connect",
    "upper-protocol",
    "raw4",
    "raw6",
    "packet",
    "vsock",
    "kernel-crypto",
    "netlink-uevent",
    "netlink-audit",
    "netlink-netfilter",
    "netlink-generic",
];

#[test]
fn a_blocked_network_refuses_every_kind_of_socket() {
    let Some(scene) = Scene::new() else { return };
    for flags in [&["--net-block"][..], &["--net-block", "--allow-unix"]] {
        for attempts in [EVERYWHERE, SOMEWHERE] {
            assert_eq!(scene.inside(flags, attempts), all(attempts, "EACCES"));
        }
    }
}

#[test]
fn a_network_that_is_not_blocked_is_the_machines_own() {
    let Some(scene) = Scene::new() else { return };
    assert_eq!(scene.inside(&[], EVERYWHERE), all(EVERYWHERE, "OK"));
    // What root alone may do is gone with the capabilities, whatever the network.
    let privileged = ["raw4", "raw6", "packet"];
    let attempts: Vec<_> =
        SOMEWHERE.iter().copied().filter(|attempt| !privileged.contains(attempt)).collect();
    assert_eq!(scene.inside(&[], &attempts), scene.outside(&attempts));
    assert_eq!(scene.inside(&[], &privileged), all(&privileged, "EPERM"));
}

#[test]
fn a_blocked_network_leaves_reading_the_routes_and_not_writing_them() {
    let Some(scene) = Scene::new() else { return };
    let attempts = ["route-read", "route-write"];
    let ends = ["route-read OK", "route-write EPERM"];
    for flags in [&["--net-block"][..], &["--allow-connect", "53"], &[]] {
        assert_eq!(scene.inside(flags, &attempts), ends, "{flags:?}");
    }
    if rustix::process::geteuid().is_root() {
        // There is no such interface: the request is one that is heard where the right is kept.
        let kept = scene.inside(&["--keep-cap", "NET_ADMIN"], &attempts);
        assert_eq!(kept, ["route-read OK", "route-write ENODEV"]);
    }
}

#[test]
fn unix_sockets_are_refused_but_for_connected_pairs() {
    let Some(scene) = Scene::new() else { return };
    let sockets = scene.tree.word("sockets");
    let attempts = ["path", "abstract", "pair-datagram", "pair-stream", "pair-seqpacket"];
    let ends = [
        "path EACCES",
        "abstract EACCES",
        "pair-datagram EACCES",
        "pair-stream OK",
        "pair-seqpacket OK",
    ];
    assert_eq!(scene.outside(&attempts), all(&attempts, "OK"));
    for network in [&[][..], &["--net-block"], &["--allow-connect", "53"]] {
        let flags = [network, &["--allow", &sockets]].concat();
        assert_eq!(scene.inside(&flags, &attempts), ends, "{flags:?}");
    }
}

#[test]
fn allowed_unix_sockets_reach_paths_and_no_abstract_name_outside() {
    let Some(scene) = Scene::new() else { return };
    let sockets = scene.tree.word("sockets");
    let attempts = ["path", "abstract", "pair-datagram", "pair-stream"];
    let ends = ["path OK", "abstract EPERM", "pair-datagram OK", "pair-stream OK"];
    for network in [&[][..], &["--net-block"], &["--allow-connect", "53"]] {
        let flags = [network, &["--allow-unix", "--allow", &sockets]].concat();
        assert_eq!(scene.inside(&flags, &attempts), ends, "{flags:?}");
    }
}

#[test]
fn an_allowed_port_is_the_only_one_that_connects() {
    let Some(scene) = Scene::new() else { return };
    let (port, other) = (scene.port(), scene.other_port());
    let attempts = [format!("tcp4:{port}"), format!("tcp4:{other}"), format!("tcp6:{other}")];
    let attempts = attempts.each_ref().map(String::as_str);
    let granted = |ports: &str| scene.inside(&["--allow-connect", ports], &attempts);

    let one = ["tcp4 OK", "tcp4 EACCES", "tcp6 EACCES"];
    for ports in [format!("{port}"), format!("{port}-{}", port + 3), format!("{}-{port}", port - 3)]
    {
        assert_eq!(granted(&ports), one, "{ports}");
    }
    for ports in [format!("{}-{}", port + 1, port + 3), format!("{}-{}", port - 3, port - 1)] {
        assert_eq!(granted(&ports), all(&["tcp4", "tcp4", "tcp6"], "EACCES"), "{ports}");
    }
    assert_eq!(granted(&other.to_string())[..2], ["tcp4 EACCES", "tcp4 OK"]);
    assert_eq!(granted("1-65535")[..2], ["tcp4 OK", "tcp4 OK"]);
    let both = [&port.to_string()[..], &other.to_string()];
    let flags = ["--allow-connect", both[0], "--allow-connect", both[1]];
    assert_eq!(scene.inside(&flags, &attempts)[..2], ["tcp4 OK", "tcp4 OK"]);
}

#[test]
fn an_allowed_port_opens_no_way_around_it() {
    let Some(scene) = Scene::new() else { return };
    let other = scene.other_port();
    let past = ["fast-open-sendto", "fast-open-sendmsg", "fast-open-sendmmsg"];
    let past = [&past[..], &["fast-open-connect", "upper-protocol"]].concat();
    let words: Vec<_> = past.iter().map(|name| format!("{name}:{other}")).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    for ports in [scene.port().to_string(), "1-65535".to_owned()] {
        let flags = ["--allow-connect", ports.as_str()];
        let refused = ["udp4", "udp6", "mptcp", "sctp", "listen", "raw4", "raw6", "packet"];
        assert_eq!(scene.inside(&flags, &refused), all(&refused, "EACCES"), "{ports}");
        let refused = ["vsock", "netlink-netfilter", "netlink-generic", "kernel-crypto", "bind"];
        assert_eq!(scene.inside(&flags, &refused), all(&refused, "EACCES"), "{ports}");
        assert_eq!(scene.inside(&flags, &words), all(&past, "EOPNOTSUPP"), "{ports}");
    }
}

#[test]
fn one_warning_says_that_names_are_not_looked_up_unless_their_port_is_granted() {
    let warnings = |flags: &[&str]| {
        let said = run(&[flags, &["--", "true"]].concat()).said();
        said.lines().filter(|line| line.contains("host names")).count()
    };
    assert_eq!(warnings(&["--allow-connect", "443"]), 1);
    assert_eq!(warnings(&["--allow-connect", "443", "--allow-connect", "8000-8999"]), 1);
    assert_eq!(warnings(&["--allow-connect", "443", "--allow-connect", "53"]), 0);
    assert_eq!(warnings(&["--allow-connect", "1-100"]), 0);
    assert_eq!(warnings(&["--net-block"]), 0);
    assert_eq!(warnings(&[]), 0);
}

#[test]
fn a_port_to_listen_on_is_125_and_names_the_gap() {
    let ended = run(&["--allow-bind", "8080", "--", "echo", "started"]);
    assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]));
    let said = ended.said();
    assert!(said.starts_with("nono: error: listen-unbound"), "{said}");
    assert!(said.contains("--allow-gap listen-unbound") && said.lines().count() == 1, "{said}");
}

#[test]
fn with_the_gap_allowed_a_port_is_the_only_one_to_listen_on() {
    let Some(scene) = Scene::new() else { return };
    // The probe has these ports of another address to itself.
    let (port, other) = (scene.port(), scene.other_port());
    let (bound, not_bound) = (format!("bind-and-listen:{port}"), format!("bind:{other}"));
    let attempts = [bound.as_str(), &not_bound, "tcp4", "udp4", "mptcp", "fast-open-sendto"];
    for ports in [format!("{port}"), format!("{port}-{}", port + 3)] {
        let flags = ["--allow-gap", "listen-unbound", "--allow-bind", &ports];
        let ends = scene.inside(&flags, &attempts);
        assert_eq!(ends[..4], ["bind-and-listen OK", "bind EACCES", "tcp4 EACCES", "udp4 EACCES"]);
        assert_eq!(ends[4..], ["mptcp EACCES", "fast-open-sendto EOPNOTSUPP"]);
    }
}

/// Runs a command with the network blocked, and gives what it wrote.
#[track_caller]
fn blocked(flags: &[&str], program: &Path, arguments: &[&str]) -> String {
    let mut command = nono_run(&["--net-block"]);
    outcome(command.args(flags).arg("--").arg(program).args(arguments)).text().to_owned()
}

/// The interpreter itself, whatever starts it, and the directory with its library.
fn python() -> Option<(PathBuf, String)> {
    let script = "import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)";
    let asked = outcome(Command::new(program("python3")?).args(["-c", script]));
    let (executable, prefix) = asked.text().trim().split_once('\n').unwrap();
    Some((executable.into(), prefix.to_owned()))
}

#[test]
fn python_runs_with_the_network_blocked_and_finds_it_so() {
    let Some((python, prefix)) = python() else { return };
    let script = "
import asyncio, socket, subprocess, threading
asyncio.run(asyncio.sleep(0))
thread = threading.Thread(target=lambda: subprocess.run(['echo', 'ran'], check=True))
thread.start(); thread.join()
try: socket.socket()
except PermissionError: print('blocked')";
    assert_eq!(blocked(&["--read", &prefix], &python, &["-c", script]), "ran\nblocked\n");
}

#[test]
fn node_runs_with_the_network_blocked_and_finds_it_so() {
    let Some(node) = program("node") else { return };
    let script = "
const { execFile } = require('child_process');
execFile('echo', ['ran'], (error, out) => {
    process.stdout.write(error ? String(error) : out);
    require('net').connect(1, '127.0.0.1').on('error', ({ code }) => console.log(code));
});";
    assert_eq!(blocked(&[], &node, &["-e", script]), "ran\nEACCES\n");
}

#[test]
fn a_static_program_runs_with_the_network_blocked() {
    let Some(compiler) = program("cc") else { return };
    let tree = Tree::new();
    let file = tree.file("static.c", "#include <stdio.h>\nint main() { puts(\"ran\"); }\n");
    let mut command = Command::new(compiler);
    let compiled = outcome(command.args(["-static", "-o"]).arg(tree.at("static")).arg(file));
    assert!(compiled.succeeded(), "{}", compiled.said());
    assert_eq!(blocked(&[], &tree.at("static"), &[]), "ran\n");
}

#[test]
fn a_terminal_is_made_with_the_network_blocked() {
    let Some((python, prefix)) = python() else { return };
    let script = "import pty; pty.spawn(['sh', '-c', 'test -t 0 && echo ran'])";
    let flags = ["--allow-pty", "--read", &prefix];
    assert_eq!(blocked(&flags, &python, &["-c", script]), "ran\r\n");
}
