//! Connections that compress: what they agreed on is kept to, and every fault has its code.

use super::{frame, frames, messages, reader, restored};
use crate::{
    exit::Exit,
    ws::{
        conn::{Agreed, Conn, End, Part, Volume},
        deflate::{RSV1, TAIL},
        frame::{BINARY, CONTINUATION, FIN, PING, TEXT},
    },
};
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use std::{collections::VecDeque, future::poll_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

/// A connection that compresses, and the bare end of its transport.
fn conn(part: Part, agreed: Agreed, max_message: usize) -> (Conn, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    (Conn::new(Box::pin(ours), &[], part, max_message).with_deflate(Some(agreed)), theirs)
}

/// How a connection ends that gets these bytes, and what came before.
async fn ended(part: Part, bytes: Vec<u8>, max_message: usize) -> (End, Vec<Message>) {
    let (mut conn, mut theirs) = conn(part, Agreed::default(), max_message);
    let peer = tokio::spawn(async move {
        let _ = theirs.write_all(&bytes).await;
        let _ = theirs.shutdown().await;
        theirs
    });
    let mut batch = VecDeque::<Message>::new();
    while conn.end().is_none() {
        poll_fn(|cx| conn.poll_receive(cx, &mut batch)).await;
    }
    let end = conn.end().unwrap().clone();
    drop(conn);
    peer.await.unwrap();
    (end, batch.into())
}

#[tokio::test]
async fn faults_end_the_connection_with_their_code() {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let mask = |first: u8, payload: &[u8]| frame(first, payload, Some([1, 2, 3, 4]));
    let (start, end) = (mask(TEXT | RSV1, &hello[..3]), mask(CONTINUATION | FIN, &hello[3..]));
    for (what, bytes, exit, code, says) in [
        ("RSV1 on a ping", mask(PING | FIN | RSV1, b"x"), Exit::Protocol, 1002, "reserved bits"),
        ("RSV1 on a Close", mask(8 | FIN | RSV1, b"\x03\xe8"), Exit::Protocol, 1002, "reserved bits"),
        (
            "RSV1 on a continuation of a compressed message",
            [start.clone(), mask(CONTINUATION | FIN | RSV1, &hello[3..])].concat(),
            Exit::Protocol,
            1002,
            "reserved bits",
        ),
        (
            "RSV2 on a continuation of a compressed message",
            [start.clone(), mask(CONTINUATION | FIN | 0x20, &hello[3..])].concat(),
            Exit::Protocol,
            1002,
            "reserved bits",
        ),
        (
            "RSV3 on a continuation of a compressed message",
            [start.clone(), mask(CONTINUATION | 0x10, &hello[3..])].concat(),
            Exit::Protocol,
            1002,
            "reserved bits",
        ),
        (
            "RSV1 on a continuation of a plain message",
            [mask(TEXT, b"a"), mask(CONTINUATION | FIN | RSV1, b"b")].concat(),
            Exit::Protocol,
            1002,
            "reserved bits",
        ),
        ("RSV1 on a continuation of nothing", mask(FIN | RSV1, hello), Exit::Protocol, 1002, "reserved bits"),
        ("RSV2 with RSV1", mask(TEXT | FIN | RSV1 | 0x20, hello), Exit::Protocol, 1002, "reserved bits"),
        ("RSV3 alone", mask(TEXT | FIN | 0x10, b"x"), Exit::Protocol, 1002, "reserved bits"),
        ("a reserved opcode", mask(3 | FIN | RSV1, hello), Exit::Protocol, 1002, "opcode"),
        (
            "a compressed message in a compressed one",
            [start.clone(), mask(TEXT | FIN | RSV1, hello)].concat(),
            Exit::Protocol,
            1002,
            "",
        ),
        (
            "a plain message in a compressed one",
            [start.clone(), mask(TEXT | FIN, b"x")].concat(),
            Exit::Protocol,
            1002,
            "fragments",
        ),
        (
            "a compressed message in a plain one",
            [mask(TEXT, b"x"), mask(TEXT | FIN | RSV1, hello)].concat(),
            Exit::Protocol,
            1002,
            "fragments",
        ),
        ("a frame without its mask", frame(TEXT | FIN | RSV1, hello, None), Exit::Protocol, 1002, "unmasked"),
        ("a block type that is none", mask(TEXT | FIN | RSV1, b"\x07"), Exit::Protocol, 1002, "corrupt"),
        (
            "a stored block whose length is wrong",
            mask(TEXT | FIN | RSV1, b"\x00\x05\x00\x00\x00Hello\x00"),
            Exit::Protocol,
            1002,
            "corrupt",
        ),
        (
            "a reference to nothing",
            mask(TEXT | FIN | RSV1, b"\x02\x5e\0\0\0\0"),
            Exit::Protocol,
            1002,
            "corrupt",
        ),
        (
            "text that is not UTF-8 when it is restored",
            mask(TEXT | FIN | RSV1, b"\x00\x02\x00\xfd\xff\xc3\x28\x00"),
            Exit::BadUtf8,
            1007,
            "UTF-8",
        ),
    ] {
        let before = mask(TEXT | FIN | RSV1, hello);
        let (how, received) = ended(Part::Server, [before, bytes].concat(), 1 << 20).await;
        let End::Lost { fault, answer } = how else { panic!("{what}: {how:?}") };
        assert_eq!((fault.exit, answer), (exit, Some(code)), "{what}: {}", fault.cause);
        assert!(fault.cause.contains(says), "{what}: {}", fault.cause);
        assert_eq!(received, [Message::text("Hello")], "{what}: what came before is delivered");
    }
    // The same text is fine as binary, and a message may be whole in spite of a cut character.
    let cut = mask(TEXT | RSV1, b"\x00\x01\x00\xfe\xff\xc3");
    let rest = mask(CONTINUATION | FIN, b"\x00\x01\x00\xfe\xff\xbc\x00");
    let (_, received) = ended(Part::Server, [cut, rest].concat(), 1 << 20).await;
    assert_eq!(received, [Message::text("ü")]);
    // An end in the middle tells how much of the message was there, on the wire.
    let (how, _) = ended(Part::Server, [start, end[..8].to_vec()].concat(), 1 << 20).await;
    let End::Lost { fault, answer: None } = how else { panic!("{how:?}") };
    assert_eq!(fault.exit, Exit::Lost);
    assert!(fault.cause.ends_with("17 bytes into a message (dropped)"), "{}", fault.cause);
}

/// Zeros, compressed: a thousand to one.
fn bomb(size: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let (zeros, mut bytes) = (vec![0; 1 << 16], Vec::with_capacity(size / 900 + 1024));
    for _ in 0..size / zeros.len() {
        let before = compress.total_in();
        compress.compress_vec(&zeros, &mut bytes, FlushCompress::None).unwrap();
        assert_eq!(compress.total_in() - before, zeros.len() as u64);
    }
    compress.compress_vec(&[], &mut bytes, FlushCompress::Sync).unwrap();
    assert!(bytes.len() < size / 900);
    bytes.truncate(bytes.len() - TAIL.len());
    bytes
}

#[tokio::test]
async fn a_bomb_ends_at_the_limit_whole_or_in_pieces() {
    let bomb = bomb(64 << 20);
    let whole = frame(BINARY | FIN | RSV1, &bomb, None);
    let in_pieces: Vec<u8> = std::iter::once(frame(BINARY | RSV1, &bomb[..9], None))
        .chain(bomb[9..].chunks(100).map(|piece| frame(CONTINUATION, piece, None)))
        .flatten()
        .collect();
    for bytes in [whole, in_pieces] {
        for limit in [100, 16 * 1024, 1 << 20] {
            let (how, received) = ended(Part::Client, bytes.clone(), limit).await;
            let End::Lost { fault, answer } = how else { panic!("{how:?}") };
            assert_eq!(
                (fault.exit, answer, received.len()),
                (Exit::TooBig, Some(1009), 0),
                "{}",
                fault.cause
            );
        }
    }
}

#[tokio::test]
async fn large_messages_go_in_compressed_pieces_and_pings_pass_between_them() {
    for part in [Part::Client, Part::Server] {
        let (mut conn, mut theirs) = conn(part, Agreed::default(), 64 << 20);
        let text: String = (0..200_000).map(|number| format!("line {number}\n")).collect();
        let reading = tokio::spawn(async move {
            let mut wire = Vec::new();
            theirs.read_to_end(&mut wire).await.unwrap();
            wire
        });
        conn.queue(Message::text(text.clone())).unwrap();
        conn.queue_ping();
        poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
        conn.queue(Message::text(text[..600_000].to_owned())).unwrap();
        poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
        let [_, sent] = conn.volumes().unwrap();
        drop(conn);
        let wire = reading.await.unwrap();
        let firsts: Vec<u8> = frames(&wire).iter().map(|(first, ..)| *first).collect();
        assert_eq!(firsts[..3], [FIN | PING, TEXT | RSV1, CONTINUATION]);
        assert_eq!(firsts.iter().filter(|first| *first & RSV1 != 0).count(), 2);
        let got = restored(&mut reader(true, part == Part::Client), &wire, 10_000).unwrap();
        let got: Vec<_> = got.into_iter().filter(|(opcode, _)| *opcode == TEXT).collect();
        assert!(got == [(TEXT, text.as_bytes().to_vec()), (TEXT, text.as_bytes()[..600_000].to_vec())]);
        let payloads: usize = frames(&wire).iter().map(|(_, payload, _)| payload.len()).sum();
        assert_eq!(sent, Volume { plain: (text.len() + 600_000) as u64, wire: payloads as u64 - 4 });
        assert!(sent.wire * 3 < sent.plain);
    }
}

#[tokio::test]
async fn a_large_message_that_does_not_shrink_goes_as_it_is_to_its_end() {
    let mut noise = vec![0; 700_000];
    getrandom::fill(&mut noise).unwrap();
    // What follows would shrink, but the first frame decides for all.
    noise.extend_from_slice(&[0; 300_000]);
    let (mut conn, mut theirs) = conn(Part::Server, Agreed::default(), 64 << 20);
    let reading = tokio::spawn(async move {
        let mut wire = Vec::new();
        theirs.read_to_end(&mut wire).await.unwrap();
        wire
    });
    conn.queue(Message::binary(noise.clone())).unwrap();
    poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
    drop(conn);
    assert!(messages(&reading.await.unwrap()) == [(BINARY, noise)]);
}

#[tokio::test]
async fn two_connections_understand_each_other_whatever_they_agreed_on() {
    let all = [8, 9, 12, 15].into_iter().flat_map(|bits| {
        [(false, false), (true, false), (false, true), (true, true)].map(|(server, client)| Agreed {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: bits,
            client_max_window_bits: 23 - bits,
        })
    });
    for agreed in all {
        let (one, two) = tokio::io::duplex(1 << 16);
        let mut client = Conn::new(Box::pin(one), &[], Part::Client, 1 << 24).with_deflate(Some(agreed));
        let mut server = Conn::new(Box::pin(two), &[], Part::Server, 1 << 24).with_deflate(Some(agreed));
        let sent: Vec<Message> = (0..60)
            .map(|number| match number % 4 {
                0 => Message::text(format!("{{\"number\":{number},\"text\":\"{}\"}}", "abc ".repeat(number))),
                1 => Message::binary(Bytes::from(vec![number as u8; number * number * 100])),
                2 => Message::text(""),
                _ => Message::text("ğüş 👋 ".repeat(number)),
            })
            .collect();
        for (from, to) in [(0, 1), (1, 0)] {
            let mut ends = [&mut client, &mut server];
            let mut batch = VecDeque::<Message>::new();
            for message in &sent {
                ends[from].queue(message.clone()).unwrap();
                let mut flushed = false;
                poll_fn(|cx| {
                    flushed = flushed || ends[from].poll_flush(cx).map(Result::unwrap).is_ready();
                    let before = batch.len();
                    let _ = ends[to].poll_receive(cx, &mut batch);
                    match flushed {
                        true => std::task::Poll::Ready(()),
                        false if batch.len() > before => {
                            cx.waker().wake_by_ref();
                            std::task::Poll::Pending
                        }
                        false => std::task::Poll::Pending,
                    }
                })
                .await;
            }
            while batch.len() < sent.len() {
                poll_fn(|cx| ends[to].poll_receive(cx, &mut batch)).await;
                assert_eq!(ends[to].end(), None, "{agreed}");
            }
            assert!(batch == sent, "{agreed}");
        }
        let ([got, said], [heard, told]) = (client.volumes().unwrap(), server.volumes().unwrap());
        assert_eq!((got, said), (told, heard), "both count the same");
        assert!(said.wire * 2 < said.plain, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_message_needs_nothing_behind_it() {
    let noise = (0..2_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for payload in [vec![7; 70_000], vec![7; 3_000_000], noise] {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let open = |stream, part| Conn::new(stream, &[], part, 1 << 24).with_deflate(Some(Agreed::default()));
        let mut client = open(Box::pin(ours), Part::Client);
        let mut server = open(Box::pin(theirs), Part::Server);
        client.queue(Message::binary(payload.clone())).unwrap();
        let mut batch = VecDeque::<Message>::new();
        let receive = poll_fn(|cx| {
            let _ = client.poll_flush(cx);
            server.poll_receive(cx, &mut batch)
        });
        tokio::time::timeout(std::time::Duration::from_secs(60), receive).await.expect("it is all there");
        assert!(batch == [Message::binary(payload)]);
    }
}
