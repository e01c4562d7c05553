//! The foundation of both sides: the cryptography, what ALPN offers, what TLS over a stream holds.

use crate::net::{Beneath, Stream};
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
pub(super) fn encrypted_over(stream: &Stream, wants_write: bool) -> Beneath<'_> {
    let below = stream.beneath();
    let held = below.held + if wants_write { HELD } else { 0 };
    Beneath { is_encrypted: true, held, ..below }
}

/// The one cryptography provider, named so that no process-wide default is needed.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// SHA-256, from the provider that is here anyway.
pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider);
    suite.map_or_else(Vec::new, |hash| hash.hash(bytes).as_ref().to_vec())
}
