//! One bound socket of a listener: TCP, or in the file system.

use super::unix::UnixSocket;
use super::{Dialed, bind::Bind, transport::tune};
use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
};
use tokio::net::{TcpListener, TcpSocket};

/// Clients that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A bound socket.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl Socket {
    /// The next client.
    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        match self {
            Socket::Tcp(socket) => socket.poll_accept(context).map_ok(|(stream, peer)| {
                tune(&stream);
                Dialed { stream: Box::pin(stream), peer: peer.to_string() }
            }),
            Socket::Unix(socket) => socket.poll_accept(context),
        }
    }
}

impl Bind for TcpListener {
    fn bind(at: SocketAddr) -> io::Result<Self> {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restarted server must not wait for its old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}
