//! Widening a sandbox while the program runs.

use crate::Metric;

mod group_commit;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    group_commit::METRICS.iter()
}
