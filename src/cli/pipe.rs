//! `wsio pipe`: its arguments, and how they become a plan.
//!
//! Every connect option applies to a WebSocket client among the two endpoints and every listen
//! option to a listening one, so the endpoints are looked at just closely enough to know which they
//! are. An option that neither of them could use is refused.

use super::{
    ask::Ask,
    client::{Certificate, Credentials, Handshake, Trust},
    expand::{Expander, usage},
    groups::{Again, ChildErrors, Commands, Fanout, Messages, Output, Session},
    handshake,
    lower::{self, Given},
    network::{self, Network},
    server::Server,
};
use crate::{
    fault::Result,
    plan::{Common, Pipe, Plan},
    ws::ClientOptions,
};
use clap::Args;

/// Join any two endpoints
///
/// What comes out of A goes into B and the other way round. A listening A opens a fresh B for each
/// client. Between two WebSockets the message type, boundaries, subprotocol, close code and reason
/// pass through unchanged.
#[derive(Debug, Args)]
pub(super) struct PipeArgs {
    /// The first endpoint, the one that may listen
    #[arg(value_name = "A")]
    pub a: String,
    /// The second endpoint
    #[arg(value_name = "B", default_value = "-")]
    pub b: String,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub ask: Ask,
    #[command(flatten)]
    pub session: Session,
    #[command(flatten)]
    pub again: Again,
    #[command(flatten)]
    pub handshake: Handshake,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub network: Network,
    #[command(flatten)]
    pub trust: Trust,
    #[command(flatten)]
    pub certificate: Certificate,
    #[command(flatten)]
    pub fanout: Fanout,
    #[command(flatten)]
    pub commands: Commands,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub output: Output,
}

/// What an endpoint is, as far as options differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    WebSocketClient,
    /// `tls:`, and `nats:` whose server may ask for TLS
    TlsClient,
    WebSocketServer,
    SecureWebSocketServer,
    StreamServer,
    DatagramClient,
    DatagramServer,
    /// A message is a message: in-process endpoints.
    Whole,
    /// Bytes that a framing cuts.
    Other,
}

impl Role {
    /// A word without a known scheme is a WebSocket URL whose scheme was left out.
    pub(super) fn of(endpoint: &str) -> Self {
        let scheme = endpoint.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "ws-listen" => Self::WebSocketServer,
            "wss-listen" => Self::SecureWebSocketServer,
            "tcp-listen" | "unix-listen" => Self::StreamServer,
            "tls" | "nats" | "nats+tls" => Self::TlsClient,
            "udp" => Self::DatagramClient,
            "udp-listen" => Self::DatagramServer,
            "hub" | "echo" | "null" => Self::Whole,
            "-" | "tcp" | "unix" | "exec" | "sh" | "file" | "append" => Self::Other,
            _ => Self::WebSocketClient,
        }
    }
}

impl PipeArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        let roles = [Role::of(&self.a), Role::of(&self.b)];
        let to_hub = lower::is_fanout(&self.a) || lower::is_fanout(&self.b);
        check(given, roles, to_hub)?;
        // On the way to a subject it is the other direction that is counted.
        let counts_sent = matches!(roles[0], Role::WebSocketClient | Role::DatagramClient);
        if !(counts_sent && lower::is_subject(&self.b)) {
            lower::check_count(given, &self.messages)?;
        }
        if !binds_unix(&self.a) {
            given.refuse(&["mode"], "needs unix-listen:PATH or ws-listen:unix:PATH")?;
        }
        if self.a != "-" && self.b != "-" {
            given.refuse(&["raw"], "is for standard output, which is not an endpoint here")?;
        }
        network::refuse_idle(given, [self.a.as_str(), self.b.as_str()])?;
        lower::check_commands(given, lower::is_command(&self.b))?;
        let has = |role: Role| roles.contains(&role);
        // Between two WebSockets, the client of the one decides what is offered to the other.
        let passes_through = has(Role::WebSocketServer) || has(Role::SecureWebSocketServer);

        // A secure server's certificate comes first; with --self-signed it has one, and --cert is the client's.
        let own = std::mem::take(&mut self.certificate);
        let (server_own, client_own) = match has(Role::SecureWebSocketServer) && !self.server.self_signed {
            true => (own, Certificate::default()),
            false => (Certificate::default(), own),
        };
        let Server { self_signed, client_ca, .. } = &self.server;
        let server_tls = lower::server_tls(&server_own, *self_signed, client_ca.clone(), expander)?;
        if has(Role::SecureWebSocketServer) && server_tls.is_none() {
            return Err(usage("wss-listen: needs a certificate")
                .hint("add --cert FILE --key FILE, or --self-signed for one made at start"));
        }

        let listens = passes_through || has(Role::StreamServer) || has(Role::DatagramServer);
        let record = lower::recording(&self.output, listens && !self.server.once)?;
        let forward = self.server.forward_header.clone();
        let max_buffer = lower::max_buffer(given, &self.server, &self.messages)?;
        let mut server = lower::server(self.server, max_buffer, expander);
        server.tls = server_tls;
        if self.session.idle_timeout.is_some() {
            server.peer_idle = None;
        }
        server.handshake.compress = self.handshake.compress;
        let client = if has(Role::WebSocketClient) {
            let client = handshake::client(self.handshake, self.credentials, expander)?;
            ClientOptions { follow: self.network.location, ..client }
        } else {
            server.handshake.headers = handshake::server_headers(&self.handshake.headers, expander)?;
            server.handshake.subprotocols = self.handshake.subprotocols;
            let Credentials { user, bearer, .. } = &self.credentials;
            server.handshake.admission.login =
                handshake::login(user.as_deref(), bearer.as_deref(), expander)?;
            ClientOptions::default()
        };
        let framing = lower::framing(&self.messages, "raw", &self.output)?;
        let direction = lower::direction(&self.messages);
        let framed = roles.iter().any(|role| matches!(role, Role::Other | Role::StreamServer))
            || lower::is_tls(&self.a)
            || lower::is_tls(&self.b);
        let input = framed.then(|| framing.input.map_or("raw", |input| input.name));
        let common = Common {
            rules: self.ask.rules(&self.session, given),
            framing,
            max_message: self.messages.max_message,
            max_frame: self.messages.max_frame,
            read_ahead: lower::read_ahead(&self.messages, listens),
            direction,
            send: lower::send(&self.messages, expander)?,
            input_sent: expander.gave_input_to("--send") || lower::leaves_after_send(given),
            chat: lower::chat(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, client_own, expander)?,
            expect: self.ask.opening(Some(&client).filter(|_| !passes_through))?,
            dial: self.network.lower(expander)?,
            client,
            forward,
            server,
            room: lower::room(&self.fanout),
            errors_to_client: self.commands.child_stderr == ChildErrors::Client,
            hangup: self.commands.hangup,
            pty: self.commands.pty,
            progress: self.output.progress,
            verbosity: lower::verbosity(&self.output),
            no_pong: self.session.no_pong,
            secrets: self.output.secret.clone(),
            retry: lower::retry(&self.again)?,
            reconnect: lower::reconnect(&self.again, &self.session, direction, input)?,
            stats: self.output.stats,
            record,
        };
        // What standard input is, the command line does not know.
        let is_bounded =
            |end: &String| end == "-" || lower::is_file(end) || Role::of(end) == Role::WebSocketClient;
        if self.again.resend && input == Some("whole") && ![&self.a, &self.b].into_iter().all(is_bounded) {
            return Err(lower::whole_resent());
        }
        Ok(Plan::Pipe(Pipe { a: self.a, b: self.b, common }))
    }
}

/// Why `--no-pong` is refused there.
pub(super) const BOTH_WEB_SOCKETS: &str =
    "is for one WebSocket: between two, pings and pongs pass through, and none is answered here";

/// Options that say how bytes become messages or messages bytes.
pub(super) const FRAMINGS: &[&str] = &["framing", "input", "output", "nul", "json"];

/// Why those are refused there.
pub(super) const UNFRAMED: &str = "is for bytes: between two WebSockets each message passes as it is";

/// Whether it makes a Unix socket to listen on.
fn binds_unix(endpoint: &str) -> bool {
    let (scheme, address) = endpoint.split_once(':').unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "unix-listen" => true,
        "ws-listen" | "wss-listen" => address.starts_with("unix:"),
        _ => false,
    }
}

/// Refuses the options that these two endpoints cannot use.
fn check(given: &Given, roles: [Role; 2], to_hub: bool) -> Result<()> {
    use Role::*;
    let any = |wanted: &[Role]| roles.iter().any(|role| wanted.contains(role));
    let server = any(&[WebSocketServer, SecureWebSocketServer]);
    if !any(&[WebSocketClient]) {
        given.refuse(
            &[
                "cookie",
                "user_agent",
                "origin",
                "location",
                "patterns",
                "fields",
                "expect_close",
                "expect_subprotocol",
            ],
            "needs a ws: or wss: endpoint",
        )?;
    }
    if !any(&[WebSocketClient]) && !server {
        given.refuse(
            &["user", "bearer", "no_pong", "read_ahead", "max_frame", "hangup"],
            "needs a WebSocket endpoint",
        )?;
    }
    let is_web_socket = |role| [WebSocketClient, WebSocketServer, SecureWebSocketServer].contains(role);
    if roles.iter().all(is_web_socket) {
        given.refuse(&["no_pong"], BOTH_WEB_SOCKETS)?;
        given.refuse(FRAMINGS, UNFRAMED)?;
    }
    if !any(&[WebSocketClient]) || server {
        given.refuse(
            &["reconnect", "resend"],
            "needs a ws: or wss: endpoint whose other side is no WebSocket",
        )?;
    }
    if !any(&[WebSocketClient, TlsClient]) {
        given.refuse(
            &["cacert", "insecure", "sni", "tls_min", "pin", "crl"],
            "needs a wss:, tls: or nats: endpoint",
        )?;
    }
    if !any(&[WebSocketClient, TlsClient, SecureWebSocketServer]) {
        given.refuse(&["cert", "key", "pass"], "needs a wss:, tls:, nats: or wss-listen: endpoint")?;
    }
    if !any(&[WebSocketClient, TlsClient]) && given.has("self_signed") {
        given.refuse(&["cert", "key", "pass"], "and --self-signed exclude each other")?;
    }
    if !any(&[WebSocketClient]) && !server {
        given.refuse(&["headers", "subprotocols", "compress"], "needs a WebSocket endpoint")?;
    }
    if any(&[WebSocketClient]) && server {
        given
            .refuse(&["subprotocols"], "is not for two WebSockets: the client's subprotocols pass through")?;
    }
    if !server || !any(&[WebSocketClient]) {
        given.refuse(&["forward_header"], "needs two WebSockets, a listening and a dialled one")?;
    }
    if !server {
        given.refuse(
            &["paths", "handshake_timeout", "allow_origin", "allow_host"],
            "needs a ws-listen: or wss-listen: endpoint",
        )?;
    }
    if !any(&[SecureWebSocketServer]) {
        given.refuse(&["self_signed", "client_ca"], "needs a wss-listen: endpoint")?;
    }
    if any(&[WebSocketServer, SecureWebSocketServer, StreamServer]) && !given.has("once") {
        given.refuse(&["progress"], "is for one session: with --once")?;
    }
    if !to_hub {
        given.refuse(&["queue", "slow", "last"], "needs hub:NAME or nats://HOST/SUBJECT")?;
    }
    if any(&[DatagramClient, DatagramServer]) && !any(&[StreamServer, TlsClient, Other]) {
        given.refuse(
            &["framing", "input", "output", "nul"],
            "is for bytes, and neither side has them: a datagram is one message",
        )?;
    }
    if !server && !any(&[StreamServer, DatagramServer]) {
        given.refuse(
            &["once", "announce", "max_connections", "max_buffer", "grace"],
            "needs a listening endpoint",
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_known_by_their_scheme() {
        for (endpoint, role) in [
            ("-", Role::Other),
            ("ws://h/", Role::WebSocketClient),
            ("wss://h/", Role::WebSocketClient),
            ("ws+unix:/s:/p", Role::WebSocketClient),
            ("localhost:8080", Role::WebSocketClient),
            ("example.com", Role::WebSocketClient),
            ("ws-listen:8080", Role::WebSocketServer),
            ("wss-listen:8443", Role::SecureWebSocketServer),
            ("tcp-listen:1", Role::StreamServer),
            ("unix-listen:/s", Role::StreamServer),
            ("tls:h:1", Role::TlsClient),
            ("nats://h/x", Role::TlsClient),
            ("nats+tls://h/x", Role::TlsClient),
            ("tcp:h:1", Role::Other),
            ("tcp://h:1", Role::Other),
            ("file:/x", Role::Other),
            ("udp:h:1", Role::DatagramClient),
            ("udp-listen:1", Role::DatagramServer),
            ("echo:", Role::Whole),
            ("8080", Role::WebSocketClient),
            (":8080/x", Role::WebSocketClient),
            ("WS://h", Role::WebSocketClient),
            ("TCP:h:1", Role::Other),
            ("Wss-Listen:8443", Role::SecureWebSocketServer),
        ] {
            assert_eq!(Role::of(endpoint), role, "{endpoint}");
        }
    }
}
