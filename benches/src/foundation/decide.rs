//! Asking a capability set.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use nono::{CapabilitySet, Query};

use crate::{Floor, Limit, Metric, Result, Sampler, Samplers, policy};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "foundation/decide-10000",
        unit: "ns",
        limit: Limit::AtMost(1.0),
        rounds: 101,
        prepare: absolute,
    },
    Metric {
        name: "foundation/decide-scaling",
        unit: "ns",
        limit: Limit::AtMost(2.0),
        rounds: 101,
        prepare: scaling,
    },
];

/// How many paths one sample asks about. As many with few rules as with many, so that reading the
/// questions costs the same.
const QUESTIONS: u32 = 4096;

fn absolute() -> Result<Samplers> {
    Ok(Samplers { value: decisions(10_000)?, floor: Floor::Promised(500.0) })
}

fn scaling() -> Result<Samplers> {
    Ok(Samplers { value: decisions(10_000)?, floor: Floor::Measured(decisions(10)?) })
}

/// Samples the nanoseconds of one decision in a set of `rules` rules.
fn decisions(rules: usize) -> Result<Sampler> {
    let caps = policy::capabilities(rules)?;
    let questions = policy::questions(rules, usize::try_from(QUESTIONS)?);
    Ok(Box::new(move || {
        let start = Instant::now();
        black_box(ask(&caps, &questions));
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(QUESTIONS))
    }))
}

fn ask(caps: &CapabilitySet, questions: &[PathBuf]) -> usize {
    questions.iter().filter(|path| caps.decide(&Query::read(path)).is_allowed()).count()
}
