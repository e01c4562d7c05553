//! A link: an open endpoint, as a source and a sink of messages.
//!
//! The unit is the WebSocket message: text is already UTF-8, payloads are shared bytes, so nothing is
//! converted or copied between two links. Both halves are polled by the one task that runs the pair,
//! hence no locks; every method is cancel-safe, since a poll leaves nothing half done.

mod bytes;
mod patient;
mod queue;
pub mod room;
mod stdio;

pub use self::{
    bytes::{ByteLink, Port, Texts},
    patient::Patient,
    queue::Queue,
    stdio::{Stdio, Streams},
};

pub use crate::ws::conn::Moved;

use crate::{
    exit::Exit,
    fault::Fault,
    net,
    session::{SideKind, SinkFailure, SourceEnd},
    ws::{codes, conn},
};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::Duration,
};
use tokio_tungstenite::tungstenite::Message;

/// From this much queued on, a pump flushes before it feeds more. Bytes.
pub const HIGH_WATER: usize = conn::HIGH_WATER;
/// Messages in one batch, so that the other direction gets its turn.
const BATCH: usize = 1024;

/// An open endpoint.
pub enum Link {
    /// A WebSocket.
    WebSocket(Box<conn::Conn>),
    /// A byte stream behind a framing.
    Bytes(Box<ByteLink>),
    /// In-process queues: echo, null.
    Channel(Channel),
    /// A place in a room.
    Member(Box<room::Member>),
}

/// Two in-process queues; the same one twice is an echo.
pub struct Channel {
    /// What the source gives; `None` gives nothing, without an end.
    pub incoming: Option<Queue>,
    /// Where the sink puts; `None` swallows everything.
    pub outgoing: Option<Queue>,
}

impl Drop for Channel {
    /// Whoever feeds a queue that nobody reads any more has to know.
    fn drop(&mut self) {
        if let Some(queue) = &self.incoming {
            queue.finish(SourceEnd::Absent);
        }
    }
}

impl Link {
    /// Sends back what it gets.
    pub fn echo() -> Self {
        let queue = Queue::default();
        Self::Channel(Channel { incoming: Some(queue.clone()), outgoing: Some(queue) })
    }

    /// Gives nothing, swallows everything.
    pub fn null() -> Self {
        Self::Channel(Channel { incoming: None, outgoing: None })
    }

    /// What kind of side this is, as far as endings differ.
    pub fn kind(&self) -> SideKind {
        match self {
            Self::WebSocket(_) => SideKind::WebSocket,
            Self::Bytes(link) => link.kind(),
            Self::Channel(_) | Self::Member(_) => SideKind::Stream,
        }
    }

    /// Appends messages to `batch`; ready without any means the source has ended.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        match self {
            Self::WebSocket(conn) => conn.poll_receive(cx, batch),
            Self::Bytes(link) => link.poll_receive(cx, batch),
            Self::Channel(Channel { incoming: Some(queue), .. }) => queue.poll_pop(cx, batch, BATCH),
            Self::Channel(_) => Poll::Ready(()),
            Self::Member(member) => member.incoming().poll_pop(cx, batch, BATCH),
        }
    }

    /// How the source ended, after everything before it was received.
    pub fn end(&self) -> Option<SourceEnd> {
        match self {
            Self::WebSocket(conn) => conn.end().map(|end| match end.clone() {
                conn::End::Close { code, reason } => {
                    let described = codes::describe(code, &reason);
                    SourceEnd::Close { code, reason, described }
                }
                conn::End::Lost { fault, answer } => SourceEnd::Lost { fault, answer },
            }),
            Self::Bytes(link) => link.end(),
            Self::Channel(Channel { incoming: Some(queue), .. }) => queue.end(),
            Self::Channel(_) => Some(SourceEnd::Absent),
            Self::Member(member) => member.incoming().end(),
        }
    }

    /// How far the transport of a WebSocket has come, and whether a message of the peer is on its way.
    pub fn progress(&self) -> (conn::Moved, bool) {
        match self {
            Self::WebSocket(conn) => (conn.moved(), conn.is_amid_message()),
            _ => Default::default(),
        }
    }

    /// Bytes that a byte source gave as messages so far; `None` for what gives messages only.
    pub fn given(&self) -> Option<u64> {
        match self {
            Self::Bytes(link) => Some(link.given()),
            _ => None,
        }
    }

    /// Bytes of a message of the peer that is on its way.
    pub fn begun(&self) -> u64 {
        match self {
            Self::WebSocket(conn) => conn.begun(),
            _ => 0,
        }
    }

    /// Whether the sink may be fed: a WebSocket after a Close may not.
    pub fn is_open(&self) -> bool {
        match self {
            Self::WebSocket(conn) => conn.is_open(),
            _ => true,
        }
    }

    /// Bytes fed and not yet flushed.
    pub fn queued(&self) -> usize {
        match self {
            Self::WebSocket(conn) => conn.queued(),
            Self::Bytes(link) => link.queued(),
            Self::Channel(Channel { outgoing: Some(queue), .. }) => queue.bytes(),
            Self::Channel(_) => 0,
            // Whoever hears it has its own bound; one that is full is waited for before the next message.
            Self::Member(member) => {
                if member.is_held_up() {
                    HIGH_WATER
                } else {
                    0
                }
            }
        }
    }

    /// Messages that were not delivered from here because the other side was too slow.
    pub fn dropped(&self) -> u64 {
        match self {
            Self::Member(member) => member.incoming().dropped(),
            _ => 0,
        }
    }

    /// Hands one data message over; [`poll_flush`](Self::poll_flush) sends it.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    pub fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        match self {
            Self::WebSocket(conn) => conn.queue(message).map_err(transport_failure),
            Self::Bytes(link) => {
                link.feed(&message);
                Ok(())
            }
            Self::Channel(Channel { outgoing: Some(queue), .. }) => {
                queue.push(message);
                Ok(())
            }
            Self::Channel(_) => Ok(()),
            Self::Member(member) => {
                member.say(&message);
                Ok(())
            }
        }
    }

    /// Passes on everything fed; ready when more can be fed.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        match self {
            Self::WebSocket(conn) => conn.poll_flush(cx).map_err(transport_failure),
            Self::Bytes(link) => link.poll_flush(cx),
            Self::Channel(Channel { outgoing: Some(queue), .. }) => queue.poll_room(cx, HIGH_WATER).map(Ok),
            Self::Channel(_) => Poll::Ready(Ok(())),
            Self::Member(member) => member.poll_room(cx).map(Ok),
        }
    }

    /// Flushes a byte sink to its very end and shuts its write side.
    ///
    /// # Errors
    /// When something could not be delivered.
    pub fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        match self {
            Self::WebSocket(_) => Poll::Ready(Ok(())),
            Self::Bytes(link) => link.poll_shut(cx),
            Self::Channel(channel) => {
                if let Some(queue) = &channel.outgoing {
                    queue.finish(SourceEnd::Eof { empty: false, hangup: true });
                }
                Poll::Ready(Ok(()))
            }
            Self::Member(member) => {
                member.leave(SourceEnd::Eof { empty: false, hangup: true });
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Watches an idle sink: ready when it can take nothing more.
    pub fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        match self {
            Self::Bytes(link) => link.poll_broken(cx),
            _ => Poll::Pending,
        }
    }

    /// Ready when a child has taken nothing of what is left for it for a second.
    pub fn poll_weary(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Bytes(link) => link.poll_weary(cx),
            _ => Poll::Pending,
        }
    }

    /// Drops what was fed to a byte sink and not yet taken; counts bytes.
    pub fn drop_output(&mut self) -> usize {
        match self {
            Self::Bytes(link) => link.drop_output(),
            _ => 0,
        }
    }

    /// Drops what was read or half sent and can no longer be sent; counts messages, a partial one too.
    pub fn unread(&mut self) -> u64 {
        match self {
            Self::Bytes(link) => link.unread(),
            _ => 0,
        }
    }

    /// Closes the transport: write side shut, then read and discarded for at most 2 s, or 50 ms when
    /// the process has to go `at_once`.
    ///
    /// Returns the bytes that were discarded.
    pub async fn release(self, at_once: bool) -> u64 {
        let within = if at_once { Duration::from_millis(50) } else { Duration::from_secs(2) };
        match self {
            Self::WebSocket(mut conn) => {
                let flushed = std::future::poll_fn(|cx| conn.poll_flush(cx));
                let _ = tokio::time::timeout(within, flushed).await;
                net::lingering_close(conn.stream(), within).await;
                0
            }
            Self::Bytes(link) => link.release(within, at_once).await,
            Self::Channel(_) | Self::Member(_) => 0,
        }
    }
}

fn transport_failure(error: std::io::Error) -> SinkFailure {
    SinkFailure::Failed(Fault::new(
        Exit::Lost,
        "session",
        format!("the connection was lost while sending: {error}"),
    ))
}
