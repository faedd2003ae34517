//! A capability set as JSON, with nothing lost.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::path_text::PathText;
use crate::{
    AccessMode, CapabilitySet, CapabilitySource, DeniedPath, Exemption, FileKind, FsCapability,
    Gap, NetworkMode, ObjectId, PortSet, Privilege,
};

const VERSION: u32 = 1;

/// The stored form of a [`CapabilitySet`]: to tell a child what it may do, or to restore a set.
///
/// Paths are not resolved again when a set is restored: it grants the objects that were granted
/// when it was made, and preparing it fails if they have been replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxState {
    version: u32,
    fs: Vec<FsState>,
    #[serde(default)]
    denied: Vec<DeniedState>,
    network: NetworkMode,
    #[serde(default)]
    tcp_connect: PortSet,
    #[serde(default)]
    tcp_bind: PortSet,
    #[serde(default)]
    localhost: PortSet,
    #[serde(default)]
    explicit_execute: bool,
    #[serde(default)]
    allowed_gaps: BTreeSet<Gap>,
    #[serde(default)]
    exemptions: BTreeSet<Exemption>,
    #[serde(default)]
    kept_privileges: BTreeSet<Privilege>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carved: Option<Vec<FsState>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nested: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FsState {
    original: PathText,
    resolved: PathText,
    kind: FileKind,
    id: ObjectId,
    access: AccessMode,
    execute: bool,
    device_ioctl: bool,
    source: CapabilitySource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeniedState {
    original: PathText,
    name: PathText,
    resolved: PathText,
    source: CapabilitySource,
}

/// Why a text is no stored state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Not the JSON of a state.
    #[error("not a sandbox state: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer nono.
    #[error("the sandbox state has version {found}; this nono reads version {VERSION}")]
    Version {
        /// The version in the text.
        found: u32,
    },
    /// A resolved path that is relative or has `.` or `..` in it.
    #[error("the sandbox state has a path that is not resolved: {}", .0.display())]
    NotResolved(PathBuf),
}

impl SandboxState {
    /// Everything there is to know about `caps`.
    #[must_use]
    pub fn from_caps(caps: &CapabilitySet) -> Self {
        Self {
            version: VERSION,
            fs: caps.fs.iter().map(FsState::from).collect(),
            denied: caps.denied.iter().map(DeniedState::from).collect(),
            network: caps.network.clone(),
            tcp_connect: caps.connect.clone(),
            tcp_bind: caps.bind.clone(),
            localhost: caps.localhost.clone(),
            explicit_execute: caps.explicit_execute,
            allowed_gaps: caps.allowed_gaps.clone(),
            exemptions: caps.exemptions.clone(),
            kept_privileges: caps.kept_privileges.clone(),
            carved: None,
            nested: false,
        }
    }

    /// The same state of a sandbox that lies in another one, which may refuse more.
    #[must_use]
    pub fn within_another(self) -> Self {
        Self { nested: true, ..self }
    }

    /// Whether the sandbox lies in another one.
    #[must_use]
    pub fn is_within_another(&self) -> bool {
        self.nested
    }

    /// The same state of a sandbox for which the kernel was asked for the grants of `set`
    /// ([`Enforcement::carved_set`](crate::Enforcement::carved_set)). They are found by listing
    /// directories, which is not possible any more from inside.
    #[must_use]
    pub fn with_carved_set(self, set: &CapabilitySet) -> Self {
        Self { carved: Some(set.fs.iter().map(FsState::from).collect()), ..self }
    }

    /// The stored set with the grants that the kernel was asked for, where they were others.
    #[must_use]
    pub fn to_carved_set(&self) -> Option<CapabilitySet> {
        let grants = self.carved.as_ref()?;
        let mut set = self.to_caps();
        set.set_fs(grants.iter().map(FsCapability::from).collect());
        Some(set)
    }

    /// The set that was stored, equal to the one it was made from.
    #[must_use]
    pub fn to_caps(&self) -> CapabilitySet {
        let mut caps = CapabilitySet::new();
        self.fs.iter().for_each(|grant| caps.add_fs(grant.into()));
        self.denied.iter().for_each(|entry| caps.add_denied(entry.into()));
        caps.network = self.network.clone();
        caps.connect = self.tcp_connect.clone();
        caps.bind = self.tcp_bind.clone();
        caps.localhost = self.localhost.clone();
        caps.set_explicit_execute(self.explicit_execute);
        caps.allowed_gaps = self.allowed_gaps.clone();
        caps.exemptions = self.exemptions.clone();
        caps.kept_privileges = self.kept_privileges.clone();
        caps
    }

    /// The state as JSON.
    ///
    /// # Errors
    /// [`StateError::Json`]; the types themselves always serialise.
    pub fn to_json(&self) -> Result<String, StateError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Reads a state.
    ///
    /// # Errors
    /// Every way in which the text is not a state of this version.
    pub fn from_json(text: &str) -> Result<Self, StateError> {
        let state: Self = serde_json::from_str(text)?;
        if state.version != VERSION {
            return Err(StateError::Version { found: state.version });
        }
        let carved = state.carved.iter().flatten();
        let grants = state.fs.iter().chain(carved).map(|grant| &grant.resolved);
        let denied = state.denied.iter().flat_map(|entry| [&entry.name, &entry.resolved]);
        let unresolved = grants.chain(denied).find(|path| !is_resolved(&path.0)).cloned();
        match unresolved {
            Some(path) => Err(StateError::NotResolved(path.0)),
            None => Ok(state),
        }
    }
}

fn is_resolved(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let plain = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    bytes == b"/"
        || bytes.strip_prefix(b"/").is_some_and(|rest| rest.split(|&b| b == b'/').all(plain))
}

impl From<&FsCapability> for FsState {
    fn from(grant: &FsCapability) -> Self {
        Self {
            original: PathText(grant.original.clone()),
            resolved: PathText(grant.resolved.clone()),
            kind: grant.kind,
            id: grant.id,
            access: grant.access,
            execute: grant.execute,
            device_ioctl: grant.device_ioctl,
            source: grant.source.clone(),
        }
    }
}

impl From<&FsState> for FsCapability {
    fn from(state: &FsState) -> Self {
        Self {
            original: state.original.0.clone(),
            resolved: state.resolved.0.clone(),
            kind: state.kind,
            id: state.id,
            access: state.access,
            execute: state.execute,
            device_ioctl: state.device_ioctl,
            optional: false,
            source: state.source.clone(),
        }
    }
}

impl From<&DeniedPath> for DeniedState {
    fn from(entry: &DeniedPath) -> Self {
        Self {
            original: PathText(entry.original.clone()),
            name: PathText(entry.name.clone()),
            resolved: PathText(entry.resolved.clone()),
            source: entry.source.clone(),
        }
    }
}

impl From<&DeniedState> for DeniedPath {
    fn from(state: &DeniedState) -> Self {
        Self {
            original: state.original.0.clone(),
            name: state.name.0.clone(),
            resolved: state.resolved.0.clone(),
            source: state.source.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;

    fn any_path() -> impl Strategy<Value = PathBuf> {
        prop::collection::vec(prop::collection::vec(1_u8..=255, 1..8), 0..4).prop_map(|names| {
            let mut bytes = vec![b'/'];
            for name in names {
                let plain = name.iter().map(|&b| if b == b'/' || b == b'.' { b'x' } else { b });
                bytes.extend(plain);
                bytes.push(b'/');
            }
            if bytes.len() > 1 {
                bytes.pop();
            }
            OsString::from_vec(bytes).into()
        })
    }

    fn any_source() -> impl Strategy<Value = CapabilitySource> {
        prop_oneof![
            Just(CapabilitySource::User),
            Just(CapabilitySource::Profile),
            ".*".prop_map(CapabilitySource::Group),
            Just(CapabilitySource::System),
        ]
    }

    prop_compose! {
        fn any_grant()(
            original in any_path(), resolved in any_path(), source in any_source(),
            access in prop::sample::select(vec![AccessMode::Read, AccessMode::Write, AccessMode::ReadWrite]),
            kind in prop::sample::select(vec![FileKind::Directory, FileKind::Device, FileKind::File]),
            device: u64, inode: u64, execute: bool, device_ioctl: bool,
        ) -> FsCapability {
            let id = ObjectId { device, inode };
            FsCapability {
                original, resolved, kind, id, access, execute, device_ioctl, optional: false, source,
            }
        }
    }

    fn any_ports() -> impl Strategy<Value = PortSet> {
        prop::collection::vec((1_u16.., 0_u16..100), 0..4).prop_map(|pairs| {
            let range = |(first, more): (u16, u16)| {
                crate::PortRange::new(first, first.saturating_add(more)).unwrap()
            };
            pairs.into_iter().map(range).collect::<Vec<_>>().into()
        })
    }

    fn any_network() -> impl Strategy<Value = NetworkMode> {
        prop_oneof![
            Just(NetworkMode::Blocked),
            Just(NetworkMode::AllowAll),
            (any::<u16>(), any::<Vec<u16>>())
                .prop_map(|(port, bind_ports)| NetworkMode::ProxyOnly { port, bind_ports }),
        ]
    }

    prop_compose! {
        fn any_caps()(
            grants in prop::collection::vec(any_grant(), 0..5),
            denied in prop::collection::vec((any_path(), any_path(), any_path(), any_source()), 0..3),
            network in any_network(),
            connect in any_ports(), bind in any_ports(), localhost in any_ports(),
            explicit: bool,
            gaps in prop::sample::subsequence(Gap::ALL.to_vec(), 0..3),
            exemptions in prop::sample::subsequence(Exemption::ALL.to_vec(), 0..3),
            kept in prop::sample::subsequence(Privilege::ALL.to_vec(), 0..3),
        ) -> CapabilitySet {
            let mut caps = CapabilitySet::new();
            grants.into_iter().for_each(|grant| caps.add_fs(grant));
            for (original, name, resolved, source) in denied {
                caps.add_denied(DeniedPath { original, name, resolved, source });
            }
            (caps.network, caps.connect, caps.bind, caps.localhost) = (network, connect, bind, localhost);
            caps.set_explicit_execute(explicit);
            gaps.into_iter().for_each(|gap| caps.add_allowed_gap(gap));
            exemptions.into_iter().for_each(|exemption| caps.add_exemption(exemption));
            kept.into_iter().for_each(|privilege| caps.add_kept_privilege(privilege));
            caps
        }
    }

    proptest! {
        #[test]
        fn a_set_comes_back_from_json_as_it_went(caps in any_caps()) {
            let json = SandboxState::from_caps(&caps).to_json().unwrap();
            prop_assert_eq!(SandboxState::from_json(&json).unwrap().to_caps(), caps);
        }

        #[test]
        fn carved_grants_come_back_beside_those_that_were_asked_for(
            caps in any_caps(), carved in prop::collection::vec(any_grant(), 0..5),
        ) {
            let mut set = caps.clone();
            set.set_fs(carved);
            let state = SandboxState::from_caps(&caps);
            prop_assert_eq!(state.to_carved_set(), None);

            prop_assert!(!state.is_within_another());

            let json = state.with_carved_set(&set).within_another().to_json().unwrap();

            let state = SandboxState::from_json(&json).unwrap();
            prop_assert!(state.is_within_another());
            prop_assert_eq!(state.to_carved_set(), Some(set));
            prop_assert_eq!(state.to_caps(), caps);
        }
    }

    #[test]
    fn what_is_not_a_state_is_a_typed_error() {
        let caps = CapabilitySet::new().allow_path("/", AccessMode::Read).unwrap();
        let good = SandboxState::from_caps(&caps).to_json().unwrap();
        let from = |text: &str| SandboxState::from_json(text).unwrap_err();

        assert!(matches!(from("{}"), StateError::Json(_)));
        assert!(matches!(from(&good.replace("\"fs\"", "\"files\"")), StateError::Json(_)));
        let newer = good.replace("\"version\": 1", "\"version\": 2");
        assert!(matches!(from(&newer), StateError::Version { found: 2 }));
        for path in ["/a/../b", "relative", "/a//b", "/a/", ""] {
            let unresolved =
                good.replace("\"resolved\": \"/\"", &format!("\"resolved\": {path:?}"));
            assert!(matches!(from(&unresolved), StateError::NotResolved(_)), "{path}");
        }
    }
}
