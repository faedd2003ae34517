//! Programs of this machine that a test runs.

use std::path::PathBuf;

/// Where the program is. Without it the test says so and has nothing to show, unless
/// `NONO_REQUIRE_PROGRAMS` is set: then it fails.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var_os("NONO_REQUIRE_PROGRAMS").is_some();
        assert!(!required, "{name} is not installed, and NONO_REQUIRE_PROGRAMS is set");
        eprintln!("not tested: {name} is not installed");
    }
    found
}
