//! Which variables the program gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nono::User;
use nono::presets::removed_variable;

use crate::failure::Failure;
use crate::options::Options;
use crate::report::Report;

const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the program finds set, whatever the caller has.
pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// The caller's variables without those that no program should inherit unasked, those of the user it
/// runs as, and what the flags say: `NAME` keeps one, `NAME=VALUE` sets one, later ones win.
pub(crate) fn of(
    options: &Options,
    user: Option<&User>,
    report: &Report,
) -> Result<Environment, Failure> {
    let mut environment = Environment::new();
    if !options.clear_env {
        for (name, value) in std::env::vars_os() {
            match removed_variable(&name) {
                None => drop(environment.insert(name, value)),
                Some(variable) if options.verbose => report.note(format_args!(
                    "{} is not passed on ({}); pass it with --env",
                    name.display(),
                    variable.reason
                )),
                Some(_) => {}
            }
        }
    }
    for (name, value) in user.iter().flat_map(|user| user.environment()) {
        environment.insert(name.into(), value.into());
    }
    for file in &options.env_file {
        let text =
            read(file).map_err(|source| Failure::EnvironmentFile { file: file.clone(), source })?;
        for line in text.split(|&byte| byte == b'\n').filter(|line| is_entry(line)) {
            set(&mut environment, OsStr::from_bytes(line))?;
        }
    }
    for entry in &options.env {
        set(&mut environment, entry)?;
    }
    Ok(environment)
}

fn set(environment: &mut Environment, entry: &OsStr) -> Result<(), Failure> {
    let bytes = entry.as_bytes();
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(OsString::from_vec(bytes[at + 1..].to_vec()))),
        None => (bytes, std::env::var_os(entry)),
    };
    if name.is_empty() || bytes.contains(&0) {
        let message =
            format!("--env {}: neither NAME nor NAME=VALUE; write one of them", entry.display());
        return Err(Failure::Usage(message));
    }
    if let Some(value) = value {
        environment.insert(OsString::from_vec(name.to_vec()), value);
    }
    Ok(())
}

/// Blank lines and comments say nothing.
fn is_entry(line: &[u8]) -> bool {
    !matches!(line.trim_ascii(), [] | [b'#', ..])
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_FILE_BYTES => Ok(bytes),
        _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB")),
    }
}
