//! Records that are on the disk before their answers leave.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nono_core::wire::OpenIntent;
use nono_core::{
    AccessMode, ApprovalDecision, AuditEntry, AuditSink, CapabilityRequest, Durability,
    JournalRecord, Operation, Peer, Scope,
};
use nono_supervisor::journal::{Begin, DataSync, Directory, Fdatasync, JournalSink};
use tempfile::TempDir;

use crate::{Floor, Limit, Metric, Result, Sampler, Samplers};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "supervisor/group-commit",
        unit: "records/s",
        limit: Limit::AtLeast(20.0),
        rounds: 5,
        prepare: many_beside_one,
    },
    Metric {
        name: "supervisor/group-commit-disk",
        unit: "records/sync",
        limit: Limit::AtLeast(8.0),
        rounds: 5,
        prepare: on_the_disk,
    },
];

const THREADS: u32 = 64;
const RECORDS_EACH: u32 = 40;

/// A disk that takes 5 ms, whatever is to be synced.
struct SlowDisk;

impl DataSync for SlowDisk {
    fn sync(&self, _: &File) -> io::Result<()> {
        thread::sleep(Duration::from_millis(5));
        Ok(())
    }
}

/// The rate of 64 threads beside that of one.
fn many_beside_one() -> Result<Samplers> {
    let value = rate(THREADS)?;
    Ok(Samplers { value, floor: Floor::Measured(rate(1)?) })
}

fn rate(threads: u32) -> Result<Sampler> {
    let mut journals = Journals::new(&std::env::temp_dir())?;
    Ok(Box::new(move || {
        let sink = journals.begin(Box::new(SlowDisk))?;
        let start = Instant::now();
        record_together(&sink, threads)?;
        Ok(f64::from(threads * RECORDS_EACH) / start.elapsed().as_secs_f64())
    }))
}

/// The disk on which this is built: it is less likely to be memory than the temporary directory.
fn on_the_disk() -> Result<Samplers> {
    let program = std::env::current_exe()?;
    let mut journals = Journals::new(program.parent().ok_or("this program is in no directory")?)?;
    let value = Box::new(move || {
        let syncs = Arc::new(AtomicU32::new(0));
        let sink = journals.begin(Box::new(Counted(Arc::clone(&syncs))))?;
        record_together(&sink, THREADS)?;
        Ok(f64::from(THREADS * RECORDS_EACH) / f64::from(syncs.load(Ordering::Relaxed)))
    });
    Ok(Samplers { value, floor: Floor::Promised(1.0) })
}

/// The real disk, counting.
struct Counted(Arc<AtomicU32>);

impl DataSync for Counted {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Fdatasync.sync(file)
    }
}

/// A directory for the journals of the samples.
struct Journals {
    directory: Directory,
    sessions: u32,
    _temporary: TempDir,
}

impl Journals {
    fn new(parent: &Path) -> Result<Self> {
        let temporary = TempDir::new_in(parent)?;
        let directory = Directory::create(&temporary.path().join("audit"))?;
        Ok(Self { directory, sessions: 0, _temporary: temporary })
    }

    fn begin(&mut self, sync: Box<dyn DataSync>) -> Result<JournalSink> {
        self.sessions += 1;
        let begin = Begin::now(format!("session-{}", self.sessions), None);
        Ok(JournalSink::with_sync(&self.directory, &begin, sync)?)
    }
}

/// Every thread records, waits until that is synced, and records the next, as clients do that wait
/// for their answers.
fn record_together(sink: &JournalSink, threads: u32) -> io::Result<()> {
    let each = || {
        let record = record();
        (0..RECORDS_EACH).try_for_each(|_| sink.record(&record, Durability::Synced))
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        let ended = |thread: thread::ScopedJoinHandle<'_, io::Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        };
        running.into_iter().try_for_each(ended)
    })
}

fn record() -> JournalRecord {
    JournalRecord {
        entry: AuditEntry {
            timestamp: SystemTime::now(),
            request: CapabilityRequest {
                request_id: "1024".into(),
                path: "/home/user/project/notes/today.txt".into(),
                access: AccessMode::Read,
                reason: Some("to show what was written down".into()),
                child_pid: 4321,
                session_id: "7f3a5c9e01b2d468".into(),
            },
            decision: ApprovalDecision::Granted,
            backend: "policy".into(),
            duration_ms: 0,
        },
        peer: Peer::new(4321, 1000, 1000),
        operation: Operation::Open(OpenIntent::default()),
        spelled: None,
        object: None,
        code: None,
        scope: Scope::Once,
        outcome: None,
    }
}
