//! Chains that are wrong in every way that can be made, seen from both sides.

use super::*;
use crate::tls::{
    provider,
    server::{ExplainingClients, REFUSED},
    verify::{Explaining, Untrusted},
    words::{alert_name, incompatible, revocation_list, words},
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use rustls::{
    AlertDescription, CertRevocationListError, Error, InconsistentKeys, InvalidMessage, PeerIncompatible,
    PeerMisbehaved, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::UnixTime,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use std::{cell::RefCell, sync::Arc};

/// An RSA key of 1024 bits, whose signatures are worth nothing.
struct SmallKey(Vec<u8>);

impl SmallKey {
    fn new() -> Self {
        let mut modulus = vec![0; 129];
        getrandom::fill(&mut modulus[1..]).unwrap();
        modulus[1] |= 0x80;
        modulus[128] |= 1;
        // SEQUENCE { INTEGER of 129 bytes, INTEGER 65537 }
        let mut key = vec![0x30, 0x81, 0x89, 0x02, 0x81, 0x81];
        key.extend(modulus);
        key.extend([2, 3, 1, 0, 1]);
        Self(key)
    }
}

impl PublicKeyData for SmallKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for SmallKey {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![7; 128])
    }
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A root, an intermediate and a leaf, changed before they are signed; leaf first.
fn chain(
    root: impl FnOnce(&mut CertificateParams),
    middle: impl FnOnce(&mut CertificateParams),
    leaf: impl FnOnce(&mut CertificateParams),
) -> Vec<CertificateDer<'static>> {
    let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
    let mut all = [authority("Root"), authority("Middle"), params("Leaf", &["localhost"])];
    root(&mut all[0]);
    middle(&mut all[1]);
    leaf(&mut all[2]);
    let above = |at: usize| Issuer::from_params(&all[at], &keys[at]);
    let made = [
        all[2].signed_by(&keys[2], &above(1)).unwrap(),
        all[1].signed_by(&keys[1], &above(0)).unwrap(),
        all[0].self_signed(&keys[0]).unwrap(),
    ];
    made.map(Certificate::into).into()
}

fn same(_: &mut CertificateParams) {}

/// Puts SHA-1 or MD5 in the place of SHA-256 with RSA.
fn signed_with(last: u8) -> Vec<CertificateDer<'static>> {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let (above, below) = (authority("Old Middle"), params("Leaf", &["localhost"]));
    let (root_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root_params = authority("Root");
    let leaf = below.signed_by(&leaf_key, &Issuer::from_params(&above, &key)).unwrap();
    let middle = above.signed_by(&key, &Issuer::from_params(&root_params, &root_key)).unwrap();
    let changed = |der: &[u8]| {
        let mut der = der.to_vec();
        let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
        for at in 0..der.len() - oid.len() {
            if der[at..].starts_with(&oid) {
                der[at + oid.len() - 1] = last;
            }
        }
        CertificateDer::from(der)
    };
    let top = CertificateDer::from(root_params.self_signed(&root_key).unwrap());
    vec![changed(leaf.der()), middle.into(), top]
}

/// What a client says of `shown`, and a server in its log, where `trusted` is trusted.
fn judged(shown: &[CertificateDer<'static>], trusted: &CertificateDer<'static>) -> [Option<Fault>; 2] {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let (roots, own) = (Arc::new(roots), vec![trusted.clone()]);
    let below = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider()).build().unwrap();
    let (name, now) = (ServerName::try_from("localhost").unwrap(), UnixTime::now());
    let client = Explaining { below, own: own.clone() };
    let client = client.verify_server_cert(&shown[0], &shown[1..], &name, &[], now).err().map(|error| {
        let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error else {
            panic!("{error:?} is not explained")
        };
        inner.downcast_ref::<Untrusted>().expect("our words").0.clone()
    });
    let below = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
    let server = ExplainingClients { below, own };
    let server = REFUSED.sync_scope(RefCell::default(), || {
        let refused = server.verify_client_cert(&shown[0], &shown[1..], now).is_err();
        let words = REFUSED.with(RefCell::take);
        assert_eq!(refused, words.is_some(), "a refusal has its words");
        words
    });
    [client, server]
}

/// No name of a library's type is in it.
fn is_plain(text: &str) -> bool {
    let word_is_plain = |word: &str| {
        let letters: Vec<char> = word.chars().collect();
        let humps =
            letters.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
        humps.count() == 0 || OURS.contains(&word)
    };
    // Names of the standards, which are written so.
    const OURS: [&str; 8] = [
        "WebSocket",
        "serverAuth",
        "clientAuth",
        "codeSigning",
        "cRLSign",
        "ClientHello",
        "timeStamping",
        "subjectAltName",
    ];
    !text.contains("Other(")
        && !text.contains('{')
        && text.split(|letter: char| !letter.is_ascii_alphanumeric()).all(word_is_plain)
}

#[test]
fn the_certificate_at_fault_is_named_with_what_is_wrong_and_what_to_do() {
    let year = rcgen::date_time_ymd;
    let usage = |usage: ExtendedKeyUsagePurpose| {
        move |params: &mut CertificateParams| params.extended_key_usages = vec![usage]
    };
    let critical = |params: &mut CertificateParams| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    let constraints = |allowed: &'static [&'static str], refused: &'static [&'static str]| {
        move |params: &mut CertificateParams| {
            let list = |names: &[&str]| {
                names.iter().map(|name| rcgen::GeneralSubtree::DnsName((*name).to_owned())).collect()
            };
            params.name_constraints = Some(rcgen::NameConstraints {
                permitted_subtrees: list(allowed),
                excluded_subtrees: list(refused),
            });
        }
    };
    let old = |params: &mut CertificateParams| params.not_after = year(2020, 1, 31);
    let young = |params: &mut CertificateParams| params.not_before = year(2090, 1, 31);
    let turned = |params: &mut CertificateParams| {
        params.not_before = year(2024, 1, 1);
        params.not_after = year(2023, 1, 1);
    };
    let (middle, leaf) =
        ("the intermediate certificate `CN=Middle` above localhost", "the certificate of localhost");
    let both = |text: String| [text.clone(), text];
    let small = SmallKey::new();
    let weak_middle = {
        let (root, middle, root_key) = (authority("Root"), authority("Middle"), KeyPair::generate().unwrap());
        let leaf = params("Leaf", &["localhost"]);
        let own = KeyPair::generate().unwrap();
        vec![
            leaf.signed_by(&own, &Issuer::from_params(&middle, &small)).unwrap().into(),
            middle.signed_by(&small, &Issuer::from_params(&root, &root_key)).unwrap().into(),
            root.self_signed(&root_key).unwrap().into(),
        ]
    };
    let weak_root = {
        let (root, leaf) = (authority("Root"), params("Leaf", &["localhost"]));
        let own = KeyPair::generate().unwrap();
        let root_der: CertificateDer<'static> =
            root.signed_by(&small, &Issuer::from_params(&root, &small)).unwrap().into();
        vec![
            leaf.signed_by(&own, &Issuer::from_params(&root, &small)).unwrap().into(),
            root_der.clone(),
            root_der,
        ]
    };
    let long = {
        let mut all = ["Root", "Upper", "Lower"].map(authority);
        all[1].is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
        let above = |at: usize| Issuer::from_params(&all[at], &keys[at]);
        let leaf = params("Leaf", &["localhost"]);
        let made = [
            leaf.signed_by(&KeyPair::generate().unwrap(), &above(2)).unwrap(),
            all[2].signed_by(&keys[2], &above(1)).unwrap(),
            all[1].signed_by(&keys[1], &above(0)).unwrap(),
            all[0].self_signed(&keys[0]).unwrap(),
        ];
        made.map(Certificate::into).into()
    };
    // What was shown ends with the root that is trusted; it is not sent.
    let rows: Vec<(Vec<CertificateDer<'static>>, [String; 2], &str)> = vec![
        (chain(same, same, old), both(format!("{leaf} expired on 2020-01-31")), "clock"),
        (chain(same, old, same), both(format!("{middle} expired on 2020-01-31")), "current"),
        (chain(same, same, young), both(format!("{leaf} is not valid before 2090-01-31")), "clock"),
        (chain(same, young, same), both(format!("{middle} is not valid before 2090-01-31")), "clock"),
        (chain(same, turned, same), both(format!("{middle} ends (2023-01-01 00:00:00 UTC) before it begins")), "clock"),
        (signed_with(5), both(format!("{leaf} is signed with SHA-1, which is no longer safe")), "SHA-256"),
        (signed_with(4), both(format!("{leaf} is signed with MD5, which is no longer safe")), "SHA-256"),
        (weak_middle, both(format!("{middle} has an RSA key of 1024 bits; 2048 is the least")), "2048"),
        (weak_root, both("`CN=Root`".into()), "2048"),
        (
            chain(same, constraints(&["example.com"], &[]), same),
            both("`CN=Middle` above localhost may issue for example.com alone (name constraints), and the certificate is for localhost".into()),
            "authority",
        ),
        (
            chain(constraints(&[], &["localhost"]), same, same),
            both("the trusted root `CN=Root` may not issue for localhost (name constraints)".into()),
            "authority",
        ),
        (
            chain(same, same, usage(ExtendedKeyUsagePurpose::CodeSigning)),
            [
                format!("{leaf} is not meant for servers: its extended key usage allows codeSigning"),
                format!("{leaf} is not meant for clients: its extended key usage allows codeSigning"),
            ],
            "Auth",
        ),
        (
            chain(same, usage(ExtendedKeyUsagePurpose::CodeSigning), same),
            [
                format!("{middle} is not meant for servers: its extended key usage allows codeSigning"),
                format!("{middle} is not meant for clients: its extended key usage allows codeSigning"),
            ],
            "Auth",
        ),
        (chain(same, same, critical), both(format!("{leaf} has a critical extension that is not known here (1.2.3.4.5)")), "without it"),
        (chain(same, critical, same), both(format!("{middle} has a critical extension that is not known here (1.2.3.4.5)")), "without it"),
        (
            chain(same, |params| params.is_ca = IsCa::NoCa, same),
            both(format!("{middle} is used as an authority and is none: its CA flag is missing")),
            "CA:TRUE",
        ),
        (
            long,
            both("the intermediate certificate `CN=Upper` above localhost allows at most 0 authorities below it (path length)".into()),
            "shorter",
        ),
        (
            chain(same, same, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            both("is a certificate authority's own, not a".into()),
            "CA:TRUE",
        ),
    ];
    for (number, (chain, causes, hint)) in rows.into_iter().enumerate() {
        let (root, shown) = chain.split_last().unwrap();
        for (fault, cause) in judged(shown, root).into_iter().zip(causes) {
            let fault = fault.unwrap_or_else(|| panic!("{number}: {cause}"));
            assert!(fault.cause.contains(&cause), "{number}: `{cause}` in {}", fault.cause);
            let said = fault.hint.clone().unwrap_or_default();
            assert!(said.contains(hint), "{number}: `{hint}` in {said}");
            assert!(is_plain(&fault.cause) && is_plain(&said), "{number}: {} {said}", fault.cause);
        }
    }
    let good = chain(same, same, same);
    assert!(judged(&good[..2], &good[2]).iter().all(Option::is_none), "a good chain is taken");
}

#[test]
fn what_is_missing_in_a_chain_is_told() {
    let good = chain(same, same, same);
    let other: CertificateDer<'static> =
        authority("Another").self_signed(&KeyPair::generate().unwrap()).unwrap().into();
    let own: CertificateDer<'static> =
        params("Leaf", &["localhost"]).self_signed(&KeyPair::generate().unwrap()).unwrap().into();
    let namesake: CertificateDer<'static> =
        authority("Root").self_signed(&KeyPair::generate().unwrap()).unwrap().into();
    let unrelated = chain(same, same, same);
    for (shown, trusted, cause, hint) in [
        (
            &good[..1],
            &good[2],
            "localhost was issued by `CN=Middle`, which is not trusted here",
            "sent no intermediate",
        ),
        (
            &good[..2],
            &other,
            "`CN=Middle` above localhost was issued by `CN=Root`, which is not trusted",
            "trust another root",
        ),
        (
            &good[..],
            &other,
            "the chain of localhost ends at the root `CN=Root`, which is not trusted here",
            "trust that root",
        ),
        (&[own][..], &other, "localhost is self-signed, and not trusted here", "trust it"),
        (
            &good[..2],
            &namesake,
            "the one trusted here under that name did not sign it",
            "trust the right root",
        ),
        (
            &[good[0].clone(), unrelated[1].clone()][..],
            &unrelated[2],
            "the certificate of localhost says it was issued by `CN=Middle`, but the one shown under that name did not",
            "issued by the next one",
        ),
    ] {
        for fault in judged(shown, trusted) {
            let fault = fault.unwrap_or_else(|| panic!("{cause}"));
            assert!(fault.cause.contains(cause), "`{cause}` in {}", fault.cause);
            let said = fault.hint.unwrap_or_default();
            assert!(said.contains(hint), "`{hint}` in {said}");
        }
    }
    let [wrong_name, _] =
        judged(&chain(same, same, |params| params.subject_alt_names.clear())[..2], &good[2]);
    assert!(wrong_name.is_some());
}

#[test]
fn a_key_that_is_too_small_is_told_before_what_could_be_mended() {
    let small = SmallKey::new();
    let mut own = params("Leaf", &["localhost"]);
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let shown = [CertificateDer::from(own.self_signed(&small).unwrap())];
    let other = chain(same, same, same);
    for fault in judged(&shown, &other[2]) {
        let fault = fault.unwrap();
        assert!(fault.cause.contains("an RSA key of 1024 bits; 2048 is the least"), "{fault}");
    }
}

#[test]
fn a_certificate_without_names_of_hosts_tells_its_common_name() {
    for (names, cause, hint) in [
        (&[][..], "no subjectAltName, only the Common Name `Leaf`", "subjectAltName=DNS:localhost"),
        (&["other"], "it names other", "check the host"),
    ] {
        let shown = chain(same, same, |leaf| {
            leaf.subject_alt_names = params("", names).subject_alt_names;
        });
        let [client, server] = judged(&shown[..2], &shown[2]);
        let client = client.unwrap();
        assert!(client.cause.contains(cause), "{client}");
        assert!(client.hint.as_ref().is_some_and(|text| text.contains(hint)), "{client}");
        assert_eq!(server, None, "a client needs none");
    }
}

#[test]
fn a_small_key_of_the_peer_itself_is_told() {
    let small = SmallKey::new();
    let root = authority("Root");
    let key = KeyPair::generate().unwrap();
    let leaf = params("Leaf", &["localhost"]).signed_by(&small, &Issuer::from_params(&root, &key)).unwrap();
    let fault = Chain::new(leaf.der(), &[], &[], ChainPeer::Client).weak_leaf().unwrap();
    assert!(fault.cause.contains("localhost has an RSA key of 1024 bits; 2048 is the least"), "{fault}");
    let good = chain(same, same, same);
    assert!(Chain::new(&good[0], &[], &[], ChainPeer::Client).weak_leaf().is_none());
}

#[test]
fn no_error_shows_a_library_to_a_user() {
    use webpki::Error as Pki;
    let time = UnixTime::now();
    let signature = || CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: vec![6, 1, 1],
        supported_algorithms: Vec::new(),
    };
    let key = || CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
        signature_algorithm_id: vec![6, 1, 1],
        public_key_algorithm_id: vec![6, 1, 2],
    };
    let name = ServerName::try_from("localhost").unwrap();
    #[allow(deprecated)]
    let mut causes = vec![
        CertificateError::BadEncoding,
        CertificateError::Expired,
        CertificateError::ExpiredContext { time, not_after: time },
        CertificateError::NotValidYet,
        CertificateError::NotValidYetContext { time, not_before: time },
        CertificateError::Revoked,
        CertificateError::UnhandledCriticalExtension,
        CertificateError::UnknownIssuer,
        CertificateError::UnknownRevocationStatus,
        CertificateError::ExpiredRevocationList,
        CertificateError::ExpiredRevocationListContext { time, next_update: time },
        CertificateError::BadSignature,
        CertificateError::UnsupportedSignatureAlgorithm,
        signature(),
        key(),
        CertificateError::NotValidForName,
        CertificateError::NotValidForNameContext { expected: name.clone(), presented: Vec::new() },
        CertificateError::InvalidPurpose,
        CertificateError::InvalidPurposeContext {
            required: rustls::ExtendedKeyPurpose::ServerAuth,
            presented: vec![rustls::ExtendedKeyPurpose::Other(vec![1, 2, 3])],
        },
        CertificateError::InvalidOcspResponse,
        CertificateError::ApplicationVerificationFailure,
        CertificateError::Other(OtherError(Arc::new(std::io::Error::other("SomeLibrary(Text)")))),
    ];
    #[allow(deprecated)]
    let pki = vec![
        Pki::BadDer,
        Pki::BadDerTime,
        Pki::CaUsedAsEndEntity,
        Pki::CertDistrusted,
        Pki::CertExpired { time, not_after: time },
        Pki::CertNotValidYet { time, not_before: time },
        Pki::CertRevoked,
        Pki::CrlExpired { time, next_update: time },
        Pki::EmptyEkuExtension,
        Pki::EndEntityUsedAsCa,
        Pki::ExtensionValueInvalid,
        Pki::InvalidCertValidity,
        Pki::InvalidCrlNumber,
        Pki::InvalidNetworkMaskConstraint,
        Pki::InvalidSerialNumber,
        Pki::InvalidCrlSignatureForPublicKey,
        Pki::InvalidSignatureForPublicKey,
        Pki::IssuerNotCrlSigner,
        Pki::MalformedDnsIdentifier,
        Pki::MalformedExtensions,
        Pki::MalformedNameConstraint,
        Pki::MaximumNameConstraintComparisonsExceeded,
        Pki::MaximumPathBuildCallsExceeded,
        Pki::MaximumPathDepthExceeded,
        Pki::MaximumSignatureChecksExceeded,
        Pki::NameConstraintViolation,
        Pki::PathLenConstraintViolated,
        Pki::RequiredEkuNotFound,
        Pki::SignatureAlgorithmMismatch,
        Pki::TrailingData(webpki::DerTypeId::Certificate),
        Pki::UnknownIssuer,
        Pki::UnknownRevocationStatus,
        Pki::UnsupportedCertVersion,
        Pki::UnsupportedCriticalExtension,
        Pki::UnsupportedCrlIssuingDistributionPoint,
        Pki::UnsupportedCrlVersion,
        Pki::UnsupportedDeltaCrl,
        Pki::UnsupportedIndirectCrl,
        Pki::UnsupportedNameType,
        Pki::UnsupportedRevocationReason,
        Pki::UnsupportedRevocationReasonsPartitioning,
        Pki::UnsupportedCrlSignatureAlgorithm,
        Pki::UnsupportedSignatureAlgorithm,
        Pki::UnsupportedCrlSignatureAlgorithmForPublicKey,
        Pki::UnsupportedSignatureAlgorithmForPublicKey,
    ];
    causes.extend(pki.into_iter().map(|error| CertificateError::Other(OtherError(Arc::new(error)))));
    let good = chain(same, same, same);
    for peer in [ChainPeer::Server(&name), ChainPeer::Client] {
        for (cause, shown) in causes.iter().flat_map(|cause| [(cause, &good[..1]), (cause, &good[..])]) {
            let fault = Chain::new(&shown[0], &shown[1..], &good[2..], peer).explain(cause);
            assert!(is_plain(&fault.cause), "{cause:?}: {}", fault.cause);
            let hint = fault.hint.unwrap_or_else(|| panic!("{cause:?}: {} has no next step", fault.cause));
            assert!(is_plain(&hint) && !hint.is_empty(), "{cause:?}: {hint}");
        }
        let junk = CertificateDer::from(vec![1, 2, 3]);
        let fault = Chain::new(&junk, &[], &[], peer).explain(&CertificateError::BadEncoding);
        assert!(is_plain(&fault.cause) && fault.hint.is_some(), "{fault}");
    }
    let errors = [
        Error::InvalidMessage(InvalidMessage::MissingData("ServerHello")),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite),
        Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::InconsistentKeys(InconsistentKeys::Unknown),
        Error::Other(OtherError(Arc::new(std::io::Error::other("SomeLibrary(Text)")))),
    ];
    let alerts = (0..=255).map(|number| Error::AlertReceived(AlertDescription::from(number)));
    let certificates = causes.into_iter().map(Error::InvalidCertificate);
    for error in errors.into_iter().chain(alerts).chain(certificates) {
        assert!(is_plain(&words(&error)) && words(&error).len() > 10, "{error:?}: {}", words(&error));
        let io = || std::io::Error::other(error.clone());
        for has_certificate in [false, true] {
            let fault = crate::tls::explain::connecting(&io(), has_certificate, true);
            assert!(is_plain(&fault.to_string()), "{error:?}: {fault}");
            assert!(fault.hint.is_some() || !fault.detail.is_empty(), "{error:?}: {fault} has no next step");
        }
        let fault = crate::tls::explain::accepting(&io());
        assert!(is_plain(&fault.to_string()), "{error:?}: {fault}");
    }
    for list in [
        CertRevocationListError::BadSignature,
        CertRevocationListError::InvalidCrlNumber,
        CertRevocationListError::InvalidRevokedCertSerialNumber,
        CertRevocationListError::IssuerInvalidForCrl,
        CertRevocationListError::ParseError,
        CertRevocationListError::UnsupportedCrlVersion,
        CertRevocationListError::UnsupportedCriticalExtension,
        CertRevocationListError::UnsupportedDeltaCrl,
        CertRevocationListError::UnsupportedIndirectCrl,
        CertRevocationListError::UnsupportedRevocationReason,
        CertRevocationListError::Other(OtherError(Arc::new(std::io::Error::other("SomeLibrary(Text)")))),
    ] {
        assert!(is_plain(revocation_list(&list)), "{list:?}");
    }
    assert!(is_plain(incompatible(&PeerIncompatible::ServerRejectedEncryptedClientHello(None))));
    assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
    assert_eq!(alert_name(AlertDescription::BadCertificateStatusResponse), "bad_certificate_status_response");
}
