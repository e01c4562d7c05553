//! The end of the peer's side of a connection, in words and with what our Close should say.

use super::{
    incoming::Incoming,
    read_error::{ReadError, plain},
};
use crate::{close, exit::Exit, fault::Fault, tls};
use tokio_tungstenite::tungstenite::Error;

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
    pub(super) fn closed(incoming: &Incoming) -> Self {
        let (code, reason) = code_and_reason(incoming.close());
        match code {
            Some(code) if !close::may_arrive(code) => Self::fatal(
                Exit::Protocol,
                format!("the peer closed with {code}, a code that may not be sent"),
                1002,
            ),
            code => Self::Close { code, reason },
        }
    }

    /// After an error.
    pub(super) fn lost(error: ReadError, incoming: &Incoming) -> Self {
        let lost =
            |cause: String| Self::Lost { fault: Fault::new(Exit::Lost, "session", cause), answer: None };
        let cut = match incoming.partial() {
            0 => String::new(),
            bytes if incoming.is_piecewise() => {
                format!(", {bytes} bytes into a message (passed on as they came)")
            }
            bytes => format!(", {bytes} bytes into a message (dropped)"),
        };
        match error {
            ReadError::Eof => lost(format!("the peer closed the connection without a Close{cut}")),
            ReadError::Io(error) => match tls::explain_io(&error) {
                Some(fault) => Self::Lost { fault, answer: None },
                None => lost(format!("the connection was lost: {}{cut}", plain(&error))),
            },
            ReadError::Engine(Error::Utf8(_)) => {
                let (code, reason) = code_and_reason(incoming.close());
                let described = close::describe(code, &reason);
                let cause = format!("the peer closed with {described}, and this reason is not UTF-8");
                Self::fatal(Exit::BadUtf8, cause, 1007)
            }
            ReadError::Text => {
                let fault = Fault::new(Exit::BadUtf8, "session", format!("the peer sent {error}"))
                    .hint("-vv to see what came, as hex: the peer sends bytes as text, which RFC 6455 forbids; let it send binary frames");
                Self::Lost { fault, answer: Some(1007) }
            }
            ReadError::TooLong { .. } => {
                let fault = Fault::new(Exit::TooBig, "session", format!("the peer sent {error}"))
                    .hint("raise it with --max-message");
                Self::Lost { fault, answer: Some(1009) }
            }
            ReadError::Memory(_) => {
                let hint = "allow less with --max-message, or give the process more memory";
                let fault = Fault::new(Exit::TooBig, "session", error.to_string()).hint(hint);
                Self::Lost { fault, answer: Some(1009) }
            }
            // Some answer corrupt data with 1007 as if a text were at fault; but it is the extension that is
            // broken.
            ReadError::Engine(_) | ReadError::Length | ReadError::LongForm | ReadError::Corrupt => {
                Self::fatal(Exit::Protocol, format!("the peer broke the WebSocket protocol: {error}"), 1002)
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

/// What the payload of a Close says; a body of a single byte has no code.
fn code_and_reason(close: &[u8]) -> (Option<u16>, String) {
    let code = close.first_chunk().map(|code| u16::from_be_bytes(*code));
    (code, String::from_utf8_lossy(close.get(2..).unwrap_or_default()).into_owned())
}
