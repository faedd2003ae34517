//! Samples that can be taken only once in the life of a process.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitOptions, waitpid};

use crate::{Result, sys};

/// Takes a sample in a forked child, which may restrict itself for good.
pub(crate) fn sample_in_child(sampler: impl FnOnce() -> Result<f64>) -> Result<f64> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let Some(child) = sys::fork()? else {
        drop(reader);
        sys::exit_now(answer(sampler(), writer));
    };
    drop(writer);
    let mut sample = [0; size_of::<f64>()];
    let received = File::from(reader).read_exact(&mut sample);
    waitpid(Some(child), WaitOptions::empty())?;
    received.map_err(|_| "the sample's process gave up, see above")?;
    Ok(f64::from_ne_bytes(sample))
}

fn answer(sample: Result<f64>, writer: OwnedFd) -> i32 {
    let sent = sample.and_then(|sample| Ok(File::from(writer).write_all(&sample.to_ne_bytes())?));
    match sent {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("ratios: {error}");
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_comes_back_and_a_failure_is_one_here_too() {
        assert_eq!(sample_in_child(|| Ok(0.25)).unwrap(), 0.25);
        assert!(sample_in_child(|| Err("on purpose".into())).is_err());
    }
}
