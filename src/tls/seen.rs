//! What a server showed, kept also when the handshake then fails.
//!
//! rustls drops the session of a failed handshake, and the chain with it; `--check` tells of the certificate
//! that it did not trust. A verifier in front of the others is the only place that sees it in time.

use super::facts::certificate;
use crate::framing::record::Certificate;
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the chain of one handshake and leaves its verdict to the verifier below.
#[derive(Debug)]
pub(super) struct Seen {
    below: Arc<dyn ServerCertVerifier>,
    chain: Mutex<Vec<Certificate>>,
}

impl Seen {
    pub(super) fn before(below: Arc<dyn ServerCertVerifier>) -> Self {
        Self { below, chain: Mutex::default() }
    }

    /// The chain, the server's own certificate first; empty when none came.
    pub(super) fn take(&self) -> Vec<Certificate> {
        std::mem::take(&mut self.chain.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).filter_map(certificate).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        self.below.verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.below.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.below.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.below.supported_verify_schemes()
    }
}
