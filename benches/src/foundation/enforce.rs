//! Preparing and entering a sandbox of many paths.

use std::time::Instant;

use nono::{CapabilitySet, Sandbox};

use crate::bare::BareRules;
use crate::child::sample_in_child;
use crate::tree::Tree;
use crate::{Floor, Limit, Metric, Result, Samplers};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "foundation/enforce-10000-built",
        unit: "ms",
        limit: Limit::AtMost(1.15),
        rounds: 31,
        prepare: built,
    },
    Metric {
        name: "foundation/enforce-10000-spelled",
        unit: "ms",
        limit: Limit::AtMost(2.0),
        rounds: 31,
        prepare: spelled,
    },
];

const PATHS: usize = 10_000;

/// From a set that is complete and that nobody has asked anything yet. It is built in the child,
/// where it does not share pages with the parent that would be copied when written.
fn built() -> Result<Samplers> {
    let tree = Tree::new(PATHS)?;
    let floor = bare(&tree.capabilities()?)?;
    let sample = move || {
        let caps = tree.capabilities()?;
        timed(|| Ok(Sandbox::apply(&caps)?))
    };
    Ok(Samplers { value: Box::new(move || sample_in_child(&sample)), floor })
}

/// From paths as a person or a file spells them.
fn spelled() -> Result<Samplers> {
    let tree = Tree::new(PATHS)?;
    let floor = bare(&tree.capabilities()?)?;
    let apply = move || Ok(Sandbox::apply(&tree.capabilities()?)?);
    Ok(Samplers { value: Box::new(move || sample_in_child(|| timed(&apply))), floor })
}

/// The opens and Landlock calls alone.
fn bare(caps: &CapabilitySet) -> Result<Floor> {
    let rules = BareRules::of(caps)?;
    let sampler = move || sample_in_child(|| timed(|| Ok(rules.enforce()?)));
    Ok(Floor::Measured(Box::new(sampler)))
}

fn timed(measured: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    measured()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
