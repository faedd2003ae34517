//! What is said after a program failed: one line, on how to find out whether the sandbox was why.
//!
//! What the program wrote is its own; nothing is guessed from it.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use nono::{CapabilitySet, Decision, Denial, NetworkMode, Query};

use crate::environment::Environment;
use crate::options::Options;
use crate::report::Report;
use crate::request::Request;

/// A program that gives up when files of its user are there and cannot be read.
struct Trap {
    /// The name of its file.
    program: &'static str,
    /// The variable that names another file in their place.
    unless: &'static str,
    files: &'static [Place],
}

/// A file below the directory that a variable names, or else below one in the home directory.
struct Place {
    variable: &'static str,
    otherwise: &'static str,
    file: &'static str,
}

const TRAPS: [Trap; 1] = [
    // It skips files that are missing, and dies of those it may not open. Source: FILES of
    // git-config(1).
    Trap {
        program: "git",
        unless: "GIT_CONFIG_GLOBAL",
        files: &[
            Place { variable: "XDG_CONFIG_HOME", otherwise: ".config", file: "git/config" },
            Place { variable: "HOME", otherwise: "", file: ".gitconfig" },
        ],
    },
];

/// Says what may help after the program has failed, to whoever watches: a person at a terminal, or
/// one who asked for every detail.
pub(crate) fn give(
    request: &Request,
    environment: &Environment,
    options: &Options,
    report: &Report,
) {
    if !options.verbose && !std::io::stderr().is_terminal() {
        return;
    }
    let trap = TRAPS.iter().find(|trap| request.program.ends_with(trap.program));
    let closed = trap.map(|trap| trap.closed(&request.caps, environment)).unwrap_or_default();
    if let Some(trap) = trap.filter(|_| !closed.is_empty()) {
        let flags: Vec<_> = closed.iter().map(|file| format!(" --read-file {file}")).collect();
        report.note(format_args!(
            "{} gives up where it may not read its settings; grant them:{}",
            trap.program,
            flags.concat()
        ));
    } else {
        let is_open = *request.caps.network_mode() == NetworkMode::AllowAll
            && request.caps.tcp_connect_ports().is_empty()
            && request.caps.tcp_bind_ports().is_empty();
        let port = if is_open { "" } else { " (or --port PORT)" };
        report.note(format_args!(
            "if the sandbox refused something: nono why --path PATH{port}, with the same flags, \
             says what would allow it"
        ));
    }
}

impl Trap {
    /// Its files that are there, that are not granted and that a grant would open, as a shell takes
    /// them.
    fn closed(&self, caps: &CapabilitySet, environment: &Environment) -> Vec<String> {
        if environment.contains_key(OsStr::new(self.unless)) {
            return Vec::new();
        }
        let files = self.files.iter().filter_map(|place| place.of(environment));
        files.filter(|file| needs_grant(caps, file)).map(|file| word(&file)).collect()
    }
}

impl Place {
    fn of(&self, environment: &Environment) -> Option<PathBuf> {
        let variable = |name| {
            environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(Path::new)
        };
        let otherwise = || variable("HOME").map(|home| home.join(self.otherwise));
        let directory = variable(self.variable).map(Path::to_owned).or_else(otherwise)?;
        Some(directory.join(self.file))
    }
}

fn needs_grant(caps: &CapabilitySet, file: &Path) -> bool {
    file.canonicalize().is_ok_and(|file| {
        matches!(
            caps.decide(&Query::read(&file)),
            Decision::Denied(Denial::NoGrant | Denial::Insufficient { .. })
        )
    })
}

/// The path as a word for a shell.
fn word(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", quoted(below)),
        None => quoted(path),
    }
}

/// In single quotes, unless it has nothing that a shell would read otherwise.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+,:@%".contains(character);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_cut_or_expand_it() {
        assert_eq!(quoted(Path::new("/home/a/.gitconfig")), "/home/a/.gitconfig");
        assert_eq!(quoted(Path::new("/a b/$c/it's")), r"'/a b/$c/it'\''s'");
    }
}
