//! Grants in a TOML file: the flags of `nono run` under their own names.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nono::user::home;
use nono::{Position, UserError};

use crate::grants::Grants;

/// Where a configuration file is wrong, and how.
#[derive(Debug)]
pub(crate) struct ProfileError {
    pub(crate) file: PathBuf,
    pub(crate) kind: ProfileErrorKind,
}

/// What is wrong with a configuration file.
#[derive(Debug)]
pub(crate) enum ProfileErrorKind {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is longer than any list of grants.
    TooLarge,
    /// It is not TOML, or says something that no flag says. Lines and columns count from 1.
    Malformed { line: usize, column: usize, message: String },
    /// A path begins with `~/` and the home directory is not known.
    NoHome(UserError),
}

const MAX_BYTES: u64 = 4 << 20;

/// Reads the grants in `file`. Relative paths are relative to the directory it lies in; `~/` is the
/// caller's home directory, which for root is not what `HOME` says (see [`home`]).
pub(crate) fn read(file: &Path) -> Result<Grants, ProfileError> {
    let failed = |kind| ProfileError { file: file.to_owned(), kind };
    let text = read_bounded(file).map_err(failed)?;
    let mut grants: Grants =
        toml::from_str(&text).map_err(|error| failed(malformed(&text, &error)))?;
    let directory = file.parent().unwrap_or(Path::new(""));
    for path in grants.paths_mut() {
        *path = place(path, directory).map_err(failed)?;
    }
    Ok(grants)
}

fn read_bounded(file: &Path) -> Result<String, ProfileErrorKind> {
    use std::io::Read;
    let opened = std::fs::File::open(file).map_err(ProfileErrorKind::Unreadable)?;
    let mut text = String::new();
    opened.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(ProfileErrorKind::Unreadable)?;
    match u64::try_from(text.len()) {
        Ok(length) if length <= MAX_BYTES => Ok(text),
        _ => Err(ProfileErrorKind::TooLarge),
    }
}

fn place(path: &Path, directory: &Path) -> Result<PathBuf, ProfileErrorKind> {
    match path.strip_prefix("~") {
        Ok(below) => Ok(home().map_err(ProfileErrorKind::NoHome)?.join(below)),
        Err(_) => Ok(directory.join(path)),
    }
}

fn malformed(text: &str, error: &toml::de::Error) -> ProfileErrorKind {
    let at = Position::of(text, error.span().map_or(0, |span| span.start));
    ProfileErrorKind::Malformed {
        line: at.line,
        column: at.column,
        message: error.message().to_owned(),
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.kind {
            ProfileErrorKind::Unreadable(error) => {
                write!(f, "--grants {file}: {error}; name a file you may read")
            }
            ProfileErrorKind::TooLarge => {
                write!(f, "--grants {file}: larger than {MAX_BYTES} bytes; name a file of grants")
            }
            ProfileErrorKind::Malformed { line, column, message } => {
                let message = message.replace('\n', " ");
                write!(f, "{file}:{line}:{column}: {message}; see the flags of nono run --help")
            }
            ProfileErrorKind::NoHome(error) => {
                write!(f, "--grants {file}: ~: {error}; write the whole path")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Grants, ProfileError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("grants.toml");
        std::fs::write(&file, text).unwrap();
        super::read(&file)
    }

    fn position(text: &str) -> (usize, usize) {
        match parse(text).unwrap_err().kind {
            ProfileErrorKind::Malformed { line, column, .. } => (line, column),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_say_line_and_column() {
        assert_eq!(position("read = ['/a']\n\nreed = ['/b']\n"), (3, 1));
        assert_eq!(position("read = 7\n"), (1, 8));
        assert_eq!(position("allow-gap = ['signals', 'none']\n"), (1, 25));
        assert_eq!(position("read = ['/a'\nwrite = []"), (2, 1));
    }

    #[test]
    fn relative_paths_lie_beside_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("grants.toml");
        std::fs::write(&file, "allow = ['.', '/abs']\nread-file = ['x']\nno-base = true").unwrap();

        let grants = super::read(&file).unwrap();

        assert_eq!(grants.allow, [directory.path().join("."), "/abs".into()]);
        assert_eq!(grants.read_file, [directory.path().join("x")]);
        assert!(grants.no_base && !grants.allow_cwd);
    }

    #[test]
    fn a_huge_or_binary_file_is_a_typed_error() {
        let huge = "#".repeat(usize::try_from(MAX_BYTES).unwrap() + 1);
        assert!(matches!(parse(&huge).unwrap_err().kind, ProfileErrorKind::TooLarge));
        let directory = tempfile::tempdir().unwrap();
        let error = super::read(directory.path()).unwrap_err();
        assert!(matches!(error.kind, ProfileErrorKind::Unreadable(_)));
    }
}
