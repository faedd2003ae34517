//! Many threads, one sync.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use nono_core::{AuditSink, Durability};
use nono_supervisor::journal::{Begin, DataSync, JournalSink, State};

use crate::common::{Journals, SESSION, record};

/// Counts syncs, and the bytes that each of them covered.
#[derive(Default)]
struct Counted {
    syncs: AtomicUsize,
    covered: AtomicUsize,
    fails: AtomicBool,
}

struct Shared(Arc<Counted>);

impl DataSync for Shared {
    fn sync(&self, file: &File) -> io::Result<()> {
        let length = usize::try_from(file.metadata()?.len()).unwrap();
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.covered.store(length, Ordering::SeqCst);
        Ok(())
    }
}

fn sink(journals: &Journals, sync: impl DataSync + 'static) -> JournalSink {
    let begin = Begin::now(SESSION, None);
    JournalSink::with_sync(&journals.directory, &begin, Box::new(sync)).unwrap()
}

#[test]
fn many_threads_leave_every_record_once_in_a_journal_that_holds() {
    let journals = Journals::new();
    let sink = journals.sink();
    thread::scope(|scope| {
        for writer in 0..16 {
            let sink = &sink;
            scope.spawn(move || {
                for one in 0..50 {
                    let how = [Durability::Written, Durability::Synced][one % 2];
                    sink.record(&record(&format!("{writer}-{one}")), how).unwrap();
                }
            });
        }
    });
    sink.end().unwrap();
    let summary = journals.summary();
    assert_eq!((summary.state, summary.counts.granted), (State::Complete, 800));
    let text = std::fs::read_to_string(journals.file()).unwrap();
    for id in (0..16).flat_map(|writer| (0..50).map(move |one| format!("\"{writer}-{one}\""))) {
        assert_eq!(text.matches(&id).count(), 1, "{id}");
    }
}

#[test]
fn a_synced_record_is_covered_by_a_sync_that_began_after_its_write() {
    let journals = Journals::new();
    let counted = Arc::new(Counted::default());
    let sink = sink(&journals, Shared(Arc::clone(&counted)));
    thread::scope(|scope| {
        for writer in 0..8 {
            let (sink, counted, file) = (&sink, &counted, journals.file());
            scope.spawn(move || {
                for one in 0..50 {
                    let id = format!("{writer}-{one}.");
                    sink.record(&record(&id), Durability::Synced).unwrap();
                    let covered = counted.covered.load(Ordering::SeqCst);
                    let text = std::fs::read_to_string(&file).unwrap();
                    assert!(text[..covered].contains(&id), "{id}");
                }
            });
        }
    });
    let alone = counted.syncs.load(Ordering::SeqCst);
    sink.record(&record("written"), Durability::Written).unwrap();
    assert_eq!(counted.syncs.load(Ordering::SeqCst), alone);
}

/// Reports that a sync has begun, and ends it when it is told to.
struct Stepwise(mpsc::SyncSender<()>, std::sync::Mutex<mpsc::Receiver<()>>);

impl DataSync for Stepwise {
    fn sync(&self, _: &File) -> io::Result<()> {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().map_err(io::Error::other)
    }
}

#[test]
fn whoever_writes_during_a_sync_shares_the_next_one() {
    let journals = Journals::new();
    let (began, begins) = mpsc::sync_channel(0);
    let (go, goes) = mpsc::channel();
    let sink = sink(&journals, Stepwise(began, goes.into()));
    let reads = || std::fs::read_to_string(journals.file()).unwrap().lines().count();
    thread::scope(|scope| {
        // Dropped when the test fails, so that no sync waits for it.
        let (begins, go) = (begins, go);
        let begun = |begins: &mpsc::Receiver<()>| {
            begins.recv_timeout(Duration::from_secs(10)).expect("a sync begins")
        };
        let keep = |id: &'static str| {
            let sink = &sink;
            scope.spawn(move || sink.record(&record(id), Durability::Synced).unwrap())
        };
        keep("first");
        begun(&begins);
        let others: Vec<_> = (0..7).map(|_| keep("other")).collect();
        while reads() < 9 {
            thread::yield_now();
        }
        go.send(()).unwrap();
        begun(&begins);
        go.send(()).unwrap();
        // Any further sync would fail, and with it the record that waits for it.
        drop((begins, go));
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn after_a_failed_sync_nothing_is_kept_any_more() {
    let journals = Journals::new();
    let counted = Arc::new(Counted::default());
    let sink = sink(&journals, Shared(Arc::clone(&counted)));
    counted.fails.store(true, Ordering::SeqCst);
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                let error = sink.record(&record("lost"), Durability::Synced).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(5));
            });
        }
    });
    counted.fails.store(false, Ordering::SeqCst);
    for how in [Durability::Written, Durability::Synced] {
        assert!(sink.record(&record("later"), how).is_err());
    }
    assert!(!std::fs::read_to_string(journals.file()).unwrap().contains("later"));
}

/// Panics at its first sync.
struct Panics;

impl DataSync for Panics {
    fn sync(&self, _: &File) -> io::Result<()> {
        panic!("in the middle of a sync")
    }
}

#[test]
fn a_sync_that_panics_leaves_nobody_waiting() {
    let journals = Journals::new();
    let sink = Arc::new(sink(&journals, Panics));
    let (ended, ends) = mpsc::channel();
    for id in ["a", "b"] {
        let (sink, ended) = (Arc::clone(&sink), ended.clone());
        let recording = move || sink.record(&record(id), Durability::Synced);
        thread::spawn(move || ended.send(catch_unwind(AssertUnwindSafe(recording))));
    }
    let outcomes = [(); 2].map(|()| ends.recv_timeout(Duration::from_secs(10)).unwrap());
    // The one whose sync it was panics on.
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert!(outcomes.iter().flatten().all(Result::is_err));
}

#[test]
fn nothing_is_recorded_after_the_end() {
    let journals = Journals::new();
    let sink = journals.sink();
    sink.end().unwrap();
    assert!(sink.record(&record("late"), Durability::Written).is_err());
    assert!(sink.end().is_err());
    assert_eq!(journals.summary().state, State::Complete);
}
