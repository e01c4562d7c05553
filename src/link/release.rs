//! The release of a link: its transport is closed, and what is lost by that is counted.

use super::{Link, Rest, room::Speaker};
use crate::{
    net::{self, Parting},
    session::{Left, Rate, SourceEnd},
    ws::conn::{Conn, Unsent},
};
use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Interval between two looks at how much the far end has taken.
const LOOK: Duration = Duration::from_millis(50);

impl Link {
    /// Ready when the other side is sent away for being too slow, whether or not it takes anything.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<SourceEnd> {
        match self {
            Self::Member(member) => member.incoming().poll_cut(cx),
            _ => Poll::Pending,
        }
    }

    /// Tells the room at the other side, when it asks, what the far end of this link has taken.
    pub fn tell_taken(&mut self, other: &Link) {
        if let Self::Member(member) = other {
            member.incoming().tell_taken(|| match self.conn() {
                Some(conn) => {
                    let taken = conn.stream().taken();
                    taken.unwrap_or_else(|| self.progress().0.sent.saturating_sub(self.backlog()))
                }
                None => self.written(),
            });
        }
    }

    /// Makes this link a live speaker of its room, which cannot wait: a full queue is dealt with at once.
    pub fn speak_live(&mut self) {
        if let Self::Member(member) = self {
            member.speak_for(Speaker::Live);
        }
    }

    /// The other side is sent away: what waits for it is dropped and counted.
    pub fn cut(&self, reason: String) {
        if let Self::Member(member) = self {
            member.incoming().cut(SourceEnd::SentAway { reason });
        }
    }

    /// Messages that were not delivered from here because the other side was too slow, or that could not be
    /// sent here.
    pub fn dropped(&self) -> u64 {
        match self {
            Self::Member(member) => member.incoming().dropped(),
            Self::Datagrams(link) => link.dropped(),
            _ => 0,
        }
    }

    /// Messages fed to it that nobody was there to hear.
    pub fn unheard(&self) -> u64 {
        match self {
            Self::Member(member) => member.unheard(),
            _ => 0,
        }
    }

    /// Why it ended, where only the link itself can tell a person.
    pub fn farewell(&self) -> Option<String> {
        match self {
            Self::Datagrams(link) => link.farewell(),
            _ => None,
        }
    }

    /// Reads and drops what a child says too late; ready at the end of that.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Bytes(link) => link.poll_late(cx),
            _ => Poll::Pending,
        }
    }

    /// Reads nothing more, and gives what an input has given or still has, and was not taken from here.
    pub fn rest(&mut self) -> Left {
        match self {
            Self::Bytes(link) => {
                let Rest { bytes, at_least } = link.rest();
                Left { bytes, at_least, ..Left::default() }
            }
            Self::Datagrams(link) => Left { messages: link.unread(), ..Left::default() },
            Self::Prompt(prompt) => Left { messages: prompt.unread(), ..Left::default() },
            _ => Left::default(),
        }
    }

    /// Drops what waits in a room for one who has left; counts messages.
    pub fn clear(&self) -> u64 {
        match self {
            Self::Member(member) => member.incoming().clear(),
            _ => 0,
        }
    }

    /// Closes the transport; see [`net::part`].
    pub async fn release(self, parting: Parting) -> Released {
        match self {
            Self::WebSocket(mut conn) => {
                flush(&mut conn, parting).await;
                let unsent = conn.finishing();
                net::part(conn.stream(), parting).await;
                Released { unsent, ..Released::default() }
            }
            Self::Renewing(mut link) => match link.take() {
                Some(conn) => Box::pin(Self::WebSocket(conn).release(parting)).await,
                None => Released::default(),
            },
            Self::Bytes(link) => link.release(parting).await,
            Self::Datagrams(_) | Self::Channel(_) | Self::Member(_) | Self::Prompt(_) | Self::Script(_) => {
                Released::default()
            }
        }
    }
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
