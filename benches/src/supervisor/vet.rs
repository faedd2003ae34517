//! Looking an object up among what is never granted.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nono_core::ObjectId;
use nono_supervisor::{NeverGrantChecker, Purpose, Subject};

use crate::{Floor, Limit, Metric, Result, Samplers};

pub(crate) const METRICS: &[Metric] = &[Metric {
    name: "supervisor/vet-10000",
    unit: "ns",
    limit: Limit::AtMost(1.0),
    rounds: 101,
    prepare: vet,
}];

const ENTRIES: usize = 10_000;
const VETS: u32 = 10_000;
const PROMISED_NS: f64 = 2_000.0;

/// Objects with one name each, a third of them beside an entry, a third far from all, and a third
/// spelled otherwise than they are; what the directories above them are is known.
fn vet() -> Result<Samplers> {
    let entry = |number| format!("/home/user/secrets/{}/{}/key", number / 100, number % 100);
    let entries: Vec<String> = (0..ENTRIES).map(entry).collect();
    let checker = NeverGrantChecker::new(&entries)?;
    let paths: Vec<(PathBuf, PathBuf)> = (0..300).map(asked).collect();
    let ancestors: Vec<_> = (0..6).map(|inode| ObjectId { device: 77, inode }).collect();
    let value = Box::new(move || {
        let start = Instant::now();
        for (number, (spelled, canonical)) in (0..VETS).zip(paths.iter().cycle()) {
            let subject = Subject {
                spelled,
                canonical,
                object: ObjectId { device: 77, inode: u64::from(number) + 10 },
                links: 1,
                purpose: Purpose::Read,
            };
            checker.vet_below(&subject, &ancestors)?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(VETS))
    });
    Ok(Samplers { value, floor: Floor::Promised(PROMISED_NS) })
}

fn asked(number: usize) -> (PathBuf, PathBuf) {
    let beside = format!("/home/user/secrets/{}/{}/notes", number % 100, number % 7);
    let far = format!("/srv/projects/{number}/src/lib/main.rs");
    let canonical = Path::new(if number % 3 == 0 { &beside } else { &far });
    let spelled = if number % 3 == 1 {
        PathBuf::from(format!("/srv/projects/other/../{number}/src/lib/main.rs"))
    } else {
        canonical.to_owned()
    };
    (spelled, canonical.to_owned())
}
