//! `ws:`, `wss:`, `ws+unix:` and the listening forms: endpoints that speak WebSocket.

use super::{Acceptor, Endpoint, Opened, OpenedLink, Opening, Opens, Reach, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::Link,
    net::{self, Dialed, ListenAddr, Listener},
    tls,
    ws::{
        ServerOptions, Upgraded, WsUrl, client,
        conn::{Conn, Part},
        server::{Handshake, Refusal},
    },
};

pub(super) const WS: Scheme = Scheme {
    name: "ws",
    form: "ws://HOST[:80]/PATH",
    example: "ws://127.0.0.1:8080/feed?x=1",
    summary: "WebSocket client",
    a: true,
    b: true,
    parse: url,
};

pub(super) const WSS: Scheme = Scheme {
    name: "wss",
    form: "wss://HOST[:443]/PATH",
    example: "wss://example.com/feed",
    summary: "WebSocket client over TLS",
    a: true,
    b: true,
    parse: url,
};

pub(super) const WS_UNIX: Scheme = Scheme {
    name: "ws+unix",
    form: "ws+unix:/PATH[:/URI]",
    example: "ws+unix:/run/app.sock:/events",
    summary: "WebSocket client over a Unix socket",
    a: true,
    b: true,
    parse: url,
};

pub(super) const WS_LISTEN: Scheme = Scheme {
    name: "ws-listen",
    form: "ws-listen:ADDR",
    example: "ws-listen:127.0.0.1:8080",
    summary: "WebSocket server, one bridge per client",
    a: true,
    b: false,
    parse: |text| listening(text, false),
};

pub(super) const WSS_LISTEN: Scheme = Scheme {
    name: "wss-listen",
    form: "wss-listen:ADDR",
    example: "wss-listen:127.0.0.1:8443",
    summary: "WebSocket server over TLS, one bridge per client",
    a: true,
    b: false,
    parse: |text| listening(text, true),
};

/// A WebSocket client of that URL, with or without a scheme.
pub(super) fn url(text: &str) -> Result<Box<dyn Endpoint>> {
    Ok(Box::new(Client { url: WsUrl::parse(text)? }))
}

fn listening(text: &str, secure: bool) -> Result<Box<dyn Endpoint>> {
    let address = ListenAddr::parse(text).map_err(|cause| Fault::new(Exit::Malformed, "endpoint", cause))?;
    Ok(Box::new(Server { address, secure }))
}

struct Client {
    url: WsUrl,
}

impl Endpoint for Client {
    fn describe(&self) -> String {
        self.url.to_string()
    }

    fn is_web_socket(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, reach: &'a Reach, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let (url, deadline, name) = (&self.url, reach.deadline(), self.url.to_string());
            // Our own files are judged before anybody else is troubled.
            let connector = if url.secure { Some(reach.connector().await?) } else { None };
            let dialed = match &url.unix {
                Some(path) => deadline.phase("connect", &name, net::dial_unix(path)).await?,
                None => deadline.phase("connect", &name, net::dial_tcp(&url.host, url.port)).await?,
            };
            if url.guessed {
                reach.reporter.verbose(&format!("no scheme was written: taken as {url}"));
            }
            reach.reporter.verbose(&format!("connected to {}", dialed.peer));
            let mut stream = dialed.stream;
            if let Some(connector) = connector {
                let shaken = deadline.phase("tls", &name, connector.connect(stream, &url.host)).await;
                let (secured, facts) = shaken.map_err(|fault| self.explain(fault))?;
                reach.reporter.verbose(&format!("TLS {} with {}", facts.version, facts.cipher));
                stream = secured;
            }
            let mut options = reach.client.clone();
            if let Some(subprotocols) = opening.subprotocols {
                options.subprotocols = subprotocols;
            }
            let upgraded = deadline.phase("upgrade", &name, client::upgrade(stream, url, &options)).await?;
            reach.reporter.verbose(&format!(
                "open: {url}{}",
                upgraded.subprotocol.as_ref().map_or(String::new(), |name| format!(", subprotocol {name}"))
            ));
            let conn = Conn::new(upgraded.stream, &upgraded.read_ahead, Part::Client, reach.max_message);
            let link = Link::WebSocket(Box::new(conn));
            Ok(Opened::Link(OpenedLink { link, peer: dialed.peer, subprotocol: upgraded.subprotocol }))
        })
    }
}

impl Client {
    /// A plain server on a wss URL: the likely URL is the next step.
    fn explain(&self, fault: Fault) -> Fault {
        if fault.exit != Exit::TlsHandshake || fault.hint.is_none() {
            return fault;
        }
        let mut plain = self.url.clone();
        plain.secure = false;
        fault.hint(format!("{plain} if the server speaks plain text"))
    }
}

struct Server {
    address: ListenAddr,
    secure: bool,
}

impl Endpoint for Server {
    fn describe(&self) -> String {
        format!("{}:{}", if self.secure { "wss-listen" } else { "ws-listen" }, self.address)
    }

    fn is_web_socket(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, reach: &'a Reach, _: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let tls = match (self.secure, &reach.server_tls) {
                (false, _) => None,
                (true, Some(tls)) => Some(tls::Acceptor::new(tls, self.address.host())?),
                (true, None) => {
                    return Err(Fault::new(
                        Exit::Usage,
                        "usage",
                        format!("{} needs a certificate", self.describe()),
                    )
                    .hint("give --cert FILE and --key FILE, or --self-signed"));
                }
            };
            let listener = Listener::bind(&self.address).await?;
            let acceptor = WebSocketAcceptor::new(listener, tls, reach.server.clone());
            Ok(Opened::Acceptor(Acceptor::WebSocket(acceptor)))
        })
    }
}

/// A listening socket whose clients are greeted with TLS and the opening handshake.
pub struct WebSocketAcceptor {
    /// The socket.
    pub listener: Listener,
    /// The server side of TLS; `None` is plain.
    pub tls: Option<tls::Acceptor>,
    /// The opening handshake.
    pub options: ServerOptions,
}

/// Greets one client; made by [`WebSocketAcceptor::greeting`], it runs in the client's own task.
#[derive(Clone)]
pub struct Greeting {
    tls: Option<tls::Acceptor>,
    options: ServerOptions,
}

impl WebSocketAcceptor {
    /// A bound socket with its rules; on loopback, Host is minded.
    pub fn new(listener: Listener, tls: Option<tls::Acceptor>, mut options: ServerOptions) -> Self {
        options.admission.loopback = listener.is_loopback();
        Self { listener, tls, options }
    }

    /// What a client's own task needs to greet it.
    pub fn greeting(&self) -> Greeting {
        Greeting { tls: self.tls.clone(), options: self.options.clone() }
    }
}

impl Greeting {
    /// Does TLS and reads the request, both under the one deadline of the handshake.
    ///
    /// # Errors
    /// Why the client was not let in; it was answered where it could be.
    pub async fn read(&self, dialed: Dialed) -> std::result::Result<Handshake, Refusal> {
        let until = tokio::time::Instant::now() + self.options.handshake_timeout;
        let mut stream = dialed.stream;
        if let Some(tls) = &self.tls {
            let silent = |cause: String| Refusal { status: 0, cause, target: String::new() };
            match tokio::time::timeout_at(until, tls.accept(stream)).await {
                Ok(Ok(secured)) => stream = secured,
                Ok(Err(fault)) => return Err(silent(format!("tls: {}", fault.cause))),
                Err(_) => return Err(silent("tls: no handshake within --handshake-timeout".into())),
            }
        }
        Handshake::read(stream, &self.options, self.is_secure(), until).await
    }

    /// Reads the files of TLS anew; see [`tls::Acceptor::reload`]. `None` without TLS.
    pub fn reload(&self) -> Option<Result<String>> {
        self.tls.as_ref().map(tls::Acceptor::reload)
    }

    /// Whether clients speak TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether a client has to show who it is.
    pub fn asks_for_credentials(&self) -> bool {
        self.options.admission.login.is_some()
            || self.tls.as_ref().is_some_and(tls::Acceptor::asks_for_certificate)
    }

    /// The options of the opening handshake.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }
}

/// An accepted connection as a link.
pub fn accepted(upgraded: Upgraded, max_message: usize) -> Link {
    Link::WebSocket(Box::new(Conn::new(upgraded.stream, &upgraded.read_ahead, Part::Server, max_message)))
}
