//! The server's side of the opening handshake (RFC 6455 section 4.2), in two steps.
//!
//! First the request is read and judged, then whoever owns it answers: what a client is joined to is
//! opened in between, so that a target that cannot be reached is a 502 and not an open and lost
//! WebSocket. hyper reads and writes HTTP; between the two steps its connection waits.

pub use super::judge::{Request, choose_subprotocol};

use super::{
    ServerOptions, Upgraded,
    conn::Agreed,
    deflate,
    judge::{Answer, Verdict, judge},
    taster::Taster,
    tokens::accept_value,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::{self, Stream},
};
use http_body_util::Full;
use hyper::{
    StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
    server::conn::http1::{Builder, Connection},
    service::Service,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

/// Bound on the head of a request, bytes.
const MAX_HEAD: usize = 32 * 1024;
/// Bound on its header fields.
const MAX_FIELDS: usize = 100;
/// How long the end of a refused connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A client that was not let in, and was answered where it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status it got; 0 when there was nobody to answer.
    pub status: u16,
    /// Why, for the log.
    pub cause: String,
    /// The request's target, empty when there was no request.
    pub target: String,
}

/// A valid request for a WebSocket that waits for its answer.
pub struct Handshake {
    http: Http,
    request: Request,
    key: Vec<u8>,
    headers: Vec<(HeaderName, HeaderValue)>,
    deflate: Option<Agreed>,
    until: Instant,
}

impl Handshake {
    /// Reads a request and judges it; what is not a WebSocket's is answered at once.
    ///
    /// # Errors
    /// Why the client is not let in.
    pub async fn read(
        stream: Stream,
        options: &ServerOptions,
        secure: bool,
        until: Instant,
    ) -> Result<Self, Refusal> {
        let mut http = Http::new(stream);
        let Ok(read) = timeout_at(until, http.request()).await else {
            let cause = "no request within --handshake-timeout".to_owned();
            refuse_raw(http.into_stream(), 408, "no request came in time").await;
            return Err(Refusal { status: 408, cause, target: String::new() });
        };
        let head = match read {
            Ok(head) => head,
            Err(refusal) => {
                linger(http.into_stream()).await;
                return Err(refusal);
            }
        };
        let target = head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned());
        match judge(&head, options, secure) {
            Ok((request, key)) => {
                let deflate = if options.compress { deflate::accept(&request.headers) } else { None };
                Ok(Self { http, request, key, headers: options.headers.clone(), deflate, until })
            }
            Err(verdict) => {
                let status = verdict.status.as_u16();
                let cause = match &verdict.remedy {
                    Some(remedy) => format!("{}: {remedy}", verdict.cause),
                    None => verdict.cause.clone(),
                };
                http.answer_and_leave(verdict.into_answer(), until).await;
                Err(Refusal { status, cause, target })
            }
        }
    }

    /// What the client asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Answers 101 and hands the stream over.
    ///
    /// # Errors
    /// Exit 56 when the client left first, 28 when it does not read the answer.
    pub async fn accept(mut self, subprotocol: Option<&str>) -> Result<Upgraded> {
        let mut answer = Answer::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let lost = |cause: &str| Fault::new(Exit::Lost, "upgrade", cause);
        if let Ok(accept) = HeaderValue::try_from(accept_value(&self.key)) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(name) = subprotocol {
            let name = HeaderValue::from_str(name).map_err(|_| lost("the subprotocol is not a token"))?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        if let Some(Ok(agreed)) = self.deflate.map(|agreed| HeaderValue::try_from(agreed.to_string())) {
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, agreed);
        }
        match timeout_at(self.until, self.http.answer(answer)).await {
            Ok(true) => {}
            Ok(false) => return Err(lost("the client left before it was answered")),
            Err(_) => {
                return Err(Fault::new(Exit::Deadline, "upgrade", "the client does not read its answer"));
            }
        }
        let parts = self.http.connection.into_parts();
        Ok(Upgraded {
            stream: parts.io.into_inner().into_stream(),
            read_ahead: parts.read_buf,
            subprotocol: subprotocol.map(str::to_owned),
            deflate: self.deflate,
        })
    }

    /// Answers with a status and one line, and closes.
    pub async fn refuse(self, status: u16, text: &str) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let until = self.until.max(Instant::now() + FAREWELL);
        self.http.answer_and_leave(Verdict::new(status, text).into_answer(), until).await;
    }
}

/// Answers a client whose request was not read, and closes.
pub async fn refuse_raw(mut stream: Stream, status: u16, text: &str) {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let length = text.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{text}\n"
    );
    let _ = timeout(FAREWELL, stream.write_all(answer.as_bytes())).await;
    linger(stream).await;
}

async fn linger(mut stream: Stream) {
    net::lingering_close(&mut stream, FAREWELL).await;
}

/// hyper's connection and the two ends of its one exchange.
struct Http {
    connection: Connection<TokioIo<Taster>, Desk>,
    requests: oneshot::Receiver<Parts>,
    answers: Option<oneshot::Sender<Answer>>,
}

/// Hands the one request out and waits for its answer.
struct Desk(Mutex<Option<(oneshot::Sender<Parts>, oneshot::Receiver<Answer>)>>);

impl Service<hyper::Request<Incoming>> for Desk {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let unanswered = || Verdict::new(StatusCode::SERVICE_UNAVAILABLE, "no answer").into_answer();
            let Some((requests, answers)) = ends else { return Ok(unanswered()) };
            // The body, if any, is not read: a request with one is refused.
            let _ = requests.send(request.into_parts().0);
            Ok(answers.await.unwrap_or_else(|_| unanswered()))
        })
    }
}

impl Http {
    fn new(stream: Stream) -> Self {
        let (send_request, requests) = oneshot::channel();
        let (answers, receive_answer) = oneshot::channel();
        let desk = Desk(Mutex::new(Some((send_request, receive_answer))));
        let mut builder = Builder::new();
        builder.max_headers(MAX_FIELDS).max_header_size(MAX_HEAD).keep_alive(false).title_case_headers(true);
        let connection = builder.serve_connection(TokioIo::new(Taster::new(stream)), desk);
        Self { connection, requests, answers: Some(answers) }
    }

    /// The head of the request; hyper answered already when there is an error.
    async fn request(&mut self) -> Result<Parts, Refusal> {
        let Self { connection, requests, .. } = self;
        let ended = poll_fn(|cx| {
            let ended = connection.poll_without_shutdown(cx);
            match (Pin::new(&mut *requests).poll(cx), ended) {
                (Poll::Ready(Ok(head)), _) => Poll::Ready(Ok(head)),
                (_, Poll::Ready(ended)) => Poll::Ready(Err(ended)),
                (_, Poll::Pending) => Poll::Pending,
            }
        });
        let refusal =
            |status, cause: &str| Refusal { status, cause: cause.to_owned(), target: String::new() };
        match ended.await {
            Ok(head) => Ok(head),
            Err(Ok(())) => Err(refusal(0, "closed before a request")),
            Err(Err(error)) if error.is_parse_too_large() => {
                Err(refusal(431, "the request's head is too large"))
            }
            Err(Err(error)) if error.is_parse() => Err(refusal(400, "not a valid HTTP request")),
            Err(Err(error)) if error.is_incomplete_message() => {
                Err(refusal(0, "closed in the middle of a request"))
            }
            Err(Err(_)) => Err(refusal(0, "connection lost before a request")),
        }
    }

    /// Gives the answer and waits until it is written; false when the client is gone.
    async fn answer(&mut self, answer: Answer) -> bool {
        let Some(answers) = self.answers.take() else { return false };
        if answers.send(answer).is_err() {
            return false;
        }
        poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await.is_ok()
    }

    async fn answer_and_leave(mut self, answer: Answer, until: Instant) {
        let _ = timeout_at(until, self.answer(answer)).await;
        linger(self.into_stream()).await;
    }

    fn into_stream(self) -> Stream {
        self.connection.into_parts().io.into_inner().into_stream()
    }
}
