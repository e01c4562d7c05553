//! The door of a server: where clients come in, connected or not.

use crate::{
    link::{Peer, Peers},
    net::{self, Dialed, Listener},
};
use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// How long a peer is left alone whose other side could not be opened: each of its datagrams would ask again.
pub(super) const REST: Duration = Duration::from_secs(1);

/// What a server accepts from.
pub(super) enum Door {
    /// Connections.
    Streams(Listener),
    /// Datagrams.
    Datagrams(Box<Peers>),
}

/// Who came in.
pub(super) enum Guest {
    /// A connection.
    Stream(Dialed),
    /// A peer without one.
    Peer(Peer),
}

impl Door {
    /// The next client; cancel-safe. While `closed` says why, datagrams of new peers are dropped.
    pub(super) async fn accept(&mut self, closed: Option<&str>) -> io::Result<Guest> {
        match self {
            Self::Streams(listener) => listener.accept().await.map(Guest::Stream),
            Self::Datagrams(peers) => peers.accept(closed).await.map(Guest::Peer),
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

impl Guest {
    /// Has the flag set once it sends something; for one without a connection, something more.
    pub(super) fn noticed(self, spoke: &mut Arc<AtomicBool>) -> Self {
        match self {
            Self::Stream(Dialed { stream, peer }) => {
                Self::Stream(Dialed { stream: net::noticed(stream, Arc::clone(spoke)), peer })
            }
            Self::Peer(peer) => {
                *spoke = peer.spoke();
                Self::Peer(peer)
            }
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
