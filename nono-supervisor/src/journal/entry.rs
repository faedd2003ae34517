//! What a line says.

use std::path::PathBuf;
use std::time::SystemTime;

use nono_core::{JournalRecord, path_text};
use serde::{Deserialize, Serialize};

/// What one line of a journal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// The first line.
    Begin(Begin),
    /// A decision, or what came of one.
    Record(Box<JournalRecord>),
    /// The last line of a session that was ended in order.
    End(End),
}

/// How a session began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The session, which also names the file: 1 to 128 letters, digits, `-`, `_` and `.`, the
    /// first of them no dot.
    pub session_id: String,
    /// When.
    pub time: SystemTime,
    /// The supervisor's pid.
    pub pid: u32,
    /// The program that was started.
    #[serde(default, with = "path_text::optional")]
    pub program: Option<PathBuf>,
    /// The version of nono that wrote the journal.
    pub nono: String,
}

impl Begin {
    /// A session of this process that begins now.
    #[must_use]
    pub fn now(session_id: impl Into<String>, program: Option<PathBuf>) -> Self {
        Self {
            session_id: session_id.into(),
            time: SystemTime::now(),
            pid: std::process::id(),
            program,
            nono: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub time: SystemTime,
}
