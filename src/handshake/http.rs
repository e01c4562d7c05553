//! hyper's connection on the server's side, turned inside out: requests are taken, answers are given.
//!
//! hyper calls a service and waits for it; here whoever owns the connection asks for the next request,
//! does what it has to in its own time, and gives the answer. In between hyper's connection waits.

use super::{
    request_head::{MAX_FIELDS, MAX_HEAD},
    stall_timeout::{BodyProgress, StallTimeout},
    validate::Rejection,
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
    http::request::Parts,
    server::conn::http1::{Builder, Connection},
    service::Service,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible, error::Error, future::poll_fn, io, pin::Pin, sync::Arc, task::Poll, time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

/// Time limit for the end of a refused connection.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

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
    /// A client that could not be answered.
    pub fn unanswered(cause: String) -> Self {
        Self { status: 0, cause, target: String::new(), is_silent: false }
    }

    /// A client that left without a byte.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::unanswered("closed before a request".to_owned()) }
    }
}

/// Bound on what waits to be written before more of a body is asked for, bytes.
const MAX_WAITING: usize = 64 * 1024;

/// One client's connection.
pub(super) struct Http {
    connection: Connection<TokioIo<HeaderCase<StallTimeout>>, RequestChannel>,
    requests: mpsc::UnboundedReceiver<Asked>,
    /// Takes the answer to the request that was handed out last.
    answers: Option<oneshot::Sender<Answer>>,
    progress: Arc<BodyProgress>,
    /// The client ended in the middle of a head.
    is_cut: bool,
}

/// A request's head and where its answer goes.
type Asked = (Parts, oneshot::Sender<Answer>);

/// Hands requests out, one at a time, and waits for their answers.
struct RequestChannel(mpsc::UnboundedSender<Asked>, Arc<BodyProgress>);

impl Service<hyper::Request<Incoming>> for RequestChannel {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        self.1.ask(true);
        // The body, if any, is not read: a request with one is refused.
        let _ = self.0.send((request.into_parts().0, answer));
        Box::pin(async move {
            let unanswered = |_| Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "no answer").into_answer();
            Ok(answered.await.unwrap_or_else(unanswered))
        })
    }
}

impl Http {
    pub(super) fn new(stream: Stream) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let progress = Arc::<BodyProgress>::default();
        let mut builder = Builder::new();
        builder.max_headers(MAX_FIELDS).max_header_size(MAX_HEAD).max_buf_size(MAX_WAITING);
        builder.title_case_headers(true);
        let io = TokioIo::new(HeaderCase(StallTimeout::new(stream, Arc::clone(&progress))));
        Self {
            connection: builder.serve_connection(io, RequestChannel(sender, Arc::clone(&progress))),
            requests,
            answers: None,
            progress,
            is_cut: false,
        }
    }

    /// The head of the next request; hyper answered already when there is an error, but for one that
    /// [`is_unanswered`](Self::is_unanswered).
    pub(super) async fn request(&mut self) -> Result<Parts, Refusal> {
        let Self { connection, requests, progress, .. } = self;
        progress.want();
        let ended = poll_fn(|cx| {
            let ended = connection.poll_without_shutdown(cx);
            match (requests.poll_recv(cx), ended) {
                (Poll::Ready(Some(asked)), _) => Poll::Ready(Ok(asked)),
                _ if progress.is_refused() => Poll::Ready(Err(Ok(()))),
                (_, Poll::Ready(ended)) => Poll::Ready(Err(ended)),
                (_, Poll::Pending) => Poll::Pending,
            }
        });
        let ended = ended.await;
        let is_silent = !self.progress.heard();
        let refusal = |status, cause: &str| Refusal {
            status,
            cause: cause.to_owned(),
            target: String::new(),
            is_silent,
        };
        if let (Err(_), Some(why)) = (&ended, self.progress.refused()) {
            let (cause, target) = (why.cause.clone(), why.target.clone());
            return Err(Refusal { status: why.status, cause, target, is_silent });
        }
        match ended {
            Ok((head, answers)) => {
                self.answers = Some(answers);
                Ok(head)
            }
            Err(Ok(())) => Err(refusal(0, "closed before a request")),
            Err(Err(error)) if error.is_parse_too_large() => {
                Err(refusal(431, "the request's head is too large"))
            }
            Err(Err(error)) if error.is_parse() => Err(refusal(400, "not a valid HTTP request")),
            Err(Err(error)) if error.is_incomplete_message() && !is_silent => {
                // One that has only shut its side still reads.
                self.is_cut = true;
                Err(refusal(400, "closed in the middle of a request"))
            }
            Err(Err(_)) => Err(refusal(0, "connection lost before a request")),
        }
    }

    /// True when the last request was refused before hyper could answer it.
    pub(super) fn is_unanswered(&self) -> bool {
        self.progress.is_refused() || self.is_cut
    }

    /// True when the client has sent anything since the last answer began.
    pub(super) fn heard(&self) -> bool {
        self.progress.heard()
    }

    /// Gives the last answer and waits until it is written; false when the client is gone, or has said all.
    pub(super) async fn answer(&mut self, answer: Answer) -> bool {
        self.progress.ask(false);
        self.give(answer).await
    }

    async fn give(&mut self, answer: Answer) -> bool {
        // It would add `close` to the field that has to be `Upgrade` alone: some clients compare all of it.
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            Pin::new(&mut self.connection).graceful_shutdown();
        }
        let Some(answers) = self.answers.take() else { return false };
        if answers.send(answer).is_err() {
            return false;
        }
        poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await.is_ok()
    }

    /// Gives an answer after which another request may come, unless it is the last; waits until all of it
    /// has left.
    ///
    /// # Errors
    /// Why it did not leave whole, for the log.
    pub(super) async fn answer_whole(&mut self, answer: Answer, last: bool) -> Result<(), String> {
        const GONE: &str = "the client left";
        if last {
            Pin::new(&mut self.connection).graceful_shutdown();
        }
        self.progress.reset();
        let given = self.progress.given();
        let answer = answer.map(|body| body.telling(given));
        let answers = self.answers.take().ok_or(GONE)?;
        answers.send(answer).map_err(|_| GONE)?;
        let ended = poll_fn(|cx| match (self.connection.poll_without_shutdown(cx), self.progress.sent()) {
            (Poll::Ready(Ok(())) | Poll::Pending, true) => Poll::Ready(Ok(())),
            (Poll::Ready(Ok(())), false) => Poll::Ready(Err(GONE.to_owned())),
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(cause(&error))),
            (Poll::Pending, false) => Poll::Pending,
        });
        let ended = ended.await;
        self.progress.ask(false);
        ended
    }

    /// Gives an answer that nothing comes after, and closes.
    pub(super) async fn answer_and_leave(mut self, answer: Answer, until: Instant) {
        let _ = timeout_at(until, self.give(answer)).await;
        self.leave().await;
    }

    /// Closes without another word.
    pub(super) async fn leave(self) {
        net::part(&mut self.into_stream(), Parting::within(FAREWELL)).await;
    }

    pub(super) fn into_stream(self) -> Stream {
        self.into_parts().0
    }

    /// The transport, and what was read of it beyond the last request.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        let parts = self.connection.into_parts();
        let (stream, ahead) = parts.io.into_inner().0.into_parts();
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
        false => "the client left".to_owned(),
    }
}
