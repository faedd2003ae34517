//! Where the time of the foundation goes, for whoever works on it; `ratios` judges.
#![allow(missing_docs)]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nono::{CapabilitySet, FsCapability, Query, Resolver};
use nono_benches::tree::{Tree, grant};
use nono_benches::{Result, policy};
use nono_core::SandboxBackend;
use nono_linux::{KernelFeatures, LinuxBackend, plan};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for count in COUNTS {
        let caps = or_exit(policy::capabilities(count));
        let questions = policy::questions(count, 4096);
        let mut turn = questions.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| turn.next().map(|path| caps.decide(&Query::read(path)).is_allowed()));
        });
    }
}

fn build_set(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build_set");
    group.sample_size(20);
    for count in COUNTS {
        let tree = or_exit(Tree::new(count));
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| tree.capabilities().map(|caps| caps.fs_capabilities().len()).ok());
        });
    }
}

fn resolve(criterion: &mut Criterion) {
    let tree = or_exit(Tree::new(1_000));
    let mut turn = tree.granted().iter().enumerate().cycle();
    criterion.bench_function("resolve", |bencher| {
        bencher.iter(|| {
            let mut resolver = Resolver::new();
            turn.next().and_then(|(number, path)| grant(&mut resolver, path, number).ok())
        });
    });
}

fn plan_set(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    let features = KernelFeatures::probe();
    for count in COUNTS {
        let caps = or_exit(Tree::new(count).and_then(|tree| tree.capabilities()));
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let fresh = || fresh_set(caps.fs_capabilities());
            let plan = |caps: CapabilitySet| plan(&caps, &features).map(|plan| plan.paths.len());
            bencher.iter_batched(fresh, plan, BatchSize::LargeInput);
        });
    }
}

fn prepare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prepare");
    group.sample_size(20);
    let backend = LinuxBackend::new();
    for count in COUNTS {
        let caps = or_exit(Tree::new(count).and_then(|tree| tree.capabilities()));
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| backend.prepare(&caps).is_ok());
        });
    }
}

fn or_exit<T>(made: Result<T>) -> T {
    made.unwrap_or_else(|error| {
        eprintln!("nothing to measure: {error}");
        std::process::exit(1)
    })
}

/// A set of the same grants that has not been asked anything yet.
fn fresh_set(grants: &[FsCapability]) -> CapabilitySet {
    let mut caps = CapabilitySet::new();
    grants.iter().for_each(|grant| caps.add_fs(grant.clone()));
    caps
}

criterion_group!(foundation, decide, resolve, build_set, plan_set, prepare);
criterion_main!(foundation);
