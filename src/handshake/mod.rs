//! The opening handshake (RFC 6455 section 4) on hyper: URLs, the client's and the server's side of it, and
//! what a server lets in.
//!
//! What the standard wants checked is checked here, line by line; hyper reads and writes HTTP.

mod access;
mod answer;
mod authority;
pub mod client;
mod cookies;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod heads;
mod http;
mod redirect;
mod request_head;
pub mod server;
mod stall_timeout;
mod tokens;
mod url;
mod validate;

pub use access::{AccessPolicy, Login};
pub use cookies::Cookies;
pub use heads::logged;
pub use hyper::header::{HeaderMap, HeaderName, HeaderValue};
pub use url::{WsUrl, bare_v6};

use crate::{framing::record::Head, net::title_case, site::Site, stream::Stream, ws::conn};
use bytes::Bytes;
use std::time::Duration;

/// Options of a client's opening handshake (RFC 6455 section 4.1), from the command line.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Extra header fields in order; one with the name of a default field replaces it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Default fields that are not sent.
    pub left_out: Vec<HeaderName>,
    /// Cookies of `--cookie`.
    pub cookies: Vec<Cookies>,
    /// Subprotocols in order of preference.
    pub subprotocols: Vec<String>,
    /// Those of them that were read from a file, and are secret whatever they look like.
    pub secret_subprotocols: Vec<String>,
    /// Redirects are followed.
    pub follow: bool,
    /// Offer permessage-deflate.
    pub compress: bool,
}

/// Options of a server's opening handshake (RFC 6455 section 4.2), from the command line.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Paths that are served; empty serves every path.
    pub paths: Vec<String>,
    /// Subprotocols the server speaks, in order of preference; empty takes none.
    pub subprotocols: Vec<String>,
    /// Extra header fields of the 101 answer, and of those to plain requests.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Accept an offer of permessage-deflate.
    pub compress: bool,
    /// Origin, Host and credentials.
    pub access: AccessPolicy,
    /// From accept to answered upgrade, TLS included; also for each further request. Default 10 s.
    pub handshake_timeout: Duration,
    /// Answers plain requests; `None` refuses them.
    pub site: Option<Site>,
}

/// A stream after the opening handshake: from here on, frames.
pub struct Upgraded {
    /// The transport.
    pub stream: Stream,
    /// Bytes read beyond the head of the handshake: the peer's first frames.
    pub read_ahead: Bytes,
    /// The subprotocol both sides agreed on.
    pub subprotocol: Option<String>,
    /// Compression, if both sides agreed on it.
    pub deflate: Option<conn::Agreed>,
    /// The head of the request.
    pub request: HeaderMap,
    /// The head of the answer.
    pub response: HeaderMap,
}

/// The fields of a head in order, names in the case they are sent in.
pub fn fields(headers: &HeaderMap) -> Head {
    let value = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, text)| (title_case(name.as_str()), value(text))).collect()
}
