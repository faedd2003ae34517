//! What is measured, against what, and how much is allowed.

use std::fmt;

use crate::Result;

/// One figure that nono promises.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The part of nono, a slash, and what is measured.
    pub name: &'static str,
    /// The unit of the value and of the floor.
    pub unit: &'static str,
    /// What the value divided by the floor has to be.
    pub limit: Limit,
    /// How many times each side is sampled.
    pub rounds: usize,
    /// Builds what the samples need; called once, right before the first round.
    pub prepare: fn() -> Result<Samplers>,
}

/// A bound on a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// For costs.
    AtMost(f64),
    /// For rates.
    AtLeast(f64),
}

/// The two sides of a metric.
pub struct Samplers {
    /// Takes one sample of nono.
    pub value: Sampler,
    /// What it is compared with.
    pub floor: Floor,
}

/// Takes one sample, in the metric's unit.
pub type Sampler = Box<dyn FnMut() -> Result<f64>>;

/// The other side of a ratio.
pub enum Floor {
    /// The cheapest way to the same end, sampled in turn with the value.
    Measured(Sampler),
    /// A promise in absolute terms: the number itself.
    Promised(f64),
}

impl Limit {
    /// Whether `ratio` keeps to it.
    #[must_use]
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }

    /// `<=` or `>=`.
    #[must_use]
    pub fn operator(self) -> &'static str {
        match self {
            Self::AtMost(_) => "<=",
            Self::AtLeast(_) => ">=",
        }
    }

    /// The number beside the operator.
    #[must_use]
    pub fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.operator(), self.bound())
    }
}

impl Floor {
    /// One sample, or the promise.
    pub(crate) fn sample(&mut self) -> Result<f64> {
        match self {
            Self::Measured(sampler) => sampler(),
            Self::Promised(number) => Ok(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_may_not_exceed_and_a_rate_may_not_fall_below_its_bound() {
        assert!(Limit::AtMost(1.5).is_met(1.5) && !Limit::AtMost(1.5).is_met(1.51));
        assert!(Limit::AtLeast(0.5).is_met(0.5) && !Limit::AtLeast(0.5).is_met(0.49));
        assert!(!Limit::AtMost(1.0).is_met(f64::NAN) && !Limit::AtLeast(1.0).is_met(f64::NAN));
    }
}
