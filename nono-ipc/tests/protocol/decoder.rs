//! The grammar alone.

use nono_ipc::{Arrival, BODY_MAX, Decoder, FrameError, Header, Passed};
use proptest::prelude::*;

/// A frame as it is sent; its descriptor is a number.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    body: Vec<u8>,
    descriptor: Option<u32>,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        let header = Header::new(self.body.len(), self.descriptor.is_some()).unwrap();
        [&header.to_bytes()[..], &self.body].concat()
    }
}

fn frames() -> impl Strategy<Value = Vec<Sent>> {
    let body = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 1..20),
        1 => prop::collection::vec(any::<u8>(), BODY_MAX - 2..=BODY_MAX),
    ];
    let frame = (body, prop::option::of(any::<u32>()));
    prop::collection::vec(frame.prop_map(|(body, descriptor)| Sent { body, descriptor }), 0..12)
}

/// What one send hands to the kernel: a descriptor goes with the byte at an offset.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    descriptor: Option<(usize, u32)>,
}

/// Splits what is sent as a kernel may: anywhere, but never behind the end of a frame that carries a
/// descriptor in the piece in which it begins.
fn pieces(frames: &[Sent], cuts: &[usize]) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut piece = Piece::default();
    let mut cuts = cuts.iter().copied().cycle();
    let mut left = cuts.next().unwrap_or(1);
    for frame in frames {
        let begin = piece.bytes.len();
        piece.descriptor = frame.descriptor.map(|number| (begin, number));
        for byte in frame.bytes() {
            piece.bytes.push(byte);
            left -= 1;
            if left == 0 {
                pieces.push(std::mem::take(&mut piece));
                left = cuts.next().unwrap_or(1);
            }
        }
        if piece.descriptor.is_some() {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    pieces.push(piece);
    pieces
}

/// Receives a piece, as much at a time as there is space for.
fn feed(decoder: &mut Decoder<u32>, piece: &Piece) -> Result<Vec<Sent>, FrameError> {
    let mut frames = vec![];
    let mut at = 0;
    while at < piece.bytes.len() {
        let space = decoder.space();
        let length = space.len().min(piece.bytes.len() - at);
        space[..length].copy_from_slice(&piece.bytes[at..at + length]);
        let here = piece.descriptor.filter(|(offset, _)| (at..at + length).contains(offset));
        let descriptor = here.map_or(Passed::Nothing, |(_, number)| Passed::Descriptor(number));
        at += length;
        decoder.arrived(Arrival { length, descriptor, sender: None });
        while let Some(frame) = decoder.next_frame()? {
            let descriptor = match frame.descriptor {
                Passed::Descriptor(number) => Some(number),
                Passed::Nothing => None,
                Passed::Lost => panic!("nothing was lost"),
            };
            frames.push(Sent { body: frame.body.to_vec(), descriptor });
        }
    }
    Ok(frames)
}

/// Bytes that arrive at once, and what comes with them.
fn piece(bytes: &[u8], descriptor: Option<u32>) -> Piece {
    Piece { bytes: bytes.to_vec(), descriptor: descriptor.map(|number| (0, number)) }
}

proptest! {
    #[test]
    fn any_split_gives_the_frames_that_were_sent(
        frames in frames(),
        cuts in prop::collection::vec(prop_oneof![1..6_usize, 1..100_000_usize], 1..40),
    ) {
        let mut decoder = Decoder::new();
        let mut received = vec![];
        for piece in pieces(&frames, &cuts) {
            received.extend(feed(&mut decoder, &piece).unwrap());
        }
        prop_assert_eq!(received, frames);
        prop_assert_eq!(decoder.partial(), 0);
    }

    #[test]
    fn an_error_is_for_good_and_no_frame_comes_after_it(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 1..64),
        at in any::<prop::sample::Index>(),
        descriptor in prop::option::of(any::<u32>()),
        more in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (head, tail) = bytes.split_at(at.index(bytes.len()));
        let mut decoder = Decoder::new();
        let first = feed(&mut decoder, &piece(head, None))
            .and_then(|_| feed(&mut decoder, &piece(tail, descriptor)));
        if let Err(error) = first {
            prop_assert_eq!(feed(&mut decoder, &piece(&more, None)).err().unwrap_or(error), error);
            prop_assert_eq!(decoder.next_frame(), Err(error));
        }
    }
}

fn frame(body: &[u8], marked: bool) -> Vec<u8> {
    [&Header::new(body.len(), marked).unwrap().to_bytes()[..], body].concat()
}

#[test]
fn a_descriptor_and_a_frame_that_do_not_belong_together_are_an_error() {
    let plain = frame(b"plain", false);
    let marked = frame(b"marked", true);
    let both = [marked.clone(), plain.clone()].concat();
    let (head, tail) = marked.split_at(6);
    type Pieces<'a> = &'a [(&'a [u8], Option<u32>)];
    let cases: [(Pieces<'_>, FrameError); 8] = [
        (&[(&marked, None)], FrameError::MarkWithoutDescriptor),
        (&[(&marked[..4], None)], FrameError::MarkWithoutDescriptor),
        (&[(&plain, Some(1))], FrameError::DescriptorWithoutMark),
        (&[(&plain[..3], Some(1)), (&plain[3..], None)], FrameError::DescriptorWithoutMark),
        (&[(head, Some(1)), (tail, Some(2))], FrameError::DescriptorOutsideFrame),
        (&[(&plain[..7], None), (&plain[7..], Some(1))], FrameError::DescriptorOutsideFrame),
        // It belongs to the frame that begins last.
        (&[(&both, Some(1))], FrameError::MarkWithoutDescriptor),
        (&[(&marked[..2], None), (&marked[2..], Some(1))], FrameError::DescriptorOutsideFrame),
    ];
    for (pieces, expected) in cases {
        let mut decoder = Decoder::new();
        let mut feed = |bytes, descriptor| feed(&mut decoder, &piece(bytes, descriptor));
        let error = pieces.iter().find_map(|(bytes, descriptor)| feed(bytes, *descriptor).err());
        assert_eq!(error, Some(expected), "{pieces:?}");
    }
}

#[test]
fn a_descriptor_belongs_to_the_last_frame_of_what_arrived_with_it() {
    let both = [frame(b"plain", false), frame(b"marked", true)].concat();
    let mut decoder = Decoder::new();
    let frames = feed(&mut decoder, &piece(&both, Some(7))).unwrap();
    assert_eq!(frames.iter().map(|frame| frame.descriptor).collect::<Vec<_>>(), [None, Some(7)]);
}

#[test]
fn parts_of_one_frame_from_two_senders_are_an_error() {
    let bytes = frame(b"body", false);
    let mut decoder: Decoder<u32, u32> = Decoder::new();
    let mut arrive = |bytes: &[u8], sender| {
        decoder.space()[..bytes.len()].copy_from_slice(bytes);
        let (length, descriptor) = (bytes.len(), Passed::Nothing);
        decoder.arrived(Arrival { length, descriptor, sender: Some(sender) });
        decoder.next_frame().map(|frame| frame.map(|frame| frame.sender))
    };
    assert_eq!(arrive(&bytes, 1), Ok(Some(Some(1))));
    assert_eq!(arrive(&bytes[..5], 1), Ok(None));
    assert_eq!(arrive(&bytes[5..], 2), Err(FrameError::SenderChanged));
}

#[test]
fn a_lost_descriptor_is_told_of_on_its_frame_alone() {
    let mut decoder: Decoder<u32> = Decoder::new();
    for lost in [true, false] {
        let bytes = frame(b"body", lost);
        decoder.space()[..bytes.len()].copy_from_slice(&bytes);
        let descriptor = if lost { Passed::Lost } else { Passed::Nothing };
        decoder.arrived(Arrival { length: bytes.len(), descriptor, sender: None });
        let frame = decoder.next_frame().unwrap().unwrap();
        assert_eq!(matches!(frame.descriptor, Passed::Lost), lost);
    }
}
