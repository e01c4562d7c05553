//! A client's visit: plain requests, as many as it has, and perhaps a WebSocket.
//!
//! Every request is read and judged here. One for a file or a page is answered in full before the next
//! one is read; one for a WebSocket ends the visit and becomes a [`Handshake`].

use super::{
    ServerOptions,
    http::{Http, Refusal},
    server::{Handshake, refuse_raw},
    validate::{Rejection, RequestKind, validate},
};
use crate::{site::Beside, stream::Stream, ws::deflate};
use hyper::{StatusCode, http::request::Parts};
use tokio::time::{Instant, timeout_at};

/// A client that may ask for something.
pub struct Visit<'a> {
    http: Http,
    options: &'a ServerOptions,
    secure: bool,
}

/// A client's next request, which waits for the answer.
pub enum Asked<'a> {
    /// A WebSocket.
    Socket(Box<Handshake>),
    /// A file or a page.
    Plain(Box<Plain<'a>>),
    /// Nothing more: it left, or was left because it did not ask in time.
    Nothing,
}

/// A request for a file or a page that waits for its answer.
pub struct Plain<'a> {
    visit: Visit<'a>,
    head: Parts,
}

impl<'a> Visit<'a> {
    /// A client whose first request was not read yet.
    pub fn new(stream: Stream, options: &'a ServerOptions, secure: bool) -> Self {
        Self { http: Http::new(stream), options, secure }
    }

    /// Reads a request and judges it; what is not let in is answered at once.
    ///
    /// # Errors
    /// Why the client is not let in.
    pub async fn asked(mut self, until: Instant) -> Result<Asked<'a>, Refusal> {
        let read = timeout_at(until, self.http.request()).await;
        // Browsers connect in advance, and keep a connection for what may come.
        if self.options.site.is_some() && !matches!(read, Ok(Ok(_))) && !self.http.heard() {
            self.http.leave().await;
            return Ok(Asked::Nothing);
        }
        let mut head = match read {
            Ok(Ok(head)) => head,
            Ok(Err(refusal)) => {
                match self.http.is_unanswered() {
                    true => refuse_raw(self.http.into_stream(), refusal.status, &refusal.cause).await,
                    false => self.http.leave().await,
                }
                return Err(refusal);
            }
            Err(_) => {
                let cause = "no request within --handshake-timeout".to_owned();
                refuse_raw(self.http.into_stream(), 408, "no request came in time").await;
                return Err(Refusal { status: 408, cause, target: String::new(), is_silent: false });
            }
        };
        match validate(&mut head, self.options, self.secure) {
            Ok(RequestKind::WebSocket(request, key)) => {
                let headers = self.options.headers.clone();
                let deflate = self.options.compress.then(|| deflate::accept(&request.headers)).flatten();
                let handshake = Handshake { http: self.http, request, key, headers, deflate, until };
                Ok(Asked::Socket(Box::new(handshake)))
            }
            Ok(RequestKind::Plain) => Ok(Asked::Plain(Box::new(Plain { visit: self, head }))),
            Err(rejection) => {
                let status = rejection.status.as_u16();
                let cause = match &rejection.remedy {
                    Some(remedy) => format!("{}: {remedy}", rejection.cause),
                    None => rejection.cause.clone(),
                };
                self.http.answer_and_leave(rejection.into_answer(), until).await;
                Err(Refusal { status, cause, target: target(&head), is_silent: false })
            }
        }
    }
}

impl Visit<'_> {
    /// Answers plain HTTP where TLS is spoken; gives why the client is not let in.
    pub async fn refuse_plain(mut self, until: Instant) -> Refusal {
        const ANSWER: &str = "The plain HTTP request was sent to HTTPS port: write https:// or wss:// in place of http:// or ws://";
        match timeout_at(until, self.http.request()).await {
            Ok(Ok(head)) => {
                let rejection = Rejection::new(StatusCode::BAD_REQUEST, ANSWER);
                self.http.answer_and_leave(rejection.into_answer(), until).await;
                let cause = "plain HTTP, and TLS is served here: connect to wss:// or https://".to_owned();
                Refusal { status: 400, cause, target: target(&head), is_silent: false }
            }
            Ok(Err(refusal)) => {
                refuse_raw(self.http.into_stream(), refusal.status, &refusal.cause).await;
                refusal
            }
            Err(_) => {
                let cause = "the handshake of TLS did not begin within --handshake-timeout".to_owned();
                refuse_raw(self.http.into_stream(), 408, ANSWER).await;
                Refusal { status: 408, cause, target: String::new(), is_silent: false }
            }
        }
    }
}

impl<'a> Plain<'a> {
    /// Answers with a status and one line, and closes.
    pub async fn refuse(self, status: u16, text: &str, until: Instant) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        self.visit.http.answer_and_leave(Rejection::new(status, text).into_answer(), until).await;
    }

    /// Answers; gives the line for the log and, when the connection is kept, the rest of the visit.
    ///
    /// There is no deadline: a download may take its time as long as the client reads.
    pub async fn answer(self, keep: bool) -> (String, Option<Visit<'a>>) {
        let Self { mut visit, head } = self;
        let asked = format!("{} {}", head.method, target(&head));
        let Some(site) = &visit.options.site else { return (asked, None) };
        let ServerOptions { paths, headers, access, .. } = visit.options;
        let reply = site.reply(&head, &Beside { paths, headers, origins: &access.origins }).await;
        let (status, length) = (reply.answer.status().as_u16(), reply.answer.body().left());
        let sent = visit.http.answer_whole(reply.answer, !keep).await;
        let line = match (&sent, reply.note) {
            (Err(cause), _) => format!("{asked} {status} incomplete: {cause}"),
            (Ok(()), Some(note)) => format!("{asked} {status}: {note}"),
            (Ok(()), None) if length == 0 => format!("{asked} {status}"),
            (Ok(()), None) => format!("{asked} {status} {length} bytes"),
        };
        (line, (sent.is_ok() && keep).then_some(visit))
    }
}

/// The request target, as it was sent.
fn target(head: &Parts) -> String {
    head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned())
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
    use std::time::Duration;
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
        let visit = Visit::new(Box::pin(ours), &options, false);
        let asked = visit.asked(start + options.handshake_timeout).await;
        let Ok(Asked::Plain(plain)) = asked else { panic!("a file is asked for") };
        let (line, rest) = plain.answer(true).await;
        assert_eq!(line, "GET /file 200 incomplete: the client does not read");
        assert!(rest.is_none());
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
        let serving = async {
            let visit = Visit::new(theirs, &options, true);
            let asked = visit.asked(Instant::now() + options.handshake_timeout).await;
            let Ok(Asked::Socket(handshake)) = asked else { panic!("a WebSocket is asked for") };
            handshake.accept(None).await.unwrap().stream
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
