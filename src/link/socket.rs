//! A WebSocket's ends in the session's words.

use crate::{
    close,
    exit::Exit,
    fault::Fault,
    session::{CloseWith, SinkFailure, SourceEnd},
    ws::conn,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Translates how a WebSocket ended into the session's words.
pub(super) fn web_socket_end(conn: &conn::Conn) -> Option<SourceEnd> {
    Some(match conn.end()?.clone() {
        conn::End::Close { code, reason } => {
            let described = close::describe(code, &reason);
            let advice = (code == Some(1009)).then(|| too_big(conn.largest())).flatten();
            SourceEnd::Close { code, reason, described, advice }
        }
        conn::End::Lost { fault, answer } => SourceEnd::Lost { fault, answer },
    })
}

/// Advice to the user when the peer found something too big (1009), by the largest that it was sent.
fn too_big(largest: conn::Largest) -> Option<String> {
    /// Frames that gateways and servers with a limit on them take, bytes.
    const USUAL: usize = 32 << 10;
    let conn::Largest { message, frame } = largest;
    let smaller = match frame {
        _ if message == 0 => return Some("-vv to see what the peer means: no message was sent".to_owned()),
        0..=1024 => return Some(format!("send messages of less than {message} bytes")),
        _ if frame > USUAL => USUAL,
        _ => frame.next_power_of_two() / 2,
    };
    Some(format!(
        "--max-frame {}k: the largest message sent had {message} bytes, the largest frame {frame}; or send smaller messages",
        smaller >> 10
    ))
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
