//! How a link lets go of what it stands for, and what is lost by that.

use super::Link;
use crate::{
    net::{self, Parting},
    session::SourceEnd,
};
use std::{
    task::{Context, Poll},
    time::Duration,
};

impl Link {
    /// Ready when the other side is sent away for being too slow, whether or not it takes anything.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<SourceEnd> {
        match self {
            Self::Member(member) => member.incoming().poll_cut(cx),
            _ => Poll::Pending,
        }
    }

    /// The other side is sent away: what waits for it is dropped and counted.
    pub fn cut(&self, reason: String) {
        if let Self::Member(member) = self {
            member.incoming().cut(SourceEnd::SentAway { reason });
        }
    }

    /// Messages that were not delivered from here because the other side was too slow.
    pub fn dropped(&self) -> u64 {
        match self {
            Self::Member(member) => member.incoming().dropped(),
            Self::Datagrams(link) => link.dropped(),
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
            Self::Datagrams(link) => link.unread(),
            Self::Prompt(prompt) => prompt.unread(),
            Self::Member(member) => member.incoming().clear(),
            _ => 0,
        }
    }

    /// Closes the transport: write side shut, then read and discarded for at most 2 s, or 50 ms when
    /// the process has to go `at_once`.
    ///
    /// Returns the bytes that were discarded, or that a child said too late.
    pub async fn release(self, at_once: bool) -> u64 {
        let within = if at_once { Duration::from_millis(50) } else { Duration::from_secs(2) };
        match self {
            Self::WebSocket(mut conn) => {
                let flushed = std::future::poll_fn(|cx| conn.poll_flush(cx));
                let _ = tokio::time::timeout(within, flushed).await;
                net::part(conn.stream(), Parting::within(within)).await;
                0
            }
            Self::Renewing(mut link) => match link.take() {
                Some(conn) => Box::pin(Self::WebSocket(conn).release(at_once)).await,
                None => 0,
            },
            Self::Bytes(link) => link.release(within, at_once).await,
            Self::Datagrams(_) | Self::Channel(_) | Self::Member(_) | Self::Prompt(_) | Self::Script(_) => 0,
        }
    }
}
