//! One HTTP/1.1 request over a stream that is wanted back afterwards: an upgrade, or CONNECT.
//!
//! hyper writes the request and reads the answer, with its limits and 1xx rules; then it gives the
//! stream back with what it had already read.

use super::spelling::Spelled;
use crate::observe::Redactor;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    HeaderMap, Request, Response, StatusCode, Version,
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// How much of a refusal's body is shown, bytes.
const SHOWN_BODY: usize = 4096;
/// How much of it is read: a relay passes it on.
const READ_BODY: usize = 64 * 1024;
/// How long the body of a refusal is waited for.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// hyper's connection, which only moves while it is polled.
pub struct Exchange<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    sender: SendRequest<Empty<Bytes>>,
    connection: Connection<TokioIo<Spelled<T>>, Empty<Bytes>>,
    done: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Exchange<T> {
    /// Takes a stream over.
    ///
    /// # Errors
    /// hyper's.
    pub async fn over(stream: T) -> hyper::Result<Self> {
        let mut builder = Builder::new();
        // Some servers compare header names by case.
        builder.title_case_headers(true);
        let (sender, connection) = builder.handshake(TokioIo::new(Spelled(stream))).await?;
        Ok(Self { sender, connection, done: false })
    }

    /// Sends the request and reads the head of the answer.
    ///
    /// # Errors
    /// hyper's.
    pub async fn ask(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        drive(&mut self.connection, &mut self.done, answer).await
    }

    /// As much of the body as is of use, and not one second longer than it comes.
    pub async fn body(&mut self, mut body: Incoming) -> Vec<u8> {
        let mut bytes = Vec::new();
        let all = async {
            while let Some(Ok(frame)) = body.frame().await {
                bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if bytes.len() > READ_BODY {
                    break;
                }
            }
        };
        let _ = drive(&mut self.connection, &mut self.done, tokio::time::timeout(BODY_WAIT, all)).await;
        bytes.truncate(READ_BODY);
        bytes
    }

    /// The stream after an answer that switched protocols, and what was read beyond that answer.
    ///
    /// # Errors
    /// hyper's.
    pub async fn switched(mut self) -> hyper::Result<(T, Bytes)> {
        // The answer came while the connection was still at work: let it come to rest.
        if !self.done {
            poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner().0, parts.read_buf))
    }

    /// The stream, in whatever state it is.
    pub fn into_stream(self) -> T {
        self.connection.into_parts().io.into_inner().0
    }
}

/// Runs a future while the connection does its work.
async fn drive<T: AsyncRead + AsyncWrite + Unpin + Send + 'static, O>(
    connection: &mut Connection<TokioIo<Spelled<T>>, Empty<Bytes>>,
    done: &mut bool,
    future: impl Future<Output = O>,
) -> O {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // An error of the connection reaches the future too.
        *done = *done || connection.poll_without_shutdown(cx).is_ready();
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The head of an answer without its secrets, a line each.
pub fn head_lines(
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
    redactor: &Redactor,
) -> Vec<String> {
    let mut lines = vec![format!("{version:?} {}", status_text(status))];
    lines.extend(headers.iter().map(|(name, value)| {
        format!("{name}: {}", redactor.field(name.as_str(), &String::from_utf8_lossy(value.as_bytes())))
    }));
    lines
}

/// Head and body of a refusal, a line each.
pub fn refusal_lines(head: &hyper::http::response::Parts, body: &[u8], redactor: &Redactor) -> Vec<String> {
    let mut lines = head_lines(head.version, head.status, &head.headers, redactor);
    if !body.is_empty() {
        lines.push(String::new());
        let shown = &body[..body.len().min(SHOWN_BODY)];
        lines.extend(String::from_utf8_lossy(shown).lines().map(str::to_owned));
        if shown.len() < body.len() {
            lines.push("…".to_owned());
        }
    }
    lines
}

/// Such as `404 Not Found`.
pub fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// `sec-websocket-key` as `Sec-WebSocket-Key`, the way it goes on the wire.
pub fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let title = name.split('-').map(word).collect::<Vec<_>>().join("-");
    match title.strip_prefix("Sec-Websocket-") {
        Some(rest) => format!("Sec-WebSocket-{rest}"),
        None => title,
    }
}
