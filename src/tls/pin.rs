//! `--pin`: the one public key a server may show, whoever vouches for its certificate.
//!
//! A pin is the SHA-256 of the key as it stands in the certificate (SubjectPublicKeyInfo, RFC 7469
//! section 2.4), written as curl writes it. It is checked besides everything else, so that with `-k`
//! it is what is left to trust.

use super::{
    sha256,
    verify::{HANDSHAKE, untrusted},
};
use crate::{exit::Exit, fault::Fault};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{fmt, sync::Arc};
use x509_parser::prelude::{FromDer, X509Certificate};

/// SHA-256 of a public key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Vec<u8>);

impl Pin {
    /// Reads `sha256//BASE64[;sha256//BASE64]`; the error is the cause in words.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix("sha256//").ok_or_else(|| {
            format!("`{text}` does not begin with sha256// (a hash of the key is wanted, not a file)")
        })?;
        match BASE64_STANDARD.decode(encoded) {
            Ok(hash) if hash.len() == 32 => Ok(Self(hash)),
            Ok(hash) => Err(format!("`{text}` has {} bytes; SHA-256 has 32", hash.len())),
            Err(error) => Err(format!("`{text}` is not base64: {error}")),
        }
    }

    /// The pin of a certificate's key; `None` when it cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self(sha256(parsed.public_key().raw)))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", BASE64_STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A verifier that notes the chain it is asked about, and wants one of these keys on top.
#[derive(Debug)]
pub(super) struct Pinned {
    /// Without any, every key will do.
    pub pins: Vec<Pin>,
    pub below: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        let _ = HANDSHAKE.try_with(|handshake| handshake.borrow_mut().chain = chain);
        let verified = self.below.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        let shown = Pin::of(end_entity);
        if self.pins.is_empty() || shown.as_ref().is_some_and(|pin| self.pins.contains(pin)) {
            return Ok(verified);
        }
        let shown = shown.map_or_else(|| "one that cannot be read".to_owned(), |pin| pin.to_string());
        let cause = format!("{} shows the key {shown}, which --pin does not name", name.to_str());
        let fault = Fault::new(Exit::Untrusted, "tls", cause)
            .hint("ask the server's owner whether the key was changed, and pin the new one only then");
        Err(untrusted(fault))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_hashes_of_sha256() {
        let one = format!("sha256//{}", BASE64_STANDARD.encode([7; 32]));
        let two = format!("sha256//{}", BASE64_STANDARD.encode([8; 32]));
        let pins = Pin::parse_all(&format!("{one};{two}")).unwrap();
        assert_eq!(pins.iter().map(Pin::to_string).collect::<Vec<_>>(), [one.clone(), two]);
        assert_eq!(Pin::parse_all(&format!("{one};")).unwrap().len(), 1);
        for (text, cause) in [
            ("key.pem", "not a file"),
            ("sha1//AAAA", "sha256//"),
            ("sha256//AAAA", "3 bytes"),
            ("sha256//!", "not base64"),
        ] {
            assert!(Pin::parse_all(text).unwrap_err().contains(cause), "{text}");
        }
    }
}
