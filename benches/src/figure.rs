//! A metric with its numbers.

use std::fmt;

use serde_json::{Value, json};

use crate::{Metric, Result};

/// The medians of one metric's rounds.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What was measured.
    pub metric: &'static Metric,
    /// The median of nono's side.
    pub value: f64,
    /// The median of the other side.
    pub floor: f64,
}

impl Figure {
    /// Samples both sides in turn, so that whatever else the machine does falls on both; the first
    /// round warms up and is not counted.
    ///
    /// # Errors
    /// Whatever keeps a side from being prepared or sampled.
    pub fn measure(metric: &'static Metric) -> Result<Self> {
        let mut samplers = (metric.prepare)()?;
        let mut values = Vec::with_capacity(metric.rounds);
        let mut floors = Vec::with_capacity(metric.rounds);
        for round in 0..=metric.rounds {
            let value = (samplers.value)()?;
            let floor = samplers.floor.sample()?;
            if round > 0 {
                values.push(value);
                floors.push(floor);
            }
        }
        Ok(Self { metric, value: median(values), floor: median(floors) })
    }

    /// The value in terms of the floor.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.value / self.floor
    }

    /// Whether the limit is kept.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.metric.limit.is_met(self.ratio())
    }

    /// The figure as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.metric.name,
            "value": self.value,
            "floor": self.floor,
            "unit": self.metric.unit,
            "ratio": self.ratio(),
            "op": self.metric.limit.operator(),
            "limit": self.metric.limit.bound(),
            "met": self.is_met(),
        })
    }
}

/// `name value floor unit ratio op limit`, tab-separated.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metric { name, unit, limit, .. } = self.metric;
        let (value, floor, ratio) = (self.value, self.floor, self.ratio());
        write!(f, "{name}\t{value:.3}\t{floor:.3}\t{unit}\t{ratio:.3}\t{limit}")
    }
}

/// The middle one of the samples, the upper of the two in an even number; NaN of none, which keeps
/// to no limit.
fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Floor, Limit, Samplers};

    /// Values 9, 1, 2, 3, … against a promise of 2; the first is the warm-up.
    fn rising() -> Result<Samplers> {
        let mut samples = [9.0, 1.0, 2.0, 3.0].into_iter();
        let value = Box::new(move || samples.next().ok_or_else(|| "no more".into()));
        Ok(Samplers { value, floor: Floor::Promised(2.0) })
    }

    const RISING: Metric = Metric {
        name: "test/rising",
        unit: "ns",
        limit: Limit::AtMost(0.9),
        rounds: 3,
        prepare: rising,
    };

    #[test]
    fn a_figure_is_the_median_without_the_warm_up_round() {
        let figure = Figure::measure(&RISING).unwrap();
        assert_eq!(figure.to_string(), "test/rising\t2.000\t2.000\tns\t1.000\t<=\t0.9");
        assert!(!figure.is_met());
        assert_eq!(figure.to_json()["met"], false);
    }

    #[test]
    fn a_sample_that_fails_fails_the_figure() {
        const LONGER: Metric = Metric { rounds: 4, ..RISING };
        assert_eq!(Figure::measure(&LONGER).unwrap_err().to_string(), "no more");
    }
}
