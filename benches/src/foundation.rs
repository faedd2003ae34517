//! The sandbox itself: starting, deciding, enforcing.

use crate::Metric;

mod decide;
mod enforce;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    [decide::METRICS, enforce::METRICS].into_iter().flatten()
}
