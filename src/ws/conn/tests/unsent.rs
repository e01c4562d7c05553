//! Wherever the transport stops taking bytes: what a peer can read of them and what is told unsent are
//! together what was queued, and nothing is told on either side twice.

use super::*;
use crate::ws::deflate::Agreed;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWrite;

/// What a transport took, how much more it takes, and what there is to read.
#[derive(Default)]
struct NarrowState {
    took: Vec<u8>,
    room: usize,
    step: usize,
    incoming: Vec<u8>,
    /// Without room, writing fails.
    fails: bool,
}

#[derive(Clone, Default)]
struct Narrow(Arc<Mutex<NarrowState>>);

impl crate::stream::Transport for Narrow {}

impl AsyncRead for Narrow {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let incoming = std::mem::take(&mut self.0.lock().unwrap().incoming);
        if incoming.is_empty() {
            return Poll::Pending;
        }
        into.put_slice(&incoming);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut shared = self.0.lock().unwrap();
        let count = bytes.len().min(shared.room).min(shared.step);
        if count == 0 {
            return if shared.fails {
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            } else {
                Poll::Pending
            };
        }
        shared.took.extend_from_slice(&bytes[..count]);
        shared.room -= count;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Numbers that look random, the same ones for the same seed (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// How the connection writes.
#[derive(Clone, Copy, Debug)]
struct WriterKind {
    part: Part,
    compressed: bool,
}

impl WriterKind {
    const ALL: [Self; 4] = [
        Self { part: Part::Client, compressed: false },
        Self { part: Part::Server, compressed: false },
        Self { part: Part::Client, compressed: true },
        Self { part: Part::Server, compressed: true },
    ];

    fn conn(self, part: Part, stream: Narrow, ahead: &[u8]) -> Conn {
        let agreed = self.compressed.then_some(Agreed {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        });
        Conn::new(Box::pin(stream), ahead, part, 1 << 24).with_deflate(agreed)
    }

    fn other(self) -> Part {
        if self.part == Part::Client { Part::Server } else { Part::Client }
    }

    /// A Close with 1000 of the peer.
    fn close(self) -> Vec<u8> {
        match self.part {
            Part::Client => b"\x88\x02\x03\xe8".to_vec(),
            Part::Server => b"\x88\x82\0\0\0\0\x03\xe8".to_vec(),
        }
    }

    /// The data messages in these bytes, and how they end.
    fn read(self, bytes: &[u8]) -> (Vec<Vec<u8>>, Option<End>) {
        let mut peer = self.conn(self.other(), Narrow::default(), bytes);
        let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
        while peer.end().is_none() && peer.poll_receive(&mut cx, &mut batch).is_ready() {}
        let data = batch.into_iter().filter(|message| !is_control(message));
        (data.map(|message| message.into_data().to_vec()).collect(), peer.end().cloned())
    }
}

/// A message now and then, as pumps queue them, until the transport takes no more; what was queued.
fn fill(conn: &mut Conn, numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut queued = Vec::new();
    // Behind what is not written, more waits than one message.
    let mut more = 1 + numbers.below(6);
    while more > 0 {
        if conn.queued() >= HIGH_WATER || numbers.below(4) == 0 {
            match conn.poll_flush(&mut cx) {
                Poll::Ready(Ok(())) => {}
                _ if conn.queued() >= HIGH_WATER => break,
                _ => more -= 1,
            }
        }
        let length = match numbers.below(12) {
            0 => 0,
            1 => FRAGMENT + numbers.below(2 * FRAGMENT),
            2..4 => 8 * 1024 + numbers.below(20_000),
            _ => numbers.below(300),
        };
        let payload: Vec<u8> = (0..length).map(|_| numbers.below(5) as u8).collect();
        queued.push(payload.clone());
        conn.queue(Message::binary(payload)).unwrap();
        match numbers.below(8) {
            0 => conn.queue_ping(),
            1 => conn.queue_pong(Bytes::from_static(b"unsolicited")),
            _ => {}
        }
    }
    queued
}

fn told(messages: &[Vec<u8>]) -> Unsent {
    let bytes = messages.iter().map(|message| message.len() as u64).sum();
    Unsent { messages: messages.len() as u64, bytes }
}

/// A connection whose transport took a part of what was queued, and what that was.
fn filled(kind: WriterKind, seed: u64, fails: bool) -> (Conn, Narrow, Vec<Vec<u8>>, Numbers) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let narrow = Narrow::default();
    let room = [numbers.below(40), numbers.below(3000), numbers.below(3 * FRAGMENT)][numbers.below(3)];
    let step = [1 + numbers.below(9), 1 + numbers.below(5000), usize::MAX][numbers.below(3)];
    *narrow.0.lock().unwrap() =
        NarrowState { room, step: step.max(room / 5000), fails, ..NarrowState::default() };
    let mut conn = kind.conn(kind.part, narrow.clone(), &[]);
    let queued = fill(&mut conn, &mut numbers);
    (conn, narrow, queued, numbers)
}

#[test]
fn what_the_peer_reads_ahead_of_our_answer_to_its_close_is_all_but_what_is_unsent() {
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    for (kind, seed) in WriterKind::ALL.into_iter().flat_map(|kind| (1..25).map(move |seed| (kind, seed))) {
        let (mut conn, narrow, queued, mut numbers) = filled(kind, seed, false);
        let crosses = numbers.below(4) == 0;
        if crosses {
            conn.queue_close(Some(1000), "");
        }
        narrow.0.lock().unwrap().incoming = kind.close();
        batch.clear();
        assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
        let took = narrow.0.lock().unwrap().took.len();
        assert!(conn.queued() < FRAGMENT + 2000, "one frame at most: {}", conn.queued());
        narrow.0.lock().unwrap().room = usize::MAX;
        let flushed = conn.poll_flush(&mut cx);
        let unsent = conn.unsent();
        let context = format!("{kind:?}, seed {seed}, {took} bytes, {} queued, {unsent:?}", queued.len());
        assert_eq!(flushed.is_ready(), crosses || unsent.messages == 0, "{context}");
        assert_eq!((conn.abandon(), conn.abandon()), (unsent.messages, 0), "{context}");
        assert!(conn.poll_flush(&mut cx).is_ready(), "{context}");
        assert_eq!(conn.unsent(), unsent, "it stays so: {context}");
        let (read, end) = kind.read(&narrow.0.lock().unwrap().took);
        // Ours, in place of an answer, says so where a message was torn off.
        let is_ours = |code| crosses && unsent.messages > 0 && code == 1011;
        assert!(
            matches!(end, Some(End::Close { code: Some(code), .. }) if code == 1000 || is_ours(code)),
            "{end:?}: {context}"
        );
        let sent = queued.len() - unsent.messages as usize;
        assert!(read == queued[..sent], "{} read: {context}", read.len());
        assert_eq!(unsent, told(&queued[sent..]), "{context}");
    }
}

#[test]
fn what_a_failed_write_left_unsent_is_told_and_so_is_what_is_queued_after_it() {
    let mut cx = Context::from_waker(Waker::noop());
    for (kind, seed) in WriterKind::ALL.into_iter().flat_map(|kind| (1..25).map(move |seed| (kind, seed))) {
        let (mut conn, narrow, mut queued, _) = filled(kind, seed, true);
        while conn.poll_flush(&mut cx).is_pending() {}
        if conn.queued() < HIGH_WATER {
            queued.push(b"too late".to_vec());
            conn.queue(Message::binary(&b"too late"[..])).unwrap();
        }
        let failed = conn.poll_flush(&mut cx);
        let (read, _) = kind.read(&narrow.0.lock().unwrap().took);
        let context = format!("{kind:?}, seed {seed}, {} of {} read", read.len(), queued.len());
        assert!(read == queued[..read.len()], "{context}");
        assert_eq!(conn.unsent(), told(&queued[read.len()..]), "{context}, {failed:?}");
    }
}

#[test]
fn what_is_taken_back_is_never_sent_and_no_close_stands_in_half_a_frame() {
    let (mut cx, mut batch) = (Context::from_waker(Waker::noop()), VecDeque::<Message>::new());
    for (kind, seed) in WriterKind::ALL.into_iter().flat_map(|kind| (1..25).map(move |seed| (kind, seed))) {
        let (mut conn, narrow, queued, _) = filled(kind, seed, false);
        narrow.0.lock().unwrap().incoming = kind.close();
        batch.clear();
        assert!(conn.poll_receive(&mut cx, &mut batch).is_ready());
        let unsent = conn.unsent();
        conn.retract();
        narrow.0.lock().unwrap().room = usize::MAX;
        let flushed = conn.poll_flush(&mut cx);
        let (read, end) = kind.read(&narrow.0.lock().unwrap().took);
        let context = format!("{kind:?}, seed {seed}, {} of {} read", read.len(), queued.len());
        assert_eq!(conn.unsent(), unsent, "{context}");
        assert_eq!(unsent, told(&queued[read.len()..]), "{context}");
        let answered = matches!(end, Some(End::Close { code: Some(1000), .. }));
        assert_eq!(answered, matches!(flushed, Poll::Ready(Ok(()))), "{end:?}: {context}");
    }
}
