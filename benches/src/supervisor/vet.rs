//! Looking a pinned object up in the list of what is never granted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use nono_core::ObjectId;
use nono_supervisor::{NeverGrantChecker, Purpose, Subject};

use crate::tree::relative_path;
use crate::{Floor, Limit, Metric, Result, Samplers};

pub(crate) const METRICS: &[Metric] = &[Metric {
    name: "supervisor/vet",
    unit: "us",
    limit: Limit::AtMost(1.0),
    rounds: 20,
    prepare: vet,
}];

const ENTRIES: usize = 10_000;
const REPETITIONS: u32 = 20_000;

/// A file with one name that no entry closes, whose directories were looked at already.
fn vet() -> Result<Samplers> {
    let entries: Vec<_> =
        (0..ENTRIES).map(|number| format!("/home/user/{}", relative_path(number))).collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let checker = NeverGrantChecker::with_home(&entries, &["**/.git/hooks"], None)?;
    let path = std::env::current_exe()?.canonicalize()?;
    let ancestors: Vec<_> = path.ancestors().skip(1).map(identify).collect::<Result<_>>()?;
    let object = identify(&path)?;
    let value = Box::new(move || {
        let (spelled, canonical, purpose) = (&*path, &*path, Purpose::Read);
        let subject = Subject { spelled, canonical, object, links: 1, purpose };
        let started = Instant::now();
        for _ in 0..REPETITIONS {
            checker.vet_below(std::hint::black_box(&subject), &ancestors)?;
        }
        Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(REPETITIONS))
    });
    Ok(Samplers { value, floor: Floor::Promised(2.0) })
}

fn identify(path: &Path) -> Result<ObjectId> {
    let found = fs::symlink_metadata(path)?;
    Ok(ObjectId { device: found.dev(), inode: found.ino() })
}
