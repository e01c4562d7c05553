//! The plan: what the command line asked for, as plain data.
//!
//! `cli` lowers arguments to a [`Plan`]; the driver runs it and never sees clap. Options live beside
//! their consumer (`tls`, `ws`, `session`), the plan only gathers them.

use crate::{
    framing::{Framing, Kind, Stamp},
    handshake::{ClientOptions, HeaderName, ServerOptions},
    link::room,
    net::{BindOptions, DialOptions, ListenAddr},
    observe::Verbosity,
    retry::Retry,
    script::{Script, report::Report},
    session::Rules,
    tls::{ClientTls, ServerTls},
};
use bytes::Bytes;
use regex::Regex;
use std::{ffi::OsString, path::PathBuf, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

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
    /// The connection is only looked at.
    pub probe: Option<Probe>,
    /// Look of the prompt on a terminal.
    pub look: Look,
    /// Everything the subcommands share.
    pub common: Arc<Common>,
}

/// `--check` and `--ping`: open, go round, close.
#[derive(Clone, Debug)]
pub struct Probe {
    /// So many pings; `None` is a check with one.
    pub pings: Option<u64>,
    /// From one ping to the next. Default 1 s.
    pub interval: Duration,
    /// Time to wait for a pong; `None` is for ever. Default 5 s.
    pub patience: Option<Duration>,
    /// Conditions that must hold.
    pub expected: Expected,
}

/// Conditions of a probe, beside an open WebSocket that answers a ping.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The HTTP status of the upgrade; anything but 101 is a refusal that must happen.
    pub status: Option<u16>,
    /// Header fields of the answer, and what one value of each must match.
    pub headers: Vec<(String, Regex)>,
    /// No certificate of the chain may expire within this.
    pub certificate: Option<Duration>,
    /// The longest round trip; of many, the 95th percentile.
    pub max_rtt: Option<Duration>,
    /// Pings that may be lost, percent. Default 0.
    pub max_loss: f64,
}

/// `listen`: every accepted WebSocket with a target.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address to listen on.
    pub address: ListenAddr,
    /// Serve TLS; `None` is plain.
    pub tls: Option<ServerTls>,
    /// Target of each client.
    pub target: Target,
    /// Everything the subcommands share.
    pub common: Arc<Common>,
}

impl Listen {
    /// True when clients talk to standard input and output.
    pub fn has_standard(&self) -> bool {
        match &self.target {
            Target::Stdio | Target::Relay => true,
            Target::Endpoint(text) => text == "-",
            Target::Echo | Target::Command(_) | Target::Script(_) => false,
        }
    }
}

/// The target that a client of `listen` talks to.
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
    /// A script, from its beginning for each client.
    Script(Arc<Script>),
}

/// `pipe`: two endpoints as written.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// The first endpoint; the one that may listen.
    pub a: String,
    /// The second endpoint; default `-`.
    pub b: String,
    /// Everything the subcommands share.
    pub common: Arc<Common>,
}

/// Options of all three subcommands: an option means the same in each of them.
#[derive(Clone, Debug)]
pub struct Common {
    /// Endings, deadlines, keepalive.
    pub rules: Rules,
    /// Bytes to messages and back.
    pub framing: FramingChoice,
    /// Bound on one message both ways, bytes. Default 64 MiB.
    pub max_message: usize,
    /// Bound on the payload of one frame that is sent, bytes.
    pub max_frame: usize,
    /// Bytes of received messages that are read on and kept while the output of a session takes nothing, so
    /// that pings are answered and a Close is seen; `None` stops reading at once. Default 16 MiB, and 256 KiB
    /// a session where an end listens.
    pub read_ahead: Option<usize>,
    /// Sent before standard input, in order.
    pub send: Vec<Bytes>,
    /// Why standard input is left alone, as the options that say so: `--send with -n`.
    pub input_left: Option<&'static str>,
    /// They are input too: when standard input gives nothing, it ended after data.
    pub input_sent: bool,
    /// Said to the WebSocket by itself.
    pub auto_send: AutoSend,
    /// The wanted direction.
    pub direction: Direction,
    /// Everything until open. Default 10 s; `None` is off.
    pub connect_timeout: Option<Duration>,
    /// Options of dialling, for every client side.
    pub dial: DialOptions,
    /// Client side of every wss and tls endpoint.
    pub client_tls: ClientTls,
    /// Client side of the opening handshake.
    pub client: ClientOptions,
    /// Header fields of a client's request that are passed on to a WebSocket behind us.
    pub forward: Vec<HeaderName>,
    /// Expectations beside those in the rules of a session.
    pub expect: Expect,
    /// Server side of every listening endpoint.
    pub server: Serve,
    /// Rules of every fan-out.
    pub room: room::RoomRules,
    /// The standard error of child processes goes to the client, as messages.
    pub errors_to_client: bool,
    /// Child processes are sent SIGHUP when the WebSocket ended abnormally, beside the end of their input.
    pub hangup: bool,
    /// Retries of an opening.
    pub retry: Retry,
    /// A lost WebSocket is opened again.
    pub reconnect: Option<Reconnect>,
    /// Records every message of every WebSocket here.
    pub record: Option<PathBuf>,
    /// Sum up at the end.
    pub stats: bool,
    /// Child processes get a terminal.
    pub pty: bool,
    /// The progress of a transfer is shown.
    pub progress: bool,
    /// Amount of output on stderr.
    pub verbosity: Verbosity,
    /// Pings of a peer are not answered.
    pub no_pong: bool,
    /// Names of further header fields and query keys whose values are hidden.
    pub secrets: Vec<String>,
}

/// Rules for opening a lost WebSocket again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconnect {
    /// With at most so many tries each time.
    pub tries: Option<u32>,
    /// Input that was in doubt when it was lost is sent again.
    pub resend: bool,
}

/// Heartbeats and answers in ordinary messages.
#[derive(Clone, Debug, Default)]
pub struct AutoSend {
    /// Messages that are sent again and again, and how often.
    pub every: Vec<(Duration, Message)>,
    /// Regex that a text message must match to be answered, and the answer, with `$1` for captures.
    pub replies: Vec<(Regex, String)>,
}

/// Expectations that a run is there to check.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The server has to choose this subprotocol.
    pub subprotocol: Option<String>,
    /// Played against every WebSocket; `connect` plays it instead of standard input and output.
    pub script: Option<Arc<Script>>,
    /// It may be one that neither sends nor expects anything.
    pub allow_empty: bool,
    /// Reports to write on the script.
    pub reports: Vec<Report>,
}

/// Server options of `listen` and of the listening endpoints of `pipe`.
#[derive(Clone, Debug)]
pub struct Serve {
    /// The opening handshake.
    pub handshake: ServerOptions,
    /// Certificate of an endpoint that serves TLS; `listen`'s own is in [`Listen::tls`].
    pub tls: Option<ServerTls>,
    /// One client, then exit with that session's code.
    pub once: bool,
    /// Clients at the same time; one more is answered 503. Default 1024.
    pub max_connections: usize,
    /// Bytes that the unfinished messages and the read-ahead of all sessions hold together; past it nothing
    /// more is read ahead, and the session that holds most is closed with 1013. Default 256 MiB; never below
    /// [`Common::max_message`], so that a session alone is not closed for one message.
    pub max_buffer: usize,
    /// Write the URL here, atomically, when listening.
    pub announce: Option<PathBuf>,
    /// Permissions of a Unix socket, and sockets that were handed to us.
    pub bind: BindOptions,
    /// Time that a peer of a UDP server may be silent. Default 60 s; `None` leaves it to
    /// [`Rules::idle_timeout`].
    pub peer_idle: Option<Duration>,
    /// Time for open sessions to drain at a signal. Default 10 s.
    pub grace: Duration,
}

impl Serve {
    /// The same limits for a server inside the process: any path, any number of clients, unannounced.
    pub fn plain(&self) -> Self {
        Self { tls: None, once: false, announce: None, ..self.clone() }
    }
}

/// `--in`, `--out`, `-t`, `-b`, `--raw`; `None` takes the place's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FramingChoice {
    /// Bytes to messages. Default: `lines` for connect and listen on stdio, `raw` for pipe.
    pub input: Option<Framing>,
    /// Messages to bytes. Default as `input`.
    pub output: Option<Framing>,
    /// Frame type that bytes are sent as. Default: the framing's.
    pub kind: Option<Kind>,
    /// Prefix of each message on standard output. Default: nothing.
    pub stamp: Option<Stamp>,
    /// Control characters of the peer reach a terminal.
    pub raw: bool,
}

impl FramingChoice {
    /// True when one was chosen: bytes are wanted then, on a terminal too.
    pub fn is_chosen(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }
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

/// Look of a conversation on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Use of colours.
    pub color: Color,
    /// JSON is laid out and coloured.
    pub pretty: bool,
    /// Typed lines are kept in a file.
    pub history: bool,
}

/// `--color`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// On every terminal.
    Always,
    /// Nowhere.
    Never,
}
