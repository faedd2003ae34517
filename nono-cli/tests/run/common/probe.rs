//! Small programs in C, since what they do must be exact.

use std::path::PathBuf;
use std::process::Command;

use super::{Tree, outcome, program};

/// Compiles `source` to `name` in the tree.
pub(crate) fn probe(tree: &Tree, name: &str, source: &str) -> Option<PathBuf> {
    let compiler = program("cc")?;
    let file = tree.file(&format!("{name}.c"), source);
    let compiled = outcome(Command::new(compiler).arg("-o").arg(tree.at(name)).arg(file));
    assert!(compiled.succeeded(), "{}", compiled.said());
    Some(tree.at(name))
}
