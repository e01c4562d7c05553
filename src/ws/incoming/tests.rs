//! Streams cut in every way give the messages and the faults that the engine alone gives.

use super::*;
use crate::ws::{
    frame::{PING, put_head},
    fuzz::Feed,
};
use bytes::BufMut;
use proptest::prelude::*;
use std::io::Cursor;
use tokio_tungstenite::tungstenite::{
    Error,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

const LARGE: usize = DIRECT as usize * 2 + 1;

/// A frame as it is on the wire.
pub(in crate::ws) fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_head(&mut bytes, first, payload.len(), mask);
    let from = bytes.len();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[from..], mask.unwrap_or_default(), 0);
    bytes
}

/// The reader of frames with its engine.
pub(in crate::ws) struct Reader {
    pub incoming: Incoming,
    engine: WebSocketContext,
    /// What came in pieces of a message so far.
    joined: Option<Vec<u8>>,
}

/// Puts a message together; gives it with its last piece.
fn join(joined: &mut Option<Vec<u8>>, piece: Piece) -> Option<Message> {
    assert_eq!(joined.is_none(), piece.is_first);
    joined.get_or_insert_default().extend_from_slice(&piece.payload);
    let payload = joined.take_if(|_| piece.is_last)?;
    Some(message(payload.into(), piece.is_text).unwrap())
}

impl Reader {
    /// Reads what a server (`Role::Client`) or a client (`Role::Server`) sends.
    pub(in crate::ws) fn new(role: Role, max: usize) -> Self {
        let engine = WebSocketContext::new(role, None);
        Self { incoming: Incoming::new(&[], max, role == Role::Server), engine, joined: None }
    }

    /// The messages of a stream that comes in such chunks, and the fault in it, if there is one.
    pub(in crate::ws) fn read(&mut self, bytes: &[u8], at_once: usize) -> (Vec<Message>, Option<ReadError>) {
        let mut messages = Vec::new();
        for mut chunk in bytes.chunks(at_once) {
            while !chunk.is_empty() {
                match self.incoming.place() {
                    Ok(Some(mut place)) => {
                        let count = chunk.len().min(place.remaining_mut());
                        place.put_slice(&chunk[..count]);
                        self.incoming.placed(count);
                        chunk = &chunk[count..];
                    }
                    Ok(None) => self.incoming.feed(BytesMut::from(take(&mut chunk))),
                    Err(error) => return (messages, Some(error)),
                }
                while let Some(next) = self.incoming.next() {
                    let judged = next.and_then(|received| match received {
                        Received::Message(message) => Ok(Some(message)),
                        Received::Run(run) => {
                            assert!((2..=Run::MESSAGES).contains(&run.count()));
                            messages.extend(run.messages());
                            Ok(None)
                        }
                        Received::Piece(piece) => Ok(join(&mut self.joined, piece)),
                        Received::Frames(frames) => {
                            let mut feed = Feed(Cursor::new(&frames), false);
                            self.engine.read(&mut feed).map(Some).map_err(ReadError::Engine)
                        }
                    });
                    match judged {
                        Ok(message) => messages.extend(message),
                        Err(error) => return (messages, Some(error)),
                    }
                }
            }
        }
        (messages, None)
    }
}

/// The messages of a stream and the error that ends it, in the engine's words.
fn read(role: Role, max: usize, bytes: &[u8], at_once: usize) -> (Vec<Message>, String) {
    let by_themselves = read_as(role, max, bytes, at_once, false);
    let got = read_as(role, max, bytes, at_once, true);
    assert!(got == by_themselves, "in runs: {} instead of {}", got.1, by_themselves.1);
    got
}

/// The same in runs or each by itself.
fn read_as(role: Role, max: usize, bytes: &[u8], at_once: usize, in_runs: bool) -> (Vec<Message>, String) {
    let mut reader = Reader::new(role, max);
    reader.incoming.give_runs(in_runs);
    let (mut messages, error) = reader.read(bytes, at_once);
    if let Some(Message::Close(_)) = messages.last()
        && error.is_none()
    {
        return (messages, "closed".to_owned());
    }
    if let Some(at) = messages.iter().position(Message::is_close) {
        // What comes behind a Close is not read.
        messages.truncate(at + 1);
        return (messages, "closed".to_owned());
    }
    let error = match error {
        None => Error::Protocol(ProtocolError::ResetWithoutClosingHandshake).to_string(),
        Some(ReadError::Engine(Error::Utf8(_)) | ReadError::Text) => "UTF-8".to_owned(),
        Some(ReadError::TooLong { .. }) => "too long".to_owned(),
        Some(ReadError::Engine(error)) => error.to_string(),
        Some(error) => error.to_string(),
    };
    (messages, error)
}

/// The same of the engine alone.
fn read_without(role: Role, max: usize, bytes: &[u8]) -> (Vec<Message>, String) {
    let config = WebSocketConfig::default()
        .read_buffer_size(100)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    let mut engine = WebSocketContext::new(role, Some(config));
    let (mut feed, mut messages) = (Feed(Cursor::new(bytes), true), Vec::new());
    loop {
        match engine.read(&mut feed) {
            Ok(message) => {
                let is_close = message.is_close();
                messages.push(message);
                if is_close {
                    return (messages, "closed".to_owned());
                }
            }
            // How a text is broken depends on how much of it was looked at.
            Err(Error::Utf8(_)) => return (messages, "UTF-8".to_owned()),
            Err(Error::Capacity(_)) => return (messages, "too long".to_owned()),
            Err(error) => return (messages, error.to_string()),
        }
    }
}

/// What the engine alone gives is given, however the stream is cut.
fn is_as_without(role: Role, bytes: &[u8], at_once: &[usize]) {
    let expected = read_without(role, 1 << 20, bytes);
    for at_once in at_once {
        let got = read(role, 1 << 20, bytes, *at_once);
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
                if (what.starts_with("an end") || what.ends_with("too long"))
                    && mask.is_some() != (role == Role::Server)
                {
                    // The header alone tells the fault.
                    continue;
                }
                let bytes = frames.concat();
                let expected = read_without(role, 1 << 20, &bytes);
                for at_once in [1, 2, 3, 5, 1000, 1 << 21] {
                    let got = read(role, 1 << 20, &bytes, at_once);
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
                let (messages, error) = read(role, 1 << 20, &bytes, at_once);
                assert!(messages.is_empty() && error.contains(says), "{says}: {error}");
            }
        }
    }
}

#[test]
fn memory_follows_what_has_come() {
    let max = 1 << 30;
    for head in [&b"\x82\x7f\0\0\0\0\x3f\0\0\0"[..], b"\x02\x7f\0\0\0\0\x3f\0\0\0"] {
        let (mut reader, mut came) = (Reader::new(Role::Client, max), 0);
        let room =
            |reader: &Reader| reader.incoming.message.as_ref().map_or(0, |message| message.bytes.capacity());
        reader.read(head, 100);
        assert_eq!(room(&reader), 0, "a header reserves nothing");
        for piece in [1, 1000, 100_000, 1 << 20, 3, 1 << 20] {
            reader.read(&vec![0; piece], 50_000);
            came += piece;
            assert_eq!(reader.incoming.begun(), (came + head.len()) as u64);
            let room = room(&reader);
            assert!(room <= memory::FREE.max(2 * came), "{room} for {came}");
        }
    }
    let whole = frame(FIN | BINARY, &payload(100_000), None);
    for at_once in [1000, 30_000, 200_000] {
        let mut reader = Reader::new(Role::Client, max);
        let (messages, _) = reader.read(&whole, at_once);
        assert_eq!(messages, [Message::binary(payload(100_000))]);
        assert_eq!((reader.incoming.begun(), reader.incoming.input.len()), (0, 0), "nothing stays behind");
    }
}

#[test]
fn a_message_that_is_whole_is_cut_out_where_it_lies() {
    let bytes = [frame(FIN | TEXT, b"text", None), frame(FIN | BINARY, &payload(LARGE), None)].concat();
    let mut incoming = Incoming::new(&bytes, 1 << 20, false);
    let lies = incoming.input.as_ptr() as usize..incoming.input.as_ptr() as usize + bytes.len();
    for _ in 0..2 {
        let Some(Ok(Received::Message(message))) = incoming.next() else { panic!("a message") };
        assert!(lies.contains(&(message.into_data().as_ptr() as usize)));
    }
    assert!(incoming.next().is_none());
}

#[test]
fn a_small_message_of_a_client_does_not_keep_what_was_read_with_it() {
    let bytes = frame(FIN | TEXT, b"text", Some([1, 2, 3, 4]));
    let mut incoming = Incoming::new(&bytes, 1 << 20, true);
    let lies = incoming.input.as_ptr() as usize..incoming.input.as_ptr() as usize + bytes.len();
    let Some(Ok(Received::Message(message))) = incoming.next() else { panic!("a message") };
    assert_eq!(message, Message::text("text"));
    assert!(!lies.contains(&(message.into_data().as_ptr() as usize)));
}

#[test]
fn the_engine_objects_to_every_frame_that_may_not_come_and_sees_no_other_data() {
    for role in [Role::Client, Role::Server] {
        let ours = (role == Role::Server).then_some([1, 2, 3, 4]);
        for (first, masks, amid) in (0..=255).flat_map(|first| {
            [(true, true), (true, false), (false, true), (false, false)]
                .map(|(masks, amid)| (first, masks, amid))
        }) {
            let mask = masks.then_some([5, 6, 7, 8]);
            let mut reader = Reader::new(role, 1 << 20);
            if amid {
                assert!(
                    matches!(reader.read(&frame(BINARY, b"amid", ours), 100), (messages, None) if messages.is_empty())
                );
            }
            let (messages, error) = reader.read(&frame(first, b"", mask), 100);
            let opcode = first & OPCODE;
            let may_come = masks == ours.is_some()
                && first & RESERVED == 0
                && match opcode {
                    CONTINUATION => amid,
                    TEXT | BINARY => !amid,
                    CLOSE..=PONG => first & FIN != 0,
                    _ => false,
                };
            assert_eq!(error.is_none(), may_come, "{role:?} {first:#x} {masks} {amid}: {error:?}");
            let gives = may_come && first & FIN != 0;
            assert_eq!(messages.len(), usize::from(gives), "{role:?} {first:#x} {masks} {amid}");
            if let Some(error) = error {
                assert!(matches!(error, ReadError::Engine(Error::Protocol(_))), "{error:?}");
            }
        }
    }
}

#[test]
fn a_text_is_wrong_as_soon_as_a_byte_of_it_is() {
    for mask in [None, Some([9, 8, 7, 6])] {
        let role = if mask.is_some() { Role::Server } else { Role::Client };
        for (first, rest) in [(FIN | TEXT, 100), (TEXT, 100), (FIN | TEXT, LARGE)] {
            let bytes = frame(first, &[b"fine, then \xce\xba\xff".to_vec(), payload(rest)].concat(), mask);
            let wrong = bytes.len() - rest;
            for at_once in [1, 3, 100] {
                let (messages, error) = Reader::new(role, 1 << 20).read(&bytes[..wrong - 1], at_once);
                assert!(messages.is_empty() && error.is_none(), "{error:?}");
                let (_, error) = Reader::new(role, 1 << 20).read(&bytes[..wrong], at_once);
                assert!(matches!(error, Some(ReadError::Text)), "{error:?}");
            }
        }
    }
}

#[test]
fn a_length_in_a_longer_form_is_refused_from_clients_and_noted_of_servers() {
    for (form, length) in [(126_u8, 5_u64), (126, 125), (127, 5), (127, 126), (127, 0xffff)] {
        for first in [FIN | TEXT, FIN | BINARY, TEXT] {
            for masks in [false, true] {
                let size = if form == 126 { 2 } else { 8 };
                let payload = vec![b'x'; length as usize];
                let mut bytes = vec![first, form | if masks { 0x80 } else { 0 }];
                bytes.extend_from_slice(&length.to_be_bytes()[8 - size..]);
                bytes.extend_from_slice(if masks { &[0; 4] } else { &[] });
                bytes.extend_from_slice(&payload);
                let mut reader = Reader::new(if masks { Role::Server } else { Role::Client }, 1 << 20);
                let (messages, error) = reader.read(&bytes, 1000);
                if masks {
                    assert!(matches!(error, Some(ReadError::LongForm)), "{error:?}");
                    continue;
                }
                assert!(error.is_none());
                assert_eq!(messages.len(), usize::from(first & FIN != 0));
                assert_eq!(reader.incoming.take_long_form(), Some(length));
            }
        }
    }
}

/// A stream that was read so far.
fn fed(bytes: &[u8], at_once: usize) -> Incoming {
    let mut reader = Reader::new(Role::Client, 1 << 20);
    reader.read(bytes, at_once);
    reader.incoming
}

#[test]
fn knows_how_much_of_a_message_is_there() {
    let whole = [0x82, 3, 1, 2, 3, 0x81, 0];
    let fragment = [0x02, 3, 1, 2, 3, 0x89, 1, 9, 0x80, 126, 1, 0, 7];
    for at_once in 1..8 {
        assert_eq!(fed(&whole, at_once).partial(), 0);
        assert_eq!(fed(&whole[..4], at_once).partial(), 4);
        assert_eq!(fed(&whole[..1], at_once).partial(), 1);
        assert_eq!(fed(&fragment, at_once).partial(), 5 + 4 + 1, "both fragments, without the ping");
    }
}

#[test]
fn knows_what_has_begun_and_not_ended() {
    let frames = [0x02, 126, 0, 1, 7, 0x89, 1, 9, 0x80, 0, 0x82, 0];
    let expected = [
        // A fragment with a long header, a ping, the last fragment, and an empty message.
        (0, (false, false)),
        (1, (false, true)),
        (3, (false, true)),
        (4, (true, true)),
        (5, (true, false)),
        (6, (true, true)),
        (7, (true, true)),
        (8, (true, false)),
        (9, (true, true)),
        (10, (false, false)),
        (11, (false, true)),
        (12, (false, false)),
    ];
    for (length, begun) in expected {
        let Within { message, frame } = fed(&frames[..length], 1).within();
        assert_eq!((message, frame), begun, "{length} bytes");
    }
}

#[test]
fn a_large_message_comes_in_pieces_where_they_are_wanted() {
    let mut reader = Reader::new(Role::Client, 1 << 30);
    reader.incoming.give_pieces(true);
    reader.read(&frame(FIN | BINARY, &payload(1 << 20), None)[..1000], 100);
    assert_eq!(reader.joined.as_ref().map(Vec::len), Some(990), "all that has come");
    assert_eq!((reader.incoming.begun(), reader.incoming.partial()), (0, 1000), "nothing of it is held");
    let mut reader = Reader::new(Role::Client, 1 << 30);
    reader.incoming.give_pieces(true);
    reader.read(&frame(FIN | BINARY, &payload(1000), None)[..100], 10);
    assert_eq!(reader.joined, None, "a small one is not worth it");
    // Fragments are put together until they are large; a message goes on as it has begun.
    let half = payload(PIECES as usize / 2);
    let bytes =
        [frame(TEXT, &half, None), frame(CONTINUATION, &half, None), frame(FIN | CONTINUATION, b"", None)];
    for gives in [true, false] {
        let mut reader = Reader::new(Role::Client, 1 << 30);
        reader.incoming.give_pieces(gives);
        reader.read(&bytes[0], 999);
        assert_eq!(reader.joined, None);
        reader.read(&bytes[1], 999);
        assert_eq!(reader.joined.as_ref().map(Vec::len), gives.then_some(2 * half.len()));
        reader.incoming.give_pieces(!gives);
        assert_eq!(reader.read(&bytes[2], 9).0, [message([&half[..], &half].concat().into(), true).unwrap()]);
    }
}

#[test]
fn a_text_in_pieces_ends_with_a_whole_character() {
    for (last, is_text) in [(&b"\xbc"[..], true), (b"", false), (b"\xbc\xc3", false), (b"x", false)] {
        let mut reader = Reader::new(Role::Client, 1 << 30);
        reader.incoming.give_pieces(true);
        reader.read(&frame(TEXT, &[&payload(PIECES as usize)[..], b"\xc3"].concat(), None), 999);
        let (_, error) = reader.read(&frame(FIN | CONTINUATION, last, None), 9);
        assert_eq!(error.is_none(), is_text, "{last:?}");
    }
}

#[test]
fn the_rest_of_a_fragment_is_not_read_a_byte_at_a_time() {
    let mut reader = Reader::new(Role::Client, 1 << 20);
    reader.read(&frame(BINARY, &payload(LARGE), None)[..10], 10);
    let room = reader.incoming.place().unwrap().map_or(0, |place| place.remaining_mut());
    assert!(room >= DIRECT as usize, "{room}");
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![0..300usize, 65_530..65_540usize, Just(70_000)]
}

#[test]
fn what_follows_a_broken_text_is_not_judged_before_it() {
    // An empty message, a first fragment that is not UTF-8, and an opcode that nobody knows.
    let bytes = [0x82, 0, 0x01, 1, 0x82, 0x03, 1];
    for at_once in 1..8 {
        let (messages, end) = read(Role::Client, 1 << 20, &bytes, at_once);
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
        let role = if is_server { Role::Server } else { Role::Client };
        is_as_without(role, &bytes, &[at_once]);
        let mut in_pieces = Reader::new(role, 1 << 20);
        in_pieces.incoming.give_pieces(true);
        let (whole, _) = read(role, 1 << 20, &bytes, at_once);
        prop_assert!(in_pieces.read(&bytes, at_once).0 == whole);
    }

    #[test]
    fn any_bytes_end_as_without(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x82), Just(1), Just(0)], 0..60)) {
        // A length that cannot be, or a control frame that is too long, the engine refuses otherwise.
        let (_, ended) = read(Role::Client, 1 << 20, &bytes, 7);
        prop_assume!(!ended.contains("top bit") && !ended.contains("Control frame"));
        let (messages, expected) = read_without(Role::Client, 1 << 20, &bytes);
        let (got, _) = read(Role::Client, 1 << 20, &bytes, 7);
        prop_assert_eq!(got, messages);
        // A fault that is told by its header is told before the end of the stream is; the engine looks at the
        // length first.
        prop_assert!(ended == expected || expected.contains("without closing") || expected == "too long", "{} {}", ended, expected);
    }
}

/// What is given of these bytes, read at once and in runs: the number of messages of each.
fn runs(role: Role, max: usize, bytes: &[u8]) -> Vec<usize> {
    let mut incoming = Incoming::new(bytes, max, role == Role::Server);
    incoming.give_runs(true);
    let mut given = Vec::new();
    while let Some(Ok(next)) = incoming.next() {
        given.push(match next {
            Received::Run(run) => run.count(),
            Received::Message(_) => 1,
            Received::Piece(_) | Received::Frames(_) => 0,
        });
    }
    given
}

#[test]
fn a_run_is_short_messages_of_one_kind_up_to_what_is_none() {
    for (mask, role) in [(None, Role::Client), (Some([7, 0, 200, 9]), Role::Server)] {
        let one = |first: u8, payload: &[u8]| frame(first, payload, mask);
        let (text, bytes) = (one(FIN | TEXT, "añ€".as_bytes()), one(FIN | BINARY, b"\xff"));
        let given = |frames: &[&[u8]]| runs(role, 5000, &frames.concat());
        assert_eq!(given(&[&text, &text, &text]), [3]);
        assert_eq!(given(&[&text]), [1]);
        assert_eq!(given(&[&text, &bytes, &bytes, &text, &text]), [1, 2, 2]);
        assert_eq!(given(&[&text, &text, &one(FIN | PING, b"p"), &text, &text]), [2, 0, 2]);
        let long = one(FIN | TEXT, &payload(Run::LONGEST + 1));
        assert_eq!(given(&[&text, &text, &long, &text, &text]), [2, 1, 2]);
        assert_eq!(given(&[&text, &text, &text[..text.len() - 1]]), [2], "the third is on its way");
        assert_eq!(
            given(&[&text, &text, &one(TEXT, b"a"), &one(FIN | CONTINUATION, b"b"), &text]),
            [2, 1, 1]
        );
        // A character that goes on in the next message goes on nowhere.
        let cut = [one(FIN | TEXT, b"\xc3"), one(FIN | TEXT, b"\xa4")].concat();
        assert_eq!(given(&[&text, &text, &cut]), [2]);
        assert_eq!(given(&[&text, &cut]), [1]);
        assert_eq!(given(&[&text, &text, &one(FIN | TEXT, &payload(5001))]), [2], "more than the limit");
        let empty = one(FIN | BINARY, b"").repeat(Run::MESSAGES + 2);
        assert_eq!(given(&[&empty]), [Run::MESSAGES, 2]);
        let most = runs(role, 5000, &one(FIN | BINARY, &payload(2000)).repeat(40));
        assert!(most.iter().all(|count| count * 2000 <= Run::BLOCK) && most.iter().sum::<usize>() == 40);
    }
}

#[test]
fn what_is_watched_or_may_be_compressed_is_no_run() {
    let two = frame(FIN | TEXT, b"a", None).repeat(2);
    let given = |incoming: &mut Incoming| matches!(incoming.next(), Some(Ok(Received::Message(_))));
    let mut compressed = Incoming::new(&two, 100, false);
    compressed.inflate(true);
    compressed.give_runs(true);
    assert!(given(&mut compressed));
    let mut plain = Incoming::new(&two, 100, false);
    assert!(given(&mut plain), "unless it is asked for");
}

#[test]
fn a_run_of_a_client_keeps_no_more_than_itself() {
    let texts = frame(FIN | TEXT, b"a", Some([1; 4])).repeat(2);
    let all = [texts, frame(FIN | BINARY, b"b", Some([2; 4])).repeat(2)].concat().repeat(1000);
    let mut incoming = Incoming::new(&all, 100, true);
    incoming.give_runs(true);
    for _ in 0..1000 {
        for payload in [b"a", b"b"] {
            let Some(Ok(Received::Run(run))) = incoming.next() else { panic!("a run") };
            assert!(run.payloads().eq([payload, payload]));
            assert_eq!(run.memory(), Some(2));
        }
    }
    assert!(incoming.next().is_none());
    assert_eq!(incoming.memory(), 0);
}
