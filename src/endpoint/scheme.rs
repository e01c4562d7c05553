//! The parts of a scheme: its kind, its flags and how its text is read.
//!
//! Each file of schemes uses this one; the table of all of them is in `schemes`.

use super::Endpoint;
use crate::fault::Result;

/// Kind of an endpoint, as far as options, defaults and hints differ; whether it speaks TLS is a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Standard input and output.
    Standard,
    /// A WebSocket client.
    WebSocket,
    /// A WebSocket server.
    WebSocketServer,
    /// A client of a byte stream.
    Stream,
    /// A server of byte streams.
    StreamServer,
    /// A client of datagrams.
    Datagrams,
    /// A server of datagrams.
    DatagramServer,
    /// A child process.
    Command,
    /// A file that is read or written.
    File,
    /// Sends back what it gets.
    Echo,
    /// Gives nothing and swallows everything.
    Null,
    /// Fan-out inside the process.
    Hub,
    /// A subject of a broker.
    Subject,
}

/// Properties of a scheme beside its kind.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// It is reached over the network, so that the way to it can be chosen (`-4`, `--proxy`, `--resolve`).
    pub dialled: bool,
    /// It speaks TLS from the first byte.
    pub secure: bool,
    /// A path or the words of a program follow, whose bytes need not be UTF-8.
    pub path: bool,
}

/// One scheme of the table.
pub struct Scheme {
    /// Name before the colon; `-` stands alone.
    pub name: &'static str,
    /// Form with placeholders, such as `file:PATH`.
    pub form: &'static str,
    /// An example that parses.
    pub example: &'static str,
    /// Summary for help, one line without a full stop.
    pub summary: &'static str,
    /// Kind of its endpoints.
    pub kind: Kind,
    /// Its other properties.
    pub flags: Flags,
    /// May stand as A of `pipe`.
    pub a: bool,
    /// May stand as B of `pipe` and after `--to`.
    pub b: bool,
    /// Makes the endpoint of what stands after the colon, or of the whole text for URLs.
    pub(super) parse: fn(&str) -> Result<Box<dyn Endpoint>>,
}

impl Flags {
    /// None of them.
    pub(super) const NONE: Self = Self { dialled: false, secure: false, path: false };
}

impl Scheme {
    /// URLs are parsed as a whole, everything else without its scheme.
    pub(super) fn takes_whole(&self) -> bool {
        matches!(self.kind, Kind::WebSocket | Kind::Subject)
    }

    /// True when it is a server that speaks TLS, and needs a certificate for that.
    pub fn serves_tls(&self) -> bool {
        self.kind.listens() && self.flags.secure
    }
}

impl Kind {
    /// True when its messages travel in WebSocket frames.
    pub fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebSocketServer)
    }

    /// True when it waits for clients.
    pub fn listens(self) -> bool {
        matches!(self, Self::WebSocketServer | Self::StreamServer | Self::DatagramServer)
    }

    /// True when it gives and takes bytes that a framing cuts into messages.
    pub fn is_bytes(self) -> bool {
        let bytes = [Self::Standard, Self::Stream, Self::StreamServer, Self::Command, Self::File];
        bytes.contains(&self)
    }
}
