//! Why the peer's frames go no further.

use crate::tls;
use std::{fmt, io};
use tokio_tungstenite::tungstenite::Error;

/// What ends the reading of a peer's frames.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The engine's verdict on a control frame, or on a frame that may not come where it does.
    Engine(Error),
    /// The transport's.
    Io(io::Error),
    /// The transport has ended.
    Eof,
    /// A text message is not UTF-8.
    Text,
    /// A message is longer than the limit: at least `size` bytes.
    TooLong { size: u64, max: usize },
    /// The top bit of a length is set, which section 5.2 forbids.
    Length,
    /// A client tells a length in a longer form than it needs, which section 5.2 forbids.
    LongForm,
    /// Compressed data is no DEFLATE.
    Corrupt,
    /// There is no memory for a message of at least so many bytes.
    Memory(u64),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(Error::Protocol(error)) => f.write_str(&lower(&error.to_string())),
            Self::Engine(error) => f.write_str(&lower(&error.to_string())),
            Self::Io(error) => f.write_str(&plain(error)),
            Self::Eof => f.write_str("closed without a Close"),
            Self::Text => f.write_str("a text message that is not UTF-8"),
            Self::TooLong { size, max } => {
                write!(f, "a message of at least {size} bytes; the limit is {max}")
            }
            Self::Length => f.write_str("a length with its top bit set"),
            Self::LongForm => f.write_str("a length in a longer form than it needs"),
            Self::Corrupt => f.write_str("compressed data that is corrupt"),
            Self::Memory(bytes) => write!(f, "there is no memory for a message of at least {bytes} bytes"),
        }
    }
}

/// An I/O error in words, without the numbers of the operating system.
pub(super) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "reset by the peer".into(),
        io::ErrorKind::BrokenPipe => "closed by the peer".into(),
        io::ErrorKind::TimedOut => "timed out".into(),
        io::ErrorKind::UnexpectedEof => tls::NO_CLOSE_NOTIFY.into(),
        _ => error.to_string(),
    }
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
