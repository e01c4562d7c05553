//! Streams cut in every way give the messages and the faults that the engine alone gives.

use super::*;
use crate::ws::frame::{PING, put_head};
use proptest::prelude::*;
use std::io::{Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

const LARGE: usize = SMALL as usize + 1;

fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_head(&mut bytes, first, payload.len(), mask);
    let from = bytes.len();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[from..], mask.unwrap_or_default(), 0);
    bytes
}

/// Bytes for an engine, through the assembly or not.
struct Feed<'a> {
    assembly: Option<&'a mut Assembly>,
    bytes: &'a [u8],
    at: usize,
    /// Bytes that come at a time.
    at_once: usize,
}

impl Read for Feed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at < self.bytes.len() {
            let end = self.bytes.len().min((self.at / self.at_once + 1) * self.at_once);
            let piece = &self.bytes[self.at..end];
            let (taken, given) = match &mut self.assembly {
                Some(assembly) => assembly.pass(piece, into)?,
                None => {
                    let count = piece.len().min(into.len());
                    into[..count].copy_from_slice(&piece[..count]);
                    (count, count)
                }
            };
            self.at += taken;
            if given > 0 {
                return Ok(given);
            }
            assert_eq!(self.at, end, "all is taken when nothing is given");
        }
        match &mut self.assembly {
            Some(assembly) => assembly.pass(&[], into).map(|(_, given)| given),
            None => Ok(0),
        }
    }
}

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages of a stream and the error that ends it.
fn read(role: Role, max: usize, bytes: &[u8], at_once: usize, assembles: bool) -> (Vec<Message>, String) {
    let config = WebSocketConfig::default()
        .read_buffer_size(100)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    let mut engine = WebSocketContext::new(role, Some(config));
    let (mut assembly, mut messages) = (Assembly::new(max), Vec::new());
    let mut feed = Feed { assembly: None, bytes, at: 0, at_once };
    loop {
        let read = if assembles {
            let mut through = Feed { assembly: Some(&mut assembly), ..feed };
            let read = engine.read(&mut through);
            feed.at = through.at;
            read.and_then(|message| assembly.fill(message))
        } else {
            engine.read(&mut feed)
        };
        match read {
            Ok(message) => messages.push(message),
            // How a text is broken depends on how much of it was looked at.
            Err(error) if error.to_string().contains("UTF-8") => return (messages, "UTF-8".to_owned()),
            Err(Error::Io(error)) => return (messages, error.to_string()),
            Err(error) => return (messages, error.to_string()),
        }
    }
}

/// What the engine alone gives is given, however the stream is cut.
fn is_as_without(role: Role, bytes: &[u8], at_once: &[usize]) {
    let expected = read(role, 1 << 20, bytes, 4096, false);
    for at_once in at_once {
        let got = read(role, 1 << 20, bytes, *at_once, true);
        assert!(got == expected, "{at_once} at once: {} instead of {}", got.1, expected.1);
    }
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|index| b'a' + (index % 23) as u8).collect()
}

#[test]
fn faults_are_those_of_the_engine() {
    let large = payload(LARGE);
    let split = "ü".repeat(LARGE).into_bytes();
    for mask in [None, Some([7, 0, 200, 9])] {
        for role in [Role::Client, Role::Server] {
            let one = |first: u8, payload: &[u8]| frame(first, payload, mask);
            for (what, frames) in [
                ("a large message", vec![one(FIN | BINARY, &large), one(FIN | TEXT, b"then")]),
                ("fragments", vec![one(TEXT, b"a"), one(CONTINUATION, &large), one(FIN | CONTINUATION, b"")]),
                (
                    "control frames between them",
                    vec![
                        one(BINARY, b""),
                        one(FIN | PING, b"p"),
                        one(FIN | CONTINUATION, &large),
                        one(FIN | CLOSE, b""),
                    ],
                ),
                (
                    "a cut character",
                    vec![one(TEXT, &split[..LARGE]), one(FIN | CONTINUATION, &split[LARGE..])],
                ),
                ("a text that ends in one", vec![one(FIN | TEXT, &split[..LARGE])]),
                ("a fragmented one that does", vec![one(TEXT, &large), one(FIN | CONTINUATION, b"\xc3")]),
                (
                    "a fragment that is not UTF-8",
                    vec![one(TEXT, b"\xc3\x28"), one(FIN | CONTINUATION, &large)],
                ),
                ("large bytes that are not", vec![one(FIN | TEXT, &[&large[..], b"\xff"].concat())]),
                ("a continuation of nothing", vec![one(FIN | CONTINUATION, &large)]),
                ("the same after a message", vec![one(FIN | TEXT, b"x"), one(CONTINUATION, b"y")]),
                ("a text in a message", vec![one(TEXT, b"x"), one(FIN | TEXT, b"y")]),
                ("a large one in a message", vec![one(BINARY, b"x"), one(FIN | BINARY, &large)]),
                ("a fragment in a message", vec![one(BINARY, b"x"), one(TEXT, b"y")]),
                ("reserved bits of a large one", vec![one(FIN | BINARY | 0x40, &large)]),
                ("reserved bits of a fragment", vec![one(TEXT | 0x20, b"x")]),
                ("reserved bits of a last fragment", vec![one(TEXT, b"x"), one(FIN | 0x10, b"x")]),
                ("an unknown opcode", vec![one(FIN | 3, &large)]),
                ("an unknown control opcode", vec![one(FIN | 11, &large)]),
                ("a control frame in fragments", vec![one(PING, b"x")]),
                ("a message that is too long", vec![one(FIN | BINARY, &payload((1 << 20) + 1))]),
                ("an end in a large one", vec![one(FIN | BINARY, &large)[..900].to_vec()]),
                ("an end in a header", vec![one(FIN | TEXT, b"x"), one(FIN | BINARY, &large)[..3].to_vec()]),
                (
                    "a non-minimal length",
                    vec![b"\x82\x7f\0\0\0\0\0\0\0\x01x".to_vec(), one(FIN | TEXT, b"y")],
                ),
            ] {
                if what.starts_with("an end") && mask.is_some() != (role == Role::Server) {
                    // The header alone tells the fault.
                    continue;
                }
                let bytes = frames.concat();
                let expected = read(role, 1 << 20, &bytes, 4096, false);
                for at_once in [1, 2, 3, 5, 1000, 1 << 21] {
                    let got = read(role, 1 << 20, &bytes, at_once, true);
                    assert!(
                        got == expected,
                        "{what}, {at_once} at once: {} instead of {}",
                        got.1,
                        expected.1
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_announced_is_judged_by_its_header() {
    for (role, mask) in [(Role::Client, &[][..]), (Role::Server, &[0; 4])] {
        let head = |first: u8, length: u64| {
            let second = 127 | if mask.is_empty() { 0 } else { 0x80 };
            [&[first, second][..], &length.to_be_bytes(), mask].concat()
        };
        for (bytes, says) in [
            (head(FIN | BINARY, 1 << 63), "a length with its top bit set"),
            (head(FIN | PING, u64::MAX), "a length with its top bit set"),
            (head(FIN | PING, 126), "Control frame"),
            (head(FIN | BINARY, (1 << 63) - 1), "too long"),
            (head(FIN | TEXT | 0x40, 70_000), "eserved bits"),
            (head(FIN | 3, 70_000), "opcode"),
            (head(FIN | CONTINUATION, 70_000), "Continue frame"),
        ] {
            for at_once in 1..=bytes.len() {
                let (messages, error) = read(role, 1 << 20, &bytes, at_once, true);
                assert!(messages.is_empty() && error.contains(says), "{says}: {error}");
            }
        }
    }
}

#[test]
fn memory_follows_what_has_come() {
    let max = 1 << 30;
    let mut into = [0; 100];
    for head in [&b"\x82\x7f\0\0\0\0\x3f\0\0\0"[..], b"\x02\x7f\0\0\0\0\x3f\0\0\0"] {
        let (mut assembly, mut came) = (Assembly::new(max), 0);
        assembly.pass(head, &mut into).unwrap();
        assert_eq!(assembly.message.capacity(), 0, "a header reserves nothing");
        for piece in [1, 1000, 100_000, 1 << 20, 3, 1 << 20] {
            while assembly.pass(&vec![0; piece], &mut into).unwrap() != (piece, 0) {}
            came += piece;
            assert_eq!(assembly.held(), came);
            let room = assembly.message.capacity();
            assert!(room <= memory::FREE.max(2 * came), "{room} for {came}");
        }
    }
    let whole = frame(FIN | BINARY, &payload(100_000), None);
    let mut assembly = Assembly::new(max);
    let (mut at, mut ends) = (0, 0);
    while !assembly.is_whole {
        let (taken, given) = assembly.pass(&whole[at..], &mut into).unwrap();
        at += taken;
        ends += usize::from(given > 0);
    }
    assert_eq!((at, ends, assembly.message.capacity()), (whole.len(), 2, 100_000));
    assert_eq!(assembly.fill(Message::binary("")).unwrap(), Message::binary(payload(100_000)));
    assert_eq!((assembly.held(), assembly.message.capacity()), (0, 0), "nothing stays behind");
    let few = [frame(TEXT, b"a", None), frame(FIN | CONTINUATION, b"b", None)].concat();
    let (messages, _) = read(Role::Client, max, &few, 100, true);
    assert_eq!(messages, [Message::text("ab")]);
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![0..300usize, LARGE - 3..LARGE + 3, Just(70_000)]
}

#[test]
fn what_follows_a_broken_text_is_not_judged_before_it() {
    // An empty message, a first fragment that is not UTF-8, and an opcode that nobody knows.
    let bytes = [0x82, 0, 0x01, 1, 0x82, 0x03, 1];
    for at_once in 1..8 {
        let (messages, end) = read(Role::Client, 1 << 20, &bytes, at_once, true);
        assert_eq!((messages.len(), end.as_str()), (1, "UTF-8"), "{at_once} at once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_in_any_fragments_arrive(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(lengths(), 1..4), any::<bool>()), 1..6),
        mask in any::<[u8; 4]>(),
        at_once in prop_oneof![1..20usize, 1000..40_000usize],
        is_server in any::<bool>(),
    ) {
        let mask = is_server.then_some(mask);
        let mut bytes = Vec::new();
        for (is_text, lengths, pings) in &messages {
            for (index, length) in lengths.iter().enumerate() {
                let opcode = if index > 0 { CONTINUATION } else if *is_text { TEXT } else { BINARY };
                let fin = if index + 1 == lengths.len() { FIN } else { 0 };
                bytes.extend(frame(fin | opcode, &payload(*length), mask));
                if *pings {
                    bytes.extend(frame(FIN | PING, b"ping", mask));
                }
            }
        }
        is_as_without(if is_server { Role::Server } else { Role::Client }, &bytes, &[at_once]);
    }

    #[test]
    fn any_bytes_end_as_without(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x82), Just(1), Just(0)], 0..60)) {
        // A length that cannot be, or a control frame that is too long, the engine refuses otherwise.
        let (_, ended) = read(Role::Client, 1 << 20, &bytes, 7, true);
        prop_assume!(!ended.contains("top bit") && !ended.contains("Control frame"));
        let (messages, expected) = read(Role::Client, 1 << 20, &bytes, 7, false);
        let (got, _) = read(Role::Client, 1 << 20, &bytes, 7, true);
        prop_assert_eq!(got, messages);
        // A fault that is told by its header is told before the end of the stream is.
        prop_assert!(ended == expected || expected.contains("without closing"), "{} {}", ended, expected);
    }
}
