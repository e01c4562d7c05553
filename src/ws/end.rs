//! The end of the peer's side of a connection, in words and with what our Close should say.

use super::{assembly::AssemblyError, deflate, frame_parser::FrameParser};
use crate::{close, exit::Exit, fault::Fault, tls};
use std::io;
use tokio_tungstenite::tungstenite::{
    Error,
    error::{CapacityError, ProtocolError},
};

/// The end of the peer's side of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// A Close frame; `None` without a body (shown as 1005).
    Close {
        /// The code as the peer sent it, also when it may not be sent.
        code: Option<u16>,
        /// The reason.
        reason: String,
    },
    /// Anything else.
    Lost {
        /// Exit 56, 111, 112 or 113 (or TLS codes for a late alert).
        fault: Fault,
        /// The code our Close should carry, when the peer may still hear it.
        answer: Option<u16>,
    },
}

impl End {
    /// After a Close; the engine hides a code that it does not know, and its reason.
    pub(super) fn closed(parser: &FrameParser) -> Self {
        let reason = String::from_utf8_lossy(parser.close().get(2..).unwrap_or_default()).into_owned();
        match parser.close_code() {
            Some(code) if !close::may_arrive(code) => Self::fatal(
                Exit::Protocol,
                format!("the peer closed with {code}, a code that may not be sent"),
                1002,
            ),
            code => Self::Close { code, reason },
        }
    }

    /// After an error of the engine or of what is beneath it.
    pub(super) fn lost(error: Error, parser: &FrameParser) -> Self {
        let lost =
            |cause: String| Self::Lost { fault: Fault::new(Exit::Lost, "session", cause), answer: None };
        let cut = match parser.partial() {
            0 => String::new(),
            bytes => format!(", {bytes} bytes into a message (dropped)"),
        };
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                lost(format!("the peer closed the connection without a Close{cut}"))
            }
            Error::Protocol(protocol) => {
                let cause =
                    format!("the peer broke the WebSocket protocol: {}", lower(&protocol.to_string()));
                Self::fatal(Exit::Protocol, cause, 1002)
            }
            Error::Utf8(why) => Self::not_utf8(&why, parser),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let cause =
                    format!("the peer sent a message of at least {size} bytes; the limit is {max_size}");
                let fault = Fault::new(Exit::TooBig, "session", cause).hint("raise it with --max-message");
                Self::Lost { fault, answer: Some(1009) }
            }
            // Some answer it with 1007 as if the text were at fault; but it is the extension that is broken.
            Error::Io(error) if deflate::is_corrupt(&error) => {
                let cause = format!("the peer broke the WebSocket protocol: {error}");
                Self::fatal(Exit::Protocol, cause, 1002)
            }
            error => {
                let error = match into_io(error).downcast::<AssemblyError>() {
                    Ok(refused) => return Self::refused(refused, parser),
                    Err(error) => error,
                };
                match tls::explain_io(&error) {
                    Some(fault) => Self::Lost { fault, answer: None },
                    None => lost(format!("the connection was lost: {}{cut}", plain(&error))),
                }
            }
        }
    }

    /// After a text, or the reason of a Close, that is not UTF-8; `why` is the engine's word for it.
    fn not_utf8(why: &str, parser: &FrameParser) -> Self {
        // The engine tells the two apart no more than this: the parser may have read on to a Close behind a
        // text, but the place of the fault is that of one of them.
        let reason = parser.close().get(2..).unwrap_or_default();
        let is_reason = str::from_utf8(reason).is_err_and(|error| error.to_string() == why);
        if let (true, Some(code)) = (is_reason, parser.close_code()) {
            let described = close::describe(Some(code), &String::from_utf8_lossy(reason));
            let cause = format!("the peer closed with {described}, and this reason is not UTF-8");
            return Self::fatal(Exit::BadUtf8, cause, 1007);
        }
        let fault = Fault::new(Exit::BadUtf8, "session", "the peer sent a text message that is not UTF-8")
            .hint("-vv to see what came, as hex: the peer sends bytes as text, which RFC 6455 forbids; let it send binary frames");
        Self::Lost { fault, answer: Some(1007) }
    }

    /// After a frame that did not get as far as the engine.
    fn refused(refused: AssemblyError, parser: &FrameParser) -> Self {
        match refused {
            AssemblyError::Engine(error) => Self::lost(error, parser),
            AssemblyError::Length => {
                Self::fatal(Exit::Protocol, format!("the peer broke the WebSocket protocol: {refused}"), 1002)
            }
            AssemblyError::Memory(_) => {
                let hint = "allow less with --max-message, or give the process more memory";
                let fault = Fault::new(Exit::TooBig, "session", refused.to_string()).hint(hint);
                Self::Lost { fault, answer: Some(1009) }
            }
        }
    }

    /// The peer may still hear our Close.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Lost { answer: Some(_), .. })
    }

    fn fatal(exit: Exit, cause: String, code: u16) -> Self {
        Self::Lost { fault: Fault::new(exit, "session", cause), answer: Some(code) }
    }
}

/// An I/O error in words, without the numbers of the operating system.
fn plain(error: &io::Error) -> String {
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

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::NotConnected, other.to_string()),
    }
}
