//! Facts of a handshake, and the certificates the server showed, for people and records.

use super::x509::{names, whole_subject};
use crate::framing::record::{Certificate, Tls};
use rustls::{ClientConnection, ProtocolVersion, pki_types::CertificateDer};
use std::time::{Duration, SystemTime};
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

/// The facts of a finished handshake.
pub(super) fn facts(session: &ClientConnection) -> Tls {
    let cipher = session.negotiated_cipher_suite();
    Tls {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        },
        cipher: cipher.map_or(String::new(), |suite| format!("{:?}", suite.suite())),
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        certificates: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .filter_map(certificate)
            .collect(),
        unchecked: None,
    }
}

pub(super) fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Certificate {
        subject: whole_subject(&certificate),
        issuer: certificate.issuer().to_string(),
        names: names(&certificate),
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
    })
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moved = match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}
