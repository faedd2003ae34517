//! Records that stay in memory.

use std::io;
use std::sync::{Mutex, PoisonError};

use nono_core::{AuditSink, Durability, JournalRecord};

/// Keeps records as long as it lives, for tests and for programs that show them.
#[derive(Debug)]
pub struct MemorySink {
    limit: usize,
    records: Mutex<Vec<JournalRecord>>,
}

impl MemorySink {
    /// A sink that is full with `limit` records.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, records: Mutex::default() }
    }

    /// What was recorded so far, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<JournalRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AuditSink for MemorySink {
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when it is full. Nothing is synced: memory is all it has.
    fn record(&self, record: &JournalRecord, _: Durability) -> io::Result<()> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= self.limit {
            return Err(io::ErrorKind::StorageFull.into());
        }
        records.push(record.clone());
        Ok(())
    }
}
