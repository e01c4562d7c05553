//! `wsio connect`: its arguments, and how they become a plan.

use super::{
    client::{Certificate, Credentials, Handshake, Trust},
    expand::Expander,
    groups::{Messages, Output, Session},
    lower,
};
use crate::{
    fault::Result,
    plan::{Common, Connect, Plan},
};
use clap::{Args, ValueHint};

/// Talk to a WebSocket server
///
/// Standard input is sent to the server, one line a message, and each message from the server is
/// printed as one line. When the input ends, connect waits until the server has been silent for
/// --linger, then closes. Without any input it only receives, until the server closes.
#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    /// Connect to a ws: or wss: URL, ws+unix:/PATH, or echo: for a built-in echo server
    #[arg(value_name = "TARGET", value_hint = ValueHint::Url)]
    pub target: String,
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
    pub output: Output,
}

impl ConnectArgs {
    pub(super) fn lower(self, expander: &mut Expander) -> Result<Plan> {
        let client = lower::client(self.handshake, self.credentials, &self.target, expander)?;
        let common = Common {
            rules: lower::rules(&self.session),
            framing: lower::framing(&self.messages),
            max_message: self.messages.max_message,
            direction: lower::direction(&self.messages),
            send: lower::send(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, self.certificate),
            client,
            server: lower::no_server(),
            room: Default::default(),
            errors_to_client: false,
            pty: false,
            progress: self.output.progress,
            verbosity: lower::verbosity(&self.output),
        };
        Ok(Plan::Connect(Connect { target: self.target, common }))
    }
}
