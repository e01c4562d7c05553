//! The transport under a server's hyper: it gives up on a client that does not read, and tells what hyper does
//! not.
//!
//! A download may take hours, so no deadline can bound it; what is bounded is how long the client takes
//! nothing at all. hyper does not say whether a client ever spoke, nor when an answer has left for good,
//! but both can be seen here. It gets one request's head at a time, whole, and none that is
//! malformed; what the client sends beyond waits here.

use super::request_head::{HeadProgress, HeadReader, Malformed};
use crate::{net, stream::Stream};
use bytes::BytesMut;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Longest time that a client may take nothing of what is written to it.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// A stream whose writes fail with `TimedOut` when they are stuck.
pub(super) struct StallTimeout {
    stream: Stream,
    progress: Arc<BodyProgress>,
    /// Runs while a write waits.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Reads the head of a request, and how much of `ahead` it has read; `None` while one waits for its answer.
    head: Option<(HeadReader, usize)>,
    /// Bytes received and not given to hyper.
    ahead: BytesMut,
    /// Bytes of `ahead` that hyper may have: a whole head, or the part of one that the client left in.
    ready: usize,
}

/// The progress of a client's request and of its answer, which hyper does not tell.
///
/// The transport below hyper and the connection above it share one; both are polled by the same task.
#[derive(Default)]
pub(super) struct BodyProgress {
    milestone: AtomicU8,
    refused: OnceLock<Malformed>,
    shut: AtomicBool,
    heard: AtomicBool,
    given: Arc<AtomicBool>,
}

/// The milestones of one request, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// It may be read.
    Wanted,
    /// Its head is read.
    Begun,
    /// It came, and the service was called.
    Asked,
    /// The service has an answer.
    Decided,
    /// The answer has left whole.
    Answered,
}

impl StallTimeout {
    pub(super) fn new(stream: Stream, progress: Arc<BodyProgress>) -> Self {
        Self { stream, progress, stuck: None, head: None, ahead: BytesMut::new(), ready: 0 }
    }

    /// The transport, and what was read of it beyond the last head.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.ahead)
    }

    /// The result of a write, or an error when it has been waited for too long.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stuck = None;
            return result;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.ready > 0 {
                this.ready -= net::give(&mut this.ahead, this.ready, buffer);
                this.progress.hear();
                return Poll::Ready(Ok(()));
            }
            if !this.progress.has_reached(Milestone::Begun) {
                this.progress.reach(Milestone::Begun);
                this.head = Some((HeadReader::default(), 0));
            }
            // The request that asks for more of a client polls again, so nobody needs to be woken.
            if this.progress.refused().is_some() || (this.head.is_none() && !this.ahead.is_empty()) {
                return Poll::Pending;
            }
            if let Some((head, read)) = &mut this.head
                && *read < this.ahead.len()
            {
                match head.feed(&this.ahead[*read..]) {
                    HeadProgress::More => *read = this.ahead.len(),
                    HeadProgress::Ended(more) => {
                        this.ready = *read + more;
                        this.head = None;
                    }
                    HeadProgress::Refused(why) => {
                        this.progress.hear();
                        let _ = this.progress.refused.set(why);
                    }
                }
                continue;
            }
            let before = buffer.filled().len();
            ready!(this.stream.as_mut().poll_read(cx, buffer))?;
            this.ahead.extend_from_slice(&buffer.filled()[before..]);
            if buffer.filled().len() > before {
                buffer.set_filled(before);
                this.progress.hear();
            } else if this.progress.has_reached(Milestone::Asked) {
                // A client that has said all may still want to hear; one that is gone is found by writing.
                this.progress.shut.store(true, Relaxed);
                return Poll::Pending;
            } else if this.head.is_some() && !this.ahead.is_empty() {
                // hyper tells a client that leaves in the middle of a head from one that says nothing.
                this.ready = this.ahead.len();
                this.head = None;
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for StallTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(cx, bytes);
        self.patiently(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(cx, slices);
        self.patiently(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream.as_mut().poll_flush(cx);
        // hyper flushes once its own buffer is empty.
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.progress.flush();
        }
        self.patiently(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.stream.as_mut().poll_shutdown(cx);
        self.patiently(cx, shut)
    }
}

impl BodyProgress {
    /// The request has come so far; one that is wanted is another than before.
    pub(super) fn reach(&self, milestone: Milestone) {
        match milestone {
            Milestone::Wanted => self.given.store(false, Relaxed),
            Milestone::Asked => self.heard.store(false, Relaxed),
            _ => {}
        }
        self.milestone.store(milestone as u8, Relaxed);
    }

    /// True when the request has come so far.
    pub(super) fn has_reached(&self, milestone: Milestone) -> bool {
        self.milestone.load(Relaxed) >= milestone as u8
    }

    /// Why the head of a request was refused.
    pub(super) fn refused(&self) -> Option<&Malformed> {
        self.refused.get()
    }

    /// True when the client has said all since its last request.
    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(Relaxed)
    }

    /// A byte came from the client.
    fn hear(&self) {
        self.heard.store(true, Relaxed);
    }

    /// True when the client has sent anything since its last request.
    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    /// Everything written so far was taken by the transport.
    fn flush(&self) {
        if self.given.load(Relaxed) {
            self.reach(Milestone::Answered);
        }
    }

    /// Set once hyper has taken the whole answer.
    pub(super) fn given(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_served_and_who_stops_is_not() {
        let (ours, mut theirs) = duplex(4);
        let mut stalling = StallTimeout::new(Box::pin(ours), Arc::default());
        let reader = tokio::spawn(async move {
            let mut taken = [0; 4];
            for _ in 0..10 {
                sleep(STALL - Duration::from_secs(1)).await;
                theirs.read_exact(&mut taken).await.unwrap();
            }
            theirs
        });
        let start = Instant::now();
        stalling.write_all(&[1; 40]).await.unwrap();
        assert!(start.elapsed() > STALL * 8, "slow is allowed");
        stalling.write_all(&[2; 4]).await.unwrap();
        let _theirs = reader.await.unwrap();
        let start = Instant::now();
        let stuck = stalling.write_all(&[3; 4]).await.unwrap_err();
        assert_eq!((stuck.kind(), start.elapsed()), (io::ErrorKind::TimedOut, STALL));
    }

    #[test]
    fn an_answer_is_sent_once_hyper_has_given_all_of_it_and_the_transport_took_that() {
        let progress = BodyProgress::default();
        progress.flush();
        assert!(!progress.has_reached(Milestone::Answered), "hyper still holds the body");
        progress.given().store(true, Relaxed);
        assert!(!progress.has_reached(Milestone::Answered), "the transport may hold some of it");
        progress.flush();
        assert!(progress.has_reached(Milestone::Answered));
        progress.reach(Milestone::Wanted);
        assert!(!progress.has_reached(Milestone::Answered));
    }
}
