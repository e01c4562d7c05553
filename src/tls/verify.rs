//! The usual verifier, whose refusals tell what was expected and what was shown.
//!
//! rustls gives a failed handshake's error without the certificate it is about, so the facts are taken
//! here, where the certificate is at hand, and travel inside the error.

use super::chain::{Chain, ChainPeer};
use crate::fault::Fault;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{cell::RefCell, fmt, sync::Arc};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Notes on a client's handshake while it goes on: rustls drops such facts with the session when it fails.
#[derive(Debug, Default)]
pub(super) struct HandshakeNotes {
    /// The server's certificates, its own first. Where they have come, version, cipher suite and key exchange
    /// were agreed on.
    pub chain: Vec<CertificateDer<'static>>,
    /// Why its certificate would have been refused, were it checked.
    pub unchecked: Option<String>,
}

tokio::task_local! {
    /// Of this task's handshake.
    pub(super) static HANDSHAKE: RefCell<HandshakeNotes>;
}

/// webpki, explained.
#[derive(Debug)]
pub(super) struct Explaining {
    pub below: Arc<WebPkiServerVerifier>,
    /// Certificates of the file that the user trusts. An authority's own certificate is trusted as a server's
    /// when it is one of these, as OpenSSL does: the usual self-signed one is such a certificate.
    pub own: Vec<CertificateDer<'static>>,
}

/// A refusal in our words, carried inside rustls' error.
#[derive(Debug)]
pub(super) struct Untrusted(pub Fault);

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Untrusted {}

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match self.below.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(error) if is_authority(&error) && self.own.iter().any(|own| own == end_entity) => {
                trusted_by_itself(end_entity, name, now)
            }
            verified => verified,
        };
        verified.map_err(|error| match error {
            Error::InvalidCertificate(cause) => untrusted(
                Chain::new(end_entity, intermediates, &self.own, ChainPeer::Server(name)).explain(&cause),
            ),
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.below.verify_tls12_signature(message, certificate, signed);
        verified.map_err(|error| weak_server(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.below.verify_tls13_signature(message, certificate, signed);
        verified.map_err(|error| weak_server(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.below.supported_verify_schemes()
    }
}

/// A refusal as an error of rustls.
pub(super) fn untrusted(fault: Fault) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Untrusted(fault)))))
}

/// The error of a server's signature in the handshake, explained where its key is too small.
pub(super) fn weak_server(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let name = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    match &error {
        Error::InvalidCertificate(_) => {
            Chain::new(certificate, &[], &[], ChainPeer::Server(&name)).weak_leaf().map_or(error, untrusted)
        }
        _ => error,
    }
}

fn is_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
        if inner.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity))
}

/// Checks the rest of a certificate that is trusted as it is: its name and its time.
fn trusted_by_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let (_, read) =
        X509Certificate::from_der(certificate).map_err(|_| Error::from(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    match read.validity() {
        validity if validity.not_before.timestamp() > now => Err(CertificateError::NotValidYet.into()),
        validity if validity.not_after.timestamp() < now => Err(CertificateError::Expired.into()),
        _ => Ok(ServerCertVerified::assertion()),
    }
}
