//! `wsio connect`: its arguments, and how they become a plan.

use super::{
    client::{Certificate, Credentials, Handshake, Trust},
    expand::Expander,
    groups::{Messages, Output, Session},
    lower::{self, Given},
    network::{self, Network},
    pasted,
};
use crate::{
    fault::Result,
    net::DialOptions,
    plan::{Common, Connect, Plan},
};
use clap::{Args, ValueHint};

/// Talk to a WebSocket server
///
/// Standard input is sent to the server, one line a message, and each message from the server is
/// printed as one line. When the input ends, connect waits until the server has been silent for
/// --linger, then closes. Without any input it only receives, until the server closes.
#[derive(Debug, Args)]
#[command(override_usage = "wsio connect [OPTIONS] <TARGET>")]
pub(super) struct ConnectArgs {
    /// Connect to a ws: or wss: URL, ws+unix:/PATH, or echo: for a built-in echo server
    #[arg(value_name = "TARGET", value_hint = ValueHint::Url, required_unless_present = "curl")]
    pub target: Option<String>,
    /// Take URL and options from a browser's "copy as cURL" line; @FILE and @- read it; what else is given wins
    #[arg(long, value_name = "LINE", help_heading = "Handshake", hide_short_help = true)]
    pub curl: Option<String>,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub session: Session,
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
    pub output: Output,
}

impl ConnectArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        if let Some(line) = self.curl.take() {
            self.over(pasted::read(&line, expander)?, given);
        }
        let target = pasted::target(self.target)?;
        network::refuse_idle(given, [target.as_str()])?;
        if target == "echo:" {
            given.refuse(&["location"], "needs another server than echo:")?;
        }
        let mut client = lower::client(self.handshake, self.credentials, &target, expander)?;
        client.follow = self.network.location;
        let dial = match network::is_dialled(&target) {
            true => self.network.lower(expander)?,
            // The embedded server is reached without a proxy.
            false => DialOptions::default(),
        };
        let common = Common {
            rules: lower::rules(&self.session),
            framing: lower::framing(&self.messages)?,
            max_message: self.messages.max_message,
            direction: lower::direction(&self.messages),
            send: lower::send(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, self.certificate, expander)?,
            client,
            dial,
            server: lower::no_server(),
            room: Default::default(),
            errors_to_client: false,
            verbosity: lower::verbosity(&self.output),
            record: self.output.record,
        };
        Ok(Plan::Connect(Connect { target, common }))
    }
}
