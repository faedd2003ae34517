//! What a sandboxed program pays for each system call.

use std::time::Instant;

use nono::{AccessMode, CapabilitySet, Sandbox};
use nono_linux::seccomp::{Arch, Program, Threads, install};
use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use crate::bare::BareRules;
use crate::child::sample_in_child;
use crate::{Floor, Limit, Metric, Result, Samplers};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "foundation/getpid-filtered",
        unit: "ns",
        limit: Limit::AtMost(1.1),
        rounds: 101,
        prepare: getpid,
    },
    Metric {
        name: "foundation/getpid-rules",
        unit: "ns",
        limit: Limit::AtMost(1.1),
        rounds: 101,
        prepare: getpid_rules,
    },
    Metric {
        name: "foundation/openat-filtered",
        unit: "ns",
        limit: Limit::AtMost(1.1),
        rounds: 101,
        prepare: openat,
    },
];

const CALLS: u32 = 10_000;

/// In a sandbox with the network blocked, beside no sandbox at all.
fn getpid() -> Result<Samplers> {
    let (file, caps) = one_file()?;
    let value = Box::new(move || {
        let _file = &file;
        sample_in_child(|| {
            Sandbox::apply(&caps)?;
            each(get_process_id)
        })
    });
    let floor = Floor::Measured(Box::new(|| sample_in_child(|| each(get_process_id))));
    Ok(Samplers { value, floor })
}

/// The same beside a filter without rules: having a filter at all is what the kernel charges for,
/// and what the rules add to it is ours.
fn getpid_rules() -> Result<Samplers> {
    let Samplers { value, .. } = getpid()?;
    let arch = Arch::NATIVE.ok_or("no filter for this processor")?;
    let empty = Program::compile(&[], arch)?;
    let floor = Floor::Measured(Box::new(move || {
        sample_in_child(|| {
            rustix::thread::set_no_new_privs(true)?;
            install(&empty, Threads::Caller)?;
            each(get_process_id)
        })
    }));
    Ok(Samplers { value, floor })
}

/// In a sandbox with the network blocked, beside Landlock alone: what the filter adds.
fn openat() -> Result<Samplers> {
    let (file, caps) = one_file()?;
    let rules = BareRules::of(&caps)?;
    let path = file.path().to_owned();
    let floor = Floor::Measured(Box::new(move || {
        sample_in_child(|| {
            rules.enforce()?;
            each(|| open(&path))
        })
    }));
    let value = Box::new(move || {
        sample_in_child(|| {
            Sandbox::apply(&caps)?;
            each(|| open(file.path()))
        })
    });
    Ok(Samplers { value, floor })
}

fn one_file() -> Result<(NamedTempFile, CapabilitySet)> {
    let file = NamedTempFile::new()?;
    let caps = CapabilitySet::new().allow_file(file.path(), AccessMode::Read)?.block_network();
    Ok((file, caps))
}

/// The nanoseconds of one call.
fn each(call: impl Fn() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..CALLS {
        call()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS))
}

fn get_process_id() -> Result<()> {
    std::hint::black_box(rustix::process::getpid());
    Ok(())
}

fn open(path: &std::path::Path) -> Result<()> {
    drop(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    Ok(())
}
