//! The text form of a table of grants. Shared with the build script, which compiles the tables.

use std::collections::BTreeSet;
use std::fmt;

/// One line: what is granted, where, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) access: Access,
    pub(crate) path: &'a str,
    pub(crate) reason: &'a str,
}

/// The first word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    ReadWrite,
    Never,
    Remove,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    UnknownAccess,
    MissingPath,
    PathNotCanonical,
    NotAVariable,
    MissingReason,
    DuplicatePath,
}

/// Reads a whole table; `#` begins a comment line.
///
/// # Errors
/// The number of the first bad line, counted from one, and what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Line<'_>>, (usize, Problem)> {
    let mut paths = BTreeSet::new();
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let line = parse_line(text).map_err(|problem| (number, problem))?;
        if !paths.insert(line.path) {
            return Err((number, Problem::DuplicatePath));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn parse_line(text: &str) -> Result<Line<'_>, Problem> {
    let (access, rest) = split_word(text);
    let (path, reason) = split_word(rest);
    let access = match access {
        "read" => Access::Read,
        "write" => Access::Write,
        "read+write" => Access::ReadWrite,
        "never" => Access::Never,
        "remove" => Access::Remove,
        _ => return Err(Problem::UnknownAccess),
    };
    if path.is_empty() {
        return Err(Problem::MissingPath);
    }
    let path_in_place = match access {
        Access::Never => path.strip_prefix('~').or(path.strip_prefix("**")).unwrap_or(path),
        _ => path,
    };
    if access == Access::Remove {
        if !is_variable(path) {
            return Err(Problem::NotAVariable);
        }
    } else if !is_canonical(path_in_place) {
        return Err(Problem::PathNotCanonical);
    }
    if reason.is_empty() {
        return Err(Problem::MissingReason);
    }
    Ok(Line { access, path, reason })
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim())
}

/// Absolute, below the root, without empty, `.` and `..` components.
fn is_canonical(path: &str) -> bool {
    path.strip_prefix('/')
        .is_some_and(|rest| !rest.split('/').any(|name| matches!(name, "" | "." | "..")))
}

/// The name of an environment variable, or its beginning and a star.
fn is_variable(name: &str) -> bool {
    let name = name.strip_suffix('*').unwrap_or(name);
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_plain)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAccess => {
                "the first word is none of read, write, read+write, never, remove"
            }
            Self::MissingPath => "no path",
            Self::PathNotCanonical => "the path is not absolute, or has an empty, `.` or `..` part",
            Self::NotAVariable => "neither a variable nor the beginning of one with a star",
            Self::MissingReason => "no reason",
            Self::DuplicatePath => "the path stands in an earlier line",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_access_a_path_and_a_reason() {
        let table = "# comment\n\nread+write  /dev/null   to discard output\n";

        assert_eq!(
            parse(table),
            Ok(vec![Line {
                access: Access::ReadWrite,
                path: "/dev/null",
                reason: "to discard output",
            }])
        );
    }

    #[test]
    fn an_entry_that_is_never_granted_may_be_in_the_home_directory_or_anywhere() {
        let lines = parse("never ~/.ssh private keys\n").unwrap();
        assert_eq!((lines[0].access, lines[0].path), (Access::Never, "~/.ssh"));
        let lines = parse("never **/.git/hooks run by git\n").unwrap();
        assert_eq!((lines[0].access, lines[0].path), (Access::Never, "**/.git/hooks"));
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number() {
        for (line, problem) in [
            ("execute /usr why", Problem::UnknownAccess),
            ("  read /usr why", Problem::UnknownAccess),
            ("read", Problem::MissingPath),
            ("read usr why", Problem::PathNotCanonical),
            ("read ~/.ssh why", Problem::PathNotCanonical),
            ("never ~/../x why", Problem::PathNotCanonical),
            ("never ~ why", Problem::PathNotCanonical),
            ("never ** why", Problem::PathNotCanonical),
            ("never **/../x why", Problem::PathNotCanonical),
            ("read **/x why", Problem::PathNotCanonical),
            ("never ~user why", Problem::PathNotCanonical),
            ("remove * why", Problem::NotAVariable),
            ("remove L*D why", Problem::NotAVariable),
            ("remove a=b why", Problem::NotAVariable),
            ("read / why", Problem::PathNotCanonical),
            ("read /usr/ why", Problem::PathNotCanonical),
            ("read //usr why", Problem::PathNotCanonical),
            ("read /usr/../etc why", Problem::PathNotCanonical),
            ("read /usr", Problem::MissingReason),
            ("read /usr   ", Problem::MissingReason),
            ("write /first why", Problem::DuplicatePath),
        ] {
            let table = format!("read /first why\n{line}\n");
            assert_eq!(parse(&table), Err((2, problem)), "{line}");
        }
    }
}
