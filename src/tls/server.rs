//! The server side of TLS.

use super::{ALPN, Identity, ServerTls, explain::accepting, pem, provider, sha256, trusting};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::Stream,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A configured TLS server; clones share it.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    fingerprint: Option<String>,
    asks: bool,
}

impl Acceptor {
    /// A server that shows what the options say; `host` is what it listens on, for a self-signed
    /// certificate's names.
    ///
    /// # Errors
    /// Exit 58 for a certificate or key that cannot be used, 77 for the roots of client certificates.
    pub fn new(options: &ServerTls, host: Option<&str>) -> Result<Self> {
        let (chain, key, made) = match &options.identity {
            Identity::Files { cert, key } => {
                let chain = pem::certificates(cert, Exit::OwnCertificate)?;
                (chain, pem::key(key.as_ref().unwrap_or(cert), options.pass.as_ref())?, false)
            }
            Identity::SelfSigned => {
                let (certificate, key) = self_signed(host)?;
                (vec![certificate], key, true)
            }
        };
        let fingerprint = made.then(|| fingerprint(&chain));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?;
        let config = match &options.client_ca {
            None => config.with_no_client_auth(),
            Some(file) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(trusting(file)?), provider())
                        .build()
                        .map_err(|error| {
                            Fault::new(Exit::CaFile, "tls", format!("cannot use {}: {error}", file.display()))
                        })?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let mut config = config.with_single_cert(chain, key).map_err(|error| match &options.identity {
            Identity::Files { cert, key } => {
                let key = key.as_ref().unwrap_or(cert);
                unusable(format!("cannot use {} with {}: {error}", cert.display(), key.display()))
            }
            Identity::SelfSigned => unusable(error.to_string()),
        })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
            asks: options.client_ca.is_some(),
        })
    }

    /// Does the handshake with a client.
    ///
    /// # Errors
    /// Exit 35, in words for the server's log.
    pub async fn accept(&self, stream: Stream) -> Result<Stream> {
        match self.acceptor.accept(stream).await {
            Ok(stream) => Ok(Box::pin(stream)),
            Err(error) => Err(accepting(&error)),
        }
    }

    /// Whether clients have to show a certificate.
    pub fn asks_for_certificate(&self) -> bool {
        self.asks
    }

    /// SHA-256 of a self-signed certificate, in upper-case hexadecimal with colons as `openssl x509`
    /// shows it.
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }
}

fn self_signed(host: Option<&str>) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(host.map(str::to_owned).filter(|host| !names.contains(host)));
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| unusable(error.to_string()))?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((made.cert.into(), key.into()))
}

fn fingerprint(chain: &[CertificateDer<'_>]) -> String {
    let leaf = chain.first().map_or(&[][..], |leaf| leaf);
    sha256(leaf).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn unusable(cause: String) -> Fault {
    Fault::new(Exit::OwnCertificate, "tls", cause)
}
