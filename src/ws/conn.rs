//! One open WebSocket: receive a batch, queue, flush, close.
//!
//! This hides the protocol engine (tungstenite's `WebSocketContext`, driven by polling the stream
//! directly, because that is its fast path) and mends in one place what it leaves to its user: memory
//! bounds in every direction, large messages as fragments, Close frames for protocol faults, the size
//! of what was cut off, and a transport that is shut instead of dropped. Nothing above knows which
//! engine it is.
//!
//! Both halves belong to one owner and are polled in one task, so there is no lock and no waker to
//! hand around: the two pumps of a pair borrow the connection in turn.

pub use super::wire::Moved;
use super::{
    codes,
    wire::{Blocked, Wire},
};
use crate::{exit::Exit, fault::Fault, net::Stream, tls};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io,
    task::{Context, Poll},
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::CapacityError,
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

/// Outgoing messages larger than this go as fragments: the engine drains its write buffer from the
/// front after each partial write, which is quadratic in the buffer's length.
const FRAGMENT: usize = 256 * 1024;
/// From this much queued on, a pump flushes before it queues more. Bytes.
pub const HIGH_WATER: usize = 256 * 1024;
/// What the engine reads at a time: it zero-fills as much before each read. Bytes.
const ENGINE_READ: usize = 16 * 1024;
/// The engine never writes by itself below this; flushing is ours.
const WRITE_BUFFER: usize = 1024 * 1024;
/// More than a full write buffer and the replies of one batch.
const MAX_WRITE_BUFFER: usize = 2 * WRITE_BUFFER;
/// With this much in unwritten replies to pings, nothing more is read: a peer that does not read its
/// pongs must not make us keep them. Bytes.
const REPLIES: usize = 64 * 1024;
/// Messages in one batch, so that the other direction gets its turn.
const BATCH: usize = 1024;
/// Payload bytes in one batch.
const BATCH_BYTES: usize = 256 * 1024;

/// Which side of the handshake we were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// We dialled: frames are masked, buffers are large.
    Client,
    /// We accepted: one of many, buffers are small.
    Server,
}

/// How the peer's side of a connection ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// A Close frame; `None` without a body (shown as 1005).
    Close {
        /// The code as the peer sent it, also when it may not be sent.
        code: Option<u16>,
        /// The reason.
        reason: String,
    },
    /// Anything else.
    Lost {
        /// Exit 56, 111, 112 or 113 (or TLS codes for a late alert).
        fault: Fault,
        /// The code our Close should carry, when the peer may still hear it.
        answer: Option<u16>,
    },
}

/// An open WebSocket connection.
pub struct Conn {
    engine: WebSocketContext,
    wire: Wire,
    /// Bytes in the engine's write buffer, as far as we put them there.
    queued: usize,
    /// Bytes of pongs the engine may hold.
    replies: usize,
    /// The rest of a large message, and whether its first fragment is out.
    rest: Option<Rest>,
    end: Option<End>,
    close_queued: bool,
    /// Data messages queued since everything was written.
    unwritten: u64,
}

struct Rest {
    payload: Bytes,
    opcode: Data,
}

impl Conn {
    /// A connection after the upgrade; `read_ahead` is what was read beyond the handshake's head.
    pub fn new(stream: Stream, read_ahead: &[u8], part: Part, max_message: usize) -> Self {
        let (role, read_buffer) = match part {
            Part::Client => (Role::Client, 128 * 1024),
            Part::Server => (Role::Server, 32 * 1024),
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(ENGINE_READ)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self {
            engine: WebSocketContext::new(role, Some(config)),
            wire: Wire::new(stream, read_ahead, read_buffer),
            queued: 0,
            replies: 0,
            rest: None,
            end: None,
            close_queued: false,
            unwritten: 0,
        }
    }

    /// Appends what the peer sent to `batch`, pings and pongs included.
    ///
    /// Ready with an unchanged batch means that the peer's side has ended: see [`end`](Self::end).
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        let (mut messages, mut bytes) = (0, 0);
        while messages < BATCH && bytes < BATCH_BYTES {
            if self.replies > REPLIES && self.poll_flush(cx).is_pending() {
                return if messages > 0 { Poll::Ready(()) } else { Poll::Pending };
            }
            let mut io = self.wire.io(cx);
            match self.engine.read(&mut io) {
                Ok(Message::Close(frame)) => {
                    self.end = Some(self.closed(frame));
                    break;
                }
                Ok(message) => {
                    messages += 1;
                    bytes += message.len();
                    if message.is_ping() {
                        self.replies += message.len() + 14;
                    }
                    batch.push_back(message);
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return if messages > 0 { Poll::Ready(()) } else { Poll::Pending };
                }
                Err(error) => {
                    self.end = Some(self.lost(error));
                    break;
                }
            }
        }
        Poll::Ready(())
    }

    /// How the peer's side ended, once everything before it was received.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Bytes waiting to be flushed, without the engine's own replies.
    pub fn queued(&self) -> usize {
        self.queued + self.rest.as_ref().map_or(0, |rest| rest.payload.len())
    }

    /// Whether a message can be queued: no Close was sent or received.
    pub fn is_open(&self) -> bool {
        self.engine.can_write() && !self.close_queued
    }

    /// Queues one message; flush before more than [`HIGH_WATER`] is queued.
    ///
    /// # Errors
    /// The transport's, and "not connected" when a Close was sent or received.
    pub fn queue(&mut self, message: Message) -> io::Result<()> {
        debug_assert!(self.rest.is_none(), "a large message was not flushed");
        self.unwritten += 1;
        if message.len() <= FRAGMENT {
            return self.write(message);
        }
        let opcode = if message.is_text() { Data::Text } else { Data::Binary };
        self.rest = Some(Rest { payload: message.into_data(), opcode });
        Ok(())
    }

    /// Queues a ping, also between the fragments of a large message.
    pub fn queue_ping(&mut self) {
        if self.is_open() {
            // A transport that fails here fails in the next flush too.
            let _ = self.write(Message::Ping(Bytes::from_static(b"wsio")));
        }
    }

    /// Queues our Close; nothing can be queued after it.
    pub fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        self.rest = None;
        if !self.is_open() {
            return;
        }
        self.close_queued = true;
        let frame =
            code.map(|code| CloseFrame { code: code.into(), reason: codes::fit_reason(reason).into() });
        self.queued += 127;
        let _ = self.engine.close(&mut Blocked, frame);
    }

    /// Writes everything queued, and the engine's replies to pings and Close.
    ///
    /// # Errors
    /// The transport's; what the peer sent before may still be received.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.queued < HIGH_WATER && self.rest.is_some() {
                self.queue_fragment()?;
            }
            let mut io = self.wire.io(cx);
            match self.engine.flush(&mut io) {
                Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    self.queued = 0;
                    self.replies = 0;
                    if self.rest.is_none() {
                        self.unwritten = 0;
                    }
                }
                Err(error) => match into_io(error) {
                    error if error.kind() == io::ErrorKind::WouldBlock => {
                        return match self.wire.writable() {
                            Ok(()) => Poll::Pending,
                            error => Poll::Ready(error),
                        };
                    }
                    error => return Poll::Ready(Err(error)),
                },
            }
            if self.rest.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Drops what is left of a large message; tells how many messages were not written to their end.
    pub fn abandon(&mut self) -> u64 {
        self.rest = None;
        std::mem::take(&mut self.unwritten)
    }

    /// How far both directions have come.
    pub fn moved(&self) -> Moved {
        self.wire.moved
    }

    /// Whether a message of the peer has begun and not ended.
    pub fn is_amid_message(&self) -> bool {
        self.wire.cursor.is_amid_message()
    }

    /// Bytes of a message of the peer that has begun and not ended.
    pub fn begun(&self) -> u64 {
        self.wire.cursor.partial()
    }

    /// The transport, to be closed.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.wire.stream
    }

    fn queue_fragment(&mut self) -> io::Result<()> {
        let Some(mut rest) = self.rest.take() else { return Ok(()) };
        let piece = rest.payload.split_to(FRAGMENT.min(rest.payload.len()));
        let last = rest.payload.is_empty();
        self.write(Message::Frame(Frame::message(piece, OpCode::Data(rest.opcode), last)))?;
        if !last {
            self.rest = Some(Rest { payload: rest.payload, opcode: Data::Continue });
        }
        Ok(())
    }

    fn write(&mut self, message: Message) -> io::Result<()> {
        self.queued += message.len() + 14;
        match self.engine.write(&mut Blocked, message) {
            Ok(()) => Ok(()),
            Err(error) => match into_io(error) {
                // The frame is in the buffer; only writing it was put off.
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                error => Err(error),
            },
        }
    }

    fn closed(&self, frame: Option<CloseFrame>) -> End {
        let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
        match self.wire.cursor.close_code() {
            Some(code) if !codes::may_arrive(code) => End::Lost {
                fault: Fault::new(
                    Exit::Protocol,
                    "session",
                    format!("the peer closed with {code}, a code that may not be sent"),
                ),
                answer: Some(1002),
            },
            code => End::Close { code, reason },
        }
    }

    fn lost(&self, error: Error) -> End {
        let lost =
            |cause: String| End::Lost { fault: Fault::new(Exit::Lost, "session", cause), answer: None };
        match error {
            Error::Protocol(protocol) => {
                use tokio_tungstenite::tungstenite::error::ProtocolError;
                if protocol != ProtocolError::ResetWithoutClosingHandshake {
                    let cause =
                        format!("the peer broke the WebSocket protocol: {}", lower(&protocol.to_string()));
                    return fatal(Exit::Protocol, cause, 1002);
                }
                match self.wire.cursor.partial() {
                    0 => lost("the peer closed the connection without a Close".into()),
                    bytes => lost(format!(
                        "the peer closed the connection without a Close, {bytes} bytes into a message (dropped)"
                    )),
                }
            }
            Error::Utf8(_) => {
                fatal(Exit::BadUtf8, "the peer sent a text message that is not UTF-8".into(), 1007)
            }
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let cause =
                    format!("the peer sent a message of at least {size} bytes; the limit is {max_size}");
                match fatal(Exit::TooBig, cause, 1009) {
                    End::Lost { fault, answer } => {
                        End::Lost { fault: fault.hint("raise it with --max-message"), answer }
                    }
                    end => end,
                }
            }
            error => {
                let error = into_io(error);
                if let Some(fault) = tls::explain_io(&error) {
                    return End::Lost { fault, answer: None };
                }
                let cut = match self.wire.cursor.partial() {
                    0 => String::new(),
                    bytes => format!(", {bytes} bytes into a message (dropped)"),
                };
                lost(format!("the connection was lost: {}{cut}", plain(&error)))
            }
        }
    }
}

fn fatal(exit: Exit, cause: String, code: u16) -> End {
    End::Lost { fault: Fault::new(exit, "session", cause), answer: Some(code) }
}

/// An I/O error in words, without the numbers of the operating system.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "reset by the peer".into(),
        io::ErrorKind::BrokenPipe => "closed by the peer".into(),
        io::ErrorKind::TimedOut => "timed out".into(),
        io::ErrorKind::UnexpectedEof => "TLS ended without close_notify".into(),
        _ => error.to_string(),
    }
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::NotConnected, other.to_string()),
    }
}
