//! TLS on both sides: configuration from files, handshakes that explain why they failed.
//!
//! rustls lives only here. ALPN offers `http/1.1` alone: an offer of `h2` breaks upgrades behind
//! common proxies, and RFC 6455 is HTTP/1.1.

mod chain;
mod client;
mod clients;
mod danger;
mod encrypted;
mod explain;
mod facts;
mod key_log;
mod labels;
mod pem;
mod pin;
mod server;
mod verify;
mod words;
mod x509;

use client::trusting;

pub use client::Connector;
pub use explain::{PLAIN, explain_handshake, explain_io};
pub use pem::asks_for_passphrase;
pub use pin::Pin;
pub use rustls::ClientConfig;
pub use server::Acceptor;

use crate::net::{Beneath, Stream};
use rustls::crypto::{
    CryptoProvider,
    aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256},
};
use std::{fmt, path::PathBuf, sync::Arc};

/// What a TLS client was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Trust these roots (PEM) instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate chain (PEM), for servers that want one.
    pub cert: Option<PathBuf>,
    /// The key of `cert` (PEM: PKCS#8, PKCS#1 or SEC1); default: in the same file as `cert`.
    pub key: Option<PathBuf>,
    /// Opens an encrypted `key`.
    pub pass: Option<Passphrase>,
    /// Accept any certificate.
    pub insecure: bool,
    /// With that, note what would have been refused.
    pub explains: bool,
    /// The name sent and checked instead of the URL's host.
    pub sni: Sni,
    /// The oldest version spoken.
    pub min: Version,
    /// The only keys a server may show; empty is any.
    pub pins: Vec<Pin>,
    /// Certificates that are no longer good (PEM).
    pub crl: Option<PathBuf>,
    /// Write the secrets of every connection here, for Wireshark.
    pub key_log: Option<PathBuf>,
}

impl ClientTls {
    /// The same for another origin than the one it was given for, and the options that are missing: what
    /// permits goes, what restricts stays.
    pub fn for_strangers(&self) -> (Self, Vec<&'static str>) {
        let dropped = [
            (self.cert.is_some(), "--cert"),
            (self.insecure, "--insecure"),
            (self.sni != Sni::Host, "--sni"),
        ];
        let missing = dropped.into_iter().filter(|(given, _)| *given).map(|(_, name)| name).collect();
        let open =
            Self { cert: None, key: None, pass: None, insecure: false, sni: Sni::Host, ..self.clone() };
        (open, missing)
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.2 (RFC 5246)
    #[default]
    V1_2,
    /// 1.3 (RFC 8446)
    V1_3,
}

/// What opens an encrypted key; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// A passphrase as it was given.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a passphrase")
    }
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
    /// Opens an encrypted key of `identity`.
    pub pass: Option<Passphrase>,
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

/// Bytes that count as held while rustls has records to write: its default limit, since it does not say how
/// many there are.
const HELD: u64 = 64 * 1024;

/// The foundation of TLS over a stream; `wants_write` while rustls has records to write.
fn encrypted_over(stream: &Stream, wants_write: bool) -> Beneath<'_> {
    let below = stream.beneath();
    let held = below.held + if wants_write { HELD } else { 0 };
    Beneath { is_encrypted: true, held, ..below }
}

/// The one cryptography provider, named so that no process-wide default is needed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// SHA-256, from the provider that is here anyway.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider);
    suite.map_or_else(Vec::new, |hash| hash.hash(bytes).as_ref().to_vec())
}
