//! TLS on both sides: configuration from files, handshakes that explain why they failed.
//!
//! rustls lives only here. ALPN offers `http/1.1` alone: an offer of `h2` breaks upgrades behind
//! common proxies, and RFC 6455 is HTTP/1.1.

mod client;
mod danger;
mod explain;
mod pem;
mod server;
mod verify;

use client::trusting;

pub use client::{Connector, TlsFacts};
pub use explain::explain_io;
pub use server::Acceptor;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::{path::PathBuf, sync::Arc};

/// What a TLS client was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Trust these roots (PEM) instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate chain (PEM), for servers that want one.
    pub cert: Option<PathBuf>,
    /// The key of `cert` (PEM: PKCS#8, PKCS#1 or SEC1); default: in the same file as `cert`.
    pub key: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure: bool,
    /// The name sent and checked instead of the URL's host.
    pub sni: Sni,
}

/// The server name a TLS client sends (RFC 6066 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sni {
    /// The host of the URL.
    #[default]
    Host,
    /// This name, sent and verified instead.
    Name(String),
    /// Nothing is sent; the URL's host is verified.
    Off,
}

/// What a TLS server was asked for on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// What it shows.
    pub identity: Identity,
    /// Clients have to show a certificate issued by one of these roots (PEM).
    pub client_ca: Option<PathBuf>,
}

impl ServerTls {
    /// Whether there are files that may change while it runs.
    pub fn has_files(&self) -> bool {
        matches!(self.identity, Identity::Files { .. }) || self.client_ca.is_some()
    }
}

/// The certificate a TLS server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A certificate chain and key from PEM files; the key may be in the certificate's file.
    Files {
        /// Chain, leaf first.
        cert: PathBuf,
        /// PKCS#8, PKCS#1 or SEC1; default: in `cert`.
        key: Option<PathBuf>,
    },
    /// A certificate made at start, for `localhost`, loopback and the named hosts.
    SelfSigned,
}

/// What both sides offer in ALPN (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The one cryptography provider, named so that no process-wide default is needed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
