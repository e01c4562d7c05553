//! Any bytes as the input of each framing, and any messages through an encoder and back.

use super::{
    Decode, FRAMINGS, Framing, Kind, Output,
    jsonl::{Addressed, Records},
    parse, payload,
    record::{Dir, Record, What},
};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

/// The limit on a message, bytes.
const MAX: usize = 300;

/// Every framing: any cut gives the same messages and the same fault. The first byte: which framing, and of which kind;
/// the second: bytes that come at once.
pub fn framings(data: &[u8]) {
    let [which, at_once, bytes @ ..] = data else { return };
    let entry = &FRAMINGS[usize::from(which >> 1) % FRAMINGS.len()];
    let name = match entry.parameter {
        Some(_) => format!("{}=ab", entry.name),
        None => entry.name.to_owned(),
    };
    let kind = if which & 1 > 0 { Kind::Text } else { Kind::Binary };
    let Some(Ok(framing)) = parse(&name) else { panic!("{name} is in the table") };
    let (at_once, is_raw) = (usize::from(*at_once) + 1, entry.name == "raw");
    let whole =
        decode(framing.decoder(kind, if is_raw { usize::MAX } else { MAX }), bytes, bytes.len().max(1), true);
    let cut = decode(framing.decoder(kind, if is_raw { usize::MAX } else { MAX }), bytes, at_once, false);
    if is_raw {
        // A message is whatever came.
        let joined = |(messages, fault): &(Vec<Message>, Option<String>)| {
            let bytes: Vec<u8> = messages.iter().flat_map(payload).collect();
            fault.is_none().then_some(bytes)
        };
        assert_eq!(joined(&cut), joined(&whole));
        return;
    }
    assert_eq!(cut, whole, "{name}, {at_once} at once");
    assert!(whole.0.iter().all(|message| message.len() <= MAX), "{name}");
    if entry.name != "jsonl" {
        round_trip(&framing, bytes, at_once);
    }
}

/// The messages of an input that comes in pieces of that size, in runs where they are wanted, and why it ends early.
fn decode(
    mut decoder: Box<dyn Decode>,
    input: &[u8],
    at_once: usize,
    in_runs: bool,
) -> (Vec<Message>, Option<String>) {
    let mut messages = Vec::new();
    for chunk in input.chunks(at_once) {
        decoder.feed(Bytes::copy_from_slice(chunk));
        loop {
            if let Some(run) = if in_runs { decoder.next_run() } else { None } {
                messages.extend(run.messages());
                continue;
            }
            match decoder.next() {
                Some(Ok(message)) => messages.push(message),
                Some(Err(bad)) => return (messages, Some(bad.cause)),
                None => break,
            }
        }
    }
    match decoder.finish() {
        Some(Ok(message)) => messages.push(message),
        Some(Err(bad)) => return (messages, Some(bad.cause)),
        None => {}
    }
    assert_eq!(decoder.held(), 0);
    (messages, None)
}

/// Where nothing of a message can be taken for its end, what is encoded is decoded again.
fn round_trip(framing: &Framing, bytes: &[u8], at_once: usize) {
    if !["length", "headers", "base64", "hex", "nul"].contains(&framing.name()) {
        return;
    }
    let is_nul = framing.name() == "nul";
    let messages: Vec<Message> = bytes
        .chunks(at_once.min(MAX))
        .map(|part| part.iter().copied().filter(|byte| !is_nul || *byte != 0).collect::<Vec<u8>>())
        .filter(|part| !part.is_empty())
        .map(Message::binary)
        .collect();
    let (mut encoder, mut out) = (framing.encoder(), Output::default());
    messages.iter().for_each(|message| encoder.encode(message, &mut out));
    let encoded = out.take().concat();
    assert_eq!(
        decode(framing.decoder(Kind::Binary, MAX), &encoded, 7, true),
        (messages, None),
        "{framing:?}"
    );
}

/// Lines as records: a record that was read is written, and read again as the same.
pub fn records(data: &[u8]) {
    let mut records = Records::new(MAX);
    for line in data.split(|byte| *byte == b'\n') {
        let Some(Ok(Addressed { conn, message })) = records.read(Bytes::copy_from_slice(line)) else {
            continue;
        };
        let Some(what) = What::of(&message) else { panic!("{message:?} has no record") };
        let written = Record::new(conn, Some(Dir::Out), what).line();
        let text = std::str::from_utf8(&written).expect("JSON is text");
        assert!(text.ends_with('\n') && !text.trim_end_matches('\n').contains(char::is_control), "{text:?}");
        match Records::new(MAX).read(written.clone().into()) {
            Some(Ok(again)) => assert_eq!(again, Addressed { conn, message }, "{text:?}"),
            other => panic!("{text:?} is read as {other:?}"),
        }
    }
}
