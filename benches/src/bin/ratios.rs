//! Prints every figure beside its floor; see `benches/README.md`.

use std::process::ExitCode;

use clap::Parser;
use nono_benches::{Figure, Metric, Result, metrics};
use serde_json::{Value, json};

/// Measures nono against its floors: one line a metric, `name value floor unit ratio op limit`.
#[derive(Debug, Parser)]
struct Arguments {
    /// Exit with status 1 unless every limit is met.
    #[arg(long)]
    check: bool,
    /// Measure only the metrics whose names begin with this.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    only: String,
    /// Print one JSON array instead of lines.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen: Vec<_> =
        metrics().filter(|metric| metric.name.starts_with(&arguments.only)).collect();
    if chosen.is_empty() {
        eprintln!("ratios: no metric begins with {:?}", arguments.only);
        return ExitCode::FAILURE;
    }
    let mut objects = Vec::with_capacity(chosen.len());
    let mut all_met = true;
    for metric in chosen {
        let figure = measure(metric);
        all_met &= figure.as_ref().is_ok_and(Figure::is_met);
        match figure {
            _ if arguments.json => objects.push(object(metric, figure)),
            Ok(figure) => println!("{figure}"),
            Err(_) => {}
        }
    }
    if arguments.json {
        println!("{:#}", Value::Array(objects));
    }
    if all_met || !arguments.check { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(metric: &'static Metric) -> Result<Figure> {
    let figure = Figure::measure(metric);
    match &figure {
        Ok(figure) if figure.is_met() => {}
        Ok(_) => eprintln!("ratios: {}: over the limit", metric.name),
        Err(error) => eprintln!("ratios: {}: not measured: {error}", metric.name),
    }
    figure
}

fn object(metric: &Metric, figure: Result<Figure>) -> Value {
    match figure {
        Ok(figure) => figure.to_json(),
        Err(error) => json!({ "name": metric.name, "error": error.to_string(), "met": false }),
    }
}
