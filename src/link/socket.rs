//! A WebSocket's ends in the session's words.

use crate::{
    exit::Exit,
    fault::Fault,
    session::{CloseWith, SinkFailure, SourceEnd},
    ws::{codes, conn},
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// How a WebSocket's source ended, in the session's words.
pub(super) fn web_socket_end(end: conn::End) -> SourceEnd {
    match end {
        conn::End::Close { code, reason } => {
            let described = codes::describe(code, &reason);
            SourceEnd::Close { code, reason, described }
        }
        conn::End::Lost { fault, answer } => SourceEnd::Lost { fault, answer },
    }
}

/// A Close that stands in the input; `hangup` is at once.
pub(super) fn asked(frame: Option<CloseFrame>, hangup: bool) -> SourceEnd {
    let close = match frame {
        Some(frame) => CloseWith { code: Some(frame.code.into()), reason: frame.reason.to_string() },
        None => CloseWith { code: None, reason: String::new() },
    };
    SourceEnd::Asked { close, hangup }
}

pub(super) fn transport_failure(error: std::io::Error) -> SinkFailure {
    SinkFailure::Failed(Fault::new(
        Exit::Lost,
        "session",
        format!("the connection was lost while sending: {error}"),
    ))
}
