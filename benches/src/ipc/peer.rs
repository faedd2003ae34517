//! A second process for the time of one sample.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{WaitOptions, waitpid};

use crate::{Result, sys};

/// Forks a process that runs `theirs` on one end of a fresh connection, and runs `ours` on the
/// other: its answer is the sample.
pub(crate) fn with_peer(
    theirs: impl FnOnce(UnixStream) -> Result<()>,
    ours: impl FnOnce(UnixStream) -> Result<f64>,
) -> Result<f64> {
    let (near, far) = UnixStream::pair()?;
    let Some(child) = sys::fork()? else {
        drop(near);
        sys::exit_now(status(theirs(far)));
    };
    drop(far);
    let sample = ours(near);
    let ended = waitpid(Some(child), WaitOptions::empty())?;
    let status = ended.and_then(|(_, status)| status.exit_status());
    if status == Some(0) { sample } else { Err("the peer gave up, see above".into()) }
}

fn status(done: Result<()>) -> i32 {
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("ratios: the peer: {error}");
            1
        }
    }
}

/// The microseconds of one of `count` turns; as many as a tenth of them go before to warm up.
pub(crate) fn each(count: u32, mut turn: impl FnMut() -> Result<()>) -> Result<f64> {
    (0..count / 10).try_for_each(|_| turn())?;
    let start = Instant::now();
    (0..count).try_for_each(|_| turn())?;
    Ok(microseconds(start.elapsed()) / f64::from(count))
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
