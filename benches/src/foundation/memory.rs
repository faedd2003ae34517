//! What stays in memory while a program runs.

use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Floor, Limit, Metric, Result, Samplers, binaries};

pub(crate) const METRICS: &[Metric] = &[Metric {
    name: "foundation/parent-memory",
    unit: "MiB",
    limit: Limit::AtMost(1.0),
    rounds: 3,
    prepare: waiting_parent,
}];

fn waiting_parent() -> Result<Samplers> {
    let nono = binaries::nono()?;
    let value = Box::new(move || {
        let mut parent = Command::new(&nono).args(["run", "--", "sleep", "0.5"]).spawn()?;
        let resident = resident_once_it_waits(&parent);
        parent.wait()?;
        resident
    });
    Ok(Samplers { value, floor: Floor::Promised(2.5) })
}

/// The resident memory in MiB, shared pages of the binary included, once the program runs.
fn resident_once_it_waits(parent: &Child) -> Result<f64> {
    let id = parent.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let deadline = Instant::now() + Duration::from_secs(5);
    while !fs::read_to_string(&children)?.split_whitespace().any(is_sleep) {
        if Instant::now() > deadline {
            return Err("the program did not start".into());
        }
        sleep(Duration::from_millis(5));
    }
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let kibibytes = rollup.lines().find_map(|line| line.strip_prefix("Rss:")?.strip_suffix("kB"));
    Ok(kibibytes.ok_or("smaps_rollup has no Rss")?.trim().parse::<f64>()? / 1024.0)
}

fn is_sleep(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "sleep")
}
