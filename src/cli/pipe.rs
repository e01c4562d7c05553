//! `wsio pipe`: its arguments, and how they become a plan.
//!
//! Every connect option applies to a WebSocket client among the two endpoints and every listen
//! option to a listening one, so the endpoints are looked at just closely enough to know which they
//! are. An option that neither of them could use is refused.

use super::{
    expand::{Expander, usage},
    expectations::Expectations,
    groups::{Again, ChildErrors, Commands, Fanout},
    handshake,
    lower::{self, GivenOptions},
    shared::{SharedArgs, Use},
    sides::{CertificateArgs, Credentials, ServerArgs},
};
use crate::{
    endpoint::{Kind, tls_server},
    fault::Result,
    framing::{Framing, RAW},
    handshake::ClientOptions,
    plan::{Common, Pipe, Plan},
    session::Rules,
};
use clap::Args;
use std::sync::Arc;

/// Join any two endpoints
///
/// The output of A goes into B and the output of B into A. A listening A opens a new B for each
/// client. Between two WebSockets the message type, boundaries, subprotocol, close code and reason
/// pass through unchanged. The far side, which -n, --match and --send speak of, is the WebSocket of
/// the two, and B where both or none are one.
#[derive(Debug, Args)]
#[command(override_usage = "wsio pipe [OPTIONS] <A> [B]")]
pub(super) struct PipeArgs {
    /// The first endpoint; the one that may listen
    #[arg(value_name = "A")]
    pub a: String,
    /// The second endpoint; standard input and output if left out
    #[arg(value_name = "B", default_value = "-")]
    pub b: String,
    #[command(flatten)]
    pub shared: SharedArgs,
    #[command(flatten)]
    pub expectations: Expectations,
    #[command(flatten)]
    pub again: Again,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub fanout: Fanout,
    #[command(flatten)]
    pub commands: Commands,
    #[command(flatten)]
    pub server: ServerArgs,
}

impl PipeArgs {
    pub(super) fn lower(mut self, given: &GivenOptions, expander: &mut Expander) -> Result<Plan> {
        let kinds = [Kind::of(&self.a), Kind::of(&self.b)];
        let has = |kind: Kind| kinds.contains(&kind);
        // Between two WebSockets, the client of the one decides what is offered to the other.
        let passes_through = has(Kind::WebSocketServer);

        // A TLS server's certificate comes first; with --self-signed it has one, and --cert is the client's.
        let tls_server = [&self.a, &self.b].into_iter().find_map(|endpoint| tls_server(endpoint));
        let own = std::mem::take(&mut self.shared.certificate);
        let (server_own, client_own) = match tls_server.is_some() && !self.server.self_signed {
            true => (own, CertificateArgs::default()),
            false => (CertificateArgs::default(), own),
        };
        let ServerArgs { self_signed, client_ca, .. } = &self.server;
        let server_tls = lower::server_tls(&server_own, *self_signed, client_ca.clone(), expander)?;
        if let (Some(scheme), None) = (tls_server, &server_tls) {
            return Err(usage(format!("{}: needs a certificate", scheme.name))
                .hint("add --cert FILE --key FILE, or --self-signed for one made at start"));
        }

        let listens = kinds.into_iter().any(Kind::listens);
        let used = Use { framing: RAW, listens, once: self.server.once, certificate: client_own };
        let shared = self.shared.lower(used, given, expander)?;
        let SharedArgs { messages, session, handshake, network, .. } = self.shared;
        let forward = self.server.forward_header.clone();
        let max_buffer = lower::max_buffer(given, &self.server, &messages)?;
        let mut server = lower::server(self.server, max_buffer, expander)?;
        server.tls = server_tls;
        if session.idle_timeout.is_some() {
            server.peer_idle = None;
        }
        server.handshake.compress = handshake.compress;
        let client = if has(Kind::WebSocket) {
            let client = handshake::client(handshake, self.credentials, expander)?;
            ClientOptions { follow: network.location, ..client }
        } else {
            server.handshake.headers = handshake::server_headers(&handshake.headers, expander)?;
            server.handshake.subprotocols = handshake.subprotocols;
            let Credentials { user, bearer, .. } = &self.credentials;
            server.handshake.access.login = handshake::login(user.as_deref(), bearer.as_deref(), expander)?;
            ClientOptions::default()
        };
        let framed = kinds.into_iter().any(Kind::is_bytes);
        let input = framed.then(|| shared.framing.input.as_ref().map_or("raw", Framing::name));
        let rules = self.expectations.rules(&session, given);
        let common = Common {
            rules: Rules { grace: server.grace, ..rules },
            input_left: shared.input_left.filter(|_| has(Kind::Standard)),
            expect: self.expectations.opening(Some(&client).filter(|_| !passes_through))?,
            client,
            forward,
            server,
            room: lower::room(&self.fanout),
            errors_to_client: self.commands.child_stderr == ChildErrors::Client,
            hangup: self.commands.hangup,
            pty: self.commands.pty,
            retry: lower::retry(&self.again)?,
            reconnect: lower::reconnect(&self.again, &session, shared.direction, input)?,
            ..shared
        };
        let is_bounded = |kind| matches!(kind, Kind::Standard | Kind::File | Kind::WebSocket);
        if self.again.resend && input == Some("whole") && !kinds.into_iter().all(is_bounded) {
            return Err(lower::whole_resent());
        }
        Ok(Plan::Pipe(Pipe { a: self.a, b: self.b, common: Arc::new(common) }))
    }
}
