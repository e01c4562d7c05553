//! A link: an open endpoint, as a source and a sink of messages.
//!
//! The unit is the WebSocket message: text is already UTF-8, payloads are shared bytes, so nothing is
//! converted or copied between two links. Both halves are polled by the one task that runs the pair,
//! hence no locks; every method is cancel-safe, since a poll leaves nothing half done.

pub mod budget;
mod bytes;
mod channel;
mod close;
mod datagrams;
mod har;
mod input_file;
mod patient;
mod peers;
mod port;
mod prompt;
mod queue;
mod recorder;
mod release;
mod renewing;
pub mod room;
mod script;
mod socket;
mod stdio;
#[cfg(test)]
pub(crate) mod test_waker;
mod transcript;
mod workers;

pub use self::{
    bytes::{ByteLink, Texts},
    channel::Channel,
    close::{Close, close, closing, write_file},
    datagrams::{DatagramRules, Datagrams},
    input_file::{InputFile, Place, Rest},
    patient::Patient,
    peers::{Peer, Peers},
    port::Port,
    prompt::{Prompt, PromptEnds},
    queue::Queue,
    recorder::Recorder,
    release::Released,
    renewing::{Confirming, Loss, Renew, Renewed, Renewing},
    script::{ScriptLink, ScriptRun},
    stdio::{OpenPrompt, Stdio, Streams},
};
pub use workers::{Worker, hire};

pub use crate::ws::conn::{Moved, is_control};

use socket::{transport_failure, web_socket_end};

use crate::{
    framing::record::{Facts, What},
    session::{Doubt, DrainTimeout, SideKind, SinkFailure, SourceEnd, Within},
    ws::conn::{self, Unsent},
};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
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
    /// A WebSocket that is opened again when it is lost.
    Renewing(Box<Renewing>),
    /// A byte stream behind a framing.
    Bytes(Box<ByteLink>),
    /// UDP: one datagram, one message.
    Datagrams(Box<Datagrams>),
    /// In-process queues: echo, null.
    Channel(Channel),
    /// A place in a room.
    Member(Box<room::Member>),
    /// A person at a terminal.
    Prompt(Box<Prompt>),
    /// A script that is run.
    Script(Box<ScriptLink>),
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

    /// Kind of side that this is, as far as endings differ.
    pub fn kind(&self) -> SideKind {
        match self {
            Self::WebSocket(_) | Self::Renewing(_) => SideKind::WebSocket,
            Self::Bytes(link) => link.kind(),
            Self::Datagrams(_) => SideKind::Datagrams,
            Self::Member(member) if member.is_bridged() => SideKind::Subject,
            Self::Channel(_) | Self::Member(_) | Self::Script(_) => SideKind::Stream,
            Self::Prompt(_) => SideKind::Standard,
        }
    }

    /// True when it speaks WebSocket.
    pub fn is_web_socket(&self) -> bool {
        self.kind() == SideKind::WebSocket
    }

    /// True when messages fed to it go nowhere, though nobody asked for that, because it is a file that is
    /// read.
    pub fn takes_nothing(&self) -> bool {
        matches!(self, Self::Bytes(link) if link.takes_nothing())
    }

    /// The connection of a WebSocket; none while it is being opened again.
    pub fn conn(&mut self) -> Option<&mut conn::Conn> {
        match self {
            Self::WebSocket(conn) => Some(conn),
            Self::Renewing(link) => link.conn(),
            _ => None,
        }
    }

    /// Drops what a WebSocket was fed and did not write to its end; counts messages.
    pub fn abandon(&mut self) -> u64 {
        match self {
            Self::WebSocket(conn) => conn.abandon(),
            Self::Renewing(link) => link.abandon(),
            _ => 0,
        }
    }

    /// True for a lost WebSocket while it is being opened again.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Renewing(link) if link.is_away())
    }

    /// Gives the connection up, to be opened again.
    pub fn lose(&mut self, cause: String) {
        if let Self::Renewing(link) = self {
            link.lose(cause);
        }
    }

    /// Queues our Close to a WebSocket.
    pub fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        match self {
            Self::WebSocket(conn) => conn.queue_close(code, reason),
            Self::Renewing(link) => link.queue_close(code, reason),
            _ => {}
        }
    }

    /// Appends messages to `batch`; ready without any means the source has ended.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        match self {
            Self::WebSocket(conn) => conn.poll_receive(cx, batch),
            Self::Renewing(link) => link.poll_receive(cx, batch),
            Self::Bytes(link) => link.poll_receive(cx, batch),
            Self::Datagrams(link) => link.poll_receive(cx, batch),
            Self::Channel(Channel { incoming: Some(queue), .. }) => queue.poll_pop(cx, batch, BATCH),
            Self::Channel(_) => Poll::Ready(()),
            Self::Member(member) => member.incoming().poll_pop(cx, batch, BATCH),
            Self::Prompt(prompt) => prompt.poll_receive(cx, batch),
            Self::Script(script) => script.poll_receive(cx, batch),
        }
    }

    /// End of the source, after everything before it was received.
    pub fn end(&self) -> Option<SourceEnd> {
        match self {
            Self::WebSocket(conn) => web_socket_end(conn),
            Self::Renewing(link) => link.end(),
            Self::Bytes(link) => link.end(),
            Self::Datagrams(link) => link.end(),
            Self::Channel(Channel { incoming: Some(queue), .. }) => queue.end(),
            Self::Channel(_) => Some(SourceEnd::Absent),
            Self::Member(member) => member.incoming().end(),
            Self::Prompt(prompt) => prompt.end(),
            Self::Script(script) => script.end(),
        }
    }

    /// Bytes that a WebSocket's transport has moved, and what of the peer is unfinished.
    pub fn progress(&self) -> (conn::Moved, Within) {
        match self {
            Self::WebSocket(conn) => (conn.moved(), conn.within()),
            Self::Renewing(link) => link.progress(),
            _ => Default::default(),
        }
    }

    /// Bytes that the transport of a WebSocket took, and that the far end's system has not acknowledged;
    /// none where that is not known.
    pub fn backlog(&mut self) -> u64 {
        self.conn().and_then(|conn| conn.stream().backlog()).unwrap_or(0)
    }

    /// Messages and payload bytes that a WebSocket was fed, and that were not sent.
    pub fn unsent(&self) -> Unsent {
        match self {
            Self::WebSocket(conn) => conn.unsent(),
            Self::Renewing(link) => link.unsent(),
            _ => Unsent::default(),
        }
    }

    /// Of those, the one that a WebSocket is finishing although its peer has closed.
    pub fn finishing(&self) -> Unsent {
        match self {
            Self::WebSocket(conn) => conn.finishing(),
            Self::Renewing(link) => link.finishing(),
            _ => Unsent::default(),
        }
    }

    /// Input that was in doubt when a connection was lost, and that nothing proves since to have come.
    pub fn doubt(&self) -> Doubt {
        match self {
            Self::Renewing(link) => link.doubt(),
            _ => Doubt::default(),
        }
    }

    /// Messages and bytes that an output was fed, and that it has not taken.
    pub fn undelivered(&self) -> (u64, u64) {
        match self {
            Self::Bytes(link) => link.undelivered(),
            Self::Prompt(prompt) => prompt.undelivered(),
            _ => (0, 0),
        }
    }

    /// Bytes that an output was fed, and that the system has not taken.
    pub fn in_flight(&self) -> u64 {
        match self {
            Self::Bytes(link) => link.in_flight(),
            Self::Prompt(prompt) => prompt.queued() as u64,
            _ => 0,
        }
    }

    /// Name of the input, for the user.
    pub fn input(&self) -> String {
        match self {
            Self::Bytes(link) => link.input().to_owned(),
            Self::Prompt(_) => "what was typed".to_owned(),
            _ => "the input".to_owned(),
        }
    }

    /// Bytes that an output has taken.
    pub fn written(&self) -> u64 {
        match self {
            Self::Bytes(link) => link.written(),
            _ => 0,
        }
    }

    /// The same, of a socket by the far end's system.
    pub fn taken(&self) -> u64 {
        match self {
            Self::Bytes(link) => link.taken(),
            _ => 0,
        }
    }

    /// Name of the output, for the user, and how long it is waited for once it is to get nothing more.
    pub fn output(&self, serving: bool) -> (String, DrainTimeout) {
        match self {
            Self::Bytes(link) => link.output(serving),
            Self::Prompt(_) => ("the terminal".to_owned(), DrainTimeout::Never),
            _ => ("the output".to_owned(), DrainTimeout::Never),
        }
    }

    /// Of the messages that came from here, all but the last ones were sent.
    pub fn settle(&mut self, unsent: usize) {
        if let Self::Bytes(link) = self {
            link.settle(unsent);
        }
    }

    /// True for an input whose unread rest is asked for at the end: it is kept until then.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Bytes(link) if link.is_input())
    }

    /// Position at which standard input, if it is a file, is left when the last `unsent` messages were not
    /// sent.
    pub fn place(&self, unsent: u64) -> Option<Place> {
        match self {
            Self::Bytes(link) => link.place(unsent),
            _ => None,
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

    /// True when the sink may be fed: a WebSocket after a Close may not.
    pub fn is_open(&self) -> bool {
        match self {
            Self::WebSocket(conn) => conn.is_open(),
            Self::Renewing(link) => link.is_open(),
            _ => true,
        }
    }

    /// True when the sink has a form for what happens beside data messages.
    pub fn wants_events(&self) -> bool {
        match self {
            Self::Bytes(link) => link.wants_events(),
            Self::Member(member) => member.tells(),
            Self::Prompt(_) | Self::Script(_) => true,
            Self::WebSocket(_) | Self::Renewing(_) | Self::Datagrams(_) | Self::Channel(_) => false,
        }
    }

    /// Tells the sink what it is joined to, with its number in a server.
    pub fn open(&mut self, conn: Option<u64>, facts: &Facts) {
        match self {
            Self::Bytes(link) => link.open(conn, facts),
            Self::Member(member) => member.tell(What::Open(facts)),
            Self::WebSocket(_)
            | Self::Renewing(_)
            | Self::Datagrams(_)
            | Self::Channel(_)
            | Self::Prompt(_)
            | Self::Script(_) => {}
        }
    }

    /// Bytes fed and not yet flushed.
    pub fn queued(&self) -> usize {
        match self {
            Self::WebSocket(conn) => conn.queued(),
            Self::Renewing(link) => link.queued(),
            Self::Bytes(link) => link.queued(),
            Self::Datagrams(link) => link.queued(),
            Self::Channel(Channel { outgoing: Some(queue), .. }) => queue.bytes(),
            Self::Channel(_) => 0,
            // Each member that hears it has its own bound; a full one is waited for before the next message.
            Self::Member(member) => {
                if member.is_held_up() {
                    HIGH_WATER
                } else {
                    0
                }
            }
            Self::Prompt(prompt) => prompt.queued(),
            Self::Script(script) => script.queued(),
        }
    }

    /// Hands one message over; [`poll_flush`](Self::poll_flush) sends it.
    ///
    /// Pings, pongs and a Close are for WebSockets and for sinks that want events.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    pub fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        match self {
            Self::WebSocket(conn) => conn.queue(message).map_err(transport_failure),
            Self::Renewing(link) => {
                link.feed(message);
                Ok(())
            }
            Self::Bytes(link) => {
                link.feed(&message);
                Ok(())
            }
            Self::Datagrams(link) => {
                link.feed(&message);
                Ok(())
            }
            Self::Channel(Channel { outgoing: Some(queue), .. }) => {
                queue.push(message);
                Ok(())
            }
            Self::Channel(_) => Ok(()),
            Self::Member(member) => {
                if is_control(&message) {
                    member.tell_of(&message);
                } else if let Some(fault) = member.refuses(&message) {
                    return Err(SinkFailure::Refused(fault));
                } else {
                    member.say(&message);
                }
                Ok(())
            }
            Self::Prompt(prompt) => {
                prompt.feed(message);
                Ok(())
            }
            Self::Script(script) => {
                script.feed(message);
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
            Self::Renewing(link) => link.poll_flush(cx).map_err(transport_failure),
            Self::Bytes(link) => link.poll_flush(cx),
            Self::Datagrams(link) => link.poll_flush(cx),
            Self::Channel(Channel { outgoing: Some(queue), .. }) => queue.poll_room(cx, HIGH_WATER).map(Ok),
            Self::Channel(_) => Poll::Ready(Ok(())),
            Self::Member(member) => member.poll_room(cx).map(Ok),
            Self::Prompt(prompt) => prompt.poll_flush(cx),
            Self::Script(script) => script.poll_room(cx).map(Ok),
        }
    }

    /// Flushes a byte sink to its very end and shuts its write side.
    ///
    /// # Errors
    /// When something could not be delivered.
    pub fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        match self {
            Self::WebSocket(_) | Self::Renewing(_) | Self::Script(_) => Poll::Ready(Ok(())),
            Self::Bytes(link) => link.poll_shut(cx),
            Self::Datagrams(link) => link.poll_flush(cx),
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
            Self::Prompt(prompt) => prompt.poll_shut(cx),
        }
    }

    /// Watches an idle sink: ready when it can take nothing more.
    pub fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        match self {
            Self::Bytes(link) => link.poll_broken(cx),
            Self::Prompt(prompt) => prompt.poll_broken(cx),
            Self::Script(script) => script.poll_broken(cx),
            _ => Poll::Pending,
        }
    }

    /// As [`poll_shut`](Self::poll_shut) where the far end has to see that this is not the whole: what a
    /// socket says last is left to the release.
    ///
    /// # Errors
    /// When something could not be delivered.
    pub fn poll_cut_off(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        match self {
            Self::Bytes(link) => link.poll_cut_off(cx),
            _ => self.poll_shut(cx),
        }
    }
}
