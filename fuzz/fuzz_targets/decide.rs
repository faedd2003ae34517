//! Any path gets an answer, and nothing but a path at or below the grant is covered.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nono_core::{AccessMode, CapabilitySet, Query};

static CAPS: LazyLock<CapabilitySet> = LazyLock::new(|| {
    let caps = CapabilitySet::new().allow_path("/usr/lib", AccessMode::Read);
    let caps = caps.and_then(|caps| caps.deny_path("/usr/lib/ssl"));
    caps.expect("/usr/lib is there")
});

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new(OsStr::from_bytes(bytes));
    let lexically = path.is_absolute()
        && !path.components().any(|component| component == Component::ParentDir)
        && path.starts_with("/usr/lib")
        && !path.starts_with("/usr/lib/ssl");
    assert_eq!(CAPS.decide(&Query::read(path)).is_allowed(), lexically);
    assert!(!CAPS.decide(&Query::write(path)).is_allowed());
});
