//! The sinks that are no journal.

use std::io;
use std::sync::Mutex;

use nono_core::{AuditSink, Durability};
use nono_supervisor::{CallbackSink, MemorySink};

use crate::common::record;

#[test]
fn memory_keeps_records_in_order_until_it_is_full() {
    let sink = MemorySink::new(2);
    let (one, two) = (record("1"), record("2"));
    sink.record(&one, Durability::Written).unwrap();
    sink.record(&two, Durability::Synced).unwrap();
    let full = sink.record(&record("3"), Durability::Written).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert_eq!(sink.records(), [one, two]);
}

#[test]
fn a_callback_gets_every_record_and_its_error_is_the_sinks() {
    let seen = Mutex::new(Vec::new());
    let sink = CallbackSink::new(|record, durability| {
        seen.lock().unwrap().push((record.clone(), durability));
        Err(io::ErrorKind::TimedOut.into())
    });
    let one = record("1");
    let error = sink.record(&one, Durability::Synced).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(*seen.lock().unwrap(), [(one, Durability::Synced)]);
}
