//! One client's connection of HTTP, on the server's side, on hyper.
//!
//! hyper calls the service with each request's head, and the service's future does all that the answer needs.
//! The owner of the connection polls both at once, from one milestone to the next, each under its own deadline: a
//! request came, its answer is known, it has left whole. Only then is the next request read.

use super::{
    request_head::{MAX_FIELDS, MAX_HEAD},
    stall_timeout::{BodyProgress, Milestone, StallTimeout},
};
use crate::{
    net::{self, HeaderCase, Parting},
    site::Answer,
    stream::Stream,
};
use bytes::Bytes;
use hyper::{
    StatusCode,
    body::Incoming,
    header,
    http::request::Parts,
    server::conn::http1::{Builder, Connection},
    service::Service,
};
use hyper_util::rt::TokioIo;
use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, time::timeout};

/// Time limit for the end of a refused connection.
pub const FAREWELL: Duration = Duration::from_secs(1);

/// Bound on what waits to be written before more of a body is asked for, bytes.
const MAX_WAITING: usize = 64 * 1024;

/// Cause of an answer that nobody is there for.
const GONE: &str = "the client left";

/// A client that was not let in, and was answered where it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status it got; 0 when there was nobody to answer.
    pub status: u16,
    /// Why, for the log.
    pub cause: String,
    /// The request's target, empty when there was no request.
    pub target: String,
    /// It left without a byte, as the check of a load balancer does.
    pub is_silent: bool,
}

impl Refusal {
    /// A client that said something.
    pub fn new(status: u16, cause: &str, target: String) -> Self {
        Self { status, cause: cause.to_owned(), target, is_silent: false }
    }

    /// A client that left without a byte.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::new(0, "closed before a request", String::new()) }
    }
}

/// The end of a connection whose last answer has not left whole.
#[derive(Debug)]
pub enum Ended {
    /// No request came, or none that could be read.
    Unasked(Refusal),
    /// A request came, and its answer was stopped, with the cause for the log.
    Unanswered(String),
}

/// The future of an answer.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One client's connection, and the service that answers it.
pub struct HttpConnection<'a> {
    connection: Connection<TokioIo<HeaderCase<StallTimeout>>, Responder<'a>>,
    progress: Arc<BodyProgress>,
    /// The connection is over; its error, until that is told. hyper would begin again what it could not write.
    ended: Option<Option<hyper::Error>>,
    /// The client ended in the middle of a head.
    is_cut: bool,
}

/// Answers requests, and notes the progress of each.
struct Responder<'a> {
    respond: Box<dyn Fn(Parts) -> Answering<'a> + Send + 'a>,
    progress: Arc<BodyProgress>,
    /// The answer is 101.
    switches: Arc<AtomicBool>,
}

impl<'a> Service<hyper::Request<Incoming>> for Responder<'a> {
    type Response = Answer;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Answer>> + Send + 'a>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (progress, switches) = (Arc::clone(&self.progress), Arc::clone(&self.switches));
        progress.reach(Milestone::Asked);
        let version = request.version();
        // The body, if any, is not read: a request with one is refused.
        let answering = (self.respond)(request.into_parts().0);
        Box::pin(async move {
            let mut answer = answering.await;
            let is_switch = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            switches.store(is_switch, Ordering::Relaxed);
            // A client that has said all may wait for a page, but is none for a WebSocket.
            if is_switch && progress.is_shut() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // hyper would add to a `close` for an older client that it stays.
            if answer.headers().contains_key(header::CONNECTION) {
                *answer.version_mut() = version;
            }
            progress.reach(Milestone::Decided);
            Ok(answer.map(|body| body.telling(progress.given())))
        })
    }
}

impl<'a> HttpConnection<'a> {
    /// A connection whose first request was not read yet.
    pub fn new(stream: Stream, respond: impl Fn(Parts) -> Answering<'a> + Send + 'a) -> Self {
        let progress = Arc::<BodyProgress>::default();
        let mut builder = Builder::new();
        builder.max_headers(MAX_FIELDS).max_header_size(MAX_HEAD).max_buf_size(MAX_WAITING);
        builder.title_case_headers(true);
        let switches = Arc::default();
        let stream = StallTimeout::new(stream, Arc::clone(&progress));
        let io = TokioIo::new(HeaderCase::of_answers(stream, Arc::clone(&switches)));
        let responder = Responder { respond: Box::new(respond), progress: Arc::clone(&progress), switches };
        Self { connection: builder.serve_connection(io, responder), progress, ended: None, is_cut: false }
    }

    /// Serves until the request has come so far; once it is answered, `Asked` means the next one. Cancel-safe.
    ///
    /// # Errors
    /// How the connection ended before.
    pub async fn until(&mut self, milestone: Milestone) -> Result<(), Ended> {
        if milestone == Milestone::Asked && self.progress.has_reached(Milestone::Answered) {
            self.progress.reach(Milestone::Wanted);
        }
        let Self { connection, progress, ended, .. } = self;
        let reached = poll_fn(|cx| {
            if !progress.has_reached(milestone)
                && ended.is_none()
                && let Poll::Ready(end) = connection.poll_without_shutdown(cx)
            {
                *ended = Some(end.err());
            }
            match ended {
                _ if progress.has_reached(milestone) => Poll::Ready(Ok(())),
                Some(error) => Poll::Ready(Err(error.take())),
                None if progress.refused().is_some() => Poll::Ready(Err(None)),
                None => Poll::Pending,
            }
        });
        reached.await.map_err(|error| match self.progress.has_reached(Milestone::Asked) {
            true => Ended::Unanswered(error.map_or_else(|| GONE.to_owned(), |error| cause(&error))),
            false => Ended::Unasked(self.unasked(error)),
        })
    }

    /// Why no request came.
    fn unasked(&mut self, error: Option<hyper::Error>) -> Refusal {
        let is_silent = !self.progress.heard();
        if let Some(why) = self.progress.refused() {
            let (cause, target) = (why.cause.clone(), why.target.clone());
            return Refusal { status: why.status, cause, target, is_silent };
        }
        // One that has only shut its side still reads.
        self.is_cut = !is_silent && error.as_ref().is_some_and(hyper::Error::is_incomplete_message);
        let (status, cause) = match error {
            None => (0, "closed before a request"),
            Some(error) if error.is_parse_too_large() => (431, "the request's head is too large"),
            Some(error) if error.is_parse() => (400, "not a valid HTTP request"),
            Some(_) if self.is_cut => (400, "closed in the middle of a request"),
            Some(_) => (0, "connection lost before a request"),
        };
        Refusal { status, cause: cause.to_owned(), target: String::new(), is_silent }
    }

    /// True when the client has sent anything since its last request.
    pub fn heard(&self) -> bool {
        self.progress.heard()
    }

    /// Closes where no request could be read; answers where hyper did not.
    pub async fn refuse(self, refusal: Refusal) -> Refusal {
        match self.progress.refused().is_some() || self.is_cut {
            true => self.refuse_raw(refusal.status, &refusal.cause).await,
            false => self.leave().await,
        }
        refusal
    }

    /// Closes where no request came in time; gives that for the log.
    pub async fn time_out(self, text: &str, cause: &str) -> Refusal {
        self.refuse_raw(408, text).await;
        Refusal::new(408, cause, String::new())
    }

    /// Answers a client whose request was not read, and closes.
    async fn refuse_raw(self, status: u16, text: &str) {
        let mut stream = self.into_parts().0;
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let (reason, length) = (reason.unwrap_or(""), text.len() + 1);
        let answer = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{text}\n"
        );
        let _ = timeout(FAREWELL, stream.write_all(answer.as_bytes())).await;
        net::part(&mut stream, Parting::within(FAREWELL)).await;
    }

    /// Closes without another word.
    pub async fn leave(self) {
        net::part(&mut self.into_parts().0, Parting::within(FAREWELL)).await;
    }

    /// The transport, and what was read of it beyond the last request.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        let parts = self.connection.into_parts();
        let (stream, ahead) = parts.io.into_inner().into_inner().into_parts();
        let ahead = match parts.read_buf.is_empty() {
            true => ahead.freeze(),
            false => [&parts.read_buf[..], &ahead].concat().into(),
        };
        (stream, ahead)
    }
}

/// Why an answer stopped halfway.
fn cause(error: &hyper::Error) -> String {
    let mut below: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = below {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => {
                return "the client does not read".to_owned();
            }
            // Only what reads files gives its own words.
            Some(error) if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::UnexpectedEof => {
                return error.to_string();
            }
            _ => below = error.source(),
        }
    }
    match error.is_user() {
        true => "the file could not be read".to_owned(),
        false => GONE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{site::AnswerBody, stream::Transport};
    use std::task::Context;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex};

    /// A transport whose first write fails, and no other.
    struct FailsOnce(DuplexStream, bool);

    impl Transport for FailsOnce {}

    impl AsyncRead for FailsOnce {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for FailsOnce {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match std::mem::replace(&mut self.1, true) {
                true => Pin::new(&mut self.0).poll_write(cx, bytes),
                false => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn an_answer_that_could_not_be_written_is_not_begun_again() {
        for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::NOT_FOUND] {
            let (ours, mut theirs) = duplex(4096);
            let head = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            theirs.write_all(head.as_bytes()).await.unwrap();
            let answer = |_| -> Answering<'_> {
                Box::pin(async move {
                    let answer = hyper::Response::builder().status(status);
                    answer.header(header::CONNECTION, "Upgrade").body(AnswerBody::from("")).unwrap()
                })
            };
            let mut http = HttpConnection::new(Box::pin(FailsOnce(ours, false)), answer);
            // The error comes in the same poll as the decision, which is what is asked for first.
            http.until(Milestone::Decided).await.unwrap();
            let answered = http.until(Milestone::Answered).await;
            assert!(matches!(&answered, Err(Ended::Unanswered(cause)) if cause == GONE), "{answered:?}");
            assert!(http.until(Milestone::Answered).await.is_err());
            drop(http);
            let mut got = String::new();
            theirs.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, "");
        }
    }
}
