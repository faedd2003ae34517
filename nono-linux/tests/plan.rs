//! The plan of one reference set on every kernel.
#![allow(clippy::unwrap_used, clippy::panic)]

use nono_core::{CapabilitySet, Gap, NetworkMode, NonoError, SandboxState};
use nono_linux::{Carved, KernelFeatures, Landlock, MissingLandlock, carve, plan};

/// A set that uses everything a plan can hold. Written as a stored state, so that it does not
/// depend on what lies on the machine.
fn reference() -> CapabilitySet {
    let grant = |path: &str, kind: &str, access: &str, execute: bool| {
        serde_json::json!({
            "original": path, "resolved": path, "kind": kind, "access": access,
            "id": { "device": 1, "inode": 2 }, "execute": execute,
            "device_ioctl": kind == "device", "source": "User",
        })
    };
    let state = serde_json::json!({
        "version": 1,
        "fs": [
            grant("/usr", "directory", "Read", false),
            grant("/usr/bin", "directory", "Read", true),
            grant("/project", "directory", "ReadWrite", false),
            grant("/inbox", "directory", "Write", false),
            grant("/project/tool", "file", "Read", true),
            grant("/var/log/mine", "file", "Write", false),
            grant("/dev/tty", "device", "ReadWrite", false),
        ],
        "network": "Blocked",
        "tcp_connect": ["443", "8000-8001"],
        "tcp_bind": ["1-65535"],
        "explicit_execute": true,
        "allowed_gaps": Gap::ALL,
    });
    SandboxState::from_json(&state.to_string()).unwrap().to_caps()
}

/// These sets deny nothing, so carving them looks at nothing.
fn carved(caps: &CapabilitySet) -> Carved<'_> {
    carve(caps).unwrap()
}

#[test]
fn the_reference_set_is_planned_on_each_abi_as_its_kernel_can() {
    let caps = reference();
    for abi in 0..=10 {
        let carved = carved(&caps);
        let plan = plan(&carved, &KernelFeatures::with_abi(abi)).unwrap();
        insta::assert_snapshot!(format!("abi_{abi}"), plan);
    }
}

fn refused(caps: &CapabilitySet, abi: u32) -> Option<Gap> {
    match plan(&carved(caps), &KernelFeatures::with_abi(abi)) {
        Ok(_) => None,
        Err(NonoError::GapRefused { gap, .. }) => Some(gap),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_gap_in_what_was_asked_for_is_refused_until_it_is_allowed_by_name() {
    let ports = CapabilitySet::new().allow_tcp_connect(443);
    assert_eq!(refused(&ports, 0), Some(Gap::NoLandlock));
    assert_eq!(refused(&ports, 3), Some(Gap::TcpPorts));
    assert_eq!(refused(&ports, 4), None);
    assert_eq!(refused(&ports.clone().allow_gap(Gap::TcpPorts), 3), None);

    let proxy = NetworkMode::ProxyOnly { port: 3128, bind_ports: vec![] };
    let proxy = CapabilitySet::new().set_network_mode(proxy);
    assert_eq!(refused(&proxy, 7), Some(Gap::LoopbackOnly));
    assert_eq!(refused(&CapabilitySet::new().allow_localhost_port(80), 7), Some(Gap::LoopbackOnly));
}

#[test]
fn a_port_to_listen_on_is_refused_unless_listening_anywhere_is_accepted() {
    let bind = CapabilitySet::new().allow_tcp_bind(8080);
    assert_eq!(refused(&bind, 7), Some(Gap::ListenUnbound));
    assert_eq!(refused(&bind.allow_gap(Gap::ListenUnbound), 7), None);
}

#[test]
fn unix_sockets_are_refused_where_their_paths_cannot_be_judged() {
    let has_unix = |caps: &CapabilitySet, abi| {
        plan(&carved(caps), &KernelFeatures::with_abi(abi)).unwrap().filter.sockets.unix
    };
    let accepted = CapabilitySet::new().allow_gap(Gap::UnixPaths);
    assert!(!has_unix(&CapabilitySet::new(), 8) && has_unix(&CapabilitySet::new(), 9));
    assert!(has_unix(&accepted, 8));
}

#[test]
fn each_cause_of_a_missing_landlock_is_refused_with_its_own_advice() {
    let caps = CapabilitySet::new();
    let mut advice = Vec::new();
    for why in [MissingLandlock::NotBuilt, MissingLandlock::NotEnabled, MissingLandlock::Filtered] {
        let features = KernelFeatures { landlock: Landlock::Missing(why), root: false };
        let error = plan(&carved(&caps), &features).unwrap_err().to_string();
        assert!(error.contains(why.advice()), "{error}");
        advice.push(why.advice());
    }
    advice.dedup();
    assert_eq!(advice.len(), 3);
}

/// Whether root with one grant has the gap.
fn has_root_writes(path: &str, kind: &str, access: &str, root: bool) -> bool {
    let state = serde_json::json!({
        "version": 1,
        "fs": [{
            "original": path, "resolved": path, "kind": kind, "access": access,
            "id": { "device": 1, "inode": 2 }, "execute": false, "device_ioctl": false,
            "source": "User",
        }],
        "network": "Blocked",
    });
    let caps = SandboxState::from_json(&state.to_string()).unwrap().to_caps();
    let carved = carve(&caps).unwrap();
    let plan = plan(&carved, &KernelFeatures { root, ..KernelFeatures::with_abi(7) }).unwrap();
    plan.gaps.iter().any(|report| report.gap == Gap::RootWrites)
}

#[test]
fn a_write_grant_that_reaches_the_system_is_a_gap_for_root_only() {
    let system = [
        ("/", "directory"),
        ("/etc", "directory"),
        ("/etc/cron.d", "directory"),
        ("/etc/passwd", "file"),
        ("/proc", "directory"),
        ("/proc/sys/kernel/core_pattern", "file"),
        ("/sys/kernel", "directory"),
        ("/dev", "directory"),
        ("/dev/vda", "device"),
        ("/boot", "directory"),
        ("/usr/local/bin", "directory"),
        ("/lib", "directory"),
        ("/root", "directory"),
    ];
    for (path, kind) in system {
        assert!(has_root_writes(path, kind, "Write", true), "{path}");
        assert!(has_root_writes(path, kind, "ReadWrite", true), "{path}");
        assert!(!has_root_writes(path, kind, "Read", true), "{path}");
        assert!(!has_root_writes(path, kind, "ReadWrite", false), "{path}");
    }
    let elsewhere = [
        ("/etcetera", "directory"),
        ("/home", "directory"),
        ("/root/project", "directory"),
        ("/srv/usr", "directory"),
        ("/dev/null", "device"),
        ("/dev/pts", "directory"),
        ("/tmp", "directory"),
    ];
    for (path, kind) in elsewhere {
        assert!(!has_root_writes(path, kind, "ReadWrite", true), "{path}");
    }
}
