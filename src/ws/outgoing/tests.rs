//! The send queue over a transport that takes as much as the test wants.

use super::*;
use crate::ws::frame::{BINARY, FIN};
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::Waker,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport that takes so many bytes at a time, then makes one wait.
struct Narrow {
    took: Arc<Mutex<Vec<u8>>>,
    step: usize,
    waits: bool,
    vectored: bool,
    flushed: Arc<Mutex<usize>>,
}

impl Narrow {
    fn take(&mut self, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.waits = !self.waits;
        if self.waits {
            return Poll::Pending;
        }
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(self.step).collect();
        self.took.lock().unwrap().extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

impl AsyncRead for Narrow {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(&[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "no empty piece");
        let first = if self.vectored { pieces } else { &pieces[..1] };
        self.take(first)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        *self.flushed.lock().unwrap() += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl crate::stream::Transport for Narrow {}

/// Writes everything; gives what came out and how often it was flushed.
fn written(outgoing: &mut Outgoing, step: usize, vectored: bool) -> (Vec<u8>, usize) {
    let (took, flushed) = (Arc::default(), Arc::default());
    let narrow =
        Narrow { took: Arc::clone(&took), step, waits: false, vectored, flushed: Arc::clone(&flushed) };
    let mut stream: Stream = Box::pin(narrow);
    let mut cx = Context::from_waker(Waker::noop());
    let (all, mut told) = (outgoing.len(), 0);
    while outgoing.poll_write(&mut cx, &mut stream, |count| told += count).is_pending() {}
    assert_eq!((told as usize, outgoing.len(), outgoing.replies()), (all, 0, 0));
    let took = std::mem::take(&mut *took.lock().unwrap());
    (took, *flushed.lock().unwrap())
}

#[test]
fn small_and_shared_payloads_and_replies_keep_their_order_however_little_is_taken() {
    let large = Bytes::from(vec![7; SHARED]);
    for step in [2, 5, 1000, SHARED, 3 * SHARED, usize::MAX] {
        for vectored in [true, false] {
            let mut outgoing = Outgoing::new(false);
            let mut expected = Vec::new();
            for round in 0..40 {
                let payload = if round % 3 == 0 { large.clone() } else { Bytes::from(vec![round; 3]) };
                put_head(&mut expected, FIN | BINARY, payload.len(), None);
                expected.extend_from_slice(&payload);
                outgoing.push(FIN | BINARY, payload).unwrap();
                if round % 7 == 0 {
                    outgoing.write_all(&[0x8a, 1, round]).unwrap();
                    expected.extend_from_slice(&[0x8a, 1, round]);
                }
            }
            assert_eq!((outgoing.len(), outgoing.replies()), (expected.len(), 6 * 3));
            let (took, flushed) = written(&mut outgoing, step, vectored);
            assert!(took == expected, "{step} at a time");
            assert_eq!(flushed, 1, "what was flushed once is not flushed again");
        }
    }
}

#[test]
fn a_servers_large_payload_is_not_copied() {
    let (large, mut outgoing) = (Bytes::from(vec![7; SHARED]), Outgoing::new(false));
    outgoing.push(FIN | BINARY, large.clone()).unwrap();
    assert_eq!(outgoing.blocks[0].payload.as_ptr(), large.as_ptr());
    assert!(outgoing.blocks[0].frames.len() < 16);
}

#[test]
fn a_client_masks_every_frame_anew_and_leaves_the_payload_as_it_is() {
    let payload = Bytes::from(vec![0; SHARED]);
    let mut outgoing = Outgoing::new(true);
    let mut masks = std::collections::HashSet::new();
    for _ in 0..8 {
        outgoing.push(FIN | BINARY, payload.clone()).unwrap();
        let (took, _) = written(&mut outgoing, usize::MAX, true);
        assert_eq!(took[..4], [0x82, 0x80 | 126, 0x20, 0x00]);
        let mask: [u8; 4] = took[4..8].try_into().unwrap();
        assert!(took[8..].chunks(4).all(|four| four == mask), "zeros show the mask");
        assert_eq!(took.len(), 8 + SHARED);
        masks.insert(mask);
    }
    assert_eq!(masks.len(), 8);
    assert!(payload.iter().all(|byte| *byte == 0));
}

/// Memory that the queue holds for what it copied, bytes.
fn room(outgoing: &Outgoing) -> usize {
    outgoing.blocks.iter().map(Block::room).sum()
}

#[test]
fn what_is_written_is_given_up_while_more_is_queued() {
    let (took, flushed) = <(Arc<Mutex<Vec<u8>>>, _)>::default();
    let narrow = Narrow { took: Arc::clone(&took), step: 8 << 10, waits: false, vectored: true, flushed };
    let (mut stream, mut cx): (Stream, _) = (Box::pin(narrow), Context::from_waker(Waker::noop()));
    for is_client in [true, false] {
        let mut outgoing = Outgoing::new(is_client);
        let (mut queued, mut written, mut most, mut replies) = (0, 0, 0, 0);
        while written < 32 << 20 {
            while outgoing.len() < 256 << 10 {
                let before = outgoing.len();
                outgoing.push(FIN | BINARY, Bytes::from(vec![1; 1 + queued % 3000])).unwrap();
                outgoing.write_all(&[0x8a, 0]).unwrap();
                queued += outgoing.len() - before;
            }
            assert!(outgoing.poll_write(&mut cx, &mut stream, |count| written += count).is_pending());
            (most, replies) = (most.max(room(&outgoing)), replies.max(outgoing.replies()));
            took.lock().unwrap().clear();
        }
        assert_eq!(queued as u64, written + outgoing.len() as u64);
        assert!(most <= 512 << 10, "{most} bytes for 256 KiB that wait");
        assert!(replies < 16 << 10, "{replies}: those that are written do not count");
    }
}

#[test]
fn a_queue_that_is_written_has_no_memory_and_one_that_waits_little() {
    let mut outgoing = Outgoing::new(false);
    for _ in 0..100 {
        outgoing.push(FIN | BINARY, Bytes::from(vec![1; SHARED - 1])).unwrap();
    }
    written(&mut outgoing, usize::MAX, true);
    assert_eq!(room(&outgoing), 0);
    outgoing.push(FIN | BINARY, Bytes::from_static(b"little")).unwrap();
    let narrow =
        Narrow { took: Arc::default(), step: 1, waits: false, vectored: true, flushed: Arc::default() };
    let (mut stream, mut cx): (Stream, _) = (Box::pin(narrow), Context::from_waker(Waker::noop()));
    assert!(outgoing.poll_write(&mut cx, &mut stream, |_| ()).is_pending());
    assert!(room(&outgoing) < 64, "{}", room(&outgoing));
    // And more can follow.
    outgoing.push(FIN | BINARY, Bytes::from_static(b"more")).unwrap();
    assert_eq!(written(&mut outgoing, usize::MAX, true).0, b"\x82\x06little\x82\x04more");
}

#[test]
fn what_stands_between_large_payloads_has_little_room() {
    let (large, small) = (Bytes::from(vec![7; SHARED]), Bytes::from_static(b"small"));
    let mut outgoing = Outgoing::new(false);
    for _ in 0..100 {
        outgoing.push(FIN | BINARY, large.clone()).unwrap();
    }
    assert!(room(&outgoing) <= 100 * HEAD, "{} for headers alone", room(&outgoing));
    for _ in 0..100 {
        outgoing.push(FIN | BINARY, small.clone()).unwrap();
        outgoing.push(FIN | BINARY, large.clone()).unwrap();
        outgoing.push_encoded(&large);
    }
    assert!(room(&outgoing) < 72 << 10, "{}", room(&outgoing));
}

/// What the queue has to know of a frame that was added.
struct Known {
    first: u8,
    payload: u64,
    end: u64,
}

/// The messages that are not written to their end, told from all frames ever added.
fn unsent(all: &[Known], written: u64) -> Unsent {
    let (mut unsent, mut open) = (Unsent::default(), None);
    for frame in all.iter().filter(|frame| frame.first & CONTROL == 0) {
        let bytes = open.unwrap_or_default() + frame.payload;
        open = (frame.first & FIN == 0).then_some(bytes);
        if open.is_none() && frame.end > written {
            unsent += Unsent { messages: 1, bytes };
        }
    }
    unsent += open.map_or_else(Unsent::default, |bytes| Unsent { messages: 1, bytes });
    unsent
}

#[test]
fn what_is_not_written_is_counted_and_cut_at_any_byte() {
    let mut random = 1_u64;
    let mut next = move |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    for round in 0..300 {
        let (took, flushed) = <(Arc<Mutex<Vec<u8>>>, _)>::default();
        let step = 1 + next(100_000) as usize;
        let narrow = Narrow { took: Arc::clone(&took), step, waits: true, vectored: true, flushed };
        let (mut stream, mut cx): (Stream, _) = (Box::pin(narrow), Context::from_waker(Waker::noop()));
        let mut outgoing = Outgoing::new(round % 2 == 0);
        let (mut all, mut queued, mut written, mut is_open) = (Vec::new(), 0, 0, false);
        for _ in 0..next(60) {
            let before = outgoing.len() as u64;
            let (mut first, mut payload) = (0x8a, 0);
            if next(5) == 0 {
                outgoing.write_all(&[first, 0]).unwrap();
            } else {
                let most = if next(4) == 0 { 70_000 } else { 200 };
                payload = next(most);
                first = if is_open { CONTINUATION } else { BINARY };
                is_open = next(3) == 0;
                first |= if is_open { 0 } else { FIN };
                outgoing.push(first, vec![0; payload as usize].into()).unwrap();
            }
            queued += outgoing.len() as u64 - before;
            all.push(Known { first, payload, end: queued });
            if next(3) == 0 {
                let _: Poll<_> = outgoing.poll_write(&mut cx, &mut stream, |count| written += count);
            }
            assert_eq!(outgoing.unsent(), unsent(&all, written), "{round}");
        }
        let before = outgoing.unsent();
        let amid = outgoing.cut();
        assert_eq!(outgoing.unsent(), before, "nothing is forgotten: {round}");
        let begun = all.iter().find(|frame| frame.end > written);
        let begin = all.iter().filter(|frame| frame.end <= written).map(|frame| frame.end).max();
        let is_begun =
            begun.is_some_and(|frame| written > begin.unwrap_or_default() && frame.first & CONTROL == 0);
        assert_eq!(amid, is_begun, "{round}");
        let kept = all.iter().filter(|frame| frame.first & CONTROL != 0 && frame.end > written);
        let end = begun.filter(|_| amid).map_or(0, |frame| frame.end - written);
        let answers: u64 = kept.map(|frame| 2.min(frame.end - written)).sum();
        assert_eq!(outgoing.len() as u64, end + answers, "{round}");
        while outgoing.poll_write(&mut cx, &mut stream, |_| ()).is_pending() {}
        let took = took.lock().unwrap();
        let (mut at, mut rest) = (0, &took[..]);
        while !rest.is_empty() {
            let mut header = Header::default();
            let head = header.take(rest);
            assert!(header.is_whole(), "{round}");
            at += head + header.length() as usize;
            assert!(at <= took.len(), "whole frames only: {round}");
            rest = &took[at..];
        }
    }
}
