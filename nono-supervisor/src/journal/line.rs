//! The form of a line.

use std::io;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Entry, LINE_MAX};

const DIGITS: usize = 64;
const SEQUENCE: &[u8] = br#"{"sequence":"#;
const PREVIOUS: &[u8] = br#","previous":""#;
const ENTRY: &[u8] = br#"","entry":"#;
const HASH: &[u8] = br#","sha256":""#;
const CLOSE: &[u8] = br#""}"#;

/// A SHA-256 in 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; DIGITS]);

/// Where in a journal a line stands: its number, from 1, and the hash of the line before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) previous: Hash,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// It is longer than [`LINE_MAX`].
    #[error("longer than {LINE_MAX} bytes")]
    TooLong,
    /// It does not have the form of a line.
    #[error("not a line of a journal")]
    Malformed,
    /// Its bytes are not those that its hash was made of.
    #[error("changed after it was written: its hash is another")]
    Changed,
    /// Lines before it are missing, or it was moved.
    #[error("lines are missing, repeated or moved: expected number {expected}, found {found}")]
    Sequence {
        /// The number of the line that should be here.
        expected: u64,
        /// Its own number.
        found: u64,
    },
    /// The line before is not the one that it was written behind.
    #[error("the line before it was replaced: it names another hash")]
    Previous,
    /// It says something that this version of nono does not understand.
    #[error("not an entry that this version knows")]
    UnknownEntry,
    /// The first line is something else than the begin of a session.
    #[error("the journal does not begin with the begin of a session")]
    NoBegin,
    /// The journal is another session's.
    #[error("the journal of session {found:?}, in the file of another")]
    OtherSession {
        /// The session that it belongs to.
        found: String,
    },
    /// A session begins after the first line.
    #[error("a session begins in the middle of a journal")]
    SecondBegin,
    /// The session had ended before it.
    #[error("written after the end of the session")]
    AfterEnd,
}

impl Hash {
    fn of(bytes: &[u8]) -> Self {
        let mut digits = [0; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(Sha256::digest(bytes)) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        Self(digits)
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

impl Place {
    pub(super) const FIRST: Self = Self { sequence: 1, previous: Hash([b'0'; DIGITS]) };

    /// The place behind a line with this hash.
    fn after(self, hash: Hash) -> Self {
        Self { sequence: self.sequence.saturating_add(1), previous: hash }
    }

    /// The bytes of the line at this place, up to its entry.
    fn head(self) -> Vec<u8> {
        let number = self.sequence.to_string();
        [SEQUENCE, number.as_bytes(), PREVIOUS, &self.previous.0, ENTRY].concat()
    }

    /// The line at this place, newline included, and the place behind it.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when it is longer than [`LINE_MAX`].
    pub(super) fn write(self, entry: &Written) -> io::Result<(Vec<u8>, Self)> {
        let mut line = self.head();
        line.reserve(entry.0.len() + HASH.len() + DIGITS + CLOSE.len() + 1);
        line.extend_from_slice(&entry.0);
        let hash = Hash::of(&line);
        for part in [HASH, &hash.0, CLOSE, b"\n"] {
            line.extend_from_slice(part);
        }
        if line.len() > LINE_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record is too long"));
        }
        Ok((line, self.after(hash)))
    }

    /// What a line, without its newline, says at this place, and the place behind it.
    pub(super) fn read(self, line: &[u8]) -> Result<(Entry, Self), Flaw> {
        let parts = Parts::of(line).ok_or(Flaw::Malformed)?;
        let hash = Hash::of(parts.hashed);
        if hash.0 != parts.hash {
            return Err(Flaw::Changed);
        }
        if parts.sequence != self.sequence {
            return Err(Flaw::Sequence { expected: self.sequence, found: parts.sequence });
        }
        if parts.previous != self.previous.0 {
            return Err(Flaw::Previous);
        }
        let entry = serde_json::from_slice(parts.entry).map_err(|_| Flaw::UnknownEntry)?;
        Ok((entry, self.after(hash)))
    }

    /// Whether these bytes can be the start of a line at this place whose writing was cut short.
    pub(super) fn is_torn_line(self, bytes: &[u8]) -> bool {
        let head = self.head();
        let common = head.len().min(bytes.len());
        head[..common] == bytes[..common]
            && self.read(&bytes[..bytes.len().saturating_sub(1)]).is_err()
    }
}

/// An entry as JSON, ready to be put into a line.
pub(super) struct Written(Vec<u8>);

impl Written {
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for a time before 1970.
    pub(super) fn new(entry: &impl Serialize) -> io::Result<Self> {
        Ok(Self(serde_json::to_vec(entry)?))
    }
}

/// A line, taken apart and not yet judged.
struct Parts<'a> {
    hashed: &'a [u8],
    sequence: u64,
    previous: &'a [u8],
    entry: &'a [u8],
    hash: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let (hashed, tail) =
            line.split_at_checked(line.len().checked_sub(HASH.len() + DIGITS + CLOSE.len())?)?;
        let hash = tail.strip_prefix(HASH)?.strip_suffix(CLOSE)?;
        let rest = hashed.strip_prefix(SEQUENCE)?;
        let (number, rest) = rest.split_at(rest.iter().position(|&byte| byte == b',')?);
        let (previous, rest) = rest.strip_prefix(PREVIOUS)?.split_at_checked(DIGITS)?;
        let entry = rest.strip_prefix(ENTRY)?;
        Some(Self { hashed, sequence: self::number(number)?, previous, entry, hash })
    }
}

/// Digits as they are written, without signs or zeros in front.
fn number(digits: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == digits).then_some(number)
}
