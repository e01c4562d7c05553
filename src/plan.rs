//! The plan: what the command line asked for, as plain data.
//!
//! `cli` lowers arguments to a [`Plan`]; the driver runs it and never sees clap. Options live beside
//! their consumer (`tls`, `ws`, `session`), the plan only gathers them.

use crate::{
    framing::{Framing, Kind},
    link::room,
    net::ListenAddr,
    observe::Verbosity,
    session::Rules,
    tls::{ClientTls, ServerTls},
    ws::{ClientOptions, ServerOptions},
};
use bytes::Bytes;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// One run of the program.
#[derive(Clone, Debug)]
pub enum Plan {
    /// `wsio connect URL`
    Connect(Connect),
    /// `wsio listen ADDR`
    Listen(Listen),
    /// `wsio pipe A [B]`
    Pipe(Pipe),
}

/// `connect`: standard input and output with one WebSocket.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The URL or endpoint as written.
    pub target: String,
    /// Everything the subcommands share.
    pub common: Common,
}

/// `listen`: every accepted WebSocket with a target.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where to listen.
    pub address: ListenAddr,
    /// Serve TLS; `None` is plain.
    pub tls: Option<ServerTls>,
    /// What each client talks to.
    pub target: Target,
    /// Everything the subcommands share.
    pub common: Common,
}

/// What a client of `listen` talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard input to every client, every client's messages to standard output.
    Stdio,
    /// As `Stdio`, and each client's messages to all others.
    Relay,
    /// Each message back to its sender.
    Echo,
    /// A fresh endpoint per client, as written.
    Endpoint(String),
    /// A fresh child process per client: a program and its arguments.
    Command(Vec<OsString>),
}

/// `pipe`: two endpoints as written.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// The first endpoint; the one that may listen.
    pub a: String,
    /// The second endpoint; default `-`.
    pub b: String,
    /// Everything the subcommands share.
    pub common: Common,
}

/// What an option means does not depend on where it stands, so all three subcommands carry these.
#[derive(Clone, Debug)]
pub struct Common {
    /// Endings, deadlines, keepalive.
    pub rules: Rules,
    /// Bytes to messages and back.
    pub framing: FramingChoice,
    /// Bound on one message both ways, bytes. Default 64 MiB.
    pub max_message: usize,
    /// Sent before standard input, in order.
    pub send: Vec<Bytes>,
    /// Which direction is wanted.
    pub direction: Direction,
    /// Everything until open. Default 10 s; `None` is off.
    pub connect_timeout: Option<Duration>,
    /// Client side of every wss and tls endpoint.
    pub client_tls: ClientTls,
    /// Client side of the opening handshake.
    pub client: ClientOptions,
    /// Server side of every listening endpoint.
    pub server: Serve,
    /// Rules of every fan-out.
    pub room: room::Rules,
    /// The standard error of child processes goes to the client, as messages.
    pub errors_to_client: bool,
    /// Child processes get a terminal.
    pub pty: bool,
    /// How far a transfer is, is shown.
    pub progress: bool,
    /// How much is said on stderr.
    pub verbosity: Verbosity,
}

/// Server options of `listen` and of the listening endpoints of `pipe`.
#[derive(Clone, Debug)]
pub struct Serve {
    /// The opening handshake.
    pub handshake: ServerOptions,
    /// Certificate of wss-listen endpoints; `listen`'s own is in [`Listen::tls`].
    pub tls: Option<ServerTls>,
    /// One client, then exit with that session's code.
    pub once: bool,
    /// Clients at the same time; one more is answered 503. Default 1024.
    pub max_connections: usize,
    /// Write the URL here, atomically, when listening.
    pub announce: Option<PathBuf>,
    /// How long open sessions may drain at a signal. Default 10 s.
    pub grace: Duration,
}

impl Serve {
    /// The same limits for a server inside the process: any path, any number of clients, unannounced.
    pub fn plain(&self) -> Self {
        Self { tls: None, once: false, announce: None, ..self.clone() }
    }
}

/// `--in`, `--out`, `-t`, `-b`; `None` takes the place's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FramingChoice {
    /// Bytes to messages. Default: `lines` for connect and listen on stdio, `raw` for pipe.
    pub input: Option<Framing>,
    /// Messages to bytes. Default as `input`.
    pub output: Option<Framing>,
    /// Frame type that bytes are sent as. Default: the framing's.
    pub kind: Option<Kind>,
}

/// `--recv-only`, `--send-only`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Standard input is never read.
    ReceiveOnly,
    /// Received messages are not printed.
    SendOnly,
}
