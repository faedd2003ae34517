//! Starting programs in a sandbox from a process with many busy threads.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, Ordering};

use nono::{CapabilitySet, Command, presets};

const SPAWNING: usize = 8;
const STARTS_EACH: usize = 25;
const ALLOCATING: usize = 4;

/// Threads that hold the allocator's locks when another thread forks would leave them held in the
/// child: a child that allocated would wait for ever.
#[test]
fn programs_start_from_many_threads_while_others_allocate() {
    let mut caps = CapabilitySet::new();
    presets::add_base(&mut caps).unwrap();
    let done = AtomicBool::new(false);

    std::thread::scope(|scope| {
        for _ in 0..ALLOCATING {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let blocks: Vec<Vec<u8>> = (1..200).map(|size| vec![1; size * 97]).collect();
                    std::hint::black_box(blocks);
                }
            });
        }
        let spawning: Vec<_> = (0..SPAWNING)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..STARTS_EACH {
                        assert!(
                            Command::new("/bin/true", &caps).unwrap().status().unwrap().success()
                        );
                    }
                })
            })
            .collect();
        let ends: Vec<_> = spawning.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ends.iter().all(Result::is_ok));
    });
}
