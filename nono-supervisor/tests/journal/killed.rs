//! A writer that is killed.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nono_core::{AuditSink, Durability};
use nono_supervisor::journal::{Begin, Directory, Entry, JournalSink, State};

use crate::common::{Journals, record};

const DIRECTORY: &str = "NONO_TEST_JOURNALS";
const SESSION: &str = "NONO_TEST_SESSION";

/// The writer: this test, started by the one below, in a process of its own. It says the number of
/// each record that it was told is kept.
#[test]
#[ignore = "the writer of another test"]
fn writer() {
    let Some(directory) = env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let directory = Directory::open(&directory).unwrap();
    let begin = Begin::now(env::var(SESSION).unwrap(), None);
    let sink = JournalSink::create(&directory, &begin).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let sink = &sink;
            scope.spawn(move || {
                for one in 0_u64.. {
                    let how = [Durability::Written, Durability::Synced][usize::from(one % 2 == 0)];
                    let id = format!("{writer}-{one}");
                    sink.record(&record(&id), how).unwrap();
                    println!("\nkept {id}");
                }
            });
        }
    });
}

/// Starts a writer, kills it after a while and returns what it was told is kept.
fn kill_a_writer(journals: &Journals, session: &str, after: Duration) -> Vec<String> {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed::writer", "--ignored", "--nocapture"])
        .env(DIRECTORY, &journals.path)
        .env(SESSION, session)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(writer.stdout.take().unwrap());
    let reading = thread::spawn(move || {
        let lines = said.lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("kept ").map(str::to_owned)).collect::<Vec<_>>()
    });
    while !journals.path.join(format!("{session}.jsonl")).exists() {
        thread::yield_now();
    }
    thread::sleep(after);
    writer.kill().unwrap();
    writer.wait().unwrap();
    let mut kept = reading.join().unwrap();
    // The last of them may have been cut short as well.
    kept.pop();
    kept
}

#[test]
fn a_killed_writer_leaves_a_journal_that_holds_with_all_it_was_told_is_kept() {
    let journals = Journals::new();
    let mut all = 0;
    for round in 0..40_u64 {
        let session = format!("session-{round}");
        let kept = kill_a_writer(&journals, &session, Duration::from_micros(round * 373));
        let mut reader = journals.directory.reader(&session).unwrap();
        let mut ids = std::collections::HashSet::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            if let Entry::Record(record) = entry {
                ids.insert(record.entry.request.request_id);
            }
        }
        let state = journals.directory.summary(&session).unwrap().state;
        assert!(matches!(state, State::OpenEnded { .. }), "{state:?}");
        for id in &kept {
            assert!(ids.contains(id), "{session}: {id}");
        }
        all += kept.len();
    }
    assert!(all > 0, "no writer came to write");
}
