//! The server's side of the opening handshake (RFC 6455 section 4.2), in two steps.
//!
//! First the request is read and judged, then whoever owns it answers: what a client is joined to is
//! opened in between, so that a target that cannot be reached is a 502 and not an open and lost
//! WebSocket. hyper reads and writes HTTP; between the two steps its connection waits. The first step is
//! a [`Visit`], in which a client may ask for files and pages before; the second one is here.

pub use super::{
    http::Refusal,
    validate::{Request, choose_subprotocol},
    visit::{Asked, Plain, Visit},
};

use super::{
    Upgraded,
    http::{FAREWELL, Http},
    tokens::accept_value,
    validate::Rejection,
};
use crate::{
    exit::Exit,
    fault::{Fault, HttpAnswer, Result},
    net::{self, Parting},
    site::Answer,
    stream::Stream,
    ws::conn::Agreed,
};
use hyper::{
    StatusCode,
    ext::ReasonPhrase,
    header::{self, HeaderName, HeaderValue},
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout, timeout_at},
};

/// A valid request for a WebSocket that waits for its answer.
pub struct Handshake {
    pub(super) http: Http,
    pub(super) request: Box<Request>,
    pub(super) key: Vec<u8>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) deflate: Option<Agreed>,
    pub(super) until: Instant,
}

impl Handshake {
    /// The client's request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Answers 101 and hands the stream over.
    ///
    /// # Errors
    /// Exit 56 when the client left first, 28 when it does not read the answer.
    pub async fn accept(mut self, subprotocol: Option<&str>) -> Result<Upgraded> {
        let mut answer = Answer::new("".into());
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
        let response = answer.headers().clone();
        match timeout_at(self.until, self.http.answer(answer)).await {
            Ok(true) => {}
            Ok(false) => return Err(lost("the client left before it was answered")),
            Err(_) => {
                return Err(Fault::new(Exit::Deadline, "upgrade", "the client does not read its answer"));
            }
        }
        let (stream, read_ahead) = self.http.into_parts();
        Ok(Upgraded {
            stream,
            read_ahead,
            subprotocol: subprotocol.map(str::to_owned),
            deflate: self.deflate,
            request: self.request.headers,
            response,
        })
    }

    /// Answers with a status and one line, and closes.
    pub async fn refuse(self, status: u16, text: &str) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let until = self.until.max(Instant::now() + FAREWELL);
        self.http.answer_and_leave(Rejection::new(status, text).into_answer(), until).await;
    }

    /// Answers as the server behind us answered us, and closes.
    pub async fn pass_on(self, answer: HttpAnswer) {
        let until = self.until.max(Instant::now() + FAREWELL);
        self.http.answer_and_leave(passed_on(answer), until).await;
    }
}

/// An answer as it was given to us, without what belongs to one connection (RFC 9110 section 7.6.1).
fn passed_on(answer: HttpAnswer) -> Answer {
    const HOP: [HeaderName; 6] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::TE,
        header::TRAILER,
        header::PROXY_AUTHENTICATE,
    ];
    let mut passed = Answer::new(answer.body.into());
    *passed.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if let Some(reason) =
        ReasonPhrase::try_from(answer.reason).ok().filter(|reason| !reason.as_bytes().is_empty())
    {
        passed.extensions_mut().insert(reason);
    }
    for (name, value) in answer.fields {
        let field = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = field
            && !HOP.contains(&name)
            && name != "keep-alive"
        {
            passed.headers_mut().append(name, value);
        }
    }
    passed.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    passed
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
    net::part(&mut stream, Parting::within(FAREWELL)).await;
}
