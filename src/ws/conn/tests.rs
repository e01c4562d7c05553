//! Control frames between fragments, and transports that fail.

mod unsent;

use super::*;
use crate::ws::{encoded::Encoded, frame::Header};
use std::{future::poll_fn, pin::Pin, task::Waker};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    task::coop::unconstrained,
};

fn conn(part: Part, room: usize) -> (Conn, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(room);
    (Conn::new(Box::pin(ours), &[], part, 1 << 24), theirs)
}

/// First bytes of the frames in there, and their payloads' lengths.
fn frames(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut header = Header::default();
        let taken = header.take(bytes);
        frames.push((header.first(), header.length() as usize));
        bytes = &bytes[taken + header.length() as usize..];
    }
    frames
}

#[tokio::test]
async fn pongs_pings_and_a_close_pass_between_the_fragments_of_a_large_message() {
    // Both ends are polled here by hand, and never made to wait for other tasks.
    unconstrained(control_frames_between_fragments()).await;
}

async fn control_frames_between_fragments() {
    let (mut conn, mut theirs) = conn(Part::Server, 1000);
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    conn.queue(Message::binary(vec![7; 4 * FRAGMENT])).unwrap();
    assert!(conn.poll_flush(&mut cx).is_pending());
    theirs.write_all(b"\x89\x82\0\0\0\0hi").await.unwrap();
    assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
    assert_eq!(batch, [Message::Ping("hi".into())]);
    assert!(conn.poll_receive(&mut cx, &mut batch).is_pending());
    conn.queue_ping();
    let mut wire = vec![0; FRAGMENT + 2000];
    let mut read = 0;
    while read < wire.len() {
        let _ = conn.poll_flush(&mut cx);
        read += theirs.read(&mut wire[read..]).await.unwrap();
    }
    assert!(conn.queued() > 2 * FRAGMENT, "most of it is not even framed: {}", conn.queued());
    conn.queue_close(Some(4000), "enough");
    while conn.poll_flush(&mut cx).is_pending() {
        let mut more = [0; 1000];
        let count = theirs.read(&mut more).await.unwrap();
        wire.extend_from_slice(&more[..count]);
    }
    drop(conn);
    theirs.read_to_end(&mut wire).await.unwrap();
    let frames = frames(&wire);
    assert_eq!(frames[..3], [(2, FRAGMENT), (0x8a, 2), (0x89, 4)]);
    assert_eq!(frames.last(), Some(&(0x88, 8)));
    assert!(frames[3..frames.len() - 1].iter().all(|frame| *frame == (0, FRAGMENT)), "{frames:?}");
    assert!(frames.len() < 7, "it is cut off: {frames:?}");
}

#[tokio::test]
async fn what_a_failed_write_keeps_from_being_sent_does_not_hide_what_was_received() {
    let (mut conn, mut theirs) = conn(Part::Client, 1000);
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    theirs.write_all(b"\x89\x00\x81\x04last\x89\x00").await.unwrap();
    drop(theirs);
    conn.queue(Message::text("never read")).unwrap();
    assert!(matches!(conn.poll_flush(&mut cx), Poll::Ready(Err(_))));
    assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
    let ping = || Message::Ping(Bytes::new());
    assert_eq!(batch, [ping(), Message::text("last"), ping()]);
    assert!(conn.poll_receive(&mut cx, &mut batch).is_ready() && batch.len() == 3);
    assert!(matches!(conn.end(), Some(End::Lost { answer: None, .. })));
    assert_eq!(conn.queued(), 0, "nothing is kept for a transport that is gone");
    assert!(matches!(conn.poll_flush(&mut cx), Poll::Ready(Err(_))));
    assert_eq!(conn.abandon(), 1, "it is told unsent");
}

#[tokio::test]
async fn what_is_left_of_a_large_message_is_waited_for_before_the_next_one() {
    unconstrained(large_before_the_next()).await;
}

async fn large_before_the_next() {
    let (mut conn, mut theirs) = conn(Part::Server, 200_000);
    let mut cx = Context::from_waker(Waker::noop());
    conn.queue(Message::binary(vec![7; FRAGMENT + 10])).unwrap();
    assert!(conn.poll_flush(&mut cx).is_pending());
    assert!(conn.queued() >= HIGH_WATER, "{} bytes let the next one in", conn.queued());
    let mut wire = vec![0; FRAGMENT];
    theirs.read_exact(&mut wire[..200_000]).await.unwrap();
    assert!(conn.poll_flush(&mut cx).is_ready());
    assert_eq!(conn.queued(), 0);
}

#[tokio::test]
async fn no_fragment_follows_the_answer_to_a_close() {
    unconstrained(close_amid_fragments()).await;
}

async fn close_amid_fragments() {
    let (mut conn, mut theirs) = conn(Part::Server, 1000);
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    conn.queue(Message::binary(vec![7; 4 * FRAGMENT])).unwrap();
    assert!(conn.poll_flush(&mut cx).is_pending());
    theirs.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
    assert!(matches!(conn.end(), Some(End::Close { code: Some(1000), .. })));
    let mut wire = Vec::new();
    for _ in 0..5 * FRAGMENT / 1000 {
        assert!(conn.poll_flush(&mut cx).is_pending(), "what is left was not sent");
        let (mut more, mut there) = ([0; 1000], Context::from_waker(Waker::noop()));
        let mut more = ReadBuf::new(&mut more);
        let _ = Pin::new(&mut theirs).poll_read(&mut there, &mut more);
        wire.extend_from_slice(more.filled());
    }
    assert_eq!(conn.abandon(), 1, "it is told unsent");
    assert!(conn.poll_flush(&mut cx).is_ready());
    assert_eq!(frames(&wire), [(2, FRAGMENT), (0x88, 2)]);
}

#[test]
fn pongs_that_nobody_takes_do_not_pile_up() {
    let (mut conn, _theirs) = conn(Part::Client, 1000);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        conn.queue_pong(Bytes::from_static(&[7; 125]));
        assert!(conn.queued() <= 1000 || conn.poll_flush(&mut cx).is_pending());
    }
    assert!(conn.queued() < 3 * HIGH_WATER, "{} bytes wait", conn.queued());
    conn.queue(Message::text("data")).unwrap();
}

#[tokio::test]
async fn a_close_with_a_code_that_the_engine_does_not_know_is_told_and_answered_as_it_is() {
    for code in [1000_u16, 1014] {
        let (mut conn, mut theirs) = conn(Part::Server, 1000);
        let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
        let said = [&code.to_be_bytes()[..], b"behind it"].concat();
        theirs.write_all(&[b"\x88\x8b\0\0\0\0", &said[..]].concat()).await.unwrap();
        assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
        assert_eq!(conn.end(), Some(&End::Close { code: Some(code), reason: "behind it".to_owned() }));
        assert!(conn.poll_flush(&mut cx).is_ready());
        drop(conn);
        let mut wire = Vec::new();
        theirs.read_to_end(&mut wire).await.unwrap();
        assert_eq!(wire, [b"\x88\x0b", &said[..]].concat());
    }
}

#[tokio::test]
async fn what_came_with_the_handshake_was_received_too() {
    let (ours, _theirs) = tokio::io::duplex(100);
    let mut conn = Conn::new(Box::pin(ours), b"\x81\x03one\x81\x64half", Part::Client, 1 << 24);
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
    assert_eq!(batch, [Message::text("one")]);
    assert_eq!(
        (conn.moved(), conn.within()),
        (Moved { received: 11, sent: 0 }, Within { message: true, frame: true },)
    );
}

#[tokio::test]
async fn a_peer_that_reads_no_pongs_is_not_read() {
    unconstrained(async {
        let (mut conn, mut theirs) = conn(Part::Server, 4096);
        let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
        let ping = [&b"\x89\xfd\0\0\0\0"[..], &[7; 125]].concat();
        let pings = ping.repeat(31);
        let mut given = 0;
        while given < 40 * REPLIES {
            let rest = &pings[given % pings.len()..];
            match Pin::new(&mut theirs).poll_write(&mut cx, rest) {
                Poll::Ready(count) => given += count.unwrap(),
                Poll::Pending => break,
            }
            while conn.poll_receive(&mut cx, &mut batch).is_ready() {}
            let _ = conn.poll_flush(&mut cx);
            assert!(conn.queued() <= 2 * REPLIES, "{} bytes are kept", conn.queued());
        }
        assert!(given > REPLIES && given < 2 * REPLIES + 50_000, "{given} bytes were read");
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_ends_where_writing_stopped_is_sent_and_the_next_one_is_not() {
    unconstrained(async {
        // A hundred bytes and their header fill the way exactly.
        let (mut conn, mut theirs) = conn(Part::Server, 102);
        let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
        for _ in 0..3 {
            conn.queue(Message::binary(vec![7; 100])).unwrap();
        }
        assert!(conn.poll_flush(&mut cx).is_pending());
        assert_eq!(conn.unsent(), Unsent { messages: 2, bytes: 200 });
        theirs.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
        assert!(conn.poll_receive(&mut cx, &mut batch).is_ready() && conn.end().is_some());
        assert_eq!(conn.finishing(), Unsent::default());
        assert_eq!(conn.abandon(), 2);
        let mut wire = vec![0; 106];
        theirs.read_exact(&mut wire[..102]).await.unwrap();
        assert!(conn.poll_flush(&mut cx).is_ready());
        theirs.read_exact(&mut wire[102..]).await.unwrap();
        assert_eq!(frames(&wire), [(0x82, 100), (0x88, 2)]);
        assert_eq!((conn.queued(), conn.unsent()), (0, Unsent { messages: 2, bytes: 200 }));
    })
    .await;
}

#[tokio::test]
async fn messages_that_were_encoded_for_many_are_written_as_they_are_and_counted_each() {
    unconstrained(encoded_for_many()).await;
}

async fn encoded_for_many() {
    let texts: Vec<Message> = (100..1000).map(|number| Message::text(format!("{number}"))).collect();
    let encoded = Encoded::new(texts.iter()).unwrap();
    let (mut conn, mut theirs) = conn(Part::Server, 1000);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(conn.takes_encoded());
    conn.queue(Message::text("before")).unwrap();
    for _ in 0..4 {
        conn.queue_encoded(&encoded);
    }
    conn.queue(Message::text("behind")).unwrap();
    let sizes = |count: u64| Unsent { messages: count + 1, bytes: 3 * count + 6 };
    assert!(conn.poll_flush(&mut cx).is_pending());
    assert_eq!(conn.queued(), 2 * 8 + 4 * 900 * 5 - 1000);
    // Of 1000 bytes, 8 are the first message; the last one of 199 is not whole.
    assert_eq!(conn.unsent(), sizes(4 * 900 - 198));
    let mut wire = vec![0; 2 * 8 + 4 * 900 * 5];
    let mut read = 0;
    while read < wire.len() {
        let _ = conn.poll_flush(&mut cx);
        read += theirs.read(&mut wire[read..]).await.unwrap();
    }
    assert_eq!(conn.unsent(), Unsent::default());
    let all = frames(&wire);
    assert_eq!((all.len(), all[0], all[3601]), (3602, (0x81, 6), (0x81, 6)));
    assert!(all[1..3601].iter().all(|frame| *frame == (0x81, 3)));
}

#[tokio::test]
async fn who_masks_compresses_or_fragments_takes_nothing_that_was_encoded_for_many() {
    assert!(!conn(Part::Client, 1000).0.takes_encoded());
    assert!(!conn(Part::Server, 1000).0.with_max_frame(100).takes_encoded());
    let agreed = crate::ws::deflate::Agreed::default();
    assert!(!conn(Part::Server, 1000).0.with_deflate(Some(agreed)).takes_encoded());
    let mut closed = conn(Part::Server, 1000).0;
    closed.queue_close(None, "");
    assert!(!closed.takes_encoded());
}

#[tokio::test]
async fn control_frames_pass_between_the_pieces_of_a_message_which_counts_from_its_first_one() {
    let (mut conn, mut theirs) = conn(Part::Server, 1000);
    let piece = |payload: &'static [u8], is_first, is_last| Piece {
        payload: Bytes::from_static(payload),
        is_text: true,
        is_first,
        is_last,
    };
    conn.queue(Message::text("whole")).unwrap();
    conn.queue_piece(piece(b"one ", true, false)).unwrap();
    conn.queue(Message::Ping("p".into())).unwrap();
    conn.queue_piece(piece(b"two ", false, false)).unwrap();
    assert_eq!(conn.unsent(), Unsent { messages: 2, bytes: 13 });
    poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
    assert_eq!(conn.unsent(), Unsent { messages: 1, bytes: 8 }, "it is not written to its end");
    conn.queue_piece(piece(b"", false, true)).unwrap();
    conn.queue(Message::text("then")).unwrap();
    poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
    assert_eq!(conn.unsent(), Unsent::default());
    drop(conn);
    let mut wire = Vec::new();
    theirs.read_to_end(&mut wire).await.unwrap();
    assert_eq!(frames(&wire), [(0x81, 5), (0x01, 4), (0x89, 1), (0x00, 4), (0x80, 0), (0x81, 4)]);
}

#[tokio::test]
async fn a_close_behind_a_message_that_is_torn_off_does_not_call_it_whole() {
    for (bytes, is_abandoned, code) in
        [(10, false, 1000), (4 * HIGH_WATER, false, 1011), (4 * HIGH_WATER, true, 1011)]
    {
        let (conn, mut theirs) = conn(Part::Server, 1000);
        let mut conn = conn.with_max_frame(1 << 15);
        let mut cx = Context::from_waker(Waker::noop());
        conn.queue(Message::binary(vec![0; bytes])).unwrap();
        assert_eq!(conn.poll_flush(&mut cx).is_pending(), bytes > HIGH_WATER);
        if is_abandoned {
            conn.abandon();
        }
        conn.queue_close(Some(1000), "");
        let mut wire = Vec::new();
        let written = async move { poll_fn(|cx| conn.poll_flush(cx)).await };
        let (written, read) = tokio::join!(written, theirs.read_to_end(&mut wire));
        assert!(written.is_ok() && read.is_ok());
        let close = wire.windows(2).rposition(|pair| pair[0] == 0x88).unwrap();
        assert_eq!(wire[close + 2..close + 4], u16::to_be_bytes(code));
    }
}

#[tokio::test]
async fn what_was_put_together_of_a_message_is_given_up_when_nothing_more_is_read() {
    let (mut conn, mut theirs) = conn(Part::Client, 1 << 19);
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    let half = [&b"\x02\x7f\0\0\0\0\0\x03\0\0"[..], &vec![7; 3 << 16], b"\x88\x00"].concat();
    theirs.write_all(&half).await.unwrap();
    while conn.end().is_none() {
        assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
    }
    assert_eq!(
        (conn.end(), conn.within().message),
        (Some(&End::Close { code: None, reason: String::new() }), true)
    );
    assert_eq!(conn.wire.incoming.memory(), 0);
}

struct Unimpressed;

impl FrameWatch for Unimpressed {
    fn frame(&mut self, _: &crate::ws::watch::SeenFrame<'_>) {}
}

/// What this queues on a connection, as the far end reads it.
async fn on_the_wire(part: Part, set: fn(Conn) -> Conn, queue: impl Fn(&mut Conn)) -> Vec<(Vec<u8>, Unsent)> {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let mut conn = set(Conn::new(Box::pin(ours), &[], part, 1 << 24));
    queue(&mut conn);
    let unsent = conn.unsent();
    assert!(poll_fn(|cx| conn.poll_flush(cx)).await.is_ok() && conn.unsent() == Unsent::default());
    drop(conn);
    let mut wire = Vec::new();
    theirs.read_to_end(&mut wire).await.unwrap();
    let (mut frames, mut rest) = (Vec::new(), &wire[..]);
    while !rest.is_empty() {
        let mut header = Header::default();
        let (taken, length) = (header.take(rest), header.length() as usize);
        let mut frame = vec![header.first()];
        let mask = header.mask().unwrap_or_default();
        frame.extend(rest[taken..][..length].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frames.push((frame, unsent));
        rest = &rest[taken + length..];
    }
    frames
}

#[tokio::test]
async fn a_run_goes_out_as_its_messages_do() {
    let lengths = [0, 1, 2, 3, 7, 8, 9, 60, 125, 126, 127, 300, 1999];
    let payloads: Vec<Vec<u8>> =
        lengths.iter().map(|length| (0..*length).map(|at| b'a' + (at % 23) as u8).collect()).collect();
    let (mut spans, mut at) = (Vec::new(), 0);
    for payload in &payloads {
        spans.push(at..at + payload.len() as u32);
        at += payload.len() as u32;
    }
    let run = Run::new(true, payloads.concat().into(), spans);
    let kinds: [fn(Conn) -> Conn; 4] = [
        |conn| conn,
        |conn| conn.with_max_frame(50),
        |conn| conn.with_deflate(Some(crate::ws::deflate::Agreed::default())),
        |mut conn| {
            conn.watch(Box::new(Unimpressed));
            conn
        },
    ];
    for part in [Part::Client, Part::Server] {
        for set in kinds {
            let together = on_the_wire(part, set, |conn| conn.queue_run(&run).unwrap()).await;
            let each = on_the_wire(part, set, |conn| {
                for message in run.messages() {
                    conn.queue(message).unwrap();
                    while conn.rest.is_some() {
                        conn.queue_fragment().unwrap();
                    }
                }
            });
            assert_eq!(together, each.await);
            assert_eq!(together[0].1.messages, lengths.len() as u64);
        }
    }
}

#[tokio::test]
async fn a_run_for_a_peer_that_has_closed_is_refused_whole() {
    let (mut conn, _theirs) = conn(Part::Client, 1000);
    conn.queue_close(None, "");
    let run = Run::new(false, Bytes::from_static(b"ab"), vec![0..1, 1..2]);
    assert_eq!(conn.queue_run(&run).unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert_eq!(conn.unsent(), Unsent::default());
}
