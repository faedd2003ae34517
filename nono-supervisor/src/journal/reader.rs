//! A journal, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::line::Place;
use super::{Entry, Flaw, JournalError, LINE_MAX};

/// Reads a journal from its first line and checks each. It holds one line at a time.
#[derive(Debug)]
pub struct Reader {
    file: BufReader<File>,
    path: PathBuf,
    session_id: String,
    place: Place,
    /// The line that is being read; a part of one at the end of the file.
    line: Vec<u8>,
    has_ended: bool,
    broken: Option<Broken>,
}

/// The first line that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {flaw}")]
pub struct Broken {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl Reader {
    pub(super) fn new(file: File, path: PathBuf, session_id: String) -> Self {
        Self {
            file: BufReader::new(file),
            path,
            session_id,
            place: Place::FIRST,
            line: Vec::new(),
            has_ended: false,
            broken: None,
        }
    }

    /// The session whose file this is.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The next entry; none at the end of what is written so far, and from the first broken line
    /// on. When a session goes on, a later call goes on as well.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, JournalError> {
        if self.broken.is_some() || !self.has_read_line()? {
            return Ok(None);
        }
        match self.judge() {
            Ok(entry) => Ok(Some(entry)),
            Err(flaw) => {
                self.broken = Some(Broken { line: self.place.sequence, flaw });
                Ok(None)
            }
        }
    }

    /// The first broken line that was met.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Whether the end of the session was read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether a line has begun that has no end, as when its writer was killed. One that cannot have
    /// come about in this way is broken. To be asked at the end.
    pub fn is_torn(&mut self) -> bool {
        if self.line.is_empty() || self.broken.is_some() {
            return false;
        }
        let flaw = if self.has_ended {
            Flaw::AfterEnd
        } else if self.place.is_torn_line(&self.line) {
            return true;
        } else {
            Flaw::Malformed
        };
        self.broken = Some(Broken { line: self.place.sequence, flaw });
        false
    }

    /// Whether a whole line, or more than one can have, has been read.
    fn has_read_line(&mut self) -> Result<bool, JournalError> {
        self.read_line().map_err(|source| {
            let path = self.path.clone();
            JournalError::System { call: "read", path, source }
        })
    }

    /// A part of a line that was read before is read anew: its writer may have taken it back.
    fn read_line(&mut self) -> io::Result<bool> {
        if let part @ 1.. = i64::try_from(self.line.len()).unwrap_or(i64::MAX) {
            self.file.seek(SeekFrom::Current(-part))?;
            self.line.clear();
        }
        let limit = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
        (&mut self.file).take(limit).read_until(b'\n', &mut self.line)?;
        Ok(self.line.ends_with(b"\n") || self.line.len() >= LINE_MAX)
    }

    /// What the line says, if it may say that at its place.
    fn judge(&mut self) -> Result<Entry, Flaw> {
        let text = self.line.strip_suffix(b"\n").ok_or(Flaw::TooLong)?;
        let (entry, next) = self.place.read(text)?;
        match &entry {
            _ if self.has_ended => return Err(Flaw::AfterEnd),
            Entry::Begin(_) if self.place != Place::FIRST => return Err(Flaw::SecondBegin),
            Entry::Begin(begin) if begin.session_id != self.session_id => {
                return Err(Flaw::OtherSession { found: begin.session_id.clone() });
            }
            Entry::Record(_) | Entry::End(_) if self.place == Place::FIRST => {
                return Err(Flaw::NoBegin);
            }
            Entry::End(_) => self.has_ended = true,
            Entry::Begin(_) | Entry::Record(_) => {}
        }
        self.place = next;
        self.line.clear();
        Ok(entry)
    }
}
