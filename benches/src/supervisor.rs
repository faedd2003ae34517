//! Widening a sandbox while the program runs.

use crate::Metric;

mod grant;
mod group_commit;
mod session;
mod vet;
mod waiting;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    [grant::METRICS, vet::METRICS, waiting::METRICS, group_commit::METRICS].into_iter().flatten()
}
