//! The usual verifier, whose refusals tell what was expected and what was shown.
//!
//! rustls gives a failed handshake's error without the certificate it is about, so the facts are taken
//! here, where the certificate is at hand, and travel inside the error.

use crate::{exit::Exit, fault::Fault};
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
            Error::InvalidCertificate(cause) => {
                let fault = explain(&cause, end_entity, intermediates.len(), name);
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Untrusted(fault)))))
            }
            error => error,
        })
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

fn is_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
        if inner.to_string().contains("CaUsedAsEndEntity"))
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

fn explain(
    cause: &CertificateError,
    shown: &CertificateDer<'_>,
    intermediates: usize,
    name: &ServerName<'_>,
) -> Fault {
    let untrusted = |text: String| Fault::new(Exit::Untrusted, "tls", text);
    let expected = name.to_str();
    let Ok((_, certificate)) = X509Certificate::from_der(shown) else {
        return untrusted(format!("the certificate of {expected} cannot be read"));
    };
    let (subject, issuer) = (subject(&certificate), certificate.issuer().to_string());
    let validity = certificate.validity();
    match cause {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = names(&certificate);
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            untrusted(format!("the certificate is not for {expected}: it names {names}"))
                .hint("check the host of the URL, or name the server with --sni")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            untrusted(format!("the certificate of {subject} expired on {}", date(validity.not_after)))
                .hint("tell the server's owner; check the clock of this machine")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => untrusted(format!(
            "the certificate of {subject} is not valid before {}",
            date(validity.not_before)
        ))
        .hint("check the clock of this machine"),
        CertificateError::UnknownIssuer | CertificateError::BadSignature
            if certificate.subject() == certificate.issuer() =>
        {
            untrusted(format!("the certificate of {subject} is self-signed, and not trusted here"))
                .hint("trust it with --cacert FILE; -k accepts anything")
        }
        CertificateError::UnknownIssuer => {
            let fault = untrusted(format!(
                "the certificate of {subject} was issued by `{issuer}`, which is not trusted here"
            ));
            fault.hint(match intermediates {
                0 => "the server sent no intermediate certificate: its chain may be incomplete; trust another root with --cacert FILE",
                _ => "trust another root with --cacert FILE",
            })
        }
        CertificateError::BadSignature => untrusted(format!(
            "the certificate of {subject} says it was issued by `{issuer}`, but the one trusted here under that name did not sign it"
        ))
        .hint("trust the right root with --cacert FILE"),
        CertificateError::Revoked => {
            untrusted(format!("the certificate of {subject} was revoked by `{issuer}` (--crl)"))
                .hint("tell the server's owner: the key may be in other hands")
        }
        CertificateError::UnknownRevocationStatus => untrusted(format!(
            "the revocation lists of --crl do not speak for every issuer of {subject}, which is `{issuer}` first"
        ))
        .hint("add the lists of all issuers to the file: it may hold several"),
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            let cause = format!("a revocation list of --crl that {subject} needs has expired");
            Fault::new(Exit::Crl, "tls", cause).hint("fetch the list anew from its issuer")
        }
        CertificateError::Other(OtherError(inner)) if inner.to_string().contains("CaUsedAsEndEntity") => {
            untrusted(format!(
                "the certificate of {subject} is a certificate authority's own, not a server's"
            ))
            .hint("trust this very one with --cacert FILE, or give the server one without CA:TRUE; -k accepts anything")
        }
        CertificateError::Other(OtherError(inner)) => {
            untrusted(format!("the certificate of {subject} (issued by `{issuer}`) is not valid: {inner}"))
        }
        other => {
            untrusted(format!("the certificate of {subject} (issued by `{issuer}`) is not valid: {other}"))
        }
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
fn subject(certificate: &X509Certificate<'_>) -> String {
    let names = names(certificate);
    match names.as_slice() {
        [] => format!("`{}`", certificate.subject()),
        [one] => one.clone(),
        [one, ..] => format!("{one} (and {} more)", names.len() - 1),
    }
}

/// `2026-01-31 12:00:00 UTC`
fn date(time: ASN1Time) -> String {
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
