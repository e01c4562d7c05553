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
mod provider;
mod server;
mod verify;
mod words;
mod x509;

pub use client::Connector;
pub use explain::{NO_CLOSE_NOTIFY, NO_TLS, PLAIN, explain_handshake, explain_io};
pub use options::{ClientTls, Identity, Passphrase, ServerTls, Sni, Version};
pub use pem::asks_for_passphrase;
pub use pin::Pin;
pub use provider::ALPN;
pub use rustls::ClientConfig;
pub use server::{Acceptor, Unsecured};

use provider::{encrypted_over, provider, sha256};
