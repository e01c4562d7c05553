//! `--insecure`: a verifier that takes any certificate. Nothing else in the program may.

use super::{
    provider,
    verify::{Explaining, HANDSHAKE, Untrusted, weak_server},
    x509::is_small_rsa,
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Takes any chain for any name at any time. The handshake's own signature is still checked where that can be
/// done, so that the peer at least owns the key it shows.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    pub algorithms: WebPkiSupportedAlgorithms,
    /// A key is pinned: the proof that the peer owns it is all that is left to trust.
    pub is_pinned: bool,
    /// Says what would have been refused.
    pub below: Option<Explaining>,
}

impl AnyCertificate {
    pub(super) fn new(is_pinned: bool, below: Option<Explaining>) -> Self {
        Self { algorithms: provider().signature_verification_algorithms, is_pinned, below }
    }

    /// A signature that the usual way did not take: of a certificate that webpki does not read, such as one of
    /// version 1, the key is read by itself; a key that is too small to be checked proves nothing anyway.
    fn look_again(
        &self,
        verified: Result<HandshakeSignatureValid, Error>,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Err(error @ Error::InvalidCertificate(_)) = verified else { return verified };
        let Ok((_, read)) = X509Certificate::from_der(certificate) else { return Err(error) };
        if is_small_rsa(&read) {
            return match self.is_pinned {
                true => Err(weak_server(error, certificate)),
                false => Ok(HandshakeSignatureValid::assertion()),
            };
        }
        let key = SubjectPublicKeyInfoDer::from(read.public_key().raw);
        let Ok(key) = webpki::RawPublicKeyEntity::try_from(&key) else { return Err(error) };
        let of_scheme = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let mut algorithms = of_scheme.flat_map(|(_, algorithms)| algorithms.iter());
        match algorithms
            .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok())
        {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(error),
        }
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(below) = &self.below else { return Ok(ServerCertVerified::assertion()) };
        if let Err(Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) =
            below.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            && let Some(Untrusted(fault)) = inner.downcast_ref()
        {
            let _ =
                HANDSHAKE.try_with(|handshake| handshake.borrow_mut().unchecked = Some(fault.cause.clone()));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls12_signature(message, certificate, signed, &self.algorithms);
        self.look_again(verified, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, certificate, signed, &self.algorithms);
        self.look_again(verified, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{ClientTls, Connector, Pin, client::trusting};
    use rcgen::{CertificateParams, KeyPair, PublicKeyData, SigningKey as _};
    use rustls::{
        ServerConfig, SignatureAlgorithm,
        crypto::aws_lc_rs::sign::any_supported_type,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey},
        version::{TLS12, TLS13},
    };
    use std::sync::Arc;
    use tokio::io::duplex;

    /// Parts of a DER value: header and content of the first, and what follows.
    fn split(der: &[u8]) -> (usize, &[u8], &[u8]) {
        let (header, length) = match der[1] {
            length @ 0..=0x7f => (2, usize::from(length)),
            0x81 => (3, usize::from(der[2])),
            _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        };
        (header, &der[header..header + length], &der[header + length..])
    }

    fn sequence(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82], &length[..], content].concat()
    }

    /// A certificate without its version and extensions: one of version 1.
    fn version_1(der: &[u8]) -> CertificateDer<'static> {
        let (_, whole, _) = split(der);
        let (_, tbs, signature) = split(whole);
        let (mut kept, mut rest) = (Vec::new(), tbs);
        while !rest.is_empty() {
            let (header, content, after) = split(rest);
            if !matches!(rest[0], 0xa0 | 0xa3) {
                kept.extend_from_slice(&rest[..header + content.len()]);
            }
            rest = after;
        }
        CertificateDer::from(sequence(&[&sequence(&kept), signature].concat()))
    }

    /// An RSA key of 1024 bits whose signatures are worth nothing, in certificate and handshake.
    #[derive(Debug)]
    struct Small(Vec<u8>);

    impl Small {
        fn new() -> Self {
            let mut modulus = vec![0x5a; 129];
            (modulus[0], modulus[1], modulus[128]) = (0, 0xda, 0x5b);
            let mut key = vec![0x30, 0x81, 0x89, 0x02, 0x81, 0x81];
            key.extend(modulus);
            key.extend([2, 3, 1, 0, 1]);
            Self(key)
        }
    }

    impl PublicKeyData for Small {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }

        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            &rcgen::PKCS_RSA_SHA256
        }
    }

    impl rcgen::SigningKey for Small {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(vec![7; 128])
        }
    }

    /// Signs with nonsense, as whoever does not own the key.
    #[derive(Debug)]
    struct Nonsense(SignatureScheme, SignatureAlgorithm);

    impl SigningKey for Nonsense {
        fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
            offered.contains(&self.0).then(|| Box::new(Nonsense(self.0, self.1)) as Box<dyn Signer>)
        }

        fn algorithm(&self) -> SignatureAlgorithm {
            self.1
        }
    }

    impl Signer for Nonsense {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(vec![7; 128])
        }

        fn scheme(&self) -> SignatureScheme {
            self.0
        }
    }

    /// The handshake with a server that shows this, by both versions of TLS.
    async fn shaken(
        options: &ClientTls,
        shown: &CertificateDer<'static>,
        key: Arc<dyn SigningKey>,
    ) -> Vec<Result<crate::framing::record::Tls, crate::fault::Fault>> {
        let mut results = Vec::new();
        for version in [&TLS12, &TLS13] {
            let own = CertifiedKey::new(vec![shown.clone()], Arc::clone(&key));
            let config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
            let (ours, theirs) = duplex(1 << 16);
            let connector = Connector::new(options).unwrap();
            let accepting = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(theirs);
            let (shaken, _) = tokio::join!(connector.connect(Box::pin(ours), "localhost"), accepting);
            results.push(shaken.map(|(_, facts)| facts));
        }
        results
    }

    fn made() -> (CertificateDer<'static>, Arc<dyn SigningKey>) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (certificate.into(), any_supported_type(&key).unwrap())
    }

    #[tokio::test]
    async fn a_certificate_of_version_1_is_taken_and_its_key_is_still_proved() {
        let (certificate, key) = made();
        let old = version_1(&certificate);
        assert_eq!(X509Certificate::from_der(&old).unwrap().1.version().0, 0);
        let open = ClientTls { insecure: true, ..ClientTls::default() };
        let pins = Pin::parse_all(&Pin::of(&old).unwrap().to_string()).unwrap();
        let pinned = ClientTls { pins, ..open.clone() };
        for options in [&open, &pinned] {
            for result in shaken(options, &old, Arc::clone(&key)).await {
                result.unwrap();
            }
            let thief: Arc<dyn SigningKey> =
                Arc::new(Nonsense(SignatureScheme::ECDSA_NISTP256_SHA256, SignatureAlgorithm::ECDSA));
            for shown in [&old, &certificate] {
                for result in shaken(options, shown, Arc::clone(&thief)).await {
                    assert_eq!(result.unwrap_err().exit, crate::exit::Exit::Untrusted);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_small_rsa_key_is_taken_unless_all_trust_rests_on_it() {
        let small = Small::new();
        assert_eq!(small.sign(b"").unwrap().len(), 128);
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let shown = CertificateDer::from(params.self_signed(&small).unwrap());
        let open = ClientTls { insecure: true, ..ClientTls::default() };
        let key = |scheme| Arc::new(Nonsense(scheme, SignatureAlgorithm::RSA)) as Arc<dyn SigningKey>;
        for result in shaken(&open, &shown, key(SignatureScheme::RSA_PSS_SHA256)).await {
            result.unwrap();
        }
        let pins = Pin::parse_all(&Pin::of(&shown).unwrap().to_string()).unwrap();
        let pinned = ClientTls { pins, ..open };
        for result in shaken(&pinned, &shown, key(SignatureScheme::RSA_PSS_SHA256)).await {
            let fault = result.unwrap_err();
            assert!(fault.cause.contains("RSA key of 1024 bits"), "{fault}");
        }
    }

    #[tokio::test]
    async fn what_would_have_failed_is_noted_where_it_is_asked_for() {
        let (certificate, key) = made();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.pem");
        let root = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
        std::fs::write(&file, root.cert.pem()).unwrap();
        trusting(&file).unwrap();
        for (explains, noted) in [(true, Some("the certificate of localhost is self-signed")), (false, None)]
        {
            let options =
                ClientTls { insecure: true, explains, cacert: Some(file.clone()), ..ClientTls::default() };
            for result in shaken(&options, &certificate, Arc::clone(&key)).await {
                let unchecked = result.unwrap().unchecked;
                assert_eq!(unchecked.is_some(), noted.is_some());
                assert!(unchecked.unwrap_or_default().contains(noted.unwrap_or_default()));
            }
        }
    }
}
