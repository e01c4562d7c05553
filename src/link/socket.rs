//! A WebSocket's ends in the session's words.

use crate::{
    exit::Exit,
    fault::Fault,
    session::{SinkFailure, SourceEnd},
    ws::{codes, conn},
};

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

pub(super) fn transport_failure(error: std::io::Error) -> SinkFailure {
    SinkFailure::Failed(Fault::new(
        Exit::Lost,
        "session",
        format!("the connection was lost while sending: {error}"),
    ))
}
