//! Compressed streams: the RFC's examples, every way of cutting them, and any bytes at all.

mod connections;

use super::*;
use crate::ws::{
    frame::{BINARY, CONTINUATION, FIN, Header, PING, TEXT, apply_mask},
    incoming::tests::{Reader, frame},
    read_error::ReadError,
};
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// The frames of a stream: first byte, payload, and whether it is masked.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>, bool)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut header = Header::default();
        let taken = header.take(bytes);
        let (payload, rest) = bytes[taken..].split_at(header.length() as usize);
        let mut payload = payload.to_vec();
        apply_mask(&mut payload, header.mask().unwrap_or_default(), 0);
        frames.push((header.first(), payload, header.mask().is_some()));
        bytes = rest;
    }
    frames
}

/// A reader of frames that restores messages; `keeps_context` as the peer may refer to earlier ones.
fn reader(keeps_context: bool, masks: bool) -> Reader {
    let mut reader = Reader::new(if masks { Role::Server } else { Role::Client }, 1 << 26);
    reader.incoming.inflate(keeps_context);
    reader
}

/// What is restored when so much comes at once: opcodes and payloads.
fn restored(reader: &mut Reader, bytes: &[u8], at_once: usize) -> Result<Vec<(u8, Vec<u8>)>, ReadError> {
    let (messages, error) = reader.read(bytes, at_once);
    let opcode = |message: &Message| match message {
        Message::Text(_) => TEXT,
        Message::Binary(_) => BINARY,
        _ => PING,
    };
    let messages = messages.into_iter().map(|message| (opcode(&message), message.into_data().to_vec()));
    error.map_or(Ok(messages.collect()), Err)
}

/// Messages of a stream, each with its opcode; a control frame is one of its own.
fn messages(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut messages, mut open): (Vec<_>, Option<(u8, Vec<u8>)>) = (Vec::new(), None);
    for (first, payload, _) in frames(bytes) {
        assert_eq!(first & 0x70, 0, "no reserved bit");
        if first & 8 != 0 {
            messages.push((first & 15, payload));
            continue;
        }
        let message = open.get_or_insert((first & 15, Vec::new()));
        message.1.extend_from_slice(&payload);
        if first & FIN != 0 {
            messages.extend(open.take());
        }
    }
    assert!(open.is_none(), "the last message is whole");
    messages
}

#[test]
fn the_examples_of_the_rfc_are_restored_however_they_are_cut() {
    let hello = || (TEXT, b"Hello".to_vec());
    for (section, bytes, expected) in [
        ("7.2.3.1", &b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..], vec![hello()]),
        ("7.2.3.1, two frames", b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", vec![hello()]),
        (
            "7.2.3.2, a shared window",
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00",
            vec![hello(), hello()],
        ),
        ("7.2.3.3, a stored block", b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", vec![hello()]),
        ("7.2.3.4, BFINAL", b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", vec![hello()]),
        (
            "7.2.3.5, two blocks",
            b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            vec![hello()],
        ),
        ("7.2.3.6, nothing", b"\xc1\x01\x00", vec![(TEXT, Vec::new())]),
        ("a payload of no byte", b"\xc2\x00", vec![(BINARY, Vec::new())]),
        ("three of no byte", b"\x42\x00\x00\x00\x80\x00", vec![(BINARY, Vec::new())]),
        (
            "plain ones between, and a ping in the middle",
            b"\x81\x01a\x41\x03\xf2\x48\xcd\x89\x01p\x80\x04\xc9\xc9\x07\x00\x82\x01b",
            vec![(TEXT, b"a".to_vec()), (PING, b"p".to_vec()), hello(), (BINARY, b"b".to_vec())],
        ),
        (
            "BFINAL twice, then plain DEFLATE: each is a stream of its own",
            b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x07\xf3\x48\xcd\xc9\xc9\x07\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
            vec![hello(), hello(), hello()],
        ),
    ] {
        for at_once in 1..=bytes.len() {
            let got = restored(&mut reader(true, false), bytes, at_once).unwrap();
            assert_eq!(got, expected, "{section}, {at_once} at once");
        }
    }
}

#[test]
fn without_context_each_message_stands_alone() {
    let twice = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(restored(&mut reader(false, false), twice, 4).unwrap().len(), 2);
    let refers_back = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00";
    let error = restored(&mut reader(false, false), refers_back, 4).unwrap_err();
    assert!(matches!(error, ReadError::Corrupt), "{error}");
}

#[test]
fn masks_are_taken_off() {
    let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
    let bytes = [
        frame(TEXT | RSV1, b"\xf2\x48\xcd", mask),
        frame(CONTINUATION | FIN, b"\xc9\xc9\x07\x00", mask),
        frame(BINARY | FIN, b"plain", mask),
    ]
    .concat();
    for at_once in 1..bytes.len() {
        let got = restored(&mut reader(true, true), &bytes, at_once).unwrap();
        assert_eq!(got, [(TEXT, b"Hello".to_vec()), (BINARY, b"plain".to_vec())]);
    }
}

#[test]
fn nothing_is_made_before_the_first_compressed_message() {
    let (mut inflating, mut deflating) = (Inflating::new(true), Deflating::new(true, 15));
    assert!(deflating.begin(b"short", true).is_none());
    assert!(inflating.is_idle() && deflating.is_idle());
    assert!(deflating.begin(&[b'x'; 100], true).is_some());
    inflating.restore(b"\x00", &mut Vec::new(), 100).unwrap();
    assert!(!inflating.is_idle() && !deflating.is_idle());
}

#[test]
fn what_does_not_shrink_goes_as_it_is_and_the_next_message_does_not_refer_to_it() {
    let mut noise = vec![0; 64 * 1024];
    getrandom::fill(&mut noise).unwrap();
    let text = "the same words again and again ".repeat(9);
    for keeps_context in [true, false] {
        let mut deflating = Deflating::new(keeps_context, 15);
        let mut wire = Vec::new();
        for payload in [text.as_bytes(), &noise, text.as_bytes(), &noise[..200], text.as_bytes()] {
            match deflating.begin(payload, true) {
                Some(compressed) => {
                    assert!(payload.len() < 1000);
                    wire.extend(frame(BINARY | FIN | RSV1, &compressed, None));
                }
                None => wire.extend(frame(BINARY | FIN, payload, None)),
            }
        }
        let got = restored(&mut reader(keeps_context, false), &wire, 1000).unwrap();
        let expected: Vec<_> = [text.as_bytes(), &noise, text.as_bytes(), &noise[..200], text.as_bytes()]
            .map(|payload| (BINARY, payload.to_vec()))
            .into();
        assert!(got == expected, "keeps_context {keeps_context}");
    }
}

/// A payload, and where it is cut in two frames.
type Sent = (Vec<u8>, usize);

/// Sends these and reads them again.
fn round_trip(payloads: &[Sent], mask: Option<[u8; 4]>, keeps_context: bool, bits: u8, at_once: usize) {
    let mut deflating = Deflating::new(keeps_context, bits);
    let mut wire = Vec::new();
    for (payload, cut) in payloads {
        let cut = (*cut).min(payload.len());
        let (start, rest) = payload.split_at(cut);
        match deflating.begin(start, false) {
            Some(compressed) => {
                wire.extend(frame(BINARY | RSV1, &compressed, mask));
                let rest = if rest.is_empty() { &b"?"[..] } else { rest };
                wire.extend(frame(CONTINUATION | FIN, &deflating.go_on(rest, true).unwrap(), mask));
            }
            None => {
                wire.extend(frame(BINARY, start, mask));
                wire.extend(frame(CONTINUATION | FIN, rest, mask));
            }
        }
    }
    let got = restored(&mut reader(keeps_context, mask.is_some()), &wire, at_once).unwrap();
    assert_eq!(got.len(), payloads.len());
    for ((opcode, got), (payload, _)) in got.iter().zip(payloads) {
        assert_eq!(*opcode, BINARY);
        assert_eq!(got.strip_suffix(b"?").unwrap_or(got), &payload[..]);
    }
}

#[test]
fn an_empty_message_and_one_of_zeroes_in_a_small_window_come_out_as_they_went_in() {
    round_trip(&[(vec![], 1), (vec![0; 157], 128)], Some([0; 4]), false, 8, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_cut_anywhere_come_out_as_they_went_in(
        payloads in proptest::collection::vec(
            (proptest::collection::vec(0u8..4, 0..3000), 1usize..500), 1..8),
        mask in proptest::option::of(any::<[u8; 4]>()),
        keeps_context: bool, bits in 8u8..=15, at_once in 1usize..4000,
    ) {
        round_trip(&payloads, mask, keeps_context, bits, at_once);
    }

    #[test]
    fn no_bytes_at_all_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..400), at_once in 1usize..50) {
        let _ = restored(&mut reader(true, false), &bytes, at_once);
        // As the payload of a message, where it is sure to be looked at.
        let _ = restored(&mut reader(true, false), &frame(BINARY | RSV1 | FIN, &bytes, None), at_once);
    }
}
