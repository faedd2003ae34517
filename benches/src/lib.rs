//! Figures of nono, each beside a floor that is measured in the same run.
//!
//! ```text
//! METRICS ──prepare──▶ Samplers { value, floor } ──rounds, in turn──▶ Figure { value, floor }
//! ```
//!
//! A part of nono adds a module with a table of [`Metric`]s and a line in [`metrics`]. `README.md`
//! says what each metric means. Linux only, as what is measured.

use std::error::Error;

pub mod bare;
mod binaries;
mod child;
mod figure;
mod foundation;
mod ipc;
mod metric;
pub mod policy;
mod supervisor;
pub mod sys;
pub mod tree;

pub use figure::Figure;
pub use metric::{Floor, Limit, Metric, Sampler, Samplers};

/// What keeps a metric from being measured, for a person to read.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Every metric, in the order in which they are measured.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    foundation::metrics().chain(ipc::metrics()).chain(supervisor::metrics())
}
