//! How often somebody is asked.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket of prompts that is full at first and fills again in a minute.
#[derive(Debug)]
pub(super) struct PromptRate {
    per_minute: u32,
    level: Mutex<(f64, Instant)>,
}

impl PromptRate {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, level: Mutex::new((f64::from(per_minute), Instant::now())) }
    }

    /// Whether one more may be asked now.
    pub(super) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *level;
        let minutes =
            now.saturating_duration_since(since).div_duration_f64(Duration::from_secs(60));
        let full = f64::from(self.per_minute);
        let left = (left + minutes * full).min(full);
        let taken = left >= 1.0;
        *level = (if taken { left - 1.0 } else { left }, now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_empties_the_bucket_and_time_fills_it() {
        let rate = PromptRate::new(2);
        let start = Instant::now();
        assert_eq!([0, 0, 0].map(|_| rate.take_at(start)), [true, true, false]);
        assert!(!rate.take_at(start + Duration::from_secs(29)));
        assert!(rate.take_at(start + Duration::from_secs(31)));
        assert!(!rate.take_at(start + Duration::from_secs(32)));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!([0, 0, 0].map(|_| rate.take_at(much_later)), [true, true, false]);
    }
}
