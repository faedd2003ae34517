//! Frames over a socket between two processes, each beside the same bytes with bare calls.
//!
//! Both sides run unpinned and read with a buffer of one size: that of the longest frame.

use crate::Metric;

mod bare;
mod messages;
mod one_way;
mod peer;
mod round_trip;

pub(crate) fn metrics() -> impl Iterator<Item = &'static Metric> {
    [round_trip::METRICS, one_way::METRICS].into_iter().flatten()
}
