//! What checking a journal finds.

use std::fs;

use nono_core::{AuditSink, Durability, JournalRecord};
use nono_supervisor::journal::{Entry, Flaw, State};
use proptest::prelude::*;

use crate::common::{Journals, any_record, record};

/// The bytes of a journal of these records.
fn written(journals: &Journals, records: &[JournalRecord], has_end: bool) -> Vec<u8> {
    let _ = fs::remove_file(journals.file());
    let sink = journals.sink();
    for record in records {
        sink.record(record, Durability::Written).unwrap();
    }
    if has_end {
        sink.end().unwrap();
    }
    fs::read(journals.file()).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn broken_line(state: &State) -> Option<u64> {
    match state {
        State::Broken(broken) => Some(broken.line),
        _ => None,
    }
}

fn number(index: usize) -> Option<u64> {
    Some(u64::try_from(index).unwrap() + 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_records_come_back_as_they_were_kept(
        records in prop::collection::vec(any_record(), 0..6), has_end: bool,
    ) {
        let journals = Journals::new();
        written(&journals, &records, has_end);
        let state = if has_end { State::Complete } else { State::OpenEnded { torn: false } };
        prop_assert_eq!(journals.summary().state, state);

        let mut reader = journals.directory.reader(crate::common::SESSION).unwrap();
        let mut read = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            if let Entry::Record(record) = entry {
                read.push(*record);
            }
        }
        prop_assert_eq!(read, records);
    }

    #[test]
    fn the_line_with_a_changed_byte_is_named(
        records in prop::collection::vec(any_record(), 0..4),
        has_end: bool, at: prop::sample::Index, change in 1_u8..=255,
    ) {
        let journals = Journals::new();
        let mut bytes = written(&journals, &records, has_end);
        let at = at.index(bytes.len());
        let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
        bytes[at] ^= change;
        prop_assert_eq!(broken_line(&journals.summary_of(&bytes).state), number(line));
    }

    #[test]
    fn the_place_of_a_removed_line_is_named(
        records in prop::collection::vec(any_record(), 1..5), removed: prop::sample::Index,
    ) {
        let journals = Journals::new();
        let mut lines = lines(&written(&journals, &records, true));
        let removed = removed.index(lines.len() - 1);
        lines.remove(removed);
        let state = journals.summary_of(&lines.concat()).state;
        prop_assert_eq!(broken_line(&state), number(removed));
    }

    #[test]
    fn the_first_of_two_exchanged_lines_is_named(
        records in prop::collection::vec(any_record(), 1..5),
        one: prop::sample::Index, other: prop::sample::Index,
    ) {
        let journals = Journals::new();
        let mut lines = lines(&written(&journals, &records, true));
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        prop_assume!(one != other);
        lines.swap(one, other);
        let state = journals.summary_of(&lines.concat()).state;
        prop_assert_eq!(broken_line(&state), number(one.min(other)));
    }

    #[test]
    fn a_journal_cut_anywhere_is_open_ended_and_not_broken(
        records in prop::collection::vec(any_record(), 0..4), at: prop::sample::Index,
    ) {
        let journals = Journals::new();
        let bytes = written(&journals, &records, true);
        let cut = &bytes[..at.index(bytes.len())];
        let torn = !(cut.is_empty() || cut.ends_with(b"\n"));
        prop_assert_eq!(journals.summary_of(cut).state, State::OpenEnded { torn });
    }
}

fn flaw_of(journals: &Journals, lines: &[&[u8]]) -> Flaw {
    match journals.summary_of(&lines.concat()).state {
        State::Broken(broken) => broken.flaw,
        state => panic!("{state:?}"),
    }
}

#[test]
fn each_way_to_change_a_journal_has_its_own_name() {
    let journals = Journals::new();
    let bytes = written(&journals, &[record("a"), record("b")], true);
    let whole = lines(&bytes);
    let [begin, a, b, end] = [&*whole[0], &*whole[1], &*whole[2], &*whole[3]];
    let other = lines(&written(&journals, &[record("other"), record("b")], true));

    assert_eq!(flaw_of(&journals, &[begin, b, end]), Flaw::Sequence { expected: 2, found: 3 });
    assert_eq!(flaw_of(&journals, &[begin, a, &other[2], end]), Flaw::Previous);
    assert_eq!(
        flaw_of(&journals, &[begin, a, b, end, end]),
        Flaw::Sequence { expected: 5, found: 4 }
    );
    assert_eq!(flaw_of(&journals, &[begin, a, b, end, b"{"]), Flaw::AfterEnd);
    assert_eq!(flaw_of(&journals, &[begin, b"{}\n"]), Flaw::Malformed);
    assert_eq!(flaw_of(&journals, &[b"\n"]), Flaw::Malformed);
    assert_eq!(flaw_of(&journals, &[begin, b"torn"]), Flaw::Malformed);
    let changed = String::from_utf8(a.to_vec()).unwrap().replace("notes", "other");
    assert_eq!(flaw_of(&journals, &[begin, changed.as_bytes(), b]), Flaw::Changed);
}

#[test]
fn a_journal_under_the_name_of_another_session_is_broken() {
    let journals = Journals::new();
    let bytes = written(&journals, &[], true);
    let file = journals.path.join("session-2.jsonl");
    fs::rename(journals.file(), &file).unwrap();
    assert!(!bytes.is_empty());
    let State::Broken(broken) = journals.directory.summary("session-2").unwrap().state else {
        panic!("taken for its own")
    };
    assert_eq!(broken.flaw, Flaw::OtherSession { found: "session-1".into() });
}
