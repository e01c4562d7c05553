//! Words for what rustls reports: every error, alert and algorithm that may reach a user.
//!
//! The library's texts name its own types. What it may add in a newer version gets a general sentence,
//! never its name.

use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, Error, InconsistentKeys, OtherError,
    PeerIncompatible,
};
use std::fmt::Debug;
use x509_parser::{der_parser::Oid, extensions::ExtendedKeyUsage};

/// An error, without what only a chain of certificates could tell.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(cause) => certificate(cause).to_owned(),
        Error::InvalidCertRevocationList(cause) => revocation_list(cause).to_owned(),
        Error::AlertReceived(alert) => format!("the peer ended TLS with the alert {}", alert_name(*alert)),
        Error::PeerIncompatible(what) => incompatible(what).to_owned(),
        Error::PeerMisbehaved(what) => format!("the peer does not keep to TLS ({})", spaced(what)),
        Error::InvalidMessage(what) => format!("what the peer sent is not valid TLS ({})", spaced(what)),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the peer sent a TLS message that has no place there".into()
        }
        Error::InvalidEncryptedClientHello(_) => "the encrypted ClientHello cannot be used".into(),
        Error::NoCertificatesPresented => "the peer showed no certificate".into(),
        Error::UnsupportedNameType => "the peer's name is neither a host's nor an address".into(),
        Error::DecryptError => {
            "what came cannot be decrypted: it was changed on the way, or the keys differ".into()
        }
        Error::EncryptError => "a message is too large to be encrypted".into(),
        Error::General(text) => text.clone(),
        Error::FailedToGetCurrentTime => "the system's clock cannot be read".into(),
        Error::FailedToGetRandomBytes => "the system gives no random bytes".into(),
        Error::HandshakeNotComplete => "the TLS handshake is not over".into(),
        Error::PeerSentOversizedRecord => "the peer sent a TLS record that is too large".into(),
        Error::NoApplicationProtocol => "the peer speaks no HTTP/1.1 (ALPN)".into(),
        Error::BadMaxFragmentSize => "the size of TLS records is out of range".into(),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key does not belong to the certificate".into()
        }
        Error::InconsistentKeys(_) => "the key cannot be compared with the certificate".into(),
        _ => "the TLS connection failed".into(),
    }
}

/// The fault of a certificate of which nothing else is known.
pub(super) fn certificate(cause: &CertificateError) -> &'static str {
    match cause {
        CertificateError::BadEncoding => "the certificate is not well encoded",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::UnhandledCriticalExtension => {
            "the certificate has a critical extension that is not known here"
        }
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted here",
        CertificateError::UnknownRevocationStatus => "no revocation list speaks for the certificate's issuer",
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "a revocation list has expired"
        }
        CertificateError::BadSignature => {
            "a signature does not fit the certificate's key, or the key is too small"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "a signature is of a kind that is not supported here"
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a signature does not fit the kind of the certificate's key"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for this use"
        }
        CertificateError::InvalidOcspResponse => "the status (OCSP) that was sent is not valid",
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::UnsupportedCertVersion) => "it is an X.509 v1 certificate; v3 is needed",
            Some(webpki::Error::UnsupportedCriticalExtension) => {
                "the certificate has a critical extension that is not known here"
            }
            _ => "the certificate is not valid",
        },
        _ => "the certificate is not valid",
    }
}

/// The fault of a revocation list.
pub(super) fn revocation_list(cause: &CertRevocationListError) -> &'static str {
    match cause {
        CertRevocationListError::BadSignature => "its issuer did not sign it",
        CertRevocationListError::UnsupportedSignatureAlgorithmContext { .. } => {
            "its signature is of a kind that is not supported here"
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature does not fit the kind of its issuer's key"
        }
        CertRevocationListError::InvalidCrlNumber => "its number is none",
        CertRevocationListError::InvalidRevokedCertSerialNumber => "a serial number in it is none",
        CertRevocationListError::IssuerInvalidForCrl => {
            "its issuer may not sign lists (key usage without cRLSign)"
        }
        CertRevocationListError::ParseError => "it is not well encoded",
        CertRevocationListError::UnsupportedCrlVersion => "it is not of version 2",
        CertRevocationListError::UnsupportedCriticalExtension => {
            "it has a critical extension that is not known here"
        }
        CertRevocationListError::UnsupportedDeltaCrl => "it has only what changed since another one (delta)",
        CertRevocationListError::UnsupportedIndirectCrl => {
            "it speaks for other issuers than its own (indirect)"
        }
        CertRevocationListError::UnsupportedRevocationReason => "a reason in it is not known",
        _ => "it is not valid",
    }
}

/// The reason why two sides of TLS do not fit.
pub(super) fn incompatible(what: &PeerIncompatible) -> &'static str {
    match what {
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite is spoken by both sides",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "no key exchange is spoken by both sides"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "no kind of signature is known to both sides"
        }
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => "no version of TLS is allowed by both sides",
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "the peer lacks the extended master secret (RFC 7627)"
        }
        PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::UncompressedEcPointsRequired => {
            "no form of elliptic curve points is known to both sides"
        }
        PeerIncompatible::NullCompressionRequired => "the peer insists on compression",
        PeerIncompatible::IncorrectCertificateTypeExtension
        | PeerIncompatible::UnsolicitedCertificateTypeExtension => {
            "the peer wants keys in place of certificates"
        }
        PeerIncompatible::KeyShareExtensionRequired => "the peer sent no key share",
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension => {
            "the server asks again with an extension that is not known"
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "the server does not take the encrypted ClientHello"
        }
        _ => "what the two sides speak does not fit",
    }
}

/// An alert as the standard names it (RFC 8446 section 6).
pub(super) fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca".into(),
        AlertDescription::UnrecognisedName => "unrecognized_name".into(),
        AlertDescription::UnknownPSKIdentity => "unknown_psk_identity".into(),
        AlertDescription::EncryptedClientHelloRequired => "ech_required".into(),
        AlertDescription::Unknown(number) => format!("number {number}"),
        named => spaced(&named).replace(' ', "_"),
    }
}

/// True when an alert is about the certificate that was shown to its sender.
pub(super) fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
    )
}

/// A name in `CamelCase` as separate words; what it carries is left out.
fn spaced(value: &dyn Debug) -> String {
    let name = format!("{value:?}");
    let mut words = String::new();
    for letter in name.chars().take_while(|letter| letter.is_ascii_alphanumeric()) {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// A signature algorithm that is no longer safe.
pub(super) fn algorithm(oid: &Oid<'_>) -> Option<&'static str> {
    Some(match oid.to_id_string().as_str() {
        "1.2.840.113549.1.1.2" => "MD2",
        "1.2.840.113549.1.1.3" => "MD4",
        "1.2.840.113549.1.1.4" | "1.3.14.3.2.3" | "1.3.14.3.2.25" => "MD5",
        "1.2.840.113549.1.1.5"
        | "1.3.14.3.2.29"
        | "1.2.840.10045.4.1"
        | "1.2.840.10040.4.3"
        | "1.3.14.3.2.27" => "SHA-1",
        _ => return None,
    })
}

/// True when a signature of this algorithm can be checked.
pub(super) fn is_supported(oid: &Oid<'_>) -> bool {
    const KNOWN: [&str; 8] = [
        "1.2.840.113549.1.1.10",
        "1.2.840.113549.1.1.11",
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.2",
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
        "1.3.101.112",
    ];
    KNOWN.contains(&oid.to_id_string().as_str())
}

/// The purposes of an extended key usage, as RFC 5280 names them.
pub(super) fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = named.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name.to_owned());
    named.chain(usage.other.iter().map(Oid::to_id_string)).collect()
}
