//! The options of all three subcommands: their groups, and the part of the plan that they become.
//!
//! An option of these groups is declared once and lowered once, here; a subcommand says only what is
//! different with it, over what stands here (`Common { …, ..shared }`).

use super::{
    expand::Expander,
    groups::{Messages, OutputArgs, SessionArgs},
    lower::{self, GivenOptions},
    network::Network,
    sides::{CertificateArgs, HandshakeArgs, Trust},
};
use crate::{
    fault::Result,
    framing::Framing,
    handshake::ClientOptions,
    plan::{Common, Expect},
};
use clap::Args;

/// The option groups of `connect`, `listen` and `pipe`.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct SharedArgs {
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub session: SessionArgs,
    #[command(flatten)]
    pub handshake: HandshakeArgs,
    #[command(flatten)]
    pub network: Network,
    #[command(flatten)]
    pub trust: Trust,
    #[command(flatten)]
    pub certificate: CertificateArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Differences between the subcommands in how they use these options.
pub(super) struct Use {
    /// The framing where none is chosen.
    pub framing: Framing,
    /// An end listens: there are many sessions, unless it is for one alone.
    pub listens: bool,
    /// It serves one client alone.
    pub once: bool,
    /// The certificate of the client side.
    pub certificate: CertificateArgs,
}

impl SharedArgs {
    /// The part of the plan that they ask for, with the defaults of all that not every subcommand has.
    ///
    /// # Errors
    /// What the values of the options refuse: exit 2, 26 for a file that cannot be read.
    pub(super) fn lower(&self, of: Use, given: &GivenOptions, expander: &mut Expander) -> Result<Common> {
        let Self { messages, session, output, .. } = self;
        Ok(Common {
            rules: session.rules(),
            framing: lower::framing(messages, of.framing, output)?,
            max_message: messages.max_message,
            max_frame: messages.max_frame,
            read_ahead: lower::read_ahead(messages, of.listens),
            direction: lower::direction(messages),
            send: lower::send(messages, expander)?,
            input_left: lower::input_left(given, expander),
            input_sent: expander.gave_input_to("--send") || lower::leaves_after_send(given),
            auto_send: lower::auto_send(messages, expander)?,
            connect_timeout: session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust.clone(), of.certificate, expander)?,
            client: ClientOptions {
                follow: self.network.location,
                compress: self.handshake.compress,
                ..ClientOptions::default()
            },
            dial: self.network.clone().lower(expander)?,
            expect: Expect::default(),
            forward: Vec::new(),
            server: lower::no_server(messages, self.handshake.compress, expander)?,
            room: Default::default(),
            errors_to_client: false,
            hangup: false,
            pty: false,
            progress: output.progress,
            verbosity: lower::verbosity(output),
            no_pong: session.no_pong,
            secrets: output.secret.clone(),
            retry: Default::default(),
            reconnect: None,
            stats: output.stats,
            record: lower::recording(output, of.listens && !of.once)?,
        })
    }
}
