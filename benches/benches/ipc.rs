//! Where the time of a frame goes, for whoever works on it; `ratios` judges.
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nono_core::wire::{Message, Request};
use nono_core::{AccessMode, CapabilityRequest};
use nono_ipc::{Arrival, Decoder, Header, Passed, SupervisorEnd};

const BODIES: [usize; 3] = [128, 1024, 65_536];

/// Bytes in, frames out, without a kernel: what the grammar costs.
fn decoder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decoder");
    for body in BODIES {
        let frames = stream_of(body);
        group.throughput(Throughput::Elements(count(frames.len() / (Header::SIZE + body))));
        group.bench_function(BenchmarkId::from_parameter(body), |bencher| {
            let mut decoder = Decoder::<()>::new();
            bencher.iter(|| decode(&mut decoder, &frames));
        });
    }
}

/// As many whole frames as a decoder holds, two at least.
fn stream_of(body: usize) -> Vec<u8> {
    let header = Header::new(body, false).map(Header::to_bytes).unwrap_or_default();
    let frame = [&header[..], &vec![b'x'; body]].concat();
    frame.repeat((65_536 / body).max(2))
}

/// How many bytes were in frames.
fn decode(decoder: &mut Decoder<()>, mut bytes: &[u8]) -> usize {
    let mut decoded = 0;
    while !bytes.is_empty() {
        let space = decoder.space();
        let length = space.len().min(bytes.len());
        space[..length].copy_from_slice(&bytes[..length]);
        bytes = &bytes[length..];
        decoder.arrived(Arrival { length, descriptor: Passed::Nothing, sender: None });
        while let Ok(Some(frame)) = decoder.next_frame() {
            decoded += frame.body.len();
        }
    }
    decoded
}

/// What `serde_json` takes: it reads messages, and would write them.
fn json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json");
    for reason in [0, 1024, 60 * 1024] {
        let message = request(reason);
        let text = serde_json::to_string(&message).unwrap_or_default();
        group.throughput(Throughput::Bytes(count(text.len())));
        group.bench_function(BenchmarkId::new("write", reason), |bencher| {
            let mut buffer = Vec::new();
            bencher.iter(|| {
                buffer.clear();
                serde_json::to_writer(&mut buffer, &message).is_ok()
            });
        });
        group.bench_function(BenchmarkId::new("read", reason), |bencher| {
            bencher.iter(|| serde_json::from_str::<Message>(black_box(&text)).is_ok());
        });
    }
}

/// A frame through the kernel and nobody to switch to, beside the same bytes with bare calls.
fn through(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("through");
    for body in [128, 1024, 60 * 1024] {
        let bytes = vec![b'x'; body];
        if let Ok((mut supervisor, mut client)) = SupervisorEnd::pair() {
            group.bench_function(BenchmarkId::new("frame", body), |bencher| {
                bencher.iter(|| client.send_body(&bytes).is_ok() && supervisor.recv_body().is_ok());
            });
        }
        if let Ok((mut reader, mut writer)) = UnixStream::pair() {
            let mut space = vec![0; Header::SIZE + nono_ipc::BODY_MAX];
            group.bench_function(BenchmarkId::new("bare", body), |bencher| {
                bencher.iter(|| {
                    writer.write_all(&bytes).is_ok()
                        && reader.read_exact(&mut space[..body]).is_ok()
                });
            });
        }
    }
}

fn request(reason: usize) -> Message {
    Message::Request(Request {
        request: CapabilityRequest {
            request_id: "1024".into(),
            path: "/home/user/project/notes/today.txt".into(),
            access: AccessMode::Read,
            reason: Some("to show what was written down ".chars().cycle().take(reason).collect()),
            child_pid: 4321,
            session_id: "7f3a5c9e01b2d468".into(),
        },
        version: Some(1),
        open: None,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

criterion_group!(ipc, decoder, json, through);
criterion_main!(ipc);
