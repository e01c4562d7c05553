//! Readiness of a descriptor that we share: told by the runtime, without a change to the descriptor.
//!
//! The runtime remembers for good that one side was closed, but a pipe with a name can get another reader or
//! writer after that. So a closed side that would wait all the same is registered anew.

use std::{
    fs::File,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{Interest, Ready, unix::AsyncFd};

/// One way of a pipe or socket.
pub(super) struct Readiness {
    file: Arc<File>,
    interest: Interest,
    /// The registration; made in the first poll, since only there a runtime is sure to be.
    registered: Option<AsyncFd<Arc<File>>>,
}

impl Readiness {
    /// That it can be read.
    pub(super) fn reading(file: Arc<File>) -> Self {
        Self { file, interest: Interest::READABLE, registered: None }
    }

    /// That it can be written.
    pub(super) fn writing(file: Arc<File>) -> Self {
        Self { file, interest: Interest::WRITABLE, registered: None }
    }

    /// Reads once it is told that something is there, which an end that nobody ever opened is not.
    pub(super) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut read: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.registered()?.poll_read_ready(cx))?;
            match read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let closed = guard.ready().is_read_closed();
                    guard.clear_ready();
                    drop(guard);
                    self.renew_if(closed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Writes, and waits where that would wait.
    pub(super) fn poll_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                written => return Poll::Ready(written),
            }
            let mut guard = ready!(self.registered()?.poll_write_ready(cx))?;
            let closed = guard.ready().is_write_closed();
            guard.clear_ready();
            drop(guard);
            self.renew_if(closed);
        }
    }

    /// Ready when nobody will read what is written; that it can be written is forgotten on the way.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Ok(registered) = self.registered() else { return Poll::Pending };
            let Ok(mut guard) = ready!(registered.poll_write_ready(cx)) else { return Poll::Pending };
            if guard.ready().is_write_closed() {
                return Poll::Ready(());
            }
            guard.clear_ready_matching(Ready::WRITABLE);
        }
    }

    /// The registration. What cannot be registered is no worse off than what cannot be read in place.
    fn registered(&mut self) -> io::Result<&AsyncFd<Arc<File>>> {
        #[expect(deprecated, reason = "its successor is unsafe; a file keeps by itself what that asks for")]
        let register = AsyncFd::with_interest;
        let made = match self.registered.take() {
            Some(made) => made,
            None => {
                register(Arc::clone(&self.file), self.interest).map_err(|_| io::ErrorKind::Unsupported)?
            }
        };
        Ok(self.registered.insert(made))
    }

    fn renew_if(&mut self, closed: bool) {
        if closed {
            self.registered = None;
        }
    }
}
