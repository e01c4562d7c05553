//! A terminal for a child: most programs hold their output back when they do not see one.
//!
//! It comes in two manners. A *quiet* one stands in for two pipes: no echo, no translation, and every
//! byte goes through. It keeps the kernel's line mode all the same, because only there a program can be
//! told that its input has ended; what is special in that mode is quoted, and a line is handed over in
//! pieces before it reaches the 4096 bytes at which the kernel would cut it. A *console* is what a
//! person expects: echo, line editing, and Ctrl-C as a signal.

use bytes::{Buf, BufMut, BytesMut};
use rustix::{
    fs::{Mode, OFlags, open},
    io::{FdFlags, fcntl_getfd, fcntl_setfd, ioctl_fionbio},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcsetattr, tcsetwinsize,
    },
};
use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{ReadBuf, unix::AsyncFd};

/// Ctrl-D: hands over what stands in the line; with nothing there, the end of input (VEOF).
const HAND_OVER: u8 = 0x04;
/// Ctrl-V: the next byte is data (VLNEXT).
const QUOTE: u8 = 0x16;
/// A special character that is none (`_POSIX_VDISABLE`).
const DISABLED: u8 = if cfg!(target_os = "linux") { 0 } else { 0xff };
/// Bytes of a line that are handed over at once; the least that any system's line may have is 1024.
const PIECE: usize = 1000;
/// A terminal says its end to one read at a time, so it is said to a program, its shell, and so on.
const ENDS: usize = 16;
/// Bytes quoted at once.
const MOST: usize = 16 * 1024;

/// The behaviour of a child's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As two pipes would: the bytes alone.
    Quiet,
    /// As for a person: echo, line editing, signals from keys.
    Console,
}

impl Manner {
    /// The value of `TERM`, whatever the terminal we were started from: the far end of a quiet one shows no
    /// colours and moves no cursor, and that of a console is a page.
    pub fn term(self) -> &'static str {
        match self {
            Self::Quiet => "dumb",
            Self::Console => "xterm-256color",
        }
    }
}

/// A new terminal of 80 columns and 24 lines: our two halves, and the child's end.
///
/// # Errors
/// Those of the system: no more terminals.
pub(super) fn create(manner: Manner) -> io::Result<(TerminalInput, TerminalOutput, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    fcntl_setfd(&ours, fcntl_getfd(&ours)? | FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(ptsname(&ours, Vec::new())?, flags, Mode::empty())?;
    let mut modes = tcgetattr(&theirs)?;
    match manner {
        Manner::Quiet => hush(&mut modes),
        #[cfg(target_os = "linux")]
        Manner::Console => modes.input_modes |= rustix::termios::InputModes::IUTF8,
        #[cfg(not(target_os = "linux"))]
        Manner::Console => {}
    }
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })?;
    ioctl_fionbio(&ours, true)?;
    #[expect(deprecated, reason = "its successor is unsafe; an OwnedFd keeps by itself what that asks for")]
    let ours = Arc::new(AsyncFd::new(ours)?);
    let input =
        TerminalInput { to: Arc::clone(&ours), manner, pending: BytesMut::new(), in_line: 0, ended: false };
    Ok((input, TerminalOutput(ours), theirs))
}

fn hush(modes: &mut Termios) {
    modes.make_raw();
    modes.local_modes |= LocalModes::ICANON | LocalModes::IEXTEN;
    use SpecialCodeIndex as Code;
    for code in [
        Code::VINTR,
        Code::VQUIT,
        Code::VERASE,
        Code::VKILL,
        Code::VSUSP,
        Code::VSTART,
        Code::VSTOP,
        Code::VEOL,
        Code::VEOL2,
        Code::VREPRINT,
        Code::VWERASE,
        Code::VDISCARD,
    ] {
        modes.special_codes[code] = DISABLED;
    }
    modes.special_codes[Code::VEOF] = HAND_OVER;
    modes.special_codes[Code::VLNEXT] = QUOTE;
}

/// Our half that types.
pub(super) struct TerminalInput {
    to: Arc<AsyncFd<OwnedFd>>,
    manner: Manner,
    /// Quoted, and not yet taken by the terminal.
    pending: BytesMut,
    /// Bytes typed since the last end of a line or handing over.
    in_line: usize,
    ended: bool,
}

impl TerminalInput {
    /// Takes some of the bytes; ready when more can be taken.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let by_line = self.goes_by_line();
        let mut taken = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(MOST - taken)];
            taken += part.len();
            match by_line {
                true => quote(part, &mut self.in_line, &mut self.pending),
                false => self.pending.put_slice(part),
            }
        }
        match self.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // Bytes that the terminal had no room for wait for the flush.
            _ => Poll::Ready(Ok(taken)),
        }
    }

    /// Hands over what was taken, the begin of a line too.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        if std::mem::take(&mut self.in_line) > 0 && self.goes_by_line() {
            self.pending.put_u8(HAND_OVER);
        }
        self.poll_pending(cx)
    }

    /// Says that the input has ended.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        if !std::mem::replace(&mut self.ended, true) {
            self.pending.put_bytes(HAND_OVER, ENDS);
        }
        self.poll_pending(cx)
    }

    /// A program that has set its terminal otherwise, as line editors do, minds its keys itself.
    fn goes_by_line(&self) -> bool {
        let by_line = |modes: Termios| modes.local_modes.contains(LocalModes::ICANON);
        self.manner == Manner::Quiet && tcgetattr(self.to.get_ref()).is_ok_and(by_line)
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let mut guard = ready!(self.to.poll_write_ready(cx))?;
            match guard.try_io(|to| Ok(rustix::io::write(to, &self.pending)?)) {
                Ok(Ok(written)) => self.pending.advance(written),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Types bytes so that line mode takes each as data and cuts no line.
fn quote(bytes: &[u8], in_line: &mut usize, into: &mut BytesMut) {
    for byte in bytes {
        if matches!(*byte, HAND_OVER | QUOTE) {
            into.put_u8(QUOTE);
        }
        into.put_u8(*byte);
        *in_line = if *byte == b'\n' { 0 } else { *in_line + 1 };
        if *in_line == PIECE {
            into.put_u8(HAND_OVER);
            *in_line = 0;
        }
    }
}

/// Our half that sees what is written.
pub(super) struct TerminalOutput(Arc<AsyncFd<OwnedFd>>);

impl TerminalOutput {
    /// Bytes of output; none when nobody has the terminal any more.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            match guard.try_io(|from| Ok(rustix::io::read(from, buffer.initialize_unfilled())?)) {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(parts: &[&[u8]]) -> Vec<u8> {
        let (mut in_line, mut into) = (0, BytesMut::new());
        parts.iter().for_each(|part| quote(part, &mut in_line, &mut into));
        into.to_vec()
    }

    #[test]
    fn what_is_special_is_quoted() {
        assert_eq!(typed(&[b"a\x04b\x16\n\x03\x00"]), b"a\x16\x04b\x16\x16\n\x03\x00");
    }

    #[test]
    fn a_long_line_goes_in_pieces_however_it_comes() {
        let line = [[b'x'; 2500].as_slice(), b"\ny"].concat();
        let whole = typed(&[&line]);
        let marks: Vec<usize> = (0..whole.len()).filter(|index| whole[*index] == HAND_OVER).collect();
        assert_eq!(marks, [PIECE, 2 * PIECE + 1]);
        assert_eq!(whole.len(), line.len() + 2);
        for cut in [1, 999, 1000, 1001, 2501] {
            assert_eq!(typed(&[&line[..cut], &line[cut..]]), whole);
        }
    }

    #[test]
    fn a_piece_that_ends_with_its_line_ends_nothing() {
        // A hand-over with nothing before it would be the end of input.
        let line = [[b'x'; PIECE].as_slice(), b"\n"].concat();
        assert_eq!(typed(&[&line]), [[b'x'; PIECE].as_slice(), b"\x04\n"].concat());
    }
}
