//! The listener of a server, whatever its clients come in by: connections, or datagrams.

use crate::{
    link::{Peer, Peers},
    net::{self, Dialed, Heard, Listener, OnSpare},
};
use std::{io, sync::Arc, time::Duration};

/// Pause after a peer's other side could not be opened: each datagram of the peer would ask again.
pub(super) const REST: Duration = Duration::from_secs(1);

/// The sockets that a server accepts from.
pub(super) enum AnyListener {
    /// Connections.
    Streams(Listener),
    /// Datagrams.
    Datagrams(Box<Peers>),
}

/// A client that came in.
pub(super) enum Accepted {
    /// A connection.
    Stream(Dialed),
    /// A peer without one.
    Peer(Peer),
}

impl AnyListener {
    /// The next client; cancel-safe. While `closed` says why, datagrams of new peers are dropped.
    pub(super) async fn accept(&mut self, closed: Option<&str>) -> io::Result<Accepted> {
        match self {
            Self::Streams(listener) => listener.accept().await.map(Accepted::Stream),
            Self::Datagrams(peers) => peers.accept(closed).await.map(Accepted::Peer),
        }
    }

    /// The next client although descriptors are used up, to be told so.
    pub(super) fn accept_on_spare(&mut self) -> Option<(Dialed, OnSpare)> {
        match self {
            Self::Streams(listener) => listener.accept_on_spare(),
            Self::Datagrams(_) => None,
        }
    }

    /// Datagrams of new peers that were dropped.
    pub(super) fn not_let_in(&self) -> u64 {
        match self {
            Self::Streams(_) => 0,
            Self::Datagrams(peers) => peers.not_let_in(),
        }
    }

    /// The addresses that people have to be told.
    pub(super) fn announced(&self) -> Vec<String> {
        match self {
            Self::Streams(listener) => listener.announced(),
            Self::Datagrams(peers) => peers.announced(),
        }
    }
}

impl Accepted {
    /// Has it noted how much it sends; for one without a connection, whether more than once.
    pub(super) fn noticed(self, heard: &mut Arc<Heard>) -> Self {
        match self {
            Self::Stream(Dialed { stream, peer }) => {
                Self::Stream(Dialed { stream: net::noticed(stream, Arc::clone(heard)), peer })
            }
            Self::Peer(peer) => {
                *heard = peer.heard();
                Self::Peer(peer)
            }
        }
    }

    /// Datagrams that came and are lost when it is not let in.
    pub(super) fn waiting(&self) -> u64 {
        match self {
            Self::Stream(_) => 0,
            Self::Peer(peer) => peer.waiting(),
        }
    }

    /// The far end, for people.
    pub(super) fn peer(&self) -> String {
        match self {
            Self::Stream(dialed) => dialed.peer.clone(),
            Self::Peer(peer) => peer.address().to_string(),
        }
    }
}
