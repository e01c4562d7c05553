//! A recording as a script: what was said is said again, what came is expected again.

use super::Queue;
use crate::{
    fault::printable,
    framing::record::{Dir, Facts, Tally},
    observe::Tap,
    script::transcript::Transcript,
    session::Instant,
    ws::conn::KEEPALIVE,
};
use std::task::{Context, Poll};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of records that may wait for the disk.
pub(super) const WAITING: usize = 4 * 1024 * 1024;

/// Puts statements into a queue.
pub(super) struct Statements {
    queue: Queue,
    transcript: Transcript,
}

impl Statements {
    pub(super) fn new(queue: Queue) -> Self {
        Self { queue, transcript: Transcript::default() }
    }
}

impl Tap for Statements {
    fn tell(&mut self, dir: Dir, message: &Message) {
        // Keepalive pings and their pongs are no part of the conversation.
        if matches!((dir, message), (Dir::Out, Message::Ping(payload)) | (Dir::In, Message::Pong(payload)) if payload.starts_with(KEEPALIVE))
        {
            return;
        }
        if let Some(text) = self.transcript.tell(dir, message, Instant::now()) {
            self.queue.push(Message::Binary(text.into()));
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_room(cx, WAITING)
    }
}

/// The comment at the top.
pub(super) fn head(facts: &Facts) -> Vec<u8> {
    let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    let place = facts.url.as_deref().unwrap_or(&facts.peer);
    let subprotocol =
        facts.subprotocol.as_ref().map_or(String::new(), |name| format!(", subprotocol {name}"));
    let version = env!("CARGO_PKG_VERSION");
    format!("# wsio {version}, {time}: {}\n", printable(&format!("{place}{subprotocol}"))).into_bytes()
}

/// The comment at the end; none when all went well.
pub(super) fn tail(tally: &Tally) -> Vec<u8> {
    tally
        .cause
        .as_ref()
        .map_or_else(Vec::new, |cause| format!("# exit {}: {}\n", tally.exit, printable(cause)).into_bytes())
}
