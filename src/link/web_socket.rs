//! A WebSocket as a link: its ends in the session's words, and how its transport is left.

use super::{Item, Link, Released, Releasing};
use crate::{
    close,
    exit::Exit,
    fault::Fault,
    framing::{Piece, Run},
    net::{self, Parting},
    session::{CloseWith, Rate, SideKind, SinkFailure, SourceEnd, Within},
    ws::{
        conn::{self, Conn, Moved, Unsent},
        encoded::Encoded,
    },
};
use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// Interval between two looks at how much the far end has taken.
const LOOK: Duration = Duration::from_millis(50);

impl Link for Conn {
    fn kind(&self) -> SideKind {
        SideKind::WebSocket
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        self.poll_receive(cx, batch)
    }

    fn end(&self) -> Option<SourceEnd> {
        web_socket_end(self)
    }

    fn queued(&self) -> usize {
        self.queued()
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        self.queue(message).map_err(transport_failure)
    }

    fn takes_encoded(&self) -> bool {
        self.takes_encoded()
    }

    fn feed_encoded(&mut self, encoded: &Encoded) -> Result<(), SinkFailure> {
        self.queue_encoded(encoded);
        Ok(())
    }

    fn takes_pieces(&self) -> bool {
        self.takes_pieces()
    }

    fn feed_piece(&mut self, piece: Piece) -> Result<(), SinkFailure> {
        self.queue_piece(piece).map_err(transport_failure)
    }

    fn give_pieces(&mut self, gives: bool) {
        self.give_pieces(gives);
    }

    fn takes_runs(&self) -> bool {
        true
    }

    fn feed_run(&mut self, run: Run) -> Result<(), SinkFailure> {
        self.queue_run(&run).map_err(transport_failure)
    }

    fn give_runs(&mut self, gives: bool) {
        self.give_runs(gives);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.poll_flush(cx).map_err(transport_failure)
    }

    fn release(mut self: Box<Self>, parting: Parting) -> Releasing {
        Box::pin(async move {
            flush(&mut self, parting).await;
            let unsent = self.finishing();
            net::part(self.stream(), parting).await;
            Released { unsent, ..Released::default() }
        })
    }

    fn is_open(&self) -> bool {
        self.is_open()
    }

    fn conn(&mut self) -> Option<&mut Conn> {
        Some(self)
    }

    fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        self.queue_close(code, reason);
    }

    fn progress(&self) -> (Moved, Within) {
        (self.moved(), self.within())
    }

    fn begun(&self) -> u64 {
        self.begun()
    }

    fn unsent(&self) -> Unsent {
        self.unsent()
    }

    fn finishing(&self) -> Unsent {
        self.finishing()
    }

    fn abandon(&mut self) -> u64 {
        self.abandon()
    }
}

/// Translates how a WebSocket ended into the session's words.
pub(super) fn web_socket_end(conn: &conn::Conn) -> Option<SourceEnd> {
    Some(match conn.end()?.clone() {
        conn::End::Close { code, reason } => {
            let described = close::describe(code, &reason);
            let advice = (code == Some(1009)).then(|| too_big(conn.largest())).flatten();
            SourceEnd::Close { code, reason, described, advice }
        }
        conn::End::Lost { fault, answer } => SourceEnd::Lost { fault, answer },
    })
}

/// Advice to the user when the peer found something too big (1009), by the largest that it was sent.
fn too_big(largest: conn::Largest) -> Option<String> {
    /// Frames that gateways and servers with a limit on them take, bytes.
    const USUAL: usize = 32 << 10;
    let conn::Largest { message, frame } = largest;
    let smaller = match frame {
        _ if message == 0 => return Some("-vv to see what the peer means: no message was sent".to_owned()),
        0..=1024 => return Some(format!("send messages of less than {message} bytes")),
        _ if frame > USUAL => USUAL,
        _ => frame.next_power_of_two() / 2,
    };
    Some(format!(
        "--max-frame {}k: the largest message sent had {message} bytes, the largest frame {frame}; or send smaller messages",
        smaller >> 10
    ))
}

/// A Close that stands in the input; `hangup` is at once.
pub(super) fn asked(frame: Option<CloseFrame>, hangup: bool) -> SourceEnd {
    let close = match frame {
        Some(frame) => CloseWith { code: Some(frame.code.into()), reason: frame.reason.to_string() },
        None => CloseWith { code: None, reason: String::new() },
    };
    SourceEnd::Asked { close, hangup }
}

pub(super) fn transport_failure(error: std::io::Error) -> SinkFailure {
    SinkFailure::Failed(Fault::new(
        Exit::Lost,
        "session",
        format!("the connection was lost while sending: {error}"),
    ))
}

/// Writes what is half written, and a Close, for as long as the far end takes what stands in front of it.
async fn flush(conn: &mut Conn, parting: Parting) {
    let taken =
        |conn: &mut Conn| conn.moved().sent.saturating_sub(conn.stream().backlog().unwrap_or_default());
    let mut last = taken(conn);
    let mut since = Instant::now();
    let mut rate = Rate::new(last, since);
    loop {
        let look = Instant::now() + LOOK;
        let wake = parting.by.map_or(look, |by| by.min(look));
        if timeout_at(wake, poll_fn(|cx| conn.poll_flush(cx))).await.is_ok() {
            return;
        }
        let (now, position) = (Instant::now(), taken(conn));
        if std::mem::replace(&mut last, position) != position {
            since = now;
        }
        let is_over = parting.by.is_some_and(|by| by <= now);
        if is_over || now - since >= parting.stall || rate.is_too_slow(position, now) {
            return;
        }
    }
}
