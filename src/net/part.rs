//! Parting with a transport, so that what was written to it arrives.
//!
//! A socket dropped with unread input makes the kernel send RST, and so does input that comes after it was
//! dropped: the far end then loses what it had not been given yet. So the write side is shut first, and
//! what still comes is read and thrown away until the far end's system has acknowledged everything of
//! ours, however slow its path, and for a short while after that. Where the far end has to see that
//! the stream did not come to its end, the same is waited for, and the last word is another one: a reset
//! over TCP, the lack of close_notify over TLS.

#[cfg(test)]
mod tests;

use crate::stream::{SocketRef, Stream};
use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::ReadBuf,
    time::{Instant, sleep_until},
};

/// The far end is waited for this long once it has acknowledged everything.
const LINGER: Duration = Duration::from_secs(2);
/// It has to take at least so much in each [`WINDOW`], bytes.
const LEAST: u64 = 16 * 1024;
const WINDOW: Duration = Duration::from_secs(30);
/// Bytes that are read at a time to be thrown away.
const WASTE: usize = 16 * 1024;
/// First and longest interval between two looks at the send queue.
const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(50);

/// Bounds on the time that a transport may take to be left, and the end that its far end has to see.
#[derive(Clone, Copy, Debug)]
pub struct Parting {
    /// The transport is left by then, whatever is still on its way.
    pub by: Option<Instant>,
    /// The transport is left when its send queue has stood still for so long, and nothing came either.
    pub stall: Duration,
    /// The far end has to see that the stream did not come to its end.
    pub cut: bool,
}

impl Parting {
    /// At the end of a stream, with a bound on everything.
    pub fn within(time: Duration) -> Self {
        Self { by: Some(Instant::now() + time), stall: time, cut: false }
    }
}

/// Parts with a transport, which is to be dropped after that; gives how many bytes were discarded.
///
/// Whole: the write side is shut (close_notify for TLS, then FIN), and input is discarded until everything
/// of ours is acknowledged and the far end has ended too, or 2 s more are over.
/// Cut: over TCP the acknowledgement is waited for in the same way, and dropping the stream then resets it;
/// over TLS everything written is flushed and the socket is shut without close_notify; a Unix socket, which
/// has no such sign, ends as whole. A system that does not tell the send queue is given the 2 s at once.
///
/// Errors are ignored: the stream is of no use to anyone afterwards.
pub async fn part(stream: &mut Stream, parting: Parting) -> u64 {
    leave(stream, parting, PartTimes { linger: LINGER, window: WINDOW }).await
}

/// Clocks that tests shorten.
#[derive(Clone, Copy)]
struct PartTimes {
    linger: Duration,
    window: Duration,
}

/// The last word that the far end gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The stream's own end: close_notify, FIN.
    Whole,
    /// FIN without close_notify.
    Truncated,
    /// RST, when everything else has arrived.
    Reset,
}

impl Ending {
    fn of(stream: &Stream, cut: bool) -> Self {
        let beneath = stream.beneath();
        match beneath.socket {
            _ if !cut => Self::Whole,
            _ if beneath.is_encrypted => Self::Truncated,
            Some(SocketRef::Tcp(_)) => Self::Reset,
            _ => Self::Whole,
        }
    }
}

/// Something that happened to the stream.
enum StreamEvent {
    Shut,
    Read(usize),
    Ended,
    Failed,
}

async fn leave(stream: &mut Stream, parting: Parting, times: PartTimes) -> u64 {
    let ending = Ending::of(stream, parting.cut);
    let mut writer = Closer { ending, is_done: false };
    let mut reader = Discarder { is_done: false };
    let mut queue = SendQueue::new(stream, Instant::now());
    let mut discarded = 0;
    let mut lingers = None;
    let mut wake = Instant::now();
    loop {
        let event = poll_fn(|cx| match writer.poll(stream, cx) {
            Poll::Pending => reader.poll(stream, cx),
            event => event,
        });
        tokio::select! {
            biased;
            event = event => match event {
                StreamEvent::Shut | StreamEvent::Ended => queue.look(stream),
                StreamEvent::Read(count) => {
                    discarded += count as u64;
                    queue.moved = Instant::now();
                }
                StreamEvent::Failed => break,
            },
            () = sleep_until(wake) => {}
        }
        let now = Instant::now();
        if parting.by.is_some_and(|by| by <= now) {
            break;
        }
        if queue.due <= now {
            queue.look(stream);
        }
        let is_taken = match queue.left {
            None => true,
            Some(left) => left == 0 && writer.is_done,
        };
        if is_taken {
            if queue.left.is_some() && ending == Ending::Reset || reader.is_done && writer.is_done {
                break;
            }
            wake = *lingers.get_or_insert(now + times.linger);
            if wake <= now {
                break;
            }
        } else {
            let stands_still = now - queue.moved >= parting.stall;
            let is_slow = now - queue.mark.0 >= times.window;
            if stands_still || is_slow || stream.beneath().socket.is_some_and(SocketRef::is_gone) {
                break;
            }
            wake = queue.due;
        }
        wake = parting.by.map_or(wake, |by| wake.min(by));
    }
    if ending == Ending::Reset
        && let Some(SocketRef::Tcp(socket)) = stream.beneath().socket
    {
        let _ = socket.set_zero_linger();
    }
    discarded
}

/// The send queue as it was when it was last looked at.
struct SendQueue {
    /// Bytes of ours that the far end has not acknowledged.
    left: Option<u64>,
    /// Time when the queue last shrank, or something came.
    moved: Instant,
    /// Start of the current window, and the bytes left then; the far end has to take [`LEAST`] in each.
    mark: (Instant, u64),
    /// Time of the next look.
    due: Instant,
    interval: Duration,
}

impl SendQueue {
    fn new(stream: &Stream, now: Instant) -> Self {
        let left = stream.backlog();
        Self { left, moved: now, mark: (now, left.unwrap_or(0)), due: now + SOON, interval: SOON }
    }

    fn look(&mut self, stream: &Stream) {
        let now = Instant::now();
        let left = stream.backlog();
        if left < self.left {
            self.moved = now;
        }
        let rest = left.unwrap_or(0);
        if rest + LEAST <= self.mark.1 {
            self.mark = (now, rest);
        }
        self.left = left;
        self.interval = (self.interval * 2).min(LATE);
        self.due = now + self.interval;
    }
}

/// Says the last word, as far as it can be said before everything has arrived.
struct Closer {
    ending: Ending,
    is_done: bool,
}

impl Closer {
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<StreamEvent> {
        if self.is_done {
            return Poll::Pending;
        }
        let polled = match self.ending {
            Ending::Whole => stream.as_mut().poll_shutdown(cx),
            Ending::Truncated | Ending::Reset => stream.as_mut().poll_flush(cx),
        };
        polled.map(|result| {
            self.is_done = true;
            let shut = |()| match stream.beneath().socket {
                Some(socket) if self.ending == Ending::Truncated => socket.shut(),
                _ => io::Result::Ok(()),
            };
            result.and_then(shut).map_or(StreamEvent::Failed, |()| StreamEvent::Shut)
        })
    }
}

/// Reads and throws away.
struct Discarder {
    is_done: bool,
}

impl Discarder {
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<StreamEvent> {
        if self.is_done {
            return Poll::Pending;
        }
        // It stands on the stack of the poll: a connection would keep it from its first day for its last.
        let mut waste = [MaybeUninit::uninit(); WASTE];
        let mut buffer = ReadBuf::uninit(&mut waste);
        stream.as_mut().poll_read(cx, &mut buffer).map(|result| match buffer.filled().len() {
            count @ 1.. if result.is_ok() => StreamEvent::Read(count),
            // After an error nothing comes either, but what was written may still be taken.
            _ => {
                self.is_done = true;
                StreamEvent::Ended
            }
        })
    }
}
