//! Widening a sandbox while the program runs.

use crate::Metric;

mod group_commit;
mod vet;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    group_commit::METRICS.iter().chain(vet::METRICS)
}
