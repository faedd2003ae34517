//! The static binaries that are measured as whole processes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Result;

/// The `nono` command, built as it is shipped.
pub(crate) fn nono() -> Result<PathBuf> {
    build("nono-cli", "nono")
}

/// The launcher that does what no sandbox can do without.
pub(crate) fn launcher() -> Result<PathBuf> {
    build("nono-benches", "launcher")
}

/// Builds a binary as `cargo static` does and says where it is: beside this one.
fn build(package: &str, binary: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["rustc", "--quiet", "--release", "--package", package, "--bin", binary])
        .args(["--", "-C", "target-feature=+crt-static"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .status()?;
    if !built.success() {
        return Err(format!("cargo could not build {binary}").into());
    }
    Ok(std::env::current_exe()?.with_file_name(binary))
}

/// A program of the system, by its name in `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}
