//! Contents of a certificate as text: its owner, dates, names, keys and signatures.

use super::provider;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
    public_key::PublicKey,
    time::ASN1Time,
};

/// The certificate's owner and the end of its validity; `None` for a certificate that cannot be read.
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

/// The certificate's owner in few words: its first alternative name, or the subject if there is none.
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

/// True when a certificate is signed with the key of another one.
pub(super) fn is_signed(certificate: &X509Certificate<'_>, issuer: &CertificateDer<'_>) -> bool {
    let Ok(issuer) = webpki::EndEntityCert::try_from(issuer) else { return false };
    let (message, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
    let algorithms = provider().signature_verification_algorithms.all;
    algorithms.iter().any(|algorithm| issuer.verify_signature(*algorithm, message, signature).is_ok())
}

/// Least size of an RSA key, bits.
pub(super) const LEAST_RSA: usize = 2048;

/// True when the key is an RSA key that is too small for its signatures to be checked.
pub(super) fn is_small_rsa(certificate: &X509Certificate<'_>) -> bool {
    rsa_bits(certificate).is_some_and(|bits| bits < LEAST_RSA)
}

/// The common names of the subject, which no longer name a host (RFC 9525 section 2).
pub(super) fn common_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    names.map(str::to_owned).collect()
}

/// The size of an RSA key; `None` for a key of another kind.
pub(super) fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => {
            let modulus = key.modulus;
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            Some((modulus.len() - zeros) * 8)
        }
        _ => None,
    }
}

/// The names that a certificate is for, or other words where it has none.
pub(super) fn names_or(certificate: &X509Certificate<'_>, other: &str) -> String {
    let names = names(certificate);
    if names.is_empty() { other.to_owned() } else { names.join(", ") }
}

/// A name constraint, as text.
pub(super) fn constraint(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            (*name).to_owned()
        }
        GeneralName::DirectoryName(name) => format!("`{name}`"),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            8 => {
                let part =
                    |at: usize| bytes[at..at + 4].iter().map(u8::to_string).collect::<Vec<_>>().join(".");
                format!("{}/{}", part(0), part(4))
            }
            _ => hex::encode(bytes),
        },
        _ => "names of another kind".to_owned(),
    }
}
