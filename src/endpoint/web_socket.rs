//! `ws:`, `wss:`, `ws+unix:` and the listening forms: endpoints that speak WebSocket.

use super::{
    Deadline, Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Role, Scheme,
    StreamAcceptor,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Facts,
    handshake::{
        self, ClientOptions, Upgraded, WsUrl,
        client::{self, Answer},
        logged,
    },
    net::{ListenAddr, Listener, Route},
    observe::{LogScope, Verbosity},
    tls,
    units::milliseconds,
    ws::{
        Frames,
        conn::{Conn, Part},
    },
};
use std::{sync::PoisonError, time::SystemTime};
use tokio::time::Instant;

pub(super) const WS: Scheme = Scheme {
    name: "ws",
    form: "ws://HOST[:80]/PATH",
    example: "ws://127.0.0.1:8080/feed?x=1",
    summary: "WebSocket client",
    kind: Kind::WebSocket,
    flags: Flags { dialled: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: url,
};

pub(super) const WSS: Scheme = Scheme {
    name: "wss",
    form: "wss://HOST[:443]/PATH",
    example: "wss://example.com/feed",
    summary: "WebSocket client over TLS",
    kind: Kind::WebSocket,
    flags: Flags { dialled: true, secure: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: url,
};

pub(super) const WS_UNIX: Scheme = Scheme {
    name: "ws+unix",
    form: "ws+unix:/PATH[:/URI]",
    example: "ws+unix:/run/app.sock:/events",
    summary: "WebSocket client over a Unix socket",
    kind: Kind::WebSocket,
    flags: Flags { path: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: url,
};

pub(super) const WS_LISTEN: Scheme = Scheme {
    name: "ws-listen",
    form: "ws-listen:ADDR",
    example: "ws-listen:127.0.0.1:8080",
    summary: "WebSocket server, one bridge per client",
    kind: Kind::WebSocketServer,
    flags: Flags::NONE,
    a: true,
    b: false,
    parse: |text| listening(text, false),
};

pub(super) const WSS_LISTEN: Scheme = Scheme {
    name: "wss-listen",
    form: "wss-listen:ADDR",
    example: "wss-listen:127.0.0.1:8443",
    summary: "WebSocket server over TLS, one bridge per client",
    kind: Kind::WebSocketServer,
    flags: Flags { secure: true, ..Flags::NONE },
    a: true,
    b: false,
    parse: |text| listening(text, true),
};

/// A WebSocket client of that URL, with or without a scheme.
pub(super) fn url(text: &str) -> Result<Box<dyn Endpoint>> {
    Ok(Box::new(Client { url: WsUrl::parse(text)?, named_login: false }))
}

fn listening(text: &str, secure: bool) -> Result<Box<dyn Endpoint>> {
    let address = ListenAddr::parse(text).map_err(|cause| Fault::new(Exit::Malformed, "endpoint", cause))?;
    Ok(Box::new(WsListening { address, secure }))
}

struct Client {
    url: WsUrl,
    /// A redirect to here named a login, which was left behind.
    named_login: bool,
}

impl Endpoint for Client {
    fn describe(&self) -> String {
        self.url.to_string()
    }

    fn is_web_socket(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, context: &'a OpenContext) -> Opens<'a, Result<()>> {
        // A target that no client could ever be joined to is refused before the first one comes.
        Box::pin(std::future::ready(self.check_demands(context)))
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let deadline = context.deadline();
            let conn = opening.client.as_ref().map(|client| client.conn);
            let side = if opening.role == Role::A { 'A' } else { 'B' };
            let scope = context.log_scope(conn, side);
            let mut options = context.common.client.clone();
            if let Some(subprotocols) = opening.subprotocols {
                options.subprotocols = subprotocols;
            }
            let mut at = Self { url: self.url.clone(), named_login: false };
            // For a client of ours that is a WebSocket too, we stand in its place.
            if let Some(request) = opening.client.as_ref().and_then(|client| client.request.as_ref()) {
                at.url = self.url.relaying(&request.path, request.query.as_deref());
                for name in &context.common.forward {
                    let values = request.headers.get_all(name);
                    options.headers.extend(values.iter().map(|value| (name.clone(), value.clone())));
                }
            }
            for _ in 0..=REDIRECTS {
                let asked = match at.url.has_origin_of(&self.url) {
                    true => RequestPlan {
                        options: options.clone(),
                        is_for_stranger: false,
                        missing: Default::default(),
                    },
                    false => {
                        RequestPlan::of_strangers(&options, context, std::mem::take(&mut at.named_login))
                    }
                };
                if let Some(missing) = asked.missing() {
                    scope.reporter.verbose(&format!("not sent there: {missing}"));
                }
                let mut facts = Facts::default();
                let attempt = at.attempt(context, &deadline, &asked, &scope, &mut facts).await;
                if let Some(found) = &opening.found {
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = facts;
                }
                let (mut to, status) = match attempt {
                    Ok(Attempt::Open(link)) => return Ok(Opened::Link(link)),
                    Ok(Attempt::Moved(to, status)) => (to, status),
                    Err(fault) => return Err(asked.explain(fault, &self.url, &at.url)),
                };
                scope.reporter.verbose(&format!("{status}: on to {}", context.redactor.url(&to.to_string())));
                let mut named_login = false;
                if to.has_origin_of(&self.url) {
                    if !at.url.has_origin_of(&self.url) {
                        to.userinfo = self.url.userinfo.clone();
                    }
                } else {
                    // A login belongs to the origin that it was given for, whoever names it.
                    named_login = to.userinfo.take().is_some();
                }
                at = Self { url: to, named_login };
            }
            let last = context.redactor.url(&at.url.to_string());
            Err(Fault::new(
                Exit::Redirects,
                "upgrade",
                format!("more than {REDIRECTS} redirects; the last one leads to {last}"),
            ))
        })
    }
}

/// Redirects that are followed at most.
const REDIRECTS: usize = 5;

/// The request to one server.
struct RequestPlan {
    options: ClientOptions,
    /// It has another origin than the one that was named.
    is_for_stranger: bool,
    /// The names of what stays behind, of the request and of TLS.
    missing: (Vec<String>, Vec<String>),
}

impl RequestPlan {
    fn of_strangers(options: &ClientOptions, context: &OpenContext, named_login: bool) -> Self {
        let (options, mut missing) = options.for_strangers(&context.redactor);
        missing.extend(named_login.then(|| "the login in Location".to_owned()));
        let tls = context.common.client_tls.for_strangers().1.into_iter().map(str::to_owned).collect();
        Self { options, is_for_stranger: true, missing: (missing, tls) }
    }

    fn missing(&self) -> Option<String> {
        let (request, tls) = &self.missing;
        let all: Vec<&str> = request.iter().chain(tls).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// A refusal that may be for want of what stayed behind says so.
    fn explain(&self, fault: Fault, first: &WsUrl, at: &WsUrl) -> Fault {
        let missing = match (fault.answer.as_ref().map(|answer| answer.status), fault.exit) {
            (Some(401 | 403), _) => self.missing(),
            (None, Exit::TlsHandshake | Exit::Untrusted | Exit::ClientCertificate) => {
                Some(self.missing.1.join(", ")).filter(|missing| !missing.is_empty())
            }
            _ => None,
        };
        let Some(missing) = missing else { return fault };
        let cause =
            format!("{}; not sent there, since it was for {}: {missing}", fault.cause, first.origin());
        Fault { cause, ..fault }.hint(format!("connect to {at} itself, if it may have that"))
    }
}

/// Result of one request.
enum Attempt {
    Open(Box<OpenedLink>),
    Moved(WsUrl, String),
}

impl Client {
    /// Fails where an option demands TLS, and the URL has none.
    fn check_demands(&self, context: &OpenContext) -> Result<()> {
        if self.url.secure {
            return Ok(());
        }
        let secure = Self { url: WsUrl { secure: true, ..self.url.clone() }, named_login: false };
        let name = context.redactor.url(&self.url.to_string());
        context.demand_tls(&name, &context.redactor.url(&secure.describe()))
    }

    fn attempt<'a>(
        &'a self,
        context: &'a OpenContext,
        deadline: &'a Deadline,
        asked: &'a RequestPlan,
        scope: &'a LogScope,
        facts: &'a mut Facts,
    ) -> Opens<'a, Result<Attempt>> {
        Box::pin(async move {
            let options = &asked.options;
            let (url, name) = (&self.url, context.redactor.url(&self.url.to_string()));
            facts.url = Some(name.clone());
            if url.guessed {
                scope.reporter.verbose(&format!("no scheme was written: taken as {name}"));
            }
            self.check_demands(context)?;
            // Our own files are judged before anybody else is troubled.
            let connector = match (url.secure, asked.is_for_stranger) {
                (false, _) => None,
                (true, false) => Some(context.connector().await?),
                (true, true) => Some(context.connector_for_strangers().await?),
            };
            let route = match &url.unix {
                Some(path) => Route::Unix(path.clone()),
                None => {
                    let scheme = if url.secure { "wss" } else { "ws" };
                    context.dialer.route(scheme, &url.reached_host(), url.port)?
                }
            };
            let dialed = context.dial(deadline, &scope.reporter, &name, &route, &mut facts.timings).await?;
            let took = facts.timings.tcp.map_or_else(String::new, |tcp| format!(" in {}", milliseconds(tcp)));
            scope.reporter.verbose(&format!("connected to {}{took}", dialed.peer));
            facts.peer = dialed.peer;
            let mut stream = dialed.stream;
            if let Some(connector) = connector {
                connector.finish_warm_up();
                let begun = Instant::now();
                let shaking = connector.connect_showing(stream, &url.host, &mut facts.tls);
                let shaken = deadline.phase("tls", &name, shaking).await;
                facts.timings.tls = Some(begun.elapsed());
                let (secured, tls) = shaken.map_err(|fault| self.explain(fault, context))?;
                tls.lines(SystemTime::now()).iter().for_each(|line| scope.reporter.verbose(line));
                facts.tls = Some(tls);
                stream = secured;
            }
            let begun = Instant::now();
            let asking =
                client::upgrade(logged(scope, stream, false), url, options, &context.redactor, facts);
            let answer = deadline.phase("upgrade", &name, asking).await;
            facts.timings.upgrade = Some(begun.elapsed());
            let upgraded = match answer? {
                Answer::Open(upgraded) => *upgraded,
                Answer::Moved(to, status) => return Ok(Attempt::Moved(to, status)),
            };
            scope.reporter.verbose(&format!(
                "open: {name}{}{}",
                context.chosen(", subprotocol ", upgraded.subprotocol.as_deref()),
                match upgraded.deflate {
                    Some(agreed) => format!(", {agreed}"),
                    None if options.compress => ", not compressed: the server does not".to_owned(),
                    None => String::new(),
                }
            ));
            if upgraded.subprotocol.is_none() && !options.subprotocols.is_empty() {
                // RFC 6455 section 4.1 lets a server choose none; a browser would give up.
                let offered = options.subprotocols.iter().map(|name| context.redactor.subprotocol(name));
                let offered = offered.collect::<Vec<_>>().join(", ");
                context.reporter.note(&format!(
                    "{name}: the server chose no subprotocol of {offered}; a browser would not go on"
                ));
            }
            facts.subprotocol = upgraded.subprotocol;
            facts.extensions = upgraded.deflate.map(|agreed| agreed.to_string());
            let conn =
                Conn::new(upgraded.stream, &upgraded.read_ahead, Part::Client, context.common.max_message)
                    .with_deflate(upgraded.deflate)
                    .with_max_frame(context.common.max_frame);
            let conn = context.joined(conn, scope);
            Ok(Attempt::Open(Box::new(OpenedLink { link: Box::new(conn), facts: facts.clone() })))
        })
    }

    /// A plain server on a wss URL: the likely URL is the next step.
    fn explain(&self, fault: Fault, context: &OpenContext) -> Fault {
        if fault.exit != Exit::TlsHandshake || fault.hint.as_deref() != Some(tls::PLAIN) {
            return fault;
        }
        let mut plain = self.url.clone();
        plain.secure = false;
        fault.hint(format!("{} if the server speaks plain text", context.redactor.url(&plain.to_string())))
    }
}

struct WsListening {
    address: ListenAddr,
    secure: bool,
}

impl Endpoint for WsListening {
    fn describe(&self) -> String {
        format!("{}:{}", if self.secure { "wss-listen" } else { "ws-listen" }, self.address)
    }

    fn is_web_socket(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, context: &'a OpenContext, _: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let tls = || context.acceptor(&self.describe(), &self.address, Some(tls::ALPN));
            let tls = self.secure.then(tls).transpose()?;
            let listener = Listener::bind(&self.address, &context.common.server.bind).await?;
            let options = context.common.server.handshake.clone();
            let acceptor = StreamAcceptor::web_socket(listener, tls, options);
            Ok(Opened::Acceptor(acceptor.into()))
        })
    }
}

/// An accepted connection as a link; `peer` is its far end, `url` what it asked for.
pub fn accepted(
    upgraded: Upgraded,
    context: &OpenContext,
    scope: &LogScope,
    peer: String,
    url: &str,
) -> OpenedLink {
    let conn = Conn::new(upgraded.stream, &upgraded.read_ahead, Part::Server, context.common.max_message)
        .with_deflate(upgraded.deflate)
        .with_max_frame(context.common.max_frame);
    let conn = context.joined(conn, scope);
    let facts = Facts {
        url: Some(context.redactor.url(url)),
        peer,
        subprotocol: upgraded.subprotocol,
        extensions: upgraded.deflate.map(|agreed| agreed.to_string()),
        request: handshake::fields(&upgraded.request),
        response: handshake::fields(&upgraded.response),
        ..Facts::default()
    };
    OpenedLink { link: Box::new(conn), facts }
}

impl OpenContext {
    /// The reporter for a connection, with the name that its lines bear.
    pub fn log_scope(&self, conn: Option<u64>, side: char) -> LogScope {
        let prefix = LogScope::prefix(conn, self.relays.then_some(side));
        LogScope { reporter: self.reporter.of(conn), redactor: self.redactor.clone(), prefix }
    }

    /// A fresh connection as the run wants it: watched, and with its pongs from where they belong.
    fn joined(&self, mut conn: Conn, scope: &LogScope) -> Conn {
        if self.relays {
            conn.relay();
        } else if self.common.no_pong {
            conn.mute_pongs();
        }
        if self.reporter.says(Verbosity::Frames) {
            conn.watch(Box::new(Frames::new(scope.clone())));
        }
        conn
    }

    /// A subprotocol that was chosen, as it may be shown, with a word before it.
    pub fn chosen(&self, before: &str, subprotocol: Option<&str>) -> String {
        subprotocol.map_or_else(String::new, |name| format!("{before}{}", self.redactor.subprotocol(name)))
    }
}
