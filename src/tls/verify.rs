//! The usual verifier, whose refusals tell what was expected and what was shown.
//!
//! rustls gives a failed handshake's error without the certificate it is about, so the facts are taken
//! here, where the certificate is at hand, and travel inside the error.

use super::chain::{Chain, Peer};
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
use std::{fmt, sync::Arc};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

/// webpki, explained.
#[derive(Debug)]
pub(super) struct Explaining {
    pub below: Arc<WebPkiServerVerifier>,
    /// What the user trusts by name of a file. An authority's own certificate is trusted as a server's when
    /// it is one of these, as OpenSSL does: the usual self-signed one is such a certificate.
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
                Chain::new(end_entity, intermediates, &self.own, Peer::Server(name)).explain(&cause),
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
            Chain::new(certificate, &[], &[], Peer::Server(&name)).weak_leaf().map_or(error, untrusted)
        }
        _ => error,
    }
}

fn is_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
        if inner.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity))
}

/// What is left to be asked of a certificate that is trusted as it is: its name and its time.
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

/// Whose certificate this is and until when it is valid; `None` for one that cannot be read.
pub(super) fn about(leaf: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    Some(format!("{}, valid until {}", subject(&certificate), date(certificate.validity().not_after)))
}

/// Subject alternative names, as text.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

/// The subject, empty in many a certificate of today.
pub(super) fn whole_subject(certificate: &X509Certificate<'_>) -> String {
    certificate.subject().to_string()
}

/// Whose certificate it is, in as few words as it allows.
pub(super) fn subject(certificate: &X509Certificate<'_>) -> String {
    let names = names(certificate);
    match names.as_slice() {
        [] => format!("`{}`", certificate.subject()),
        [one] => one.clone(),
        [one, ..] => format!("{one} (and {} more)", names.len() - 1),
    }
}

/// `2026-01-31 12:00:00 UTC`
pub(super) fn date(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let month = u8::from(time.month());
    format!(
        "{}-{month:02}-{:02} {:02}:{:02}:{:02} UTC",
        time.year(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
