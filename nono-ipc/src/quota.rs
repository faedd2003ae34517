//! How many requests may be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of places, each taken by one request until its answer is sent.
///
/// ```
/// let quota = nono_ipc::Quota::new(1);
/// let place = quota.take().expect("one is free");
/// assert!(quota.take().is_none());
/// drop(place);
/// assert!(quota.take().is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Quota {
    free: Arc<AtomicUsize>,
}

/// A place of a [`Quota`], given back when it is dropped, on whatever thread.
#[derive(Debug)]
#[must_use]
pub struct Place {
    free: Arc<AtomicUsize>,
}

impl Quota {
    /// A quota of `places`. Clones share them.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(places)) }
    }

    /// Takes a place, if one is free.
    pub fn take(&self) -> Option<Place> {
        let one_less = |free: usize| free.checked_sub(1);
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        taken.is_ok().then(|| Place { free: Arc::clone(&self.free) })
    }

    /// How many places are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.free.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_never_more_than_the_quota_whoever_takes_them() {
        let quota = Quota::new(3);
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let Some(place) = quota.take() else { continue };
                        most.fetch_max(3 - quota.free(), Ordering::AcqRel);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!(quota.free(), 3);
        assert!((1..=3).contains(&most.into_inner()));
    }
}
