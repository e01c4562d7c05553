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
    modes::Role,
    network::Network,
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
/// pass through unchanged. The far side is the WebSocket of the two, and B where both or none are one.
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

impl PipeArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        let roles = [Role::of(&self.a), Role::of(&self.b)];
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
            input_left: lower::input_left(given, expander).filter(|_| self.a == "-" || self.b == "-"),
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
