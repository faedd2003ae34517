//! Patterns for paths.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A pattern for absolute paths, compared byte by byte: `*` stands for any bytes within a component,
/// none included, and `**`, a component by itself, for any number of components, none included.
/// Nothing else is special, and a dot at the beginning of a name is not either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`
    Any,
    /// A name with stars in it.
    Name(Vec<u8>),
    /// A name as it is.
    Plain(Vec<u8>),
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GlobError {
    #[error("a pattern is absolute or begins with ~/")]
    NotAbsolute,
    #[error("~/ stands for the home directory, which is not known: HOME is not set")]
    NoHome,
    #[error("a pattern has no empty, . or .. component")]
    NotCanonical,
    #[error("** is a component by itself")]
    StarsInName,
}

impl Glob {
    /// Reads a pattern; `~/` at its beginning is `home`, whatever characters are in that.
    pub(super) fn new(text: &str, home: Option<&Path>) -> Result<Self, GlobError> {
        if let Some(below) = text.strip_prefix("~/") {
            let home = home.filter(|home| home.is_absolute()).ok_or(GlobError::NoHome)?;
            let names = components(home).map(|name| Ok(Part::Plain(name.to_vec())));
            return names.chain(below.split('/').map(part)).collect::<Result<_, _>>().map(Self);
        }
        match text.strip_prefix('/').ok_or(GlobError::NotAbsolute)? {
            "" => Ok(Self(Vec::new())),
            below => below.split('/').map(part).collect::<Result<_, _>>().map(Self),
        }
    }

    /// Whether it may mean `path` or something below it.
    pub(super) fn reaches_below(&self, path: &Path) -> bool {
        // The parts that may come next, for every way to get this far.
        let mut ways = vec![0];
        for name in components(path) {
            let mut next = Vec::new();
            for at in ways {
                let stars = self.0[at..].iter().take_while(|part| **part == Part::Any).count();
                next.extend(
                    (at..at + stars).chain(
                        self.0
                            .get(at + stars)
                            .filter(|part| part.matches(&name))
                            .map(|_| at + stars + 1),
                    ),
                );
            }
            next.sort_unstable();
            next.dedup();
            ways = next;
        }
        !ways.is_empty()
    }

    /// Whether the canonical `path` is one that is meant. Takes at most as many steps as the pattern
    /// has bytes, times those of the path.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let names: Vec<_> = components(path).collect();
        path.is_absolute() && wild(&self.0, &names, |part| *part == Part::Any, Part::matches)
    }
}

fn part(name: &str) -> Result<Part, GlobError> {
    match name {
        "**" => Ok(Part::Any),
        "" | "." | ".." => Err(GlobError::NotCanonical),
        _ if name.contains("**") => Err(GlobError::StarsInName),
        _ if name.contains('*') => Ok(Part::Name(name.into())),
        _ => Ok(Part::Plain(name.into())),
    }
}

impl Part {
    fn matches(&self, name: &&[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Plain(plain) => plain == name,
            Self::Name(pattern) => wild(pattern, name, |byte| *byte == b'*', |a, b| a == b),
        }
    }
}

/// The names of a path; those of a relative one too.
fn components(path: &Path) -> impl Iterator<Item = &[u8]> {
    OsStr::as_bytes(path.as_os_str()).split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

/// Whether `pattern` stands for `items`. Only the last star is ever tried again: whatever an earlier
/// one could take instead, the later one can take as well.
fn wild<P, I>(
    pattern: &[P],
    items: &[I],
    is_star: impl Fn(&P) -> bool,
    matches: impl Fn(&P, &I) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while item < items.len() {
        match pattern.get(at) {
            Some(part) if is_star(part) => {
                star = Some((at, item));
                at += 1;
            }
            Some(part) if matches(part, &items[item]) => {
                at += 1;
                item += 1;
            }
            _ => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    (at, item) = (*after + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;

    fn is_match(pattern: &str, path: &str) -> bool {
        Glob::new(pattern, Some(Path::new("/home/*"))).unwrap().matches(Path::new(path))
    }

    #[test]
    fn stars_stay_within_a_component_and_two_cross_them() {
        for (pattern, path, expected) in [
            ("/a/*.rs", "/a/x.rs", true),
            ("/a/*.rs", "/a/.rs", true),
            ("/a/*.rs", "/a/b/x.rs", false),
            ("/a/*.rs", "/a/x.rs/y", false),
            ("/a/*", "/a", false),
            ("/a/**", "/a", true),
            ("/a/**", "/a/.b/c", true),
            ("/a/**", "/ab", false),
            ("/a/**/b", "/a/b", true),
            ("/a/**/b", "/a/x/y/b", true),
            ("/a/**/b", "/a/xb", false),
            ("/**/b/*/c", "/b/b/x/b/y/c", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/a[b]?", "/a[b]?", true),
            ("/a?", "/ab", false),
            ("~/x*", "/home/*/xy", true),
            ("~/x*", "/home/user/xy", false),
            ("/**", "a", false),
        ] {
            assert_eq!(is_match(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_is_matched_byte_by_byte() {
        let path = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let glob = Glob::new("/a/*x", None).unwrap();
        assert!(glob.matches(Path::new(&path(b"/a/\xff\xfe\nx"))));
        assert!(!glob.matches(Path::new(&path(b"/a/\xff/x"))));
    }

    #[test]
    fn a_pattern_that_cannot_match_a_canonical_path_is_refused() {
        for (pattern, error) in [
            ("", GlobError::NotAbsolute),
            ("a", GlobError::NotAbsolute),
            ("~user/a", GlobError::NotAbsolute),
            ("~/a", GlobError::NoHome),
            ("/a/", GlobError::NotCanonical),
            ("/a//b", GlobError::NotCanonical),
            ("/a/../b", GlobError::NotCanonical),
            ("/a/**b", GlobError::StarsInName),
            ("/***", GlobError::StarsInName),
        ] {
            assert_eq!(Glob::new(pattern, None), Err(error), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        let pattern = format!("/{}", "**/*a*a*a*a*b/".repeat(50).trim_end_matches('/'));
        let path = format!("/{}", format!("{}/", "a".repeat(39)).repeat(50));
        assert!(!is_match(&pattern, path.trim_end_matches('/')));
    }

    /// The definition, tried in every way.
    fn is_match_by_definition(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], _) => path.is_empty(),
            (["**", rest @ ..], _) => {
                (0..=path.len()).any(|taken| is_match_by_definition(rest, &path[taken..]))
            }
            ([name, rest @ ..], [first, others @ ..]) => {
                is_name(name.as_bytes(), first.as_bytes()) && is_match_by_definition(rest, others)
            }
            _ => false,
        }
    }

    fn is_name(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|taken| is_name(rest, &name[taken..])),
            ([byte, rest @ ..], [first, others @ ..]) => byte == first && is_name(rest, others),
            _ => false,
        }
    }

    #[test]
    fn a_pattern_reaches_below_every_directory_on_its_way() {
        for (pattern, path, expected) in [
            ("/a/b/c", "/a/b", true),
            ("/a/b/c", "/a/b/c", true),
            ("/a/b/c", "/a/b/c/d", false),
            ("/a/b/c", "/a/x", false),
            ("/a/*/c", "/a/x", true),
            ("/**/c", "/a/x", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**/c", "/b", false),
            ("/a/**/**/c/d", "/a/c", true),
            ("/b", "/", true),
        ] {
            let glob = Glob::new(pattern, None).unwrap();
            assert_eq!(glob.reaches_below(Path::new(path)), expected, "{pattern} {path}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn a_pattern_matches_what_its_definition_says(
            pattern in prop::collection::vec("\\*\\*|[ab]|\\*?[ab](\\*[ab])?\\*?", 1..6),
            path in prop::collection::vec("[ab]{1,4}", 1..6),
        ) {
            let names: Vec<_> = pattern.iter().map(String::as_str).collect();
            let components: Vec<_> = path.iter().map(String::as_str).collect();
            let expected = is_match_by_definition(&names, &components);
            let matched = is_match(&format!("/{}", pattern.join("/")), &format!("/{}", path.join("/")));
            prop_assert_eq!(matched, expected);
            if matched {
                let glob = Glob::new(&format!("/{}", pattern.join("/")), None).unwrap();
                for above in Path::new(&format!("/{}", path.join("/"))).ancestors() {
                    prop_assert!(glob.reaches_below(above));
                }
            }
        }
    }
}
