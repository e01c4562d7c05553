//! `wsio connect`: its arguments, and how they become a plan.

use super::{
    ask::Ask,
    client::{Certificate, Credentials, Handshake, Trust},
    expand::Expander,
    groups::{Again, Messages, Output, Session},
    handshake,
    look::{self, Colors, Prompt},
    lower::{self, Given},
    network::Network,
    pasted,
    probe::Checks,
    script::Scripting,
};
use crate::{
    endpoint,
    fault::Result,
    net::DialOptions,
    plan::{Common, Connect, Plan},
};
use clap::{Args, ValueHint};

/// Talk to a WebSocket server
///
/// Standard input is sent to the server, one line a message, and each message from the server is
/// printed as one line. When the input ends, connect waits until the server has been silent for
/// --linger, then closes. Without any input it only receives, until the server closes. With --script
/// the session goes as a file says, and whatever goes otherwise is exit 1.
///
/// On a terminal it is a prompt: Enter sends the line, messages appear above it, Ctrl-D closes, /help
/// lists what else there is. A pasted text of several lines is one message. With --framing, --in or
/// --out it is plain lines there too.
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
    pub ask: Ask,
    #[command(flatten)]
    pub scripting: Scripting,
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
    pub checks: Checks,
    #[command(flatten)]
    pub prompt: Prompt,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub colors: Colors,
}

impl ConnectArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        let probe = self.checks.lower(&self.session, given)?;
        let look = look::look(&self.colors, &self.prompt);
        if let Some(line) = self.curl.take() {
            self.over(pasted::read(&line, expander)?, given);
        }
        let target = pasted::target(self.target)?;
        let mut server = lower::no_server(&self.messages, expander);
        server.handshake.compress = self.handshake.compress;
        let mut client = handshake::client(self.handshake, self.credentials, expander)?;
        client.follow = self.network.location;
        let dial = match endpoint::is_dialled(&target) {
            true => self.network.lower(expander)?,
            // The embedded server is reached without a proxy.
            false => DialOptions::default(),
        };
        let framing = lower::framing(&self.messages, "lines", &self.output)?;
        let direction = lower::direction(&self.messages);
        let input = framing.input.map(|input| input.name);
        let common = Common {
            rules: self.ask.rules(&self.session, given),
            framing,
            max_message: self.messages.max_message,
            max_frame: self.messages.max_frame,
            read_ahead: lower::read_ahead(&self.messages, false),
            direction,
            send: lower::send(&self.messages, expander)?,
            input_left: lower::input_left(given, expander),
            input_sent: expander.gave_input_to("--send") || lower::leaves_after_send(given),
            chat: lower::chat(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, self.certificate, expander)?,
            expect: self.scripting.lower(self.ask.opening(Some(&client))?, given, expander)?,
            client,
            forward: Vec::new(),
            dial,
            server,
            room: Default::default(),
            errors_to_client: false,
            hangup: false,
            pty: false,
            progress: self.output.progress,
            verbosity: lower::verbosity(&self.output),
            no_pong: self.session.no_pong,
            secrets: self.output.secret.clone(),
            retry: lower::retry(&self.again)?,
            reconnect: lower::reconnect(&self.again, &self.session, direction, input)?,
            stats: self.output.stats,
            record: lower::recording(&self.output, false)?,
        };
        Ok(Plan::Connect(Connect { target, probe, look, common }))
    }
}
