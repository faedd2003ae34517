//! A request that a policy decides about, from the question to the open file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nono_core::AccessMode;
use nono_ipc::{Client, Wanted};
use nono_supervisor::PolicyApproval;
use nono_supervisor::journal::{Begin, Directory, JournalSink};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use tempfile::TempDir;

use super::session::Session;
use crate::ipc::{Bare, each, frame, reply, request, with_peer};
use crate::{Floor, Limit, Metric, Result, Sampler, Samplers};

pub(crate) const METRICS: &[Metric] = &[Metric {
    name: "supervisor/grant",
    unit: "us",
    limit: Limit::AtMost(1.5),
    rounds: 51,
    prepare: grant,
}];

const TURNS: u32 = 1_000;
/// As long as the record of such a request.
const RECORD: usize = 900;

fn grant() -> Result<Samplers> {
    let files = TempDir::new()?;
    let path = files.path().canonicalize()?.join("today.txt");
    std::fs::write(&path, "")?;
    let mut sessions = 0;
    let floor = bare(&path, files.path().join("journal"))?;
    let value = Box::new(move || {
        sessions += 1;
        let directory = files.path().join(format!("audit-{sessions}"));
        supervised(&path, &directory)
    });
    Ok(Samplers { value, floor: Floor::Measured(floor) })
}

/// The supervisor and its client, in a process each.
fn supervised(path: &Path, directory: &Path) -> Result<f64> {
    with_peer(
        |stream| {
            let policy = format!(
                "[[rule]]\npath = \"{}/**\"\naccess = \"read\"\ndecision = \"grant\"\n",
                path.parent().ok_or("no directory")?.display()
            );
            let directory = Directory::create(directory)?;
            let sink = JournalSink::create(&directory, &Begin::now("session", None))?;
            let session = Session::new(PolicyApproval::parse(&policy, None)?, sink)?;
            let mut bare = Bare::new(stream);
            bare.send_with_fd(b"x", &File::from(session.door().try_clone()?))?;
            // Until the client is gone.
            bare.receive(1).map(drop)
        },
        |stream| {
            let mut bare = Bare::new(stream);
            let client = Client::through(bare.receive_with_fd()?, String::new())?;
            each(TURNS, || {
                let outcome = client.request(&Wanted::new(path, AccessMode::Read))?;
                if outcome.is_granted() { Ok(()) } else { Err(format!("{outcome:?}").into()) }
            })
        },
    )
}

/// The least that has to be done: the bytes both ways, a handle, a reopened descriptor that travels,
/// and a line.
fn bare(path: &Path, journal: PathBuf) -> Result<Sampler> {
    let message = request(0);
    let (asked, answered) = (frame(&message, false)?, frame(&reply(message)?, true)?);
    let path = path.to_owned();
    Ok(Box::new(move || {
        with_peer(
            |stream| {
                let mut bare = Bare::new(stream);
                let mut journal = OpenOptions::new().create(true).append(true).open(&journal)?;
                while bare.receive(asked.len())? {
                    let (flags, resolve) =
                        (OFlags::PATH | OFlags::CLOEXEC, ResolveFlags::NO_MAGICLINKS);
                    let handle = openat2(CWD, &path, flags, Mode::empty(), resolve)?;
                    let file = File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
                    journal.write_all(&[b'x'; RECORD])?;
                    bare.send_with_fd(&answered, &file)?;
                }
                Ok(())
            },
            |stream| {
                let mut bare = Bare::new(stream);
                each(TURNS, || {
                    bare.send(&asked)?;
                    bare.receive_with_fd().map(drop)
                })
            },
        )
    }))
}
