//! `wsio pipe`: its arguments, and how they become a plan.
//!
//! Every connect option applies to a WebSocket client among the two endpoints and every listen
//! option to a listening one, so the endpoints are looked at just closely enough to know which they
//! are. An option that neither of them could use is refused.

use super::{
    client::{Certificate, Credentials, Handshake, Trust},
    expand::{Expander, usage},
    groups::{ChildErrors, Commands, Fanout, Messages, Output, Session},
    lower::{self, Given},
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
    pub session: Session,
    #[command(flatten)]
    pub handshake: Handshake,
    #[command(flatten)]
    pub credentials: Credentials,
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
enum Role {
    WebSocketClient,
    /// `tls:`
    TlsClient,
    WebSocketServer,
    SecureWebSocketServer,
    StreamServer,
    Other,
}

impl Role {
    /// A word without a known scheme is a WebSocket URL whose scheme was left out.
    fn of(endpoint: &str) -> Self {
        let scheme = if endpoint == "-" { "-" } else { endpoint.split(':').next().unwrap_or_default() };
        match scheme {
            "ws-listen" => Self::WebSocketServer,
            "wss-listen" => Self::SecureWebSocketServer,
            "tcp-listen" | "unix-listen" => Self::StreamServer,
            "tls" => Self::TlsClient,
            "-" | "tcp" | "unix" | "exec" | "sh" | "hub" | "file" | "append" | "echo" | "null" => Self::Other,
            _ => Self::WebSocketClient,
        }
    }
}

impl PipeArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        let roles = [Role::of(&self.a), Role::of(&self.b)];
        check(given, roles, self.b.starts_with("hub:"))?;
        lower::check_commands(given, lower::is_command(&self.b))?;
        let has = |role: Role| roles.contains(&role);
        let client_at = if roles[1] == Role::WebSocketClient { &self.b } else { &self.a };

        // A secure server's certificate comes first; with --self-signed it has one, and --cert is the client's.
        let own = std::mem::replace(&mut self.certificate, Certificate { cert: None, key: None });
        let (server_own, client_own) = match has(Role::SecureWebSocketServer) && !self.server.self_signed {
            true => (own, Certificate { cert: None, key: None }),
            false => (Certificate { cert: None, key: None }, own),
        };
        let server_tls =
            lower::server_tls(&server_own, self.server.self_signed, self.server.client_ca.clone())?;
        if has(Role::SecureWebSocketServer) && server_tls.is_none() {
            return Err(usage("wss-listen: needs a certificate")
                .hint("add --cert FILE --key FILE, or --self-signed for one made at start"));
        }

        let mut server = lower::server(self.server);
        server.tls = server_tls;
        let client = if has(Role::WebSocketClient) {
            lower::client(self.handshake, self.credentials, client_at, expander)?
        } else {
            server.handshake.headers = lower::server_headers(&self.handshake.headers, expander)?;
            server.handshake.subprotocols = self.handshake.subprotocols;
            let Credentials { user, bearer, .. } = &self.credentials;
            server.handshake.admission.login = lower::login(user.as_deref(), bearer.as_deref(), expander)?;
            ClientOptions::default()
        };
        let common = Common {
            rules: lower::rules(&self.session),
            framing: lower::framing(&self.messages),
            max_message: self.messages.max_message,
            direction: lower::direction(&self.messages),
            send: lower::send(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, client_own),
            client,
            server,
            room: lower::room(&self.fanout),
            errors_to_client: self.commands.child_stderr == ChildErrors::Client,
            pty: self.commands.pty,
            progress: self.output.progress,
            verbosity: lower::verbosity(&self.output),
        };
        Ok(Plan::Pipe(Pipe { a: self.a, b: self.b, common }))
    }
}

/// Refuses the options that these two endpoints cannot use.
fn check(given: &Given, roles: [Role; 2], to_hub: bool) -> Result<()> {
    use Role::*;
    let any = |wanted: &[Role]| roles.iter().any(|role| wanted.contains(role));
    let server = any(&[WebSocketServer, SecureWebSocketServer]);
    if !any(&[WebSocketClient]) {
        given.refuse(&["cookie", "user_agent", "origin"], "needs a ws: or wss: endpoint")?;
    }
    if !any(&[WebSocketClient]) && !server {
        given.refuse(&["user", "bearer"], "needs a WebSocket endpoint")?;
    }
    if !any(&[WebSocketClient, TlsClient]) {
        given.refuse(&["cacert", "insecure", "sni"], "needs a wss: or tls: endpoint")?;
    }
    if !any(&[WebSocketClient, TlsClient, SecureWebSocketServer]) {
        given.refuse(&["cert", "key"], "needs a wss:, tls: or wss-listen: endpoint")?;
    }
    if !any(&[WebSocketClient, TlsClient]) && given.has("self_signed") {
        given.refuse(&["cert", "key"], "and --self-signed exclude each other")?;
    }
    if !any(&[WebSocketClient]) && !server {
        given.refuse(&["headers", "subprotocols"], "needs a WebSocket endpoint")?;
    }
    if any(&[WebSocketClient]) && server {
        given
            .refuse(&["subprotocols"], "is not for two WebSockets: the client's subprotocols pass through")?;
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
        given.refuse(&["queue", "slow", "last"], "needs hub:NAME as B")?;
    }
    if !server && !any(&[StreamServer]) {
        given.refuse(&["once", "announce", "max_connections", "grace"], "needs a listening endpoint")?;
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
            ("tcp:h:1", Role::Other),
            ("tcp://h:1", Role::Other),
            ("file:/x", Role::Other),
        ] {
            assert_eq!(Role::of(endpoint), role, "{endpoint}");
        }
    }
}
