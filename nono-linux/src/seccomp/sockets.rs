//! Which sockets can be made: what Landlock's port rules do not see is closed by family and type.

use super::rule::{Action, Arg, Condition, Errno, Rule};
use super::syscalls::Syscall;
use super::table as nr;

/// What the sandbox grants of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketPolicy {
    /// The network beyond Unix sockets.
    pub inet: Inet,
    /// Whether Unix sockets may be made. They reach every path-named socket of the user, whatever
    /// the grants, where Landlock's ABI is below 9.
    pub unix: bool,
}

/// What the sandbox grants of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inet {
    /// Everything.
    Any,
    /// Nothing: no socket can be made but for reading the routing table.
    Blocked,
    /// TCP alone; Landlock judges the ports of connect and bind.
    TcpPorts {
        /// Whether listen is left. It takes a port of the kernel's choice on a socket that was not
        /// bound, which no port rule sees; without it no Unix socket can listen either.
        listen: bool,
    },
}

// asm-generic and linux uapi headers; the same on both architectures.
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const SOCK_SEQPACKET: u32 = 5;
const SOCK_NONBLOCK: u32 = 0o4000;
const SOCK_CLOEXEC: u32 = 0o2_000_000;
const NETLINK_ROUTE: u32 = 0;
const IPPROTO_DEFAULT: u32 = 0;
const IPPROTO_TCP: u32 = 6;
const TCP_FASTOPEN_CONNECT: u32 = 30;
const TCP_ULP: u32 = 31;
const MSG_FASTOPEN: u32 = 0x2000_0000;

impl SocketPolicy {
    /// The rules of this policy, most specific first.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let mut rules = self.families();
        rules.extend(self.pairs());
        if let Inet::TcpPorts { listen } = self.inet {
            rules.extend(past_ports());
            if !listen {
                rules.push(refuse(nr::LISTEN, &[], Errno::EACCES));
            }
        }
        rules
    }

    /// `socket`: an allow list where the network is restricted, since families are many (packet,
    /// vsock, Bluetooth, SMC, RDS, TIPC, XDP, …) and new ones come.
    fn families(&self) -> Vec<Rule> {
        let family = |family| Condition::is(Arg::A0, family);
        let mut rules = Vec::new();
        if !self.unix {
            rules.push(refuse(nr::SOCKET, &[family(AF_UNIX)], Errno::EACCES));
        }
        if self.inet == Inet::Any {
            return rules;
        }
        if self.unix {
            rules.push(allow(nr::SOCKET, &[family(AF_UNIX)]));
        }
        // getifaddrs and the JVM read routes. Writing needs CAP_NET_ADMIN, which nothing inside
        // has: a filter cannot tell the two apart in sendmsg.
        for kind in [SOCK_RAW, SOCK_DGRAM] {
            let route = Condition::is(Arg::A2, NETLINK_ROUTE);
            rules.push(allow(nr::SOCKET, &[family(AF_NETLINK), socket_type(kind), route]));
        }
        if matches!(self.inet, Inet::TcpPorts { .. }) {
            for inet in [AF_INET, AF_INET6] {
                for protocol in [IPPROTO_DEFAULT, IPPROTO_TCP] {
                    let protocol = Condition::is(Arg::A2, protocol);
                    rules.push(allow(
                        nr::SOCKET,
                        &[family(inet), socket_type(SOCK_STREAM), protocol],
                    ));
                }
            }
        }
        rules.push(refuse(nr::SOCKET, &[], Errno::EACCES));
        rules
    }

    /// `socketpair`: a datagram socket of a pair can send to any path, a connected stream cannot.
    fn pairs(&self) -> Vec<Rule> {
        let unix = Condition::is(Arg::A0, AF_UNIX);
        let mut rules = Vec::new();
        if self.inet != Inet::Any {
            let other = Condition::is_not(Arg::A0, AF_UNIX);
            rules.push(refuse(nr::SOCKETPAIR, &[other], Errno::EACCES));
        }
        if !self.unix {
            for kind in [SOCK_STREAM, SOCK_SEQPACKET] {
                rules.push(allow(nr::SOCKETPAIR, &[unix, socket_type(kind)]));
            }
            rules.push(refuse(nr::SOCKETPAIR, &[unix], Errno::EACCES));
        }
        rules
    }
}

/// What connects past the port rules on a TCP socket. Callers do without after `EOPNOTSUPP`.
fn past_ports() -> [Rule; 5] {
    let fast_open = |arg| [Condition::any_bit(arg, MSG_FASTOPEN)];
    let option = |name| [Condition::is(Arg::A1, IPPROTO_TCP), Condition::is(Arg::A2, name)];
    let unsupported = Errno::EOPNOTSUPP;
    [
        refuse(nr::SENDTO, &fast_open(Arg::A3), unsupported),
        refuse(nr::SENDMSG, &fast_open(Arg::A2), unsupported),
        refuse(nr::SENDMMSG, &fast_open(Arg::A3), unsupported),
        refuse(nr::SETSOCKOPT, &option(TCP_FASTOPEN_CONNECT), unsupported),
        // "smc" turns the socket into one that is not TCP for Landlock; the name is in memory.
        refuse(nr::SETSOCKOPT, &option(TCP_ULP), unsupported),
    ]
}

fn socket_type(kind: u32) -> Condition {
    Condition::masked(Arg::A1, !(SOCK_NONBLOCK | SOCK_CLOEXEC), kind)
}

fn allow(syscall: Syscall, when: &[Condition]) -> Rule {
    Rule { syscall, when: when.to_vec(), action: Action::Allow }
}

fn refuse(syscall: Syscall, when: &[Condition], errno: Errno) -> Rule {
    Rule { syscall, when: when.to_vec(), action: Action::Errno(errno) }
}

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::super::rule::evaluate;
    use super::super::syscalls::Arch;
    use super::*;

    const EACCES: Action = Action::Errno(Errno::EACCES);
    const EOPNOTSUPP: Action = Action::Errno(Errno::EOPNOTSUPP);
    const BLOCKED: SocketPolicy = SocketPolicy { inet: Inet::Blocked, unix: false };
    const PORTS: SocketPolicy =
        SocketPolicy { inet: Inet::TcpPorts { listen: false }, unix: false };
    const ANY: SocketPolicy = SocketPolicy { inet: Inet::Any, unix: false };

    fn judge(policy: SocketPolicy, syscall: Syscall, args: [u64; 6]) -> Action {
        let arch = Arch::Aarch64;
        let nr = syscall.number(arch).unwrap();
        evaluate(&policy.rules(), arch, &Data { nr, arch: arch.audit(), args, ..Data::default() })
    }

    fn socket(policy: SocketPolicy, family: u32, kind: u32, protocol: u32) -> Action {
        let args = [family, kind, protocol, 0, 0, 0].map(u64::from);
        judge(policy, nr::SOCKET, args)
    }

    #[test]
    fn blocked_leaves_no_family_but_the_routing_table() {
        for family in (0..=64).filter(|family| *family != AF_NETLINK) {
            for kind in 0..=10 {
                assert_eq!(socket(BLOCKED, family, kind, 0), EACCES, "{family} {kind}");
            }
        }
        let flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        assert_eq!(socket(BLOCKED, AF_NETLINK, SOCK_RAW | flags, NETLINK_ROUTE), Action::Allow);
        assert_eq!(socket(BLOCKED, AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), Action::Allow);
        assert_eq!(socket(BLOCKED, AF_NETLINK, SOCK_RAW, 16), EACCES, "NETLINK_GENERIC");
    }

    #[test]
    fn ports_leave_tcp_alone_of_the_inet_families() {
        for family in [AF_INET, AF_INET6] {
            for protocol in [IPPROTO_DEFAULT, IPPROTO_TCP] {
                let stream = SOCK_STREAM | SOCK_CLOEXEC;
                assert_eq!(socket(PORTS, family, stream, protocol), Action::Allow);
            }
            assert_eq!(socket(PORTS, family, SOCK_STREAM, 262), EACCES, "MPTCP");
            assert_eq!(socket(PORTS, family, SOCK_STREAM, 256), EACCES, "SMC");
            assert_eq!(socket(PORTS, family, SOCK_DGRAM, 0), EACCES, "UDP");
            assert_eq!(socket(PORTS, family, SOCK_RAW, 1), EACCES, "ICMP");
            assert_eq!(socket(PORTS, family, SOCK_SEQPACKET, 0), EACCES, "SCTP");
        }
        assert_eq!(socket(PORTS, 40, SOCK_STREAM, 0), EACCES, "vsock");
    }

    #[test]
    fn with_ports_nothing_connects_or_listens_past_them() {
        let fast = u64::from(MSG_FASTOPEN) | 0x4000;
        let closers = [
            (nr::SENDTO, [3, 0, 0, fast, 0, 0], EOPNOTSUPP),
            (nr::SENDMSG, [3, 0, fast, 0, 0, 0], EOPNOTSUPP),
            (nr::SENDMMSG, [3, 0, 1, fast, 0, 0], EOPNOTSUPP),
            (nr::SETSOCKOPT, [3, 6, 30, 0, 0, 0], EOPNOTSUPP),
            (nr::SETSOCKOPT, [3, 6, 31, 0, 0, 0], EOPNOTSUPP),
            (nr::LISTEN, [3, 5, 0, 0, 0, 0], EACCES),
            (nr::SENDTO, [3, 0, 0, 0x4000, 0, 0], Action::Allow),
            (nr::SETSOCKOPT, [3, 6, 1, 0, 0, 0], Action::Allow),
            (nr::SETSOCKOPT, [3, 1, 30, 0, 0, 0], Action::Allow),
        ];
        for (syscall, args, action) in closers {
            assert_eq!(judge(PORTS, syscall, args), action, "{} {args:x?}", syscall.name());
        }
        let listening = SocketPolicy { inet: Inet::TcpPorts { listen: true }, ..PORTS };
        assert_eq!(judge(listening, nr::LISTEN, [3, 5, 0, 0, 0, 0]), Action::Allow);
    }

    #[test]
    fn without_unix_sockets_only_connected_pairs_are_left() {
        for policy in [ANY, BLOCKED, PORTS] {
            assert_eq!(socket(policy, AF_UNIX, SOCK_STREAM, 0), EACCES);
            for (kind, action) in [
                (SOCK_STREAM | SOCK_CLOEXEC, Action::Allow),
                (SOCK_SEQPACKET, Action::Allow),
                (SOCK_DGRAM, EACCES),
                (SOCK_RAW, EACCES),
            ] {
                let args = [AF_UNIX, kind, 0, 0, 0, 0].map(u64::from);
                assert_eq!(judge(policy, nr::SOCKETPAIR, args), action, "{policy:?} {kind}");
            }
        }
    }

    #[test]
    fn unix_sockets_are_left_where_granted_and_the_network_stays_shut() {
        let policy = SocketPolicy { unix: true, ..BLOCKED };
        assert_eq!(socket(policy, AF_UNIX, SOCK_DGRAM, 0), Action::Allow);
        assert_eq!(socket(policy, AF_INET, SOCK_STREAM, 0), EACCES);
        let pair = |family| [family, SOCK_DGRAM, 0, 0, 0, 0].map(u64::from);
        assert_eq!(judge(policy, nr::SOCKETPAIR, pair(AF_UNIX)), Action::Allow);
        assert_eq!(judge(policy, nr::SOCKETPAIR, pair(30)), EACCES, "TIPC");
    }

    #[test]
    fn any_network_leaves_every_other_family() {
        for family in (0..=64).filter(|family| *family != AF_UNIX) {
            assert_eq!(socket(ANY, family, SOCK_STREAM, 0), Action::Allow, "{family}");
        }
        assert!(SocketPolicy { inet: Inet::Any, unix: true }.rules().is_empty());
    }
}
