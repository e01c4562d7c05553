//! What every connection gets, what only the next one may get, what none may get twice, and what is told to
//! be in doubt in between.

mod confirming;
mod far;

use super::*;
use crate::{fault::Result, ws::conn::Part};
use bytes::Bytes;
use std::{
    future::poll_fn,
    io,
    sync::{Arc, Mutex},
    task::Waker,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

/// A Close with 1012, as a client sends it.
const RESTART: &[u8] = b"\x88\x82\0\0\0\0\x03\xf4";
/// The answer to it.
const ANSWER: &[u8] = b"\x88\x02\x03\xf4";

/// No ping stands between the messages.
const UNCONFIRMED: Confirming = Confirming { pings: false, timeout: None, resend: false };

fn doubt(messages: u64, bytes: u64) -> Doubt {
    Doubt { messages, bytes }
}

/// Opens what there is, then nothing for ever.
#[derive(Clone, Default)]
struct Next {
    conns: Arc<Mutex<VecDeque<Conn>>>,
    first: Vec<Message>,
    losses: Arc<Mutex<Vec<Doubt>>>,
    silences: Arc<Mutex<Vec<Option<u64>>>>,
    /// How often it was told that nothing is confirmed.
    unconfirmed: Arc<Mutex<usize>>,
    /// A Close is an end.
    final_close: bool,
}

impl Renew for Next {
    fn is_wanted(&self, end: &End) -> bool {
        !(self.final_close && matches!(end, End::Close { .. }))
    }

    fn lost(&mut self, loss: Loss) {
        self.losses.lock().unwrap().push(loss.doubt);
        self.silences.lock().unwrap().push(loss.silence.map(|lasted| lasted.as_secs()));
    }

    fn unconfirmed(&mut self, _: Duration) {
        *self.unconfirmed.lock().unwrap() += 1;
    }

    fn poll_open(&mut self, _: &mut Context<'_>) -> Poll<Result<Renewed>> {
        match self.conns.lock().unwrap().pop_front() {
            Some(conn) => {
                Poll::Ready(Ok(Renewed { conn, first: self.first.clone(), record: "again".into() }))
            }
            None => Poll::Pending,
        }
    }
}

impl Next {
    /// The link, and the far end of each of its connections.
    fn link(&self, count: usize) -> (Renewing, Vec<DuplexStream>) {
        self.confirmed(count, UNCONFIRMED)
    }

    fn confirmed(&self, count: usize, confirming: Confirming) -> (Renewing, Vec<DuplexStream>) {
        let pair = |_| {
            let (ours, theirs) = tokio::io::duplex(4 * 1024 * 1024);
            (Conn::new(Box::pin(ours), &[], Part::Server, 1 << 24), theirs)
        };
        let (conns, theirs): (VecDeque<_>, Vec<_>) = (0..count).map(pair).unzip();
        *self.conns.lock().unwrap() = conns;
        let first = self.conns.lock().unwrap().pop_front().unwrap();
        (Renewing::new(Box::new(first), Box::new(self.clone()), self.first.len(), confirming), theirs)
    }
}

/// Lets the link find out that its connection is lost, and open the next one.
async fn renew(link: &mut Renewing) {
    let mut batch = VecDeque::new();
    poll_fn(|cx| link.poll_receive(cx, &mut batch)).await;
    assert_eq!(batch, [Item::Event("again".into())]);
}

/// Everything that came out at this end, once the other one is gone.
async fn all(mut theirs: DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_begun_counts_until_its_connection_is_lost() {
    let (mut link, mut theirs) = Next::default().link(2);
    theirs[0].write_all(b"\x01\x85\0\0\0\0hello").await.unwrap();
    let mut batch = VecDeque::new();
    poll_fn(|cx| Poll::Ready(link.poll_receive(cx, &mut batch).is_pending())).await;
    assert_eq!((batch.len(), link.begun()), (0, 6 + 5), "with its header");
    drop(theirs.remove(0));
    renew(&mut link).await;
    assert_eq!(link.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_silence_before_a_cut_is_told_and_that_before_a_close_is_not() {
    let next = Next::default();
    let (mut link, mut theirs) = next.link(5);
    let lasts = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    let mut cut = theirs.drain(..);
    // Cut while it is silent, with the first message after it, soon, and closed.
    lasts(60).await;
    drop(cut.next());
    renew(&mut link).await;
    lasts(300).await;
    link.feed(Message::text("still there?")).unwrap();
    drop(cut.next());
    renew(&mut link).await;
    lasts(9).await;
    drop(cut.next());
    renew(&mut link).await;
    lasts(60).await;
    let mut closes = cut.next().unwrap();
    closes.write_all(RESTART).await.unwrap();
    renew(&mut link).await;
    assert_eq!(*next.silences.lock().unwrap(), [Some(60), Some(300), None, None]);
}

#[tokio::test]
async fn nothing_that_was_not_sent_is_sent_twice() {
    let next = Next { first: vec![Message::text("first")], ..Next::default() };
    let (mut link, mut theirs) = next.link(3);
    for theirs in &mut theirs[..2] {
        theirs.write_all(RESTART).await.unwrap();
    }
    link.feed(Message::text("first")).unwrap();
    link.feed(Message::text("kept")).unwrap();
    renew(&mut link).await;
    renew(&mut link).await;
    poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
    drop(link);
    assert_eq!(*next.losses.lock().unwrap(), [doubt(0, 0); 2], "nothing was on its way");
    let mut came = Vec::new();
    for theirs in theirs {
        came.push(all(theirs).await);
    }
    assert_eq!(came, [ANSWER, ANSWER, b"\x81\x05first\x81\x04kept"]);
}

#[tokio::test]
async fn what_is_sent_first_is_not_sent_again_when_it_is_fed_late() {
    let next = Next { first: vec![Message::text("one"), Message::text("two")], ..Next::default() };
    let (mut link, mut theirs) = next.link(2);
    theirs[0].write_all(RESTART).await.unwrap();
    link.feed(Message::text("one")).unwrap();
    renew(&mut link).await;
    link.feed(Message::text("two")).unwrap();
    link.feed(Message::text("more")).unwrap();
    poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
    drop(link);
    assert_eq!(all(theirs.remove(1)).await, b"\x81\x03one\x81\x03two\x81\x04more");
}

#[tokio::test]
async fn a_large_message_that_is_sent_first_does_not_hide_the_others() {
    let large = vec![b'x'; HIGH_WATER];
    let next =
        Next { first: vec![Message::binary(large.clone()), Message::binary(large)], ..Next::default() };
    let (mut link, mut theirs) = next.link(2);
    theirs[0].write_all(RESTART).await.unwrap();
    renew(&mut link).await;
    for _ in 0..2 {
        link.feed(Message::text("skipped: the next connection had it")).unwrap();
    }
    link.feed(Message::text("last")).unwrap();
    poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
    drop(link);
    let came = all(theirs.remove(1)).await;
    assert_eq!(came.len(), 2 * (10 + HIGH_WATER) + 6);
    assert!(came.ends_with(b"x\x81\x04last"));
}

#[tokio::test]
async fn empty_messages_wait_within_bounds_too() {
    let (mut link, mut theirs) = Next::default().link(1);
    theirs[0].write_all(RESTART).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(link.poll_receive(&mut cx, &mut VecDeque::new()).is_pending());
    assert!(link.is_away());
    let mut fed = 0;
    while link.queued() < HIGH_WATER && fed < HIGH_WATER {
        link.feed(Message::text("")).unwrap();
        fed += 1;
    }
    assert!(fed < HIGH_WATER, "as many as one likes");
    assert_eq!(link.abandon(), fed as u64);
}

#[tokio::test]
async fn a_short_message_that_waits_does_not_keep_the_buffer_it_was_read_into() {
    let (mut link, mut theirs) = Next::default().link(1);
    theirs[0].write_all(RESTART).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(link.poll_receive(&mut cx, &mut VecDeque::new()).is_pending());
    let buffer = Bytes::from(vec![b'x'; HIGH_WATER]);
    link.feed(Message::binary(buffer.slice(..9))).unwrap();
    assert!(buffer.is_unique());
}

#[tokio::test]
async fn what_the_peer_never_heard_of_is_told_unsent() {
    let (mut link, mut theirs) = Next::default().link(1);
    link.feed(Message::binary(vec![0; HIGH_WATER + 1])).unwrap();
    link.feed(Message::text("behind it")).unwrap();
    theirs[0].write_all(RESTART).await.unwrap();
    assert_eq!(link.abandon(), 2);
    assert_eq!(link.queued(), 0);
}

/// Takes nothing, gives nothing.
struct StuckTransport;

impl AsyncRead for StuckTransport {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for StuckTransport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl crate::stream::Transport for StuckTransport {}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_does_not_come_back() {
    let next = Next::default();
    let conn = Conn::new(Box::pin(StuckTransport), &[], Part::Server, 1 << 24);
    let mut link = Renewing::new(Box::new(conn), Box::new(next.clone()), 0, UNCONFIRMED);
    link.queue_close(Some(1000), "");
    assert!(link.poll_flush(&mut Context::from_waker(Waker::noop())).is_pending());
    poll_fn(|cx| link.poll_receive(cx, &mut VecDeque::new())).await;
    assert!(matches!(link.end(), Some(SourceEnd::Lost { .. })));
    assert!(next.losses.lock().unwrap().is_empty() && !link.is_away());
}
