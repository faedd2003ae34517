//! Frames are the same however their bytes are split, errors are for good, memory is bounded.
#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use nono_ipc::{Arrival, BODY_MAX, Decoder, FrameError, Header, Passed};

/// A descriptor is a number here.
type Descriptor = u32;
type Frame = (Vec<u8>, Option<Descriptor>);

/// What one call sends. Its descriptor arrives with its first byte, and nothing that is sent later
/// arrives together with it.
struct Sent {
    bytes: Vec<u8>,
    descriptor: Option<Descriptor>,
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    // Running out of input ends a case early.
    let _ = match input.arbitrary::<u8>().unwrap_or(0) % 3 {
        0 => lawful(&mut input),
        1 => any_bytes(&mut input),
        _ => any_descriptors(&mut input),
    };
});

/// What is sent by the rules arrives as it was meant.
fn lawful(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut sent, mut meant) = (Vec::new(), Vec::new());
    for number in 0..input.int_in_range(1..=8)? {
        let descriptor = input.arbitrary::<bool>()?.then_some(number);
        let least = usize::from(descriptor.is_none());
        let longest = if input.ratio(1, 16)? { BODY_MAX } else { 64 };
        let body = vec![input.arbitrary()?; input.int_in_range(least..=longest)?];
        let header = Header::new(body.len(), descriptor.is_some()).expect("it is allowed");
        sent.push(Sent { bytes: [&header.to_bytes()[..], &body].concat(), descriptor });
        meant.push((body, descriptor));
    }
    assert_eq!(receive(&sent, input), (meant, None));
    Ok(())
}

/// Any bytes without a descriptor give the same frames and the same error, split or whole.
fn any_bytes(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = input.bytes(input.len().saturating_sub(16))?.to_vec();
    let sent = [Sent { bytes, descriptor: None }];
    let whole = receive(&sent, &mut Unstructured::new(&[]));
    assert_eq!(receive(&sent, input), whole);
    Ok(())
}

/// No descriptor comes twice, out of order, or from nowhere.
fn any_descriptors(input: &mut Unstructured<'_>) -> Result<()> {
    let mut sent = Vec::new();
    for number in 0..input.int_in_range(1..=8)? {
        let descriptor = input.arbitrary::<bool>()?.then_some(number);
        let length = input.int_in_range(1..=64)?;
        sent.push(Sent { bytes: input.bytes(length)?.to_vec(), descriptor });
    }
    let (frames, _) = receive(&sent, input);
    let received: Vec<_> = frames.into_iter().filter_map(|(_, descriptor)| descriptor).collect();
    assert!(received.is_sorted_by(|first, second| first < second), "{received:?}");
    assert!(received.iter().all(|number| sent[*number as usize].descriptor.is_some()));
    Ok(())
}

/// Receives everything as a kernel might hand it out, in pieces whose lengths `splits` says; a piece
/// of nothing means as much as there is.
fn receive(sent: &[Sent], splits: &mut Unstructured<'_>) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::<Descriptor>::new();
    let mut frames = Vec::new();
    let (mut message, mut offset) = (0, 0);
    while message < sent.len() {
        let limit = match splits.arbitrary::<u8>() {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit.into(),
        };
        let piece = receive_once(&mut decoder, sent, (&mut message, &mut offset), limit);
        decoder.arrived(piece);
        assert!(decoder.partial() <= Header::SIZE + BODY_MAX);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    let descriptor = frame.descriptor.into_result().expect("none is lost");
                    frames.push((frame.body.to_vec(), descriptor));
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(stays(&mut decoder, error));
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}

/// One piece: what is left of a message and of those behind it, to the end of the first that brings
/// a descriptor.
fn receive_once(
    decoder: &mut Decoder<Descriptor>,
    sent: &[Sent],
    (message, offset): (&mut usize, &mut usize),
    limit: usize,
) -> Arrival<Descriptor> {
    let space = decoder.space();
    let room = space.len().min(limit);
    assert!(room > 0, "no space after a frame that is not complete");
    let mut arrival = Arrival { length: 0, descriptor: Passed::Nothing, sender: None };
    while let Some(Sent { bytes, descriptor }) = sent.get(*message) {
        let brings = descriptor.filter(|_| *offset == 0);
        let length = (bytes.len() - *offset).min(room - arrival.length);
        space[arrival.length..][..length].copy_from_slice(&bytes[*offset..][..length]);
        arrival.length += length;
        *offset += length;
        if let Some(descriptor) = brings {
            arrival.descriptor = Passed::Descriptor(descriptor);
        }
        if *offset == bytes.len() {
            (*message, *offset) = (*message + 1, 0);
        }
        if descriptor.is_some() || arrival.length == room {
            break;
        }
    }
    arrival
}

/// Whether an error is returned again whatever arrives.
fn stays(decoder: &mut Decoder<Descriptor>, error: FrameError) -> bool {
    if let Some(first) = decoder.space().first_mut() {
        *first = 1;
        let descriptor = Passed::Descriptor(0);
        decoder.arrived(Arrival { length: 1, descriptor, sender: None });
    }
    decoder.next_frame() == Err(error) && decoder.has_frame() == Err(error)
}
