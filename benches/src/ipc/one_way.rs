//! Frames of 1 KiB in one direction, as fast as they are read.

use std::os::unix::net::UnixStream;

use nono_ipc::{ClientEnd, Header, SupervisorEnd};

use super::bare::Bare;
use super::messages::{frame, request_of};
use super::peer::{each, with_peer};
use crate::{Floor, Limit, Metric, Result, Sampler, Samplers};

pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "ipc/one-way-opaque",
        unit: "us",
        limit: Limit::AtMost(1.3),
        rounds: 101,
        prepare: opaque,
    },
    Metric {
        name: "ipc/one-way-json",
        unit: "us",
        limit: Limit::AtMost(1.6),
        rounds: 101,
        prepare: json,
    },
];

const BODY: usize = 1024;
/// A turn is a batch of frames and one answer when all are read, so that reading counts too.
const BATCH: usize = 2_000;
const TURNS: u32 = 10;

fn opaque() -> Result<Samplers> {
    let body = [b'x'; BODY];
    let value = move || {
        with_peer(
            |stream| read_all(stream, |end| Ok(end.recv_body()?.map(|frame| frame.body.len()))),
            |stream| write_all(stream, |end| Ok(end.send_body(&body)?)),
        )
    };
    Ok(Samplers { value: Box::new(value), floor: Floor::Measured(bare()?) })
}

fn json() -> Result<Samplers> {
    let message = request_of(BODY)?;
    let value = move || {
        with_peer(
            |stream| read_all(stream, |end| Ok(end.recv()?.map(|_| BODY))),
            |stream| write_all(stream, |end| Ok(end.send(&message)?)),
        )
    };
    Ok(Samplers { value: Box::new(value), floor: Floor::Measured(bare()?) })
}

/// Reads batches to the end, and answers each.
fn read_all(
    stream: UnixStream,
    mut read: impl FnMut(&mut SupervisorEnd) -> Result<Option<usize>>,
) -> Result<()> {
    let mut end = SupervisorEnd::from_stream(stream)?;
    for count in 1.. {
        match read(&mut end)? {
            None => break,
            Some(BODY) => {}
            Some(_) => return Err("a frame of another length".into()),
        }
        if count % BATCH == 0 {
            end.send_body(b"x")?;
        }
    }
    Ok(())
}

/// Writes batches, and waits for the answer to each. The time of one frame.
fn write_all(
    stream: UnixStream,
    mut write: impl FnMut(&mut ClientEnd) -> Result<()>,
) -> Result<f64> {
    let mut end = ClientEnd::from_stream(stream)?;
    per_frame(|| {
        (0..BATCH).try_for_each(|_| write(&mut end))?;
        end.recv_body()?.ok_or("no answer")?;
        Ok(())
    })
}

fn bare() -> Result<Sampler> {
    let sent = frame(&request_of(BODY)?, false)?;
    assert_eq!(sent.len(), Header::SIZE + BODY);
    let answered = [0; Header::SIZE + 1];
    Ok(Box::new(move || {
        with_peer(
            |stream| {
                let mut bare = Bare::new(stream);
                while bare.receive(BATCH * sent.len())? {
                    bare.send(&answered)?;
                }
                Ok(())
            },
            |stream| {
                let mut bare = Bare::new(stream);
                per_frame(|| {
                    (0..BATCH).try_for_each(|_| bare.send(&sent))?;
                    bare.receive(answered.len())?;
                    Ok(())
                })
            },
        )
    }))
}

fn per_frame(turn: impl FnMut() -> Result<()>) -> Result<f64> {
    let batch = u32::try_from(BATCH)?;
    Ok(each(TURNS, turn)? / f64::from(batch))
}
