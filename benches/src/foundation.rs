//! The sandbox itself: starting, deciding, enforcing, and what it costs while a program runs.

use crate::Metric;

mod decide;
mod enforce;
mod filtered;
mod memory;
mod startup;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    [startup::METRICS, decide::METRICS, enforce::METRICS, memory::METRICS, filtered::METRICS]
        .into_iter()
        .flatten()
}
