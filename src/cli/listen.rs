//! `wsio listen`: its arguments, and how they become a plan.

use super::{
    client::{Certificate, Handshake, Trust},
    expand::{Expander, usage},
    groups::{ChildErrors, Commands, Fanout, Messages, Output, Session},
    lower::{self, Given},
    server::{Admittance, Server},
    values,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::ListenAddr,
    plan::{Common, Listen, Plan, Target},
    tls::ServerTls,
    ws::ClientOptions,
};
use clap::Args;
use std::ffi::OsString;

/// Be a WebSocket server
///
/// Standard input goes to every client, and each client's messages to standard output, one line a
/// message; --echo and --to give each client something else to talk to. A bare port is reachable
/// from this machine only.
#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    /// Where to listen
    #[arg(
        value_name = "ADDR",
        help = "Listen on PORT, HOST:PORT, [V6]:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH or unix:PATH"
    )]
    pub address: String,
    /// Send each message back to its sender
    #[arg(long, help_heading = "Server", conflicts_with_all = [
        "to", "framing", "input", "output", "nul", "text", "binary", "recv_only", "send_only",
    ])]
    pub echo: bool,
    /// Send each message to all other clients too, and to standard output
    #[arg(long, help_heading = "Server", conflicts_with_all = ["echo", "to", "once", "program"])]
    pub relay: bool,
    /// Join each client to a fresh ENDPOINT, such as tcp:HOST:PORT
    #[arg(long, help_heading = "Server", value_name = "ENDPOINT")]
    pub to: Option<String>,
    /// Start PROGRAM for each client, its input and output as lines
    #[arg(last = true, value_name = "PROGRAM", num_args = 1.., conflicts_with_all = ["echo", "to"])]
    pub program: Vec<OsString>,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub fanout: Fanout,
    #[command(flatten)]
    pub commands: Commands,
    #[command(flatten)]
    pub admittance: Admittance,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub session: Session,
    #[command(flatten)]
    pub handshake: Handshake,
    #[command(flatten)]
    pub trust: Trust,
    #[command(flatten)]
    pub certificate: Certificate,
    #[command(flatten)]
    pub output: Output,
}

/// Where to listen, as far as this floor understands it.
struct Place {
    address: ListenAddr,
    path: Option<String>,
    /// `Some` when a scheme said it.
    secure: Option<bool>,
}

impl ListenArgs {
    pub(super) fn lower(mut self, given: &Given, expander: &mut Expander) -> Result<Plan> {
        if self.to.is_none() {
            given.refuse(&["cacert", "insecure", "sni", "connect_timeout"], "is for the endpoint of --to")?;
        }
        let shared = match &self.to {
            Some(endpoint) => endpoint.starts_with("hub:") || endpoint == "-",
            None => !self.echo && self.program.is_empty() && !self.server.once,
        };
        if !shared {
            given.refuse(
                &["queue", "slow", "last"],
                "is for standard input to many clients, --relay and --to hub:NAME",
            )?;
        }
        if !self.server.once {
            given.refuse(&["progress"], "is for one session: with --once")?;
        }
        let starts = self.to.as_deref().is_some_and(lower::is_command) || !self.program.is_empty();
        lower::check_commands(given, starts)?;
        let place = Place::parse(&self.address)?;
        let tls = self.tls(place.secure)?;
        self.server.paths.extend(place.path);
        let mut common = Common {
            rules: lower::rules(&self.session),
            framing: lower::framing(&self.messages),
            max_message: self.messages.max_message,
            direction: lower::direction(&self.messages),
            send: lower::send(&self.messages, expander)?,
            connect_timeout: self.session.connect_timeout.0,
            client_tls: lower::client_tls(self.trust, Certificate { cert: None, key: None }),
            client: ClientOptions::default(),
            server: lower::server(self.server),
            room: lower::room(&self.fanout),
            errors_to_client: self.commands.child_stderr == ChildErrors::Client,
            pty: self.commands.pty,
            progress: self.output.progress,
            verbosity: lower::verbosity(&self.output),
        };
        common.server.handshake.headers = lower::server_headers(&self.handshake.headers, expander)?;
        let Admittance { user, bearer } = &self.admittance;
        common.server.handshake.admission.login = lower::login(user.as_deref(), bearer.as_deref(), expander)?;
        common.server.handshake.subprotocols = self.handshake.subprotocols;
        let target = match self.to {
            _ if self.echo => Target::Echo,
            _ if self.relay => Target::Relay,
            _ if !self.program.is_empty() => Target::Command(self.program),
            Some(endpoint) => Target::Endpoint(endpoint),
            None => Target::Stdio,
        };
        Ok(Plan::Listen(Listen { address: place.address, tls, target, common }))
    }

    fn tls(&self, secure: Option<bool>) -> Result<Option<ServerTls>> {
        let tls =
            lower::server_tls(&self.certificate, self.server.self_signed, self.server.client_ca.clone())?;
        match (secure, &tls) {
            (Some(true), None) => Err(usage("wss:// needs a certificate")
                .hint("add --cert FILE --key FILE, or --self-signed for one made at start")),
            (Some(false), Some(_)) => Err(usage("ws:// is plain, but a certificate was given")
                .hint("write wss:// for TLS, or leave --cert and --self-signed out")),
            _ => Ok(tls),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        let malformed = |cause: String| {
            Fault::new(Exit::Malformed, "listen", format!("'{text}' is not an address to listen on: {cause}"))
                .hint("write PORT, HOST:PORT, [V6]:PORT, ws://HOST:PORT/PATH, wss://… or unix:PATH")
        };
        let (secure, default_port, rest) = match text.split_once("://") {
            None => {
                let address = ListenAddr::parse(text).map_err(malformed)?;
                return Ok(Self { address, path: None, secure: None });
            }
            Some(("ws" | "http", rest)) => (false, 80, rest),
            Some(("wss" | "https", rest)) => (true, 443, rest),
            Some((scheme, _)) => return Err(malformed(format!("unknown scheme '{scheme}'"))),
        };
        let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let path = match path {
            "" | "/" => None,
            _ => Some(values::path(path).map_err(malformed)?),
        };
        let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let address = match has_port {
            true => ListenAddr::parse(authority),
            false if authority.is_empty() => Err("the host is missing".to_owned()),
            false => ListenAddr::parse(&format!("{authority}:{default_port}")),
        };
        Ok(Self { address: address.map_err(malformed)?, path, secure: Some(secure) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (ListenAddr, Option<String>, Option<bool>) {
        let place = Place::parse(text).unwrap();
        (place.address, place.path, place.secure)
    }

    #[test]
    fn addresses_are_ports_hosts_and_urls() {
        let host = |name: &str, port| ListenAddr::Host(name.to_owned(), port);
        assert_eq!(place("8080"), (ListenAddr::Loopback(8080), None, None));
        assert_eq!(place("0.0.0.0:0"), (host("0.0.0.0", 0), None, None));
        assert_eq!(place("ws://h"), (host("h", 80), None, Some(false)));
        assert_eq!(place("wss://h/"), (host("h", 443), None, Some(true)));
        assert_eq!(place("ws://h:8080/chat"), (host("h", 8080), Some("/chat".to_owned()), Some(false)));
        assert!(matches!(place("wss://[::1]").0, ListenAddr::Host(_, 443)));
        assert!(matches!(place("unix:/tmp/x").0, ListenAddr::Unix(_)));
    }

    #[test]
    fn other_addresses_are_malformed() {
        for text in ["tcp://h:1", "ws://", "ws://h/a?b", "70000", "ws://h:x/"] {
            assert_eq!(Place::parse(text).err().map(|fault| fault.exit), Some(Exit::Malformed), "{text}");
        }
    }
}
