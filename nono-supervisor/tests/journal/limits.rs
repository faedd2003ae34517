//! No more room, and too much of everything.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use nono_core::{AuditSink, Durability};
use nono_supervisor::journal::{
    Begin, Directory, Flaw, JOURNAL_MAX, JournalError, JournalSink, LINE_MAX, State,
};
use rustix::fs::{IFlags, ioctl_setflags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::common::{Journals, SESSION, record};

const DIRECTORY: &str = "NONO_TEST_JOURNALS";

/// The writer: this test, started by the one below, in a process whose files are limited.
#[test]
#[ignore = "the writer of another test"]
fn limited_writer() {
    let Some(directory) = env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let directory = Directory::open(&directory).unwrap();
    let sink = JournalSink::create(&directory, &Begin::now(SESSION, None)).unwrap();
    let kept = (0..100)
        .filter(|one| sink.record(&record(&one.to_string()), Durability::Written).is_ok())
        .count();
    assert!((1..100).contains(&kept), "{kept}");

    let mut long = record("long");
    long.entry.request.reason = Some("x".repeat(60_000));
    assert!(sink.record(&long, Durability::Written).is_err());
    println!("kept {kept}");
}

/// What a writer says whose files have 8 KiB at most, in blocks of 512 bytes; without SIGXFSZ the
/// write is short, or EFBIG.
fn limited(journals: &Journals, writer: &str) -> String {
    let ended = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; ulimit -S -f 16; exec "$0" "$@""#])
        .arg(env::current_exe().unwrap())
        .args(["--exact", writer, "--ignored", "--nocapture"])
        .env(DIRECTORY, &journals.path)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn what_does_not_fit_is_an_error_and_leaves_whole_lines() {
    let journals = Journals::new();
    let said = limited(&journals, "limits::limited_writer");
    let summary = journals.summary();
    assert_eq!(summary.state, State::OpenEnded { torn: false });
    assert!(said.contains(&format!("kept {}\n", summary.counts.granted)), "{said}");
}

/// The writer of the test below: what it wrote in part cannot be taken back.
#[test]
#[ignore = "the writer of another test"]
fn writer_that_cannot_undo() {
    let Some(directory) = env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let directory = Directory::open(&directory).unwrap();
    let sink = JournalSink::create(&directory, &Begin::now(SESSION, None)).unwrap();
    let file = File::open(sink.path()).unwrap();
    if ioctl_setflags(&file, IFlags::APPEND).is_err() {
        println!("not tested: files cannot be made append-only here");
        return;
    }
    let mut long = record("long");
    long.entry.request.reason = Some("x".repeat(60_000));
    assert!(sink.record(&long, Durability::Written).is_err());
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
    let later = sink.record(&record("later"), Durability::Written);
    ioctl_setflags(&file, IFlags::empty()).unwrap();
    assert!(later.is_err());
    println!("tested");
}

#[test]
fn nothing_is_written_behind_a_part_that_could_not_be_taken_back() {
    let journals = Journals::new();
    let limited = limited(&journals, "limits::writer_that_cannot_undo");
    if limited.contains("not tested") {
        eprintln!("{limited}");
        return;
    }
    assert_eq!(journals.summary().state, State::OpenEnded { torn: true });
}

#[test]
fn a_record_of_more_than_a_line_is_refused_and_the_journal_goes_on() {
    let journals = Journals::new();
    let sink = journals.sink();
    let mut long = record("long");
    long.entry.request.reason = Some("x".repeat(LINE_MAX));
    assert!(sink.record(&long, Durability::Written).is_err());
    sink.record(&record("next"), Durability::Written).unwrap();
    sink.end().unwrap();
    let summary = journals.summary();
    assert_eq!((summary.state, summary.counts.granted), (State::Complete, 1));
}

#[test]
fn the_longest_request_of_the_protocol_is_kept() {
    let journals = Journals::new();
    let sink = journals.sink();
    let mut long = record("long");
    // Every byte of a frame as one that JSON writes in six.
    long.entry.request.reason = Some("\u{1}".repeat(65_536));
    sink.record(&long, Durability::Written).unwrap();
    sink.end().unwrap();
    assert_eq!(journals.summary().state, State::Complete);
}

#[test]
fn a_line_without_an_end_in_sight_is_given_up() {
    let journals = Journals::new();
    drop(journals.sink());
    let mut file = OpenOptions::new().append(true).open(journals.file()).unwrap();
    file.write_all(&vec![b'x'; LINE_MAX * 3]).unwrap();
    file.write_all(b"\n").unwrap();
    let State::Broken(broken) = journals.summary().state else { panic!("not noticed") };
    assert_eq!((broken.line, broken.flaw), (2, Flaw::TooLong));
}

#[test]
fn a_journal_of_more_than_the_limit_is_not_read() {
    let journals = Journals::new();
    drop(journals.sink());
    let file = OpenOptions::new().write(true).open(journals.file()).unwrap();
    // A hole: nothing of it takes room on the disk.
    file.write_at(b"\n", JOURNAL_MAX).unwrap();
    let error = journals.directory.summary(SESSION).unwrap_err();
    assert!(matches!(error, JournalError::TooLarge { size, .. } if size == JOURNAL_MAX + 1));
    fs::remove_file(journals.file()).unwrap();
}
