//! Records that go to a function.

use std::io;

use nono_core::{AuditSink, Durability, JournalRecord};

/// Hands each record to a function, for programs that keep records in their own way. The function
/// is called by many threads at a time and keeps what [`AuditSink::record`] promises.
pub struct CallbackSink<F>(F);

impl<F> CallbackSink<F>
where
    F: Fn(&JournalRecord, Durability) -> io::Result<()> + Send + Sync,
{
    /// A sink that calls `function`.
    pub fn new(function: F) -> Self {
        Self(function)
    }
}

impl<F> AuditSink for CallbackSink<F>
where
    F: Fn(&JournalRecord, Durability) -> io::Result<()> + Send + Sync,
{
    fn record(&self, record: &JournalRecord, durability: Durability) -> io::Result<()> {
        (self.0)(record, durability)
    }
}
