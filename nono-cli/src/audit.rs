//! `nono audit`: what supervised programs asked for, and what was answered.
//!
//! ```text
//! AuditArgs ──▶ Directory ──▶ Summary, Entry ──▶ words (escaped), or JSON
//! ```

mod json;
mod place;
mod utc;
mod words;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use nono_supervisor::journal::{Directory, Entry, Reader, State, Summary};

use crate::failure::Failure;
use crate::report::Report;
pub(crate) use place::standard as standard_directory;

/// How often a journal that is being followed is looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// Show what supervised programs asked for, and check that it was not changed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line of a journal holds the SHA-256 of the line before, without a key: whoever can write
the file can write all of it anew, or cut lines off its end.

Exit status: 1 when a journal was changed, 125 when nono failed.")]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    action: Action,
    /// Read the journals in DIR instead of $XDG_STATE_HOME/nono/audit
    #[arg(long, global = true, value_name = "DIR")]
    audit_dir: Option<PathBuf>,
    /// Write JSON: list and verify one document, show and tail one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say of each session when it was, what was decided and whether its journal holds
    List,
    /// Print the entries of a session
    Show {
        /// The session, as list names it
        session: String,
    },
    /// Name the first entry of a session that is not what was written
    Verify {
        /// The session, as list names it
        session: String,
    },
    /// Print the last entries of a session
    Tail {
        /// The session, as list names it; otherwise the one that began last
        session: Option<String>,
        /// How many
        #[arg(short = 'n', long, default_value_t = 10, value_name = "COUNT")]
        lines: usize,
        /// Go on until the session ends
        #[arg(short = 'f', long)]
        follow: bool,
    },
}

/// Reads, says and judges.
pub(crate) fn run(arguments: &AuditArgs) -> ExitCode {
    let report = Report::new(false, arguments.json);
    let told = match &arguments.action {
        Action::List => arguments.list(report),
        Action::Show { session } => arguments.show(session, report),
        Action::Verify { session } => arguments.verify(session),
        Action::Tail { session, lines, follow } => {
            arguments.tail(session.as_deref(), *lines, *follow, report)
        }
    };
    match told {
        Ok(status) => status,
        // Whoever reads has enough.
        Err(Failure::System { call: "write", source })
            if source.kind() == io::ErrorKind::BrokenPipe =>
        {
            ExitCode::SUCCESS
        }
        Err(failure) => report.failed(&failure),
    }
}

impl AuditArgs {
    fn list(&self, report: Report) -> Result<ExitCode, Failure> {
        let listing = match self.directory()? {
            Some(directory) => directory.list().map_err(Failure::Journal)?,
            None => nono_supervisor::journal::Listing::default(),
        };
        let sessions = &listing.sessions;
        say(&if self.json { json::list(sessions) } else { words::list(sessions) })?;
        listing.unreadable.iter().for_each(|error| report.warning(error));
        Ok(ExitCode::SUCCESS)
    }

    fn verify(&self, session: &str) -> Result<ExitCode, Failure> {
        let summary = self.required_directory()?.summary(session).map_err(Failure::Journal)?;
        say(&if self.json { json::summary(&summary) } else { words::verdict(&summary) })?;
        Ok(status(is_broken(&summary)))
    }

    fn show(&self, session: &str, report: Report) -> Result<ExitCode, Failure> {
        let mut reader = self.required_directory()?.reader(session).map_err(Failure::Journal)?;
        while let Some(entry) = reader.next_entry().map_err(Failure::Journal)? {
            self.say_entry(&entry)?;
        }
        Ok(ended(&mut reader, report))
    }

    fn tail(
        &self,
        session: Option<&str>,
        lines: usize,
        follow: bool,
        report: Report,
    ) -> Result<ExitCode, Failure> {
        let directory = self.required_directory()?;
        let session = match session {
            Some(session) => session.to_owned(),
            None => match directory.newest().map_err(Failure::Journal)? {
                Some(session) => session,
                None => return Ok(ExitCode::SUCCESS),
            },
        };
        let mut reader = directory.reader(&session).map_err(Failure::Journal)?;
        for entry in last(&mut reader, lines)? {
            self.say_entry(&entry)?;
        }
        while follow && !reader.has_ended() && reader.broken().is_none() {
            match reader.next_entry().map_err(Failure::Journal)? {
                Some(entry) => self.say_entry(&entry)?,
                None => sleep(FOLLOW_INTERVAL),
            }
        }
        Ok(ended(&mut reader, report))
    }

    fn say_entry(&self, entry: &Entry) -> Result<(), Failure> {
        say(&if self.json { json::entry(entry) } else { words::entry(entry) })
    }

    /// None where nothing was ever recorded.
    fn directory(&self) -> Result<Option<Directory>, Failure> {
        use nono_supervisor::journal::JournalError::Missing;
        match self.required_directory() {
            Err(Failure::Journal(Missing(_))) if self.audit_dir.is_none() => Ok(None),
            directory => directory.map(Some),
        }
    }

    fn required_directory(&self) -> Result<Directory, Failure> {
        let path = match &self.audit_dir {
            Some(path) => path.clone(),
            None => place::standard()?,
        };
        Directory::open(&path).map_err(Failure::Journal)
    }
}

/// The last entries that are there, without holding more than those.
fn last(reader: &mut Reader, lines: usize) -> Result<VecDeque<Entry>, Failure> {
    let mut kept = VecDeque::new();
    while let Some(entry) = reader.next_entry().map_err(Failure::Journal)? {
        kept.push_back(entry);
        if kept.len() > lines {
            kept.pop_front();
        }
    }
    Ok(kept)
}

/// What was shown is what was written; what comes behind a broken line is not shown.
fn ended(reader: &mut Reader, report: Report) -> ExitCode {
    if reader.is_torn() {
        report.note("the last line is not complete");
    }
    if let Some(broken) = reader.broken() {
        report.warning(format_args!("{broken}; what follows is not shown"));
        return status(true);
    }
    status(false)
}

fn is_broken(summary: &Summary) -> bool {
    matches!(summary.state, State::Broken(_))
}

fn status(is_broken: bool) -> ExitCode {
    ExitCode::from(u8::from(is_broken))
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|source| Failure::System { call: "write", source })
}
