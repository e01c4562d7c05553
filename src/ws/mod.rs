//! The WebSocket layer: URLs, the opening handshake on hyper, frames and compression, the protocol engine, close codes.

mod admission;
mod answer;
pub mod client;
pub mod codes;
pub mod conn;
mod cursor;
mod deflate;
mod end;
mod frame;
mod judge;
mod outgoing;
pub mod server;
mod taster;
mod tokens;
mod url;
pub mod watch;
mod wire;

pub use admission::{Admission, Login};
pub use hyper::header::{HeaderName, HeaderValue};
pub use url::WsUrl;

use crate::net::Stream;
use bytes::Bytes;
use std::time::Duration;

/// What a client asks for in the opening handshake (RFC 6455 section 4.1), from the command line.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Extra header fields in order; one with the name of a default field replaces it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Default fields that are not sent.
    pub left_out: Vec<HeaderName>,
    /// Subprotocols in order of preference.
    pub subprotocols: Vec<String>,
    /// Offer permessage-deflate.
    pub compress: bool,
}

/// How a server answers the opening handshake (RFC 6455 section 4.2), from the command line.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Paths that are served; empty serves every path.
    pub paths: Vec<String>,
    /// Subprotocols the server speaks, in order of preference; empty takes none.
    pub subprotocols: Vec<String>,
    /// Extra header fields of the 101 answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Accept an offer of permessage-deflate.
    pub compress: bool,
    /// Origin, Host and credentials.
    pub admission: Admission,
    /// From accept to answered upgrade, TLS included. Default 10 s.
    pub handshake_timeout: Duration,
}

/// A stream after the opening handshake: from here on, frames.
pub struct Upgraded {
    /// The transport.
    pub stream: Stream,
    /// What was read beyond the head of the handshake: the peer's first frames.
    pub read_ahead: Bytes,
    /// The subprotocol both sides agreed on.
    pub subprotocol: Option<String>,
    /// Compression, if both sides agreed on it.
    pub deflate: Option<conn::Agreed>,
}
