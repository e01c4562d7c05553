//! Properties every framing must have, and the edges of each.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Message;

/// The framing that is written so.
pub(super) fn named(text: &str) -> Framing {
    parse(text).and_then(Result::ok).unwrap_or_else(|| panic!("{text} is no framing"))
}

/// Every framing of the table, with a parameter where it takes one.
pub(super) fn every() -> impl Iterator<Item = Framing> {
    FRAMINGS.iter().map(|entry| match &entry.parameter {
        Some(parameter) => named(&format!("{}={}", entry.name, (parameter.read)("").unwrap_err().instead)),
        None => Framing::of(entry),
    })
}

/// Decodes `input` cut at the given places, in runs and without them.
fn decode(
    framing: &Framing,
    kind: Kind,
    max: usize,
    input: &[u8],
    cuts: &[usize],
) -> Result<Vec<Bytes>, BadInput> {
    let decoded = decode_as(framing, kind, max, input, cuts, false);
    assert_eq!(decode_as(framing, kind, max, input, cuts, true), decoded, "{framing:?} in runs");
    decoded
}

fn decode_as(
    framing: &Framing,
    kind: Kind,
    max: usize,
    input: &[u8],
    cuts: &[usize],
    in_runs: bool,
) -> Result<Vec<Bytes>, BadInput> {
    let mut decoder = framing.decoder(kind, max);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    let mut messages = Vec::new();
    for pair in cuts.windows(2) {
        if pair[0] < pair[1] {
            decoder.feed(Bytes::copy_from_slice(&input[pair[0]..pair[1]]));
        }
        loop {
            let held = decoder.held();
            if let Some(run) = if in_runs { decoder.next_run() } else { None } {
                assert!(run.count() > 1 && run.payloads().all(|payload| payload.len() <= max));
                // Where a message ends, the next one begins.
                let behind: Vec<u64> = run.behind().collect();
                assert_eq!(behind.last(), Some(&0));
                assert!(behind[0] < (held - decoder.held()) as u64 && behind.is_sorted_by(|a, b| a > b));
                messages.extend(run.messages().map(|message| payload(&message)));
                continue;
            }
            let Some(message) = decoder.next() else { break };
            messages.push(payload(&message?));
        }
    }
    if let Some(message) = decoder.finish() {
        messages.push(payload(&message?));
    }
    assert_eq!(decoder.held(), 0);
    Ok(messages)
}

fn encode(framing: &Framing, messages: &[Bytes]) -> Vec<u8> {
    let (mut encoder, mut out) = (framing.encoder(), Output::default());
    for message in messages {
        encoder.encode(&Message::Binary(message.clone()), &mut out);
    }
    let total = out.len();
    let bytes = out.take().concat();
    assert_eq!(bytes.len(), total);
    assert_eq!(encode_run(framing, messages), bytes, "{framing:?} in a run");
    bytes
}

/// The same as a run.
fn encode_run(framing: &Framing, messages: &[Bytes]) -> Vec<u8> {
    let (mut encoder, mut out) = (framing.encoder(), Output::default());
    let (mut spans, mut ends, mut at) = (Vec::new(), VecDeque::new(), 0);
    for message in messages {
        spans.push(at..at + message.len() as u32);
        at += message.len() as u32;
    }
    encoder.encode_run(&Run::new(false, messages.concat().into(), spans), &mut out, &mut ends);
    assert!(ends.len() == messages.len() && ends.back().is_none_or(|end| *end == out.len() as u64));
    out.take().concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_gives_the_same_messages(input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 0..200), cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        for framing in &every().filter(|framing| *framing != RAW).collect::<Vec<_>>() {
            prop_assert_eq!(decode(framing, Kind::Binary, 1 << 20, &input, &cuts), decode(framing, Kind::Binary, 1 << 20, &input, &[]));
        }
    }

    #[test]
    fn a_separator_is_found_wherever_it_is_cut(
        input in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'\r'), Just(b'\n')], 0..100),
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        for separator in ["a", "aa", "aab", "abab", "\r\n", "\r\n\r\n"] {
            let mut pieces: Vec<_> = std::str::from_utf8(&input).unwrap().split(separator).collect();
            pieces.pop_if(|last| last.is_empty());
            let framing = named(&format!("sep={separator}"));
            prop_assert_eq!(decode(&framing, Kind::Text, 1 << 20, &input, &cuts).expect("UTF-8"), pieces);
        }
    }

    #[test]
    fn raw_keeps_every_byte(input in proptest::collection::vec(any::<u8>(), 0..200), cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        prop_assert_eq!(decode(&RAW, Kind::Binary, 1 << 20, &input, &cuts).expect("binary").concat(), input);
    }

    #[test]
    fn raw_text_never_cuts_a_character(input in "\\PC{0,60}", cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        let messages = decode(&RAW, Kind::Text, 1 << 20, input.as_bytes(), &cuts).expect("valid UTF-8 stays valid");
        prop_assert_eq!(messages.concat(), input.as_bytes());
    }

    #[test]
    fn lines_round_trip(lines in proptest::collection::vec("[^\n\0]{0,20}", 0..20)) {
        let messages: Vec<Bytes> = lines.into_iter().map(Bytes::from).collect();
        for name in ["lines", "nul", "sep=\n\n"] {
            let framing = &named(name);
            prop_assert_eq!(&decode(framing, Kind::Text, 1 << 20, &encode(framing, &messages), &[]).expect("UTF-8"), &messages);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_round_trip(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..10), cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
        let messages: Vec<Bytes> = messages.into_iter().map(Bytes::from).collect();
        for name in ["length", "headers", "base64", "hex"] {
            let framing = &named(name);
            let bytes = encode(framing, &messages);
            prop_assert_eq!(&decode(framing, Kind::Binary, 1 << 20, &bytes, &cuts).expect("its own output"), &messages);
        }
    }
}

#[test]
fn a_length_that_is_cut_off_or_too_large_is_refused() {
    let framing = &named("length");
    let decoded = |input: &[u8]| decode(framing, Kind::Binary, 100, input, &[]);
    assert_eq!(decoded(b"\0\0\0\x02ab\0\0\0\0").unwrap(), ["ab", ""]);
    assert!(decoded(b"\0\0\0\x02a").unwrap_err().cause.contains("within record 1, after 5 bytes"));
    assert!(decoded(b"\0").unwrap_err().cause.contains("within record 1, after 1 byte of it"));
    assert!(decoded(b"\0\0\0\x65").unwrap_err().cause.contains("longer than 100"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_of_headers_gives_the_same(
        parts in proptest::collection::vec(prop::sample::select(vec![
            "Content-Length: 2\r\n", "content-length:2\n", "Content-Length: 11\r\n", "X: y\r\n", "\r\n", "\n", "ab", ":", "\r",
        ]), 0..12),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let (headers, input) = (named("headers"), parts.concat());
        let decoded = |cuts: &[usize]| decode(&headers, Kind::Text, 10, input.as_bytes(), cuts);
        prop_assert_eq!(decoded(&cuts), decoded(&[]));
    }
}

#[test]
fn headers_stand_before_each_message() {
    let headers = named("headers");
    let decoded = |input: &[u8]| decode(&headers, Kind::Text, 100, input, &[]);
    let read = decoded(
        b"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}\
          content-LENGTH:0\n\nContent-Length: 3\r\nContent-Length:\t03 \r\n\r\n\"\n\"",
    );
    assert_eq!(read.unwrap(), ["{}", "", "\"\n\""]);
    assert_eq!(
        encode(&headers, &["{}".into(), "ü".into()]),
        "Content-Length: 2\r\n\r\n{}Content-Length: 2\r\n\r\nü".as_bytes()
    );
    const GOOD: &[u8] = b"Content-Length: 2\r\n\r\n{}";
    for (bad, cause) in [
        (&b"X: y\r\n\r\n"[..], "message 2 has no Content-Length header"),
        (b"\n", "message 2 has no Content-Length header"),
        (b"Content-Length: \r\n\r\n", "message 2 has a Content-Length that is no number"),
        (b"Content-Length: -1\r\n\r\n", "message 2 has a Content-Length that is no number"),
        (b"Content-Length: 1, 1\r\n\r\n", "message 2 has a Content-Length that is no number"),
        (
            b"Content-Length: 1\r\nContent-Length: 2\r\n",
            "message 2 has two Content-Length headers, which differ",
        ),
        (b"Content-Length: 101\r\n", "message 2 is longer than 100 bytes"),
        (b"Content-Length: 99999999999999999999999\r\n", "message 2 is longer than 100 bytes"),
        (
            b"the server is ready\r\n",
            "message 2 has a line before it that is no header: `the server is ready`",
        ),
        (b"at 10:15\n", "message 2 has a line before it that is no header: `at 10:15`"),
        (b": 1\n", "message 2 has a line before it that is no header: `: 1`"),
        (b"Content-Length: 1\r\n\r\n\xff", "message 2 is not UTF-8 (byte 1)"),
        (b"Content-Length: 2\r\n\r\n{", "the input ends within message 2, after 22 bytes of it"),
        (b"Content-Length: 2\r\n\r\n", "the input ends within message 2, after 21 bytes of it"),
        (b"C", "the input ends within message 2, after 1 byte of it"),
        (&b"X: y\n".repeat(1639), "message 2 has more than 8192 bytes of headers"),
        (&b"X".repeat(8192), "message 2 has more than 8192 bytes of headers"),
    ] {
        assert_eq!(decoded(&[GOOD, bad].concat()).unwrap_err().cause, cause);
    }
    // What is told to be cut off is gone, with what its headers said.
    for cut in [&b"Content-Length: 3\r\n\r\n{"[..], b"Content-Length: 3\r\nX: y"] {
        let mut decoder = headers.decoder(Kind::Text, 100);
        decoder.feed(Bytes::copy_from_slice(cut));
        assert!(decoder.next().is_none() && decoder.finish().unwrap().is_err());
        assert!(decoder.next().is_none() && decoder.finish().is_none());
        decoder.feed(Bytes::from_static(GOOD));
        assert_eq!(decoder.next().unwrap().unwrap(), Message::text("{}"));
    }
    let binary = decode(&headers, Kind::Binary, 100, b"Content-Length: 1\r\n\r\n\xff", &[]);
    assert_eq!(binary.unwrap(), [&b"\xff"[..]]);
}

#[test]
fn encoded_lines_are_checked() {
    let decoded = |name: &str, input: &[u8]| decode(&named(name), Kind::Binary, 4, input, &[]);
    assert_eq!(decoded("hex", b"00ff\r\n\nAb").unwrap(), [&b"\0\xff"[..], b"", b"\xab"]);
    assert_eq!(decoded("base64", b"aGk=\n").unwrap(), ["hi"]);
    assert_eq!(decoded("hex", b"00\n0g\n").unwrap_err().cause, "line 2 is not hex");
    assert_eq!(decoded("base64", b"aGk\n").unwrap_err().cause, "line 1 is not base64");
    assert!(decoded("hex", b"0011223344\n").unwrap_err().cause.contains("longer than 4"));
}

#[test]
fn blank_lines_end_a_paragraph() {
    let decoded = |input: &[u8]| decode(&named("paragraph"), Kind::Text, 20, input, &[]);
    assert_eq!(
        decoded(b"\n\n{\n \"a\": 1\n}\n\n\nb\r\nc\r\n\r\nlast").unwrap(),
        ["{\n \"a\": 1\n}", "b\r\nc", "last"]
    );
    assert!(decoded(b"\n\n").unwrap().is_empty());
    assert!(decoded(b"a line of more than twenty bytes\n").is_err());
    assert!(decoded(b"ok\n\nb\xff\n\n").unwrap_err().cause.starts_with("paragraph 2 is not UTF-8"));
}

#[test]
fn an_empty_line_is_an_empty_message_and_a_last_line_needs_no_newline() {
    let messages = decode(&LINES, Kind::Text, 10, b"a\n\nb\r\nc", &[]).expect("fits");
    assert_eq!(messages, ["a", "", "b\r", "c"]);
}

#[test]
fn a_separator_is_written_with_escapes() {
    for (written, separator) in [
        (";", &b";"[..]),
        ("---", b"---"),
        ("=", b"="),
        (" ", b" "),
        ("§", "§".as_bytes()),
        (r"\r\n", b"\r\n"),
        (r"\t\0\\", b"\t\0\\"),
        (r"a\x1Eb\xff", b"a\x1eb\xff"),
        (r"\x72\x6e", b"rn"),
        ("---n", b"---n"),
    ] {
        let framing = named(&format!("sep={written}"));
        assert_eq!(encode(&framing, &["hi".into()]), [b"hi", separator].concat(), "{written}");
    }
    for (written, cause, instead) in [
        ("", "one or more bytes", r"\x1e"),
        ("rn", "in quotes", r"\r\n"),
        ("x1e", "in quotes", r"\x1e"),
        ("0", "in quotes", r"\0"),
        (r"\", r"`\` is no escape", r"\x1e"),
        (r"a\qb", r"`\q` is no escape", r"\x1e"),
        (r"\x1", r"`\x1` is no escape", r"\x1e"),
        (r"\x+1", r"`\x+1` is no escape", r"\x1e"),
        (r"\x1é", r"`\x1é` is no escape", r"\x1e"),
    ] {
        let bad = parse(&format!("sep={written}")).unwrap().unwrap_err();
        assert!(bad.cause.contains(cause), "{written}: {bad:?}");
        assert_eq!(bad.instead, instead, "{written}");
    }
    assert_eq!(parse("sep"), parse("sep="));
    assert_eq!(parse("lines="), None, "it takes none");
}

#[test]
fn a_separator_ends_a_message_and_the_last_one_needs_none() {
    let decoded = |input: &[u8]| decode(&named("sep=;;"), Kind::Text, 4, input, &[]);
    assert_eq!(decoded(b"a;b;;;;c\n;").unwrap(), ["a;b", "", "c\n;"]);
    assert_eq!(decoded(b";;").unwrap(), [""]);
    assert_eq!(decoded(b"a;;b;;\xff;;").unwrap_err().cause, "record 3 is not UTF-8 (byte 1)");
    assert_eq!(decoded(b"a;;12345;;").unwrap_err().cause, "record 2 is longer than 4 bytes");
    let mut decoder = named("sep=;;").decoder(Kind::Text, 4);
    decoder.feed(Bytes::from_static(b"1234;"));
    assert!(decoder.next().is_none());
    decoder.feed(Bytes::from_static(b"5"));
    assert!(matches!(decoder.next(), Some(Err(_))), "refused before its end");
}

#[test]
fn bad_utf8_names_the_line() {
    let bad = decode(&LINES, Kind::Text, 10, b"a\nb\nc\xff\n", &[]).expect_err("not UTF-8");
    assert_eq!(bad.cause, "line 3 is not UTF-8 (byte 2)");
    assert!(decode(&RAW, Kind::Text, 10, b"ab\xffc", &[]).is_err());
    assert!(
        decode(&RAW, Kind::Text, 10, "a\u{20ac}".as_bytes().split_last().expect("bytes").1, &[]).is_err()
    );
}

#[test]
fn a_message_over_the_limit_is_refused_before_its_end() {
    for framing in [LINES, named("whole")] {
        let mut decoder = framing.decoder(Kind::Text, 4);
        decoder.feed(Bytes::from_static(b"12345"));
        assert!(matches!(decoder.next(), Some(Err(_))), "{framing:?}");
    }
    assert!(decode(&LINES, Kind::Text, 4, b"1234\n12345\n", &[]).is_err());
}

#[test]
fn a_message_as_large_as_the_limit_is_one_wherever_its_end_is_cut() {
    for (name, input) in [
        ("lines", &b"12345678\n"[..]),
        ("nul", b"12345678\0"),
        ("sep=---", b"12345678---"),
        ("length", b"\0\0\0\x0812345678"),
        ("headers", b"Content-Length: 8\r\n\r\n12345678"),
        ("base64", b"MTIzNDU2Nzg=\r\n"),
        ("hex", b"3132333435363738\r\n"),
        ("paragraph", b"12345678\r\n\r\n"),
    ] {
        for cut in 0..input.len() {
            let messages = decode(&named(name), Kind::Binary, 8, input, &[cut]);
            assert_eq!(messages.as_deref(), Ok(&[Bytes::from_static(b"12345678")][..]), "{name} at {cut}");
        }
    }
}

#[test]
fn large_payloads_are_shared_and_small_ones_gathered() {
    let large = Bytes::from(vec![b'x'; 1 << 17]);
    let mut out = Output::default();
    out.push(&Bytes::from_static(b"a"));
    out.push(&large);
    out.push_slice(b"\n");
    let parts = out.take();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[1].as_ptr(), large.as_ptr());
    assert!(out.is_empty());
}

#[test]
fn what_is_kept_for_the_rest_of_a_message_is_told() {
    for framing in every() {
        let mut decoder = framing.decoder(Kind::Text, 1000);
        // No message is complete with it, in any framing but `raw`, which cuts no character.
        let begin: &[u8] = if framing.name() == "raw" { b"\xc3" } else { b"Co" };
        decoder.feed(Bytes::from(begin));
        assert!(decoder.next().is_none(), "{framing:?}");
        assert_eq!(decoder.held(), begin.len(), "{framing:?}");
    }
}

#[test]
fn only_what_makes_no_terminal_act_is_printable() {
    let printable: Vec<_> =
        every().filter(|framing| framing.encoder().is_printable()).map(|framing| framing.name()).collect();
    assert_eq!(printable, ["base64", "hex", "jsonl"]);
}

#[test]
fn the_table_names_each_framing_once() {
    for entry in FRAMINGS {
        assert_eq!(FRAMINGS.iter().filter(|other| other.name == entry.name).count(), 1);
        assert!(!entry.summary.is_empty() && !entry.summary.ends_with('.'));
    }
}

#[test]
fn an_output_gathers_what_is_small_in_blocks_that_do_not_grow() {
    let mut out = Output::default();
    for number in 0..20_000 {
        out.push_slice(&[number as u8; 50]);
    }
    assert_eq!(out.len(), 1_000_000);
    let parts = out.take();
    assert!(parts.iter().all(|part| part.len() <= 64 << 10) && parts.len() < 25, "{}", parts.len());
    assert!(parts.concat().chunks(50).enumerate().all(|(number, bytes)| bytes == [number as u8; 50]));
    assert!(out.is_empty() && out.take().is_empty());
}
