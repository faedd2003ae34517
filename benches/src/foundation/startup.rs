//! Starting a program, from the outside: a whole process from spawn to exit.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use nono::{AccessMode, CapabilitySet, SandboxState};
use tempfile::TempDir;

use crate::bare::BareRules;
use crate::{Floor, Limit, Metric, Result, Sampler, Samplers, binaries};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "foundation/startup-launcher",
        unit: "ms",
        limit: Limit::AtMost(1.6),
        rounds: 301,
        prepare: beside_launcher,
    },
    Metric {
        name: "foundation/startup-bwrap",
        unit: "ms",
        limit: Limit::AtMost(0.6),
        rounds: 301,
        prepare: beside_bwrap,
    },
];

fn beside_launcher() -> Result<Samplers> {
    let program = find_true()?;
    let tmp = tempfile::tempdir()?;
    let rules = BareRules::of(&granted_by_run(&tmp)?)?;
    let mut launcher = Command::new(binaries::launcher()?);
    launcher.args(rules.to_arguments()).arg(program);
    let mut launch = whole_process(launcher);
    let floor = Box::new(move || {
        let _tmp = &tmp;
        launch()
    });
    Ok(Samplers { value: nono_run()?, floor: Floor::Measured(floor) })
}

fn beside_bwrap() -> Result<Samplers> {
    let missing = "bwrap is not installed; its Debian package is bubblewrap";
    let mut bwrap = Command::new(binaries::find("bwrap").ok_or(missing)?);
    bwrap.args(["--ro-bind", "/", "/"]).arg(find_true()?);
    Ok(Samplers { value: nono_run()?, floor: Floor::Measured(whole_process(bwrap)) })
}

fn nono_run() -> Result<Sampler> {
    let mut nono = Command::new(binaries::nono()?);
    nono.args(["run", "--"]).arg(find_true()?);
    Ok(whole_process(nono))
}

/// What `nono run` grants to `true` here, in its own words, with a directory of ours in place of
/// the private one that it makes for each run.
fn granted_by_run(tmp: &TempDir) -> Result<CapabilitySet> {
    let output = Command::new(binaries::nono()?)
        .args(["run", "--dry-run", "--json", "--"])
        .arg(find_true()?)
        .stderr(Stdio::inherit())
        .output()?;
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let caps = SandboxState::from_json(&shown["capabilities"].to_string())?.to_caps();
    Ok(caps.allow_path(tmp.path(), AccessMode::ReadWrite)?)
}

fn find_true() -> Result<PathBuf> {
    Ok(binaries::find("true").ok_or("there is no program called true")?)
}

fn whole_process(mut command: Command) -> Sampler {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Box::new(move || {
        let start = Instant::now();
        let status = command.status()?;
        let elapsed = start.elapsed();
        if !status.success() {
            return Err(format!("{}: {status}", command.get_program().display()).into());
        }
        Ok(elapsed.as_secs_f64() * 1e3)
    })
}
