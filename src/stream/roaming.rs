//! A socket that goes with its task from one thread of a server to another.
//!
//! A socket is registered with the reactor of one thread. A task that was handed to another thread would be woken
//! across threads for each of its readinesses, so its sockets are registered anew there when it first uses them.

use super::{Beneath, SocketRef, Transport};
use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

thread_local! {
    /// The thread of a server that this is; 0 for the first one and for all that are none.
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// Gives this thread a number of its own: what is used here is registered here.
pub fn enter_thread(number: usize) {
    THREAD.set(number);
}

/// A socket that is registered where it is used.
pub struct Roaming<S> {
    /// None once it could not be registered.
    socket: Option<S>,
    thread: usize,
}

/// A socket that can be registered elsewhere.
pub trait RoamingSocket: AsyncRead + AsyncWrite + Send + Unpin + Sized {
    /// The same socket, registered with the reactor of this thread.
    ///
    /// # Errors
    /// The system's.
    fn register_here(self) -> io::Result<Self>;
    /// The socket as layers above see it.
    fn as_ref(&self) -> SocketRef<'_>;
}

impl<S: RoamingSocket> Roaming<S> {
    /// A socket that was registered on this thread.
    pub fn new(socket: S) -> Self {
        Self { socket: Some(socket), thread: THREAD.get() }
    }

    fn here(&mut self) -> io::Result<Pin<&mut S>> {
        let thread = THREAD.get();
        if thread != self.thread {
            self.socket = self.socket.take().map(S::register_here).transpose()?;
            self.thread = thread;
        }
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl RoamingSocket for TcpStream {
    fn register_here(self) -> io::Result<Self> {
        Self::from_std(self.into_std()?)
    }

    fn as_ref(&self) -> SocketRef<'_> {
        SocketRef::Tcp(self)
    }
}

impl RoamingSocket for UnixStream {
    fn register_here(self) -> io::Result<Self> {
        Self::from_std(self.into_std()?)
    }

    fn as_ref(&self) -> SocketRef<'_> {
        SocketRef::Unix(self)
    }
}

impl<S: RoamingSocket> AsyncRead for Roaming<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.here()?.poll_read(cx, buffer)
    }
}

impl<S: RoamingSocket> AsyncWrite for Roaming<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.here()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.here()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_shutdown(cx)
    }
}

impl<S: RoamingSocket> Transport for Roaming<S> {
    fn beneath(&self) -> Beneath<'_> {
        Beneath { socket: self.socket.as_ref().map(RoamingSocket::as_ref), ..Beneath::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        runtime::{Builder, Runtime},
    };

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn it_is_read_where_its_task_went_though_the_first_thread_is_gone() {
        let (theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let first = runtime();
        let mut ours = first.block_on(async {
            let mut ours = Roaming::new(UnixStream::from_std(ours).unwrap());
            std::io::Write::write_all(&mut &theirs, b"a").unwrap();
            assert_eq!(ours.read_u8().await.unwrap(), b'a');
            ours
        });
        // Nobody drives its reactor any more; it is gone only when the socket has left it.
        let second = thread::spawn(move || {
            enter_thread(1);
            runtime().block_on(async {
                let mut bytes = [0];
                let read = tokio::time::timeout(std::time::Duration::from_secs(10), ours.read(&mut bytes));
                std::io::Write::write_all(&mut &theirs, b"b").unwrap();
                assert_eq!((read.await.unwrap().unwrap(), bytes), (1, *b"b"));
                ours.write_all(b"c").await.unwrap();
                assert!(matches!(ours.beneath().socket, Some(SocketRef::Unix(_))));
                theirs
            })
        });
        let theirs = second.join().unwrap();
        let mut bytes = [0];
        std::io::Read::read_exact(&mut &theirs, &mut bytes).unwrap();
        assert_eq!(bytes, *b"c");
        drop(first);
    }
}
