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
mod in_place;
mod input_file;
mod nowait;
mod output_file;
mod patient;
mod peers;
mod port;
mod prompt;
mod queue;
mod readiness;
mod recorder;
mod renewing;
pub mod room;
mod script;
mod stdio;
#[cfg(test)]
pub(crate) mod test_waker;
mod waiting;
mod web_socket;
mod workers;

pub use self::{
    bytes::{ByteLink, Texts},
    channel::Channel,
    close::{Close, close, closing, write_file},
    datagrams::{DatagramRules, Datagrams},
    input_file::{InputFile, Place, Rest},
    output_file::OutputFile,
    patient::Patient,
    peers::{Peer, Peers},
    port::Port,
    prompt::{Prompt, PromptEnds},
    queue::Queue,
    recorder::Recorder,
    renewing::{Confirming, Loss, Renew, Renewed, Renewing},
    script::{ScriptLink, ScriptRun},
    stdio::{OpenPrompt, Stdio, Streams, Workers},
};
#[cfg(any(test, fuzzing))]
pub(crate) use har::fuzz::har as fuzz_har;
pub use workers::{Worker, hire};

pub use crate::ws::conn::{Moved, is_control};

use crate::{
    framing::{Piece, Run, record::Facts},
    lent::Queues,
    net::Parting,
    session::{Doubt, DrainTimeout, Left, SideKind, SinkFailure, SourceEnd, Within},
    ws::{
        conn::{self, Conn, Unsent},
        encoded::Encoded,
    },
};
use ::bytes::Bytes;
use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio_tungstenite::tungstenite::Message;

/// From this much queued on, a pump flushes before it feeds more. Bytes.
pub const HIGH_WATER: usize = conn::HIGH_WATER;

thread_local! {
    /// Queues of items for whoever has some.
    pub static ITEMS: Queues<Item> = const { Queues::new() };
}

/// Messages in one batch, so that the other direction gets its turn.
const BATCH: usize = 1024;

/// Something that a source gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A message, or a control frame.
    Message(Message),
    /// A part of a data message whose rest is still to come.
    Piece(Piece),
    /// Short data messages, for a sink that takes runs.
    Run(Box<Run>),
    /// The record of an event beside messages, such as that a connection was opened again: a line of JSON
    /// with its end.
    Event(Bytes),
}

impl Item {
    /// The data message that it is, if it is one.
    pub fn data(&self) -> Option<&Message> {
        match self {
            Self::Message(message) if !is_control(message) => Some(message),
            _ => None,
        }
    }

    /// The message or control frame that it is.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Piece(_) | Self::Run(_) | Self::Event(_) => None,
        }
    }

    /// Data messages that begin with it, and payload bytes; `None` for what is no data.
    pub fn volume(&self) -> Option<(u64, u64)> {
        match self {
            Self::Piece(piece) => Some((u64::from(piece.is_first), piece.payload.len() as u64)),
            Self::Run(run) => Some((run.count() as u64, run.bytes() as u64)),
            _ => self.data().map(|message| (1, message.len() as u64)),
        }
    }

    /// Number of messages or events that it stands for.
    pub fn count(&self) -> usize {
        match self {
            Self::Run(run) => run.count(),
            Self::Message(_) | Self::Piece(_) | Self::Event(_) => 1,
        }
    }

    /// Data messages that end with it.
    pub fn ended(&self) -> u64 {
        match self {
            Self::Piece(piece) => u64::from(piece.is_last),
            Self::Run(run) => run.count() as u64,
            _ => u64::from(self.data().is_some()),
        }
    }
}

impl From<Message> for Item {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Piece> for Item {
    fn from(piece: Piece) -> Self {
        Self::Piece(piece)
    }
}

impl From<Run> for Item {
    fn from(run: Run) -> Self {
        Self::Run(Box::new(run))
    }
}

impl PartialEq<Message> for Item {
    fn eq(&self, other: &Message) -> bool {
        self.message() == Some(other)
    }
}

/// An open endpoint: a source and a sink of messages.
///
/// A kind of link is one file that implements this; a method that few kinds need has a default.
pub trait Link: Any + Send {
    /// Kind of side that this is, as far as endings differ.
    fn kind(&self) -> SideKind;

    /// Appends to `batch` what came; ready without anything means the source has ended.
    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()>;

    /// End of the source, after everything before it was received.
    fn end(&self) -> Option<SourceEnd>;

    /// Bytes fed and not yet flushed.
    fn queued(&self) -> usize;

    /// Hands one message over; [`poll_flush`](Self::poll_flush) sends it.
    ///
    /// Pings, pongs and a Close are for WebSockets and for sinks that want events.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn feed(&mut self, message: Message) -> Result<(), SinkFailure>;

    /// True when messages that were encoded for many come next.
    fn has_encoded(&self) -> bool {
        false
    }

    /// Gives messages that were encoded for many, when those come next.
    fn take_encoded(&mut self) -> Option<Encoded> {
        None
    }

    /// True when messages that were encoded for many are taken as they are.
    fn takes_encoded(&self) -> bool {
        false
    }

    /// Hands over messages that were encoded for many, where [it takes them](Self::takes_encoded).
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn feed_encoded(&mut self, encoded: &Encoded) -> Result<(), SinkFailure> {
        encoded.messages().try_for_each(|message| self.feed(message))
    }

    /// True when large messages may be handed over in pieces.
    fn takes_pieces(&self) -> bool {
        false
    }

    /// Hands over the next piece of a message, where [it takes pieces](Self::takes_pieces).
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn feed_piece(&mut self, piece: Piece) -> Result<(), SinkFailure> {
        debug_assert!(false, "pieces are for sinks that take them: {piece:?}");
        Ok(())
    }

    /// Gives large messages in pieces as they come, or whole; for a source that can.
    fn give_pieces(&mut self, _gives: bool) {}

    /// True when short messages may be handed over as runs.
    fn takes_runs(&self) -> bool {
        false
    }

    /// Hands over a run, where [it takes runs](Self::takes_runs).
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn feed_run(&mut self, run: Run) -> Result<(), SinkFailure> {
        run.messages().try_for_each(|message| self.feed(message))
    }

    /// Gives short messages as runs, or each by itself; for a source that can.
    fn give_runs(&mut self, _gives: bool) {}

    /// Takes the record of an event, where [it wants events](Self::wants_events).
    fn event(&mut self, _record: &Bytes) {}

    /// Passes on everything fed; ready when more can be fed.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>>;

    /// Flushes the sink to its very end and shuts its write side; a WebSocket is closed with a Close instead.
    ///
    /// # Errors
    /// When something could not be delivered.
    fn poll_shut(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        Poll::Ready(Ok(()))
    }

    /// As [`poll_shut`](Self::poll_shut) where the far end has to see that this is not the whole: what a
    /// socket says last is left to the release.
    ///
    /// # Errors
    /// When something could not be delivered.
    fn poll_cut_off(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.poll_shut(cx)
    }

    /// Closes the transport; see [`net::part`](crate::net::part).
    fn release(self: Box<Self>, _parting: Parting) -> Releasing {
        Box::pin(std::future::ready(Released::default()))
    }

    /// Watches an idle sink: ready when it can take nothing more.
    fn poll_broken(&mut self, _cx: &mut Context<'_>) -> Poll<SinkFailure> {
        Poll::Pending
    }

    /// True when the sink may be fed: a WebSocket after a Close may not.
    fn is_open(&self) -> bool {
        true
    }

    /// True when messages fed to it go nowhere, though nobody asked for that, because it is a file that is
    /// read.
    fn takes_nothing(&self) -> bool {
        false
    }

    /// True when the sink has a form for what happens beside data messages.
    fn wants_events(&self) -> bool {
        false
    }

    /// Tells the sink what it is joined to, with its number in a server.
    fn open(&mut self, _conn: Option<u64>, _facts: &Facts) {}

    /// Name of the input, for the user.
    fn input(&self) -> String {
        "the input".to_owned()
    }

    /// Name of the output, for the user, and how long it is waited for once it is to get nothing more.
    fn output(&self, _serving: bool) -> (String, DrainTimeout) {
        ("the output".to_owned(), DrainTimeout::Never)
    }

    /// Messages and bytes that an output was fed, and that it has not taken.
    fn undelivered(&self) -> (u64, u64) {
        (0, 0)
    }

    /// Bytes that an output was fed, and that the system has not taken.
    fn in_flight(&self) -> u64 {
        0
    }

    /// Bytes that an output has taken.
    fn written(&self) -> u64 {
        0
    }

    /// Bytes that an output has taken, of a socket by the far end's system.
    fn taken(&self) -> u64 {
        self.written()
    }

    /// True for a source whose rest is asked for at the end, since somebody may miss it.
    fn has_rest(&self) -> bool {
        false
    }

    /// Reads nothing more, and gives what an input has given or still has, and was not taken from here.
    fn rest(&mut self) -> Left {
        Left::default()
    }

    /// True for an input that is kept until its unread rest was asked for.
    fn is_input(&self) -> bool {
        false
    }

    /// Bytes that a byte source gave as messages so far; `None` for what gives messages only.
    fn given(&self) -> Option<u64> {
        None
    }

    /// Of the messages that came from here, all but the last ones were sent.
    fn settle(&mut self, _unsent: usize) {}

    /// Position at which standard input, if it is a file, is left when the last `unsent` messages were not
    /// sent.
    fn place(&self, _unsent: u64) -> Option<Place> {
        None
    }

    /// Reads and drops what a child says too late; ready at the end of that.
    fn poll_late(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Messages that could not be sent here, or were not delivered from here because the other side was too
    /// slow.
    fn dropped(&self) -> u64 {
        0
    }

    /// Why it ended, where only the link itself can tell a person.
    fn farewell(&self) -> Option<String> {
        None
    }

    /// The connection of a WebSocket; none while it is being opened again.
    fn conn(&mut self) -> Option<&mut Conn> {
        None
    }

    /// Queues our Close to a WebSocket.
    fn queue_close(&mut self, _code: Option<u16>, _reason: &str) {}

    /// Bytes that a WebSocket's transport has moved, and what of the peer is unfinished.
    fn progress(&self) -> (Moved, Within) {
        Default::default()
    }

    /// Bytes of a WebSocket's message that is on its way.
    fn begun(&self) -> u64 {
        0
    }

    /// Messages and payload bytes that a WebSocket was fed, and that were not sent.
    fn unsent(&self) -> Unsent {
        Unsent::default()
    }

    /// Of those, the one that a WebSocket is finishing although its peer has closed.
    fn finishing(&self) -> Unsent {
        Unsent::default()
    }

    /// Drops what a WebSocket was fed and did not write to its end; counts messages.
    fn abandon(&mut self) -> u64 {
        0
    }

    /// True for a WebSocket that is opened again when it is lost.
    fn renews(&self) -> bool {
        false
    }

    /// True for a lost WebSocket while it is being opened again.
    fn is_away(&self) -> bool {
        false
    }

    /// Gives the connection up, to be opened again.
    fn lose(&mut self, _cause: String) {}

    /// Input that was in doubt when a connection was lost, and that nothing proves since to have come.
    fn doubt(&self) -> Doubt {
        Doubt::default()
    }

    /// Sends a message that is no input, so that nobody misses it when the connection is lost.
    ///
    /// # Errors
    /// When the sink takes nothing more.
    fn send_own(&mut self, message: Message) -> Result<(), SinkFailure> {
        self.feed(message)
    }
}

/// The end of a link, under way.
pub type Releasing = Pin<Box<dyn Future<Output = Released> + Send>>;

/// Outcome of closing a transport, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Discarded, or said too late by a child.
    pub late: u64,
    /// Written to it, and not taken by the far end.
    pub untaken: u64,
    /// Messages and bytes of that which are told as lost; what a Unix socket holds can be read without us.
    pub lost: (u64, u64),
    /// The message that a WebSocket was finishing, and could not.
    pub unsent: Unsent,
}

impl dyn Link {
    /// True when it speaks WebSocket.
    pub fn is_web_socket(&self) -> bool {
        self.kind() == SideKind::WebSocket
    }

    /// The link as what it is, if it is that.
    pub fn as_kind<T: Link>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }

    /// The link as what it is, to be changed.
    pub fn as_kind_mut<T: Link>(&mut self) -> Option<&mut T> {
        (self as &mut dyn Any).downcast_mut()
    }

    /// The link itself as what it is; it is gone if it is something else.
    pub fn into_kind<T: Link>(self: Box<Self>) -> Option<Box<T>> {
        (self as Box<dyn Any>).downcast().ok()
    }

    /// Bytes that the transport of a WebSocket took, and that the far end's system has not acknowledged;
    /// none where that is not known.
    pub fn backlog(&mut self) -> u64 {
        self.conn().and_then(|conn| conn.stream().backlog()).unwrap_or(0)
    }

    /// Bytes that the far end has taken.
    pub fn taken_by_far_end(&mut self) -> u64 {
        match self.conn() {
            Some(conn) => {
                let taken = conn.stream().taken();
                taken.unwrap_or_else(|| self.progress().0.sent.saturating_sub(self.backlog()))
            }
            None => self.written(),
        }
    }
}
