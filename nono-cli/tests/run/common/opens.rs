//! Which files a program can open.

use std::path::PathBuf;
use std::process::Command;

use super::outcome;

/// Names for each file what worked, with what the shell itself can do. A file has at least a line.
const OPENS: &str = r#"
    for file; do
        works=
        (read line <"$file") 2>&- && works=read
        (echo more >>"$file") 2>&- && works=${works}write
        echo "${works:-closed}"
    done"#;

/// What opening each of `files` gives inside: `closed`, `read`, `write` or `readwrite`. A file that
/// is not there is made where that works.
#[track_caller]
pub(crate) fn opens(nono_run: &mut Command, files: &[PathBuf]) -> Vec<String> {
    let ended = outcome(nono_run.args(["--", "sh", "-c", OPENS, "sh"]).args(files));
    ended.text().lines().map(str::to_owned).collect()
}
