//! The journal: one file a session, in which every line vouches for the ones before it.
//!
//! ```text
//! JournalRecord ──JournalSink──▶ SESSION.jsonl ──Reader──▶ Entry, or the Flaw of a line
//!                 (one write,        0600 in a 0700       └──▶ Summary: counts, state
//!                  group commit)     directory
//! ```
//!
//! A line is a JSON object of four members, in this order and without spaces around them:
//! `sequence` (1 for the first line), `previous` (the `sha256` of the line before, zeros for the
//! first), `entry` (an [`Entry`]) and `sha256` (SHA-256 of the line's own bytes up to the comma
//! before this member, FIPS 180-4). A changed line contradicts its own hash; a removed, repeated or
//! moved one contradicts its neighbours' numbers and hashes.
//!
//! # What the chain does not show
//! It has no key. Whoever can write the file can write all of it anew, and nobody can tell. Whoever
//! can shorten it can cut lines off its end: a file without its [`End`] is called open-ended, as is
//! one of a session that runs or was killed, and its chain cannot say how many lines are missing.
//! Who needs more copies the last `sha256` to where the user cannot write.
//!
//! ```
//! use nono_core::{AuditSink, Durability};
//! use nono_supervisor::journal::{Begin, Directory, JournalSink, State};
//!
//! let home = tempfile::tempdir()?;
//! let directory = Directory::create(&home.path().join("audit"))?;
//! let sink = JournalSink::create(&directory, &Begin::now("session-1", None))?;
//! sink.end()?;
//!
//! assert_eq!(directory.summary("session-1")?.state, State::Complete);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod directory;
mod entry;
mod error;
mod group_commit;
mod line;
mod reader;
mod sink;
mod summary;

pub use directory::{Directory, Listing};
pub use entry::{Begin, End, Entry};
pub use error::JournalError;
pub use group_commit::{DataSync, Fdatasync};
pub use line::Flaw;
pub use reader::{Broken, Reader};
pub use sink::JournalSink;
pub use summary::{Counts, State, Summary};

/// The longest line, in bytes, its newline included. A request that fills a frame of the protocol
/// fits, however its text is escaped.
pub const LINE_MAX: usize = 1 << 20;

/// The largest journal, in bytes. A session that has filled it is denied what must be recorded.
pub const JOURNAL_MAX: u64 = 1 << 32;
