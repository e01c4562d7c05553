//! TLS on both sides: configuration from files, handshakes that explain why they failed.
//!
//! rustls lives only here. ALPN offers `http/1.1` alone: an offer of `h2` breaks upgrades behind
//! common proxies, and RFC 6455 is HTTP/1.1. A server of byte streams minds no ALPN.

mod chain;
mod client;
mod danger;
mod encrypted;
mod explain;
mod labels;
mod options;
mod pem;
mod pin;
mod server;
mod verify;
mod warm_up;
mod words;
mod x509;

pub use client::Connector;
pub use explain::{NO_CLOSE_NOTIFY, NO_TLS, PLAIN, explain_handshake, explain_io};
pub use options::{ClientTls, Identity, Passphrase, ServerTls, Sni, Version};
pub use pem::asks_for_passphrase;
pub use pin::Pin;
pub use rustls::ClientConfig;
pub use server::{Acceptor, Unsecured};

use crate::stream::{Beneath, Stream};
use rustls::crypto::{
    CryptoProvider,
    aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256},
};
use std::sync::Arc;

/// The only protocol that both sides offer in ALPN (RFC 7301).
pub const ALPN: &[u8] = b"http/1.1";

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
