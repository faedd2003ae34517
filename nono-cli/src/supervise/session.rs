//! What a supervised run is decided with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use nono::supervisor::journal::{Begin, Directory, JournalSink};
use nono::supervisor::{
    AuditSink, AuditSync, Chain, Door, Durability, JournalRecord, Limits, SESSION_VARIABLE,
    SocketTransport, Stopper, Supervisor, opener,
};
use nono::{CapabilitySet, Command, Query};
use rustix::process::getuid;

use super::approver;
use super::never_grant;
use crate::audit;
use crate::failure::Failure;
use crate::floor;
use crate::request::Request;

const HEADING: &str = "Asking for more";

/// How the program may ask for more.
#[derive(Debug, Clone, Args)]
pub(crate) struct SuperviseArgs {
    /// Let the program ask for more while it runs
    #[arg(long, alias = "ask", help_heading = HEADING)]
    pub(crate) supervised: bool,
    /// Who decides, in this order: policy=FILE, deny
    #[arg(long, value_name = "WHO", requires = "supervised", help_heading = HEADING)]
    approve: Vec<approver::Approver>,
    /// How long a decision may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, requires = "supervised", help_heading = HEADING)]
    approve_timeout: Duration,
    /// Never grant this path, whoever says yes
    #[arg(long, value_name = "PATH", requires = "supervised", help_heading = HEADING)]
    never_grant: Vec<PathBuf>,
    /// Keep the record of decisions in this directory
    #[arg(long, value_name = "DIR", requires = "supervised", conflicts_with = "no_audit", help_heading = HEADING)]
    audit_dir: Option<PathBuf>,
    /// Keep no record of decisions
    #[arg(long, requires = "supervised", help_heading = HEADING)]
    no_audit: bool,
    /// Which records are on the disk before their answer: all, decisions or never
    #[arg(long, value_name = "WHICH", default_value = "decisions", value_parser = sync, requires = "supervised", help_heading = HEADING)]
    audit_sync: AuditSync,
}

/// A session that is about to begin.
#[derive(Debug)]
pub(crate) struct Session {
    arguments: SuperviseArgs,
    caps: CapabilitySet,
    program: PathBuf,
    user: u32,
    /// Where secrets of the caller and of the user lie.
    homes: BTreeSet<PathBuf>,
}

/// A session that nobody serves yet.
pub(super) struct Ready {
    supervisor: Supervisor,
    transport: SocketTransport,
    serving: Serving,
}

/// A session under way.
pub(super) struct Serving {
    journal: Option<Arc<JournalSink>>,
    stopper: Stopper,
}

impl Session {
    /// The session of a request, with what its program is granted.
    pub(crate) fn new(arguments: &SuperviseArgs, request: &Request) -> Self {
        let user = request.user.as_ref();
        Self {
            arguments: arguments.clone(),
            caps: request.caps.clone(),
            program: request.program.clone(),
            user: user.map_or_else(|| getuid().as_raw(), |user| user.identity().uid()),
            homes: floor::homes(user),
        }
    }

    /// Reads the policies, opens the journal, and gives the other end of the door to the command.
    pub(super) fn begin(self, command: &mut Command) -> Result<Ready, Failure> {
        let id = id()?;
        let backend = self.backend()?;
        let vet = never_grant::checker(&self.homes, self.closed()?)?;
        // The last that can be refused for what was typed: a journal tells of a session.
        let journal = self.journal(&id)?.map(Arc::new);
        let (door, theirs) = Door::new().map_err(Failure::Ipc)?;
        let transport = SocketTransport::new().and_then(|transport| transport.with_door(door));
        let transport = transport.map_err(Failure::Ipc)?;
        let stopper = transport.stopper().map_err(Failure::Ipc)?;
        let limits = Limits { approval: self.arguments.approve_timeout, ..Limits::default() };
        let supervisor = Supervisor::builder(&*id, self.caps)
            .user(self.user)
            .sync(self.arguments.audit_sync)
            .limits(limits)
            .build(vet, backend, Sink(journal.clone()), opener());
        command.env(
            nono::supervisor::FD_VARIABLE,
            std::os::fd::AsRawFd::as_raw_fd(&theirs).to_string(),
        );
        command.env(SESSION_VARIABLE, &id);
        command.keep_descriptor(theirs);
        Ok(Ready { supervisor, transport, serving: Serving { journal, stopper } })
    }

    fn backend(&self) -> Result<Chain, Failure> {
        for file in approver::files(&self.arguments.approve) {
            let canonical = file.canonicalize().unwrap_or(file.to_owned());
            // Whoever can write its directory can put another file in its place.
            let directory = canonical.parent().unwrap_or(&canonical);
            if self.covers(Query::write(&canonical)) || self.covers(Query::write(directory)) {
                return Err(Failure::GrantedPolicy(canonical));
            }
        }
        approver::chain(&self.arguments.approve)
    }

    /// What is never granted besides the floor: what the caller closed, in the sandbox or for the
    /// supervisor alone, and what decides and remembers. (A program that may ask for the rules decides
    /// on its next run.)
    fn closed(&self) -> Result<Vec<PathBuf>, Failure> {
        let arguments = &self.arguments;
        let denied = self.caps.denied_paths().iter();
        let denied = denied.flat_map(|entry| [entry.original(), entry.resolved()]);
        let rules = approver::files(&arguments.approve);
        let mut closed: Vec<_> = denied.chain(rules).map(Path::to_owned).collect();
        closed.extend(arguments.never_grant.iter().cloned());
        closed.extend(self.audit_directory()?);
        Ok(closed)
    }

    fn journal(&self, id: &str) -> Result<Option<JournalSink>, Failure> {
        let Some(path) = self.audit_directory()? else { return Ok(None) };
        let directory = Directory::create(&path).map_err(Failure::Journal)?;
        let canonical = path.canonicalize().unwrap_or(path);
        if self.covers(Query::read(&canonical)) || self.covers(Query::write(&canonical)) {
            return Err(Failure::GrantedJournal(canonical));
        }
        let begin = Begin::now(id, Some(self.program.clone()));
        JournalSink::create(&directory, &begin).map(Some).map_err(Failure::Journal)
    }

    fn covers(&self, query: Query<'_>) -> bool {
        self.caps.decide(&query).is_allowed()
    }

    /// Where records are kept; nowhere when that was asked for.
    fn audit_directory(&self) -> Result<Option<PathBuf>, Failure> {
        match &self.arguments.audit_dir {
            _ if self.arguments.no_audit => Ok(None),
            Some(directory) => Ok(Some(directory.clone())),
            None => audit::standard_directory().map(Some),
        }
    }
}

impl Ready {
    /// Serves the door on a thread of its own. What was asked meanwhile waits there.
    pub(super) fn serve(self) -> Result<Serving, Failure> {
        let Self { supervisor, transport, serving } = self;
        let serve = move || {
            // Without it nothing more is granted, which is what the program then finds.
            let _ = supervisor.serve(transport);
        };
        thread::Builder::new()
            .name("supervisor".into())
            .spawn(serve)
            .map_err(|source| Failure::System { call: "clone", source })?;
        Ok(serving)
    }
}

impl Serving {
    /// Nobody is left who could ask.
    pub(super) fn end(self) {
        self.stopper.stop();
        if let Some(journal) = self.journal {
            // A journal without its end is called open-ended, which it then is.
            let _ = journal.end();
        }
    }
}

/// A journal, or nothing.
struct Sink(Option<Arc<JournalSink>>);

impl AuditSink for Sink {
    fn record(&self, record: &JournalRecord, durability: Durability) -> std::io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |journal| journal.record(record, durability))
    }
}

/// A name that no other session has.
fn id() -> Result<String, Failure> {
    let mut bytes = [0_u8; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Failure::System { call: "getrandom", source: errno.into() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A time in seconds, minutes or hours: `90`, `90s`, `5m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        Some((at, _)) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a number with s, m or h behind it".into()),
    };
    let seconds = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
    match seconds {
        Some(seconds) if (1..=86_400).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err("between 1s and 24h".into()),
    }
}

fn sync(text: &str) -> Result<AuditSync, String> {
    match text {
        "all" => Ok(AuditSync::All),
        "decisions" => Ok(AuditSync::Decisions),
        "never" => Ok(AuditSync::Never),
        _ => Err("all, decisions or never".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("24h", 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "0s", "s", "1d", "25h", "-1s", "1.5s", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
