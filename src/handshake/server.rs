//! The server's side of the opening handshake (RFC 6455 section 4.2): what a request is answered with.
//!
//! Between the check of a request and its 101 the service of an [`HttpConnection`] opens what the client is
//! joined to, so that a target that cannot be reached is a 502 and not an open and lost WebSocket.

pub use super::{
    http::{Answering, Ended, FAREWELL, HttpConnection, Refusal},
    stall_timeout::Milestone,
    validate::{Rejection, Request, RequestKind, choose_subprotocol, validate},
};
pub use hyper::http::request::Parts as Head;

use super::{ServerOptions, Upgraded, tokens::accept_value};
use crate::{
    fault::HttpAnswer,
    observe::Redactor,
    site::{Answer, Beside, Site},
    stream::Stream,
    ws::{conn::Agreed, deflate},
};
use hyper::{
    StatusCode,
    ext::ReasonPhrase,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use std::sync::OnceLock;
use tokio::time::{Instant, timeout_at};

/// A valid request for a WebSocket, and what it is answered with.
pub struct Handshake {
    /// The client's request.
    pub request: Box<Request>,
    key: Vec<u8>,
    subprotocol: Option<String>,
    deflate: Option<Agreed>,
    response: HeaderMap,
}

impl Handshake {
    /// The handshake that a valid request begins.
    pub fn new(request: Box<Request>, key: Vec<u8>, options: &ServerOptions) -> Self {
        let deflate = options.compress.then(|| deflate::accept(&request.headers)).flatten();
        Self { request, key, subprotocol: None, deflate, response: HeaderMap::new() }
    }

    /// The 101.
    pub fn accept(&mut self, subprotocol: Option<String>, options: &ServerOptions) -> Answer {
        let mut answer = Answer::new("".into());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        for (name, value) in &options.headers {
            headers.append(name, value.clone());
        }
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let fields = [
            (header::SEC_WEBSOCKET_ACCEPT, Some(accept_value(&self.key))),
            (header::SEC_WEBSOCKET_PROTOCOL, subprotocol.clone()),
            (header::SEC_WEBSOCKET_EXTENSIONS, self.deflate.map(|agreed| agreed.to_string())),
        ];
        for (name, value) in fields {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
        self.response = headers.clone();
        self.subprotocol = subprotocol;
        answer
    }

    /// The stream after the 101.
    pub fn upgraded(self, http: HttpConnection) -> Upgraded {
        let (stream, read_ahead) = http.into_parts();
        let Self { request, subprotocol, deflate, response, .. } = self;
        Upgraded { stream, read_ahead, subprotocol, deflate, request: request.headers, response }
    }
}

/// The line of the log about a file or a page, which says at last whether it left whole.
#[derive(Clone)]
pub struct ReplyLine {
    /// Method and target, then the status.
    begun: String,
    /// The end of the line when the answer left whole.
    whole: String,
}

impl ReplyLine {
    /// The line of a request that was not answered yet.
    pub fn new(head: &Head, redactor: &Redactor) -> Self {
        Self { begun: format!("{} {}", head.method, redactor.url(&target(head))), whole: String::new() }
    }

    /// Finds the answer, the last one on its connection unless that is kept.
    pub async fn reply(
        mut self,
        head: &Head,
        site: &Site,
        options: &ServerOptions,
        keep: bool,
    ) -> (Answer, Self) {
        let ServerOptions { paths, headers, access, .. } = options;
        let mut reply = site.reply(head, &Beside { paths, headers, origins: &access.origins }).await;
        self.begun += &format!(" {}", reply.answer.status().as_u16());
        self.whole = match (reply.note, reply.answer.body().left()) {
            (Some(note), _) => format!(": {note}"),
            (None, 0) => String::new(),
            (None, length) => format!(" {length} bytes"),
        };
        if !keep {
            reply.answer.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
        }
        (reply.answer, self)
    }

    /// The line of an answer that left whole, or did not.
    pub fn text(&self, answered: &Result<(), Ended>) -> String {
        let Self { begun, whole } = self;
        match answered {
            Err(Ended::Unanswered(cause)) => format!("{begun} incomplete: {cause}"),
            _ => format!("{begun}{whole}"),
        }
    }
}

/// Answers plain HTTP where TLS is spoken; gives why the client is not let in.
pub async fn refuse_plain(stream: Stream, until: Instant) -> Refusal {
    const TEXT: &str = "The plain HTTP request was sent to HTTPS port: write https:// or wss:// in place of http:// or ws://";
    let asked = OnceLock::new();
    let mut http = HttpConnection::new(stream, |head| {
        let _ = asked.set(target(&head));
        Box::pin(async { refuse(400, TEXT) })
    });
    match timeout_at(until, http.until(Milestone::Answered)).await {
        Ok(Err(Ended::Unasked(refusal))) => return http.refuse(refusal).await,
        Err(_) if asked.get().is_none() => {
            return http
                .time_out(TEXT, "the handshake of TLS did not begin within --handshake-timeout")
                .await;
        }
        _ => http.leave().await,
    }
    let cause = "plain HTTP, and TLS is served here: connect to wss:// or https://";
    Refusal::new(400, cause, asked.into_inner().unwrap_or_default())
}

/// Answers with a status and one line.
pub fn refuse(status: u16, text: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Rejection::new(status, text).into_answer()
}

/// The request target, as it was sent.
pub fn target(head: &Head) -> String {
    head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned())
}

/// An answer as it was given to us, without what belongs to one connection (RFC 9110 section 7.6.1).
pub fn passed_on(answer: HttpAnswer) -> Answer {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        framing::record::Facts,
        handshake::{AccessPolicy, ClientOptions, WsUrl, client, logged, stall_timeout::STALL},
        observe::{LogScope, Redactor, Reporter, Verbosity},
        site::Site,
        stream::SocketRef,
        tls::{Acceptor, ClientTls, Connector, Identity, ServerTls},
    };
    use std::{sync::Mutex, time::Duration};
    use tokio::io::{AsyncWriteExt, duplex};

    fn options(site: Option<Site>) -> ServerOptions {
        ServerOptions {
            compress: false,
            paths: Vec::new(),
            subprotocols: Vec::new(),
            headers: Vec::new(),
            access: AccessPolicy::default(),
            handshake_timeout: Duration::from_secs(10),
            site,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), vec![0; 1_000_000]).unwrap();
        let options = options(Some(Site::Folder { path: folder.path().to_owned(), console: false }));
        let (ours, mut theirs) = duplex(4096);
        theirs.write_all(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let start = Instant::now();
        let last = OnceLock::new();
        let respond = async |head: Head| {
            let site = options.site.as_ref().unwrap();
            let line = ReplyLine::new(&head, &Redactor::default());
            let (answer, line) = line.reply(&head, site, &options, true).await;
            last.set(line).ok().unwrap();
            answer
        };
        let mut http = HttpConnection::new(Box::pin(ours), |head| Box::pin(respond(head)));
        let answered = http.until(Milestone::Answered).await;
        let line = last.get().unwrap().text(&answered);
        assert_eq!(line, "GET /file 200 incomplete: the client does not read");
        assert!((STALL..STALL * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn after_the_upgrade_both_sides_still_know_their_socket() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        let server = ServerTls { identity: Identity::SelfSigned, client_ca: None, pass: None };
        let acceptor = Acceptor::new(&server, None, None).unwrap();
        let connector = Connector::new(&ClientTls { insecure: true, ..ClientTls::default() }).unwrap();
        let (ours, theirs) =
            tokio::join!(connector.connect(Box::pin(ours), "localhost"), acceptor.accept(Box::pin(theirs)));
        let reporter = Reporter::new(std::io::sink(), Verbosity::Verbose);
        let told = LogScope { reporter, redactor: Redactor::default(), prefix: String::new() };
        let (ours, theirs) = (logged(&told, ours.unwrap().0, false), logged(&told, theirs.unwrap(), true));
        let options = options(None);
        let asked = Mutex::new(None);
        let respond = async |mut head: Head| {
            let Ok(RequestKind::WebSocket(request, key)) = validate(&mut head, &options, true) else {
                panic!("a WebSocket is asked for")
            };
            let mut handshake = Handshake::new(request, key, &options);
            let answer = handshake.accept(None, &options);
            *asked.lock().unwrap() = Some(handshake);
            answer
        };
        let serving = async {
            let mut http = HttpConnection::new(theirs, |head| Box::pin(respond(head)));
            http.until(Milestone::Answered).await.unwrap();
            let handshake = asked.lock().unwrap().take().unwrap();
            handshake.upgraded(http).stream
        };
        let url = WsUrl::parse("wss://localhost/").unwrap();
        let asking = async {
            let redactor = Redactor::default();
            match client::upgrade(ours, &url, &ClientOptions::default(), &redactor, &mut Facts::default())
                .await
                .unwrap()
            {
                client::Answer::Open(upgraded) => upgraded.stream,
                client::Answer::Moved(..) => panic!("no redirect"),
            }
        };
        let (ours, theirs) = tokio::join!(asking, serving);
        for stream in [ours, theirs] {
            let beneath = stream.beneath();
            assert!(beneath.is_encrypted && matches!(beneath.socket, Some(SocketRef::Tcp(_))));
            assert_eq!(stream.backlog().is_some(), cfg!(any(target_os = "linux", target_vendor = "apple")));
        }
    }
}
