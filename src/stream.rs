//! An open byte stream, and the socket at its bottom.
//!
//! Layers are stacked on a socket: TLS, what a proxy's answer was read with, what reads the heads along.
//! How much the far end has acknowledged only the socket knows, and how it is parted with depends on
//! what is in between, so each layer tells what it stands on.

mod roaming;
mod send_queue;

pub use roaming::{Roaming, enter_thread};

use rustix::net::RecvFlags;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest},
    net::{TcpStream, UnixStream},
};

/// A byte stream that can tell how much of its output the far end has taken.
pub trait Transport: AsyncRead + AsyncWrite + Send {
    /// The socket at the bottom and what stands above it; a layer passes on its stream's, with its own part.
    fn beneath(&self) -> Beneath<'_> {
        Beneath::default()
    }

    /// Bytes of ours that the far end's system has not acknowledged, also those that a layer still holds.
    ///
    /// 0 means that it has taken everything that was written; `None`, that the system does not tell. Bytes
    /// that a connection had not acknowledged when it was reset stay counted: they never will be. On a Unix
    /// socket a buffer counts until its last byte is read, with what the system needs to manage it.
    fn backlog(&self) -> Option<u64> {
        self.beneath().backlog()
    }

    /// Bytes that the far end has taken, counted from an arbitrary start, so that only the difference of two
    /// answers means something; `None` where the system tells no more than the backlog.
    ///
    /// On TCP it is where the receiver's window ends: that moves as its program reads, while a system whose
    /// program has stopped goes on acknowledging what still fits.
    fn taken(&self) -> Option<u64> {
        self.beneath().socket.and_then(SocketRef::window_end)
    }
}

/// Any open byte transport: TCP, Unix, TLS over either, or an in-process pipe in tests.
///
/// Boxed once per connection; the driver reads and writes whole batches, so the indirection costs nothing.
pub type Stream = Pin<Box<dyn Transport>>;

/// The foundation of a transport.
#[derive(Clone, Copy, Default)]
pub struct Beneath<'a> {
    /// The socket at the bottom.
    pub socket: Option<SocketRef<'a>>,
    /// There is TLS above it, whose end is another one than the socket's.
    pub is_encrypted: bool,
    /// Bytes that layers have taken and not yet written to the socket.
    pub held: u64,
}

/// A socket of a kind that transports are made of.
#[derive(Clone, Copy)]
pub enum SocketRef<'a> {
    /// TCP.
    Tcp(&'a TcpStream),
    /// A Unix socket.
    Unix(&'a UnixStream),
}

impl Beneath<'_> {
    fn backlog(&self) -> Option<u64> {
        self.socket.and_then(SocketRef::unacknowledged).map(|bytes| bytes + self.held)
    }
}

impl SocketRef<'_> {
    fn unacknowledged(self) -> Option<u64> {
        use std::os::fd::AsFd;
        send_queue::unacknowledged(match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        })
    }

    fn window_end(self) -> Option<u64> {
        match self {
            Self::Tcp(socket) => send_queue::window_end(std::os::fd::AsFd::as_fd(socket)),
            _ => None,
        }
    }

    /// Ready when something has come, or the end; it stays to be read.
    pub fn poll_readable(self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx).map(drop),
            Self::Unix(socket) => socket.poll_read_ready(cx).map(drop),
        }
    }

    /// Waits for bytes of the far end, and leaves them to be read; 0 is its end.
    ///
    /// # Errors
    /// The system's.
    pub async fn peek(self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.peek(bytes).await,
            Self::Unix(socket) => {
                let peek = || Ok(rustix::net::recv(socket, &mut *bytes, RecvFlags::PEEK)?.0);
                socket.async_io(Interest::READABLE, peek).await
            }
        }
    }

    /// Shuts the write side, whatever the layers above would say before; what was written still arrives.
    pub fn shut(self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => rustix::net::shutdown(socket, rustix::net::Shutdown::Write)?,
            Self::Unix(socket) => rustix::net::shutdown(socket, rustix::net::Shutdown::Write)?,
        }
        Ok(())
    }

    /// True when the connection is over in both directions, so that nothing of ours is taken any more.
    ///
    /// Reading alone does not tell of a reset that came after the far end's FIN: it goes on to give the end of
    /// file.
    pub fn is_gone(self) -> bool {
        match self {
            Self::Tcp(socket) => {
                socket.peer_addr().is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
            }
            // Its backlog goes to 0 with the far end.
            Self::Unix(_) => false,
        }
    }
}

impl Transport for TcpStream {
    fn beneath(&self) -> Beneath<'_> {
        Beneath { socket: Some(SocketRef::Tcp(self)), ..Beneath::default() }
    }
}

impl Transport for UnixStream {
    fn beneath(&self) -> Beneath<'_> {
        Beneath { socket: Some(SocketRef::Unix(self)), ..Beneath::default() }
    }
}

/// A pipe within the process, as tests have it.
impl Transport for DuplexStream {}

/// Sets what every TCP socket of ours has, dialled or accepted; failing to set it changes delays only.
pub fn tune(socket: &TcpStream) {
    // Without it small messages wait for the peer's delayed ACK.
    let _ = socket.set_nodelay(true);
    send_queue::limit_unsent(std::os::fd::AsFd::as_fd(socket));
}
