//! Threads for what waits a moment: a disk, a slow look-up.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// As many threads as there is work for, up to a limit. They end when there has been none for a while.
#[derive(Clone, Default)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

const THREADS_MAX: usize = 64;
const IDLE_MAX: Duration = Duration::from_secs(10);

impl Pool {
    /// Runs a job on some thread, in time. Where no thread can be made at all, on this one.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.idle >= queue.jobs.len() || queue.threads >= THREADS_MAX {
            self.shared.work.notify_one();
            return;
        }
        queue.threads += 1;
        drop(queue);
        let shared = Arc::clone(&self.shared);
        if std::thread::Builder::new().spawn(move || shared.work()).is_err() {
            let mut queue = self.shared.lock();
            queue.threads -= 1;
            let stranded = (queue.threads == 0).then(|| queue.jobs.pop_back()).flatten();
            drop(queue);
            stranded.into_iter().for_each(|job| job());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // A job that panics is its own loss: its responder goes with it.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue.idle += 1;
            let (woken, waited) =
                self.work.wait_timeout(queue, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_that_wait_for_each_other_all_run() {
        let pool = Pool::default();
        let barrier = Arc::new(std::sync::Barrier::new(THREADS_MAX));
        let (done, finished) = channel();
        for _ in 0..THREADS_MAX {
            let (barrier, done) = (Arc::clone(&barrier), done.clone());
            pool.run(move || {
                barrier.wait();
                done.send(()).unwrap();
            });
        }
        drop(done);
        assert_eq!(finished.iter().count(), THREADS_MAX);
    }

    #[test]
    fn a_job_that_panics_takes_no_other_with_it() {
        let pool = Pool::default();
        let (done, finished) = channel();
        for number in 0..200 {
            let done = done.clone();
            pool.run(move || {
                assert!(number % 2 == 0, "on purpose");
                done.send(()).unwrap();
            });
        }
        drop(done);
        assert_eq!(finished.iter().count(), 100);
    }
}
