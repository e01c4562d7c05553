//! What opening an endpoint takes and gives.

use super::{Visitor, WebSocketAcceptor};
use crate::{
    child::Manner,
    exit::Exit,
    fault::{Fault, Result},
    framing::{Framing, Kind},
    link::{ByteLink, Link, Port, Stdio, Texts, room::Rooms},
    net::Listener,
    observe::Reporter,
    tls::{ClientTls, Connector, ServerTls},
    ws::{ClientOptions, ServerOptions},
};
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// Which place of a pair an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first.
    A,
    /// The second.
    B,
}

impl Role {
    /// The number of the side.
    pub fn side(self) -> usize {
        usize::from(self == Self::B)
    }
}

/// The circumstances of one opening.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Which place it takes.
    pub role: Role,
    /// Subprotocols to ask for instead of the command line's: those the other side was asked for.
    pub subprotocols: Option<Vec<String>>,
    /// The client it is opened for.
    pub visitor: Option<Visitor>,
}

impl Opening {
    /// An opening with the command line's subprotocols.
    pub fn new(role: Role) -> Self {
        Self { role, subprotocols: None, visitor: None }
    }
}

/// An opened endpoint.
pub enum Opened {
    /// One connection.
    Link(OpenedLink),
    /// A listening socket.
    Acceptor(Acceptor),
}

/// One open connection.
pub struct OpenedLink {
    /// The connection.
    pub link: Link,
    /// The far end, for people.
    pub peer: String,
    /// The subprotocol that was agreed on.
    pub subprotocol: Option<String>,
}

/// A listening socket.
pub enum Acceptor {
    /// Its clients are greeted with the opening handshake.
    WebSocket(WebSocketAcceptor),
    /// Its clients are byte streams.
    Bytes {
        /// The socket.
        listener: Listener,
        /// Such as `tcp` or `unix`.
        scheme: &'static str,
    },
}

/// Framings of the byte ends of a run.
#[derive(Clone, Copy, Debug)]
pub struct Framings {
    /// Bytes to messages.
    pub input: Framing,
    /// Messages to bytes.
    pub output: Framing,
    /// Overrides the input framing's frame type.
    pub kind: Option<Kind>,
}

impl Framings {
    /// The frame type that input is sent as.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(self.input.kind)
    }

    /// How the terminal of a child behaves: bare keystrokes and bare output are for a person.
    pub fn manner(&self) -> Manner {
        match (self.input.name, self.output.name) {
            ("raw", "raw") => Manner::Console,
            _ => Manner::Quiet,
        }
    }
}

/// What endpoints are opened with: options, and the things a process has only once.
pub struct Reach {
    /// Framings of byte ends.
    pub framings: Framings,
    /// Bound on one message, bytes.
    pub max_message: usize,
    /// Everything until open; `None` is off.
    pub connect_timeout: Option<Duration>,
    /// The client's opening handshake.
    pub client: ClientOptions,
    /// The client side of TLS.
    pub client_tls: ClientTls,
    /// The server's opening handshake.
    pub server: ServerOptions,
    /// The server side of TLS.
    pub server_tls: Option<ServerTls>,
    /// The standard streams.
    pub stdio: Stdio,
    /// The standard error of child processes goes where their output goes.
    pub errors_to_client: bool,
    /// Child processes get a terminal.
    pub pty: bool,
    /// Whether standard input is read at all.
    pub read_input: bool,
    /// Rooms by name.
    pub rooms: Rooms,
    /// Where notes go.
    pub reporter: Reporter,
    /// Made once, when the first TLS connection needs it: loading the roots is slow.
    pub connector: OnceCell<Connector>,
}

impl Reach {
    /// A byte port behind the run's framings.
    pub fn bytes(&self, port: Port, texts: Texts) -> Link {
        let decoder = (self.framings.input.decoder)(self.framings.kind(), self.max_message);
        let encoder = (self.framings.output.encoder)();
        Link::Bytes(Box::new(ByteLink::new(port, texts, decoder, encoder)))
    }

    /// The TLS client, made at its first use.
    ///
    /// # Errors
    /// Exit 58 or 77: files that cannot be used.
    pub async fn connector(&self) -> Result<&Connector> {
        let make = || async {
            if self.client_tls.insecure {
                self.reporter.note("certificates are not checked (--insecure): anyone on the way can read and change everything");
            }
            Connector::new(&self.client_tls)
        };
        self.connector.get_or_try_init(make).await
    }

    /// The deadline that starts now.
    pub fn deadline(&self) -> Deadline {
        Deadline { from: Instant::now(), within: self.connect_timeout }
    }
}

/// `--connect-timeout`, shared by all phases of one opening.
#[derive(Clone, Copy)]
pub struct Deadline {
    from: Instant,
    within: Option<Duration>,
}

impl Deadline {
    /// Runs one phase in what is left of the time.
    ///
    /// # Errors
    /// The phase's own fault, or exit 28 naming the phase.
    pub async fn phase<T>(
        &self,
        phase: &'static str,
        doing: &str,
        step: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(within) = self.within else { return step.await };
        let left = within.saturating_sub(self.from.elapsed());
        match tokio::time::timeout(left, step).await {
            Ok(result) => result,
            Err(_) => Err(Fault::new(
                Exit::Deadline,
                phase,
                format!("{doing}: no answer within {within:?} (--connect-timeout)"),
            )),
        }
    }
}
