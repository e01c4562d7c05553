//! The output of a child, and the count of what came too late.

use super::terminal::Screen;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    process::ChildStdout,
};

/// Bytes read at once of what nobody wants any more.
const WASTE: usize = 8 * 1024;
/// Reads in one poll before others get their turn.
const ROUNDS: usize = 16;

pub(super) enum Output {
    Own(ChildStdout),
    /// Standard output and error in one pipe.
    Shared(tokio::net::unix::pipe::Receiver),
    Terminal(Screen),
}

impl Output {
    /// Bytes of it; none at its end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Own(stdout) => Pin::new(stdout).poll_read(cx, buffer),
            Self::Shared(stdout) => Pin::new(stdout).poll_read(cx, buffer),
            Self::Terminal(screen) => screen.poll_read(cx, buffer),
        }
    }

    /// Reads and drops what there is, so that the child is not held up; ready at the end.
    pub(super) fn poll_drop(&mut self, cx: &mut Context<'_>, count: &mut u64) -> Poll<()> {
        let mut waste = [0; WASTE];
        for _ in 0..ROUNDS {
            let mut buffer = ReadBuf::new(&mut waste);
            let read = ready!(self.poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            // Output of a terminal is for a person, and ends in prompts and farewells: it is not counted.
            if !matches!(self, Self::Terminal(_)) {
                *count += buffer.filled().len() as u64;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
