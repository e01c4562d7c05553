//! How a link lets go of what it stands for.

use super::Link;
use crate::net;
use std::time::Duration;

impl Link {
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
                net::lingering_close(conn.stream(), within).await;
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
