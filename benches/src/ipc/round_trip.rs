//! A request and its answer.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nono_core::wire::Message;
use nono_ipc::{ClientEnd, SupervisorEnd};
use tempfile::NamedTempFile;

use super::bare::Bare;
use super::messages::{frame, reply, request};
use super::peer::{each, with_peer};
use crate::{Floor, Limit, Metric, Result, Samplers};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "ipc/round-trip",
        unit: "us",
        limit: Limit::AtMost(1.25),
        rounds: 101,
        prepare: small,
    },
    Metric {
        name: "ipc/round-trip-60k",
        unit: "us",
        limit: Limit::AtMost(1.6),
        rounds: 101,
        prepare: long,
    },
    Metric {
        name: "ipc/round-trip-descriptor",
        unit: "us",
        limit: Limit::AtMost(1.25),
        rounds: 101,
        prepare: descriptor,
    },
];

const LONG_REASON: usize = 60 * 1024;

fn small() -> Result<Samplers> {
    without_descriptor(request(0), 2_000)
}

fn long() -> Result<Samplers> {
    without_descriptor(request(LONG_REASON), 500)
}

fn without_descriptor(message: Message, turns: u32) -> Result<Samplers> {
    let (asked, answered) = (frame(&message, false)?, frame(&reply(message.clone())?, false)?);
    let value = Box::new(move || with_peer(answer, |stream| ask(stream, &message, turns)));
    let floor = Floor::Measured(Box::new(move || {
        with_peer(
            |stream| {
                let mut bare = Bare::new(stream);
                while bare.receive(asked.len())? {
                    bare.send(&answered)?;
                }
                Ok(())
            },
            |stream| {
                let mut bare = Bare::new(stream);
                each(turns, || {
                    bare.send(&asked)?;
                    bare.receive(answered.len())?;
                    Ok(())
                })
            },
        )
    }));
    Ok(Samplers { value, floor })
}

fn ask(stream: UnixStream, message: &Message, turns: u32) -> Result<f64> {
    let mut end: ClientEnd = ClientEnd::from_stream(stream)?;
    each(turns, || {
        end.send(message)?;
        end.recv()?.map(drop).ok_or_else(|| "no answer".into())
    })
}

fn answer(stream: UnixStream) -> Result<()> {
    let mut end: SupervisorEnd = SupervisorEnd::from_stream(stream)?;
    while let Some(incoming) = end.recv()? {
        end.send(&reply(incoming.message)?)?;
    }
    Ok(())
}

/// Each answer carries a file that was opened for it.
fn descriptor() -> Result<Samplers> {
    const TURNS: u32 = 2_000;
    let file = NamedTempFile::new()?;
    let path = file.path().to_owned();
    let message = request(0);
    let (asked, answered) = (frame(&message, false)?, frame(&reply(message.clone())?, true)?);
    let value = Box::new(move || {
        with_peer(
            |stream| answer_with_file(stream, file.path()),
            |stream| ask(stream, &message, TURNS),
        )
    });
    let floor = Floor::Measured(Box::new(move || {
        with_peer(
            |stream| {
                let mut bare = Bare::new(stream);
                while bare.receive(asked.len())? {
                    bare.send_with_fd(&answered, &File::open(&path)?)?;
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
    }));
    Ok(Samplers { value, floor })
}

fn answer_with_file(stream: UnixStream, path: &Path) -> Result<()> {
    let mut end: SupervisorEnd = SupervisorEnd::from_stream(stream)?;
    while let Some(incoming) = end.recv()? {
        end.send_with_fd(&reply(incoming.message)?, File::open(path)?)?;
    }
    Ok(())
}
