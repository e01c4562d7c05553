//! Why a chain of certificates is not trusted: which certificate of it, what is wrong with it, what to do.
//!
//! webpki says what is wrong and not where, so the certificates that were shown are looked through for the
//! one that it is about. Both sides use it: a client about a server's chain, a server about a client's.

use super::{
    words::{algorithm, is_supported, purposes},
    x509::{LEAST_RSA, common_names, constraint, date, is_signed, names, names_or, rsa_bits, subject},
};
use crate::{exit::Exit, fault::Fault};
use rustls::{
    CertificateError, OtherError,
    pki_types::{CertificateDer, ServerName},
};
use x509_parser::{
    extensions::{GeneralSubtree, ParsedExtension},
    oid_registry as oid,
    prelude::{FromDer, X509Certificate},
};

/// The peer whose chain it is.
#[derive(Clone, Copy)]
pub(super) enum ChainPeer<'a> {
    /// The server of that name.
    Server(&'a ServerName<'a>),
    /// A client.
    Client,
}

/// The certificates that were shown, leaf first, and those of the file that the user trusts.
pub(super) struct Chain<'a> {
    shown: Vec<X509Certificate<'a>>,
    own: Vec<X509Certificate<'a>>,
    ders: Vec<&'a CertificateDer<'a>>,
    /// The place of the first one that cannot be read.
    unreadable: Option<usize>,
    peer: ChainPeer<'a>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        end_entity: &'a CertificateDer<'a>,
        intermediates: &'a [CertificateDer<'a>],
        own: &'a [CertificateDer<'a>],
        peer: ChainPeer<'a>,
    ) -> Self {
        let read = |der: &'a CertificateDer<'a>| X509Certificate::from_der(der).ok().map(|(_, read)| read);
        let mut all = std::iter::once(end_entity).chain(intermediates);
        let unreadable = all.position(|der| read(der).is_none());
        let readable = std::iter::once(end_entity).chain(intermediates).map_while(read);
        Self {
            shown: readable.collect(),
            own: own.iter().filter_map(read).collect(),
            ders: std::iter::once(end_entity).chain(intermediates).collect(),
            unreadable,
            peer,
        }
    }

    /// The refusal of webpki in our words.
    pub(super) fn explain(&self, cause: &CertificateError) -> Fault {
        let Some(leaf) = self.shown.first() else { return self.unreadable_leaf() };
        // A weak key goes first: whatever else is wrong, mending it would not help.
        if let Some(fault) = self.weak_leaf() {
            return fault;
        }
        let whose = subject(leaf);
        match cause {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = names(leaf);
                if names.is_empty() && matches!(self.peer, ChainPeer::Server(_)) {
                    return self.no_names(leaf);
                }
                let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
                self.fault(format!("the certificate is not for {}: it names {names}", self.expected()))
                    .hint("check the host of the URL, or name the server with --sni")
            }
            CertificateError::Expired => self.time(None),
            CertificateError::ExpiredContext { not_after, .. } => self.time(Some(not_after.as_secs())),
            CertificateError::NotValidYet => self.not_yet(None),
            CertificateError::NotValidYetContext { not_before, .. } => {
                self.not_yet(Some(not_before.as_secs()))
            }
            CertificateError::UnknownIssuer => self.unknown_issuer(),
            CertificateError::BadSignature => self.bad_signature(),
            CertificateError::Revoked => {
                let issuer = leaf.issuer();
                self.fault(format!("the certificate of {whose} was revoked by `{issuer}` (--crl)"))
                    .hint("tell the server's owner: the key may be in other hands")
            }
            CertificateError::UnknownRevocationStatus => self
                .fault(format!(
                    "the revocation lists of --crl do not speak for every issuer of {whose}, which is `{}` first",
                    leaf.issuer()
                ))
                .hint("add the lists of all issuers to the file: it may hold several"),
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => {
                let cause = format!("a revocation list of --crl that {whose} needs has expired");
                Fault::new(Exit::Crl, "tls", cause).hint("fetch the list anew from its issuer")
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => self.purpose(),
            CertificateError::UnhandledCriticalExtension => self.critical(),
            CertificateError::BadEncoding => match self.unreadable {
                Some(place) => self
                    .fault(format!("certificate {} in the chain of {whose} cannot be read", place + 1))
                    .hint(self.ask_for("a chain of certificates in DER")),
                None => self
                    .fault(format!("a certificate in the chain of {whose} is not well encoded"))
                    .hint(self.ask_for("a certificate that keeps to RFC 5280")),
            },
            CertificateError::UnsupportedSignatureAlgorithmContext { .. } => self.algorithm(),
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => self
                .weak_algorithm()
                .or_else(|| self.weak_key())
                .unwrap_or_else(|| {
                    self.fault(format!(
                        "a signature in the chain of {whose} does not fit the kind of its issuer's key, or the kind is not supported here"
                    ))
                    .hint(self.ask_for("one with RSA, ECDSA on P-256, P-384 or P-521, or Ed25519"))
                }),
            CertificateError::InvalidOcspResponse => self
                .fault(format!("the status (OCSP) that was sent for {whose} is not valid"))
                .hint(self.ask_for("a current status, or none")),
            CertificateError::ApplicationVerificationFailure => self
                .fault(format!("the certificate of {whose} is refused by a rule of this program"))
                .hint("report this: no such rule should be"),
            CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<webpki::Error>() {
                Some(error) => self.explain_webpki(error),
                None => self.other(),
            },
            // This variant is deprecated; the last arm is for those that newer versions of the library add.
            #[allow(deprecated)]
            CertificateError::UnsupportedSignatureAlgorithm => self.algorithm(),
            _ => self.other(),
        }
    }

    /// A handshake whose signature does not fit the leaf's key; `None` for an ordinary mismatch.
    pub(super) fn weak_leaf(&self) -> Option<Fault> {
        let bits = rsa_bits(self.shown.first()?).filter(|bits| *bits < LEAST_RSA)?;
        let cause = format!("{} has an RSA key of {bits} bits; {LEAST_RSA} is the least", self.label(0));
        Some(self.fault(cause).hint(match self.peer {
            ChainPeer::Server(_) => {
                "the server needs a key of 2048 bits or more; -k without --pin accepts anything"
            }
            ChainPeer::Client => "the client needs a key of 2048 bits or more",
        }))
    }

    /// A certificate without subjectAltName, as old tools still make them.
    fn no_names(&self, leaf: &X509Certificate<'_>) -> Fault {
        let expected = self.expected();
        let kind = if expected.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
        let cause = match common_names(leaf).as_slice() {
            [] => format!("the certificate is not for {expected}: it names no host at all"),
            names => format!(
                "the certificate is not for {expected}: it has no subjectAltName, only the Common Name {}, which no longer counts (RFC 9525)",
                names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        self.fault(cause).hint(
            self.ask_for(&format!(
                "a certificate with subjectAltName={kind}:{expected} (openssl req -addext)"
            )),
        )
    }

    fn explain_webpki(&self, error: &webpki::Error) -> Fault {
        use webpki::Error;
        let whose = self.whose();
        match error {
            Error::CaUsedAsEndEntity => {
                let role = match self.peer {
                    ChainPeer::Server(_) => "a server's",
                    ChainPeer::Client => "a client's",
                };
                let fault = self.fault(format!(
                    "the certificate of {whose} is a certificate authority's own, not {role}"
                ));
                fault.hint(match self.peer {
                    ChainPeer::Server(_) => "trust this very one with --cacert FILE, or give the server one without CA:TRUE; -k accepts anything",
                    ChainPeer::Client => "the client needs a certificate without CA:TRUE",
                })
            }
            Error::EndEntityUsedAsCa => {
                let is_none = |(index, certificate): &(usize, &X509Certificate<'_>)| {
                    *index > 0
                        && !matches!(certificate.basic_constraints(), Ok(Some(basic)) if basic.value.ca)
                };
                let place = self.shown.iter().enumerate().find(is_none).map(|(index, _)| index);
                let label = place.map_or_else(|| format!("an issuer of {whose}"), |index| self.label(index));
                self.fault(format!("{label} is used as an authority and is none: its CA flag is missing"))
                    .hint(self.ask_for("one issued by a certificate with CA:TRUE"))
            }
            Error::NameConstraintViolation => self.constraints(),
            Error::PathLenConstraintViolated => {
                let length = |certificate: &X509Certificate<'_>| match certificate.basic_constraints() {
                    Ok(Some(basic)) => basic.value.path_len_constraint,
                    _ => None,
                };
                let found = self.authorities().find_map(|(label, read)| Some((label, length(read)?)));
                let cause = match found {
                    Some((label, length)) => format!(
                        "{label} allows at most {length} authorities below it (path length), and the chain of {whose} has more"
                    ),
                    None => {
                        format!("the chain of {whose} is longer than an authority in it allows (path length)")
                    }
                };
                self.fault(cause).hint(self.ask_for("one issued on a shorter way"))
            }
            Error::UnsupportedCriticalExtension => self.critical(),
            Error::UnsupportedCertVersion => {
                let place = self.shown.iter().position(|read| read.version().0 != 2);
                let label = place
                    .map_or_else(|| format!("a certificate in the chain of {whose}"), |at| self.label(at));
                let version = place.map_or(1, |at| self.shown[at].version().0 + 1);
                self.fault(format!(
                    "{label} is an X.509 v{version} certificate, which names no host; v3 is needed"
                ))
                .hint(self.ask_for(
                    "one of version 3, with subjectAltName (openssl x509 -req needs -extfile for that)",
                ))
            }
            Error::EmptyEkuExtension => self.malformed("has an empty extended key usage"),
            Error::InvalidSerialNumber => self.malformed("has a serial number that is none"),
            Error::ExtensionValueInvalid | Error::MalformedExtensions => {
                self.malformed("has extensions that are malformed")
            }
            Error::SignatureAlgorithmMismatch => {
                self.malformed("names two different algorithms for one signature")
            }
            Error::InvalidNetworkMaskConstraint | Error::MalformedNameConstraint => {
                self.malformed("has name constraints that are malformed")
            }
            Error::MalformedDnsIdentifier => self.malformed("has a host name that is none"),
            Error::UnsupportedNameType => self.malformed("has a kind of name that is not supported here"),
            Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => {
                self.malformed("is not well encoded")
            }
            Error::CertDistrusted => self.malformed("has a key that is distrusted"),
            Error::MaximumPathDepthExceeded
            | Error::MaximumNameConstraintComparisonsExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumSignatureChecksExceeded => self
                .fault(format!("the chain of {whose} is too long or too tangled to be followed"))
                .hint(self.ask_for("a chain of few certificates, each issued by the next one")),
            Error::IssuerNotCrlSigner
            | Error::InvalidCrlNumber
            | Error::InvalidCrlSignatureForPublicKey
            | Error::UnsupportedCrlIssuingDistributionPoint
            | Error::UnsupportedCrlVersion
            | Error::UnsupportedDeltaCrl
            | Error::UnsupportedIndirectCrl
            | Error::UnsupportedRevocationReason
            | Error::UnsupportedRevocationReasonsPartitioning
            | Error::UnsupportedCrlSignatureAlgorithmContext(_)
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
                let cause = format!("a revocation list of --crl that {whose} needs cannot be used");
                Fault::new(Exit::Crl, "tls", cause).hint("fetch a complete list anew from its issuer")
            }
            Error::CertExpired { not_after, .. } => self.time(Some(not_after.as_secs())),
            Error::CertNotValidYet { not_before, .. } => self.not_yet(Some(not_before.as_secs())),
            Error::InvalidCertValidity => self.time(None),
            Error::UnknownIssuer => self.unknown_issuer(),
            Error::InvalidSignatureForPublicKey => self.bad_signature(),
            Error::RequiredEkuNotFoundContext(_) => self.purpose(),
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => self.algorithm(),
            _ => self.other(),
        }
    }

    fn time(&self, not_after: Option<u64>) -> Fault {
        let ends = |read: &X509Certificate<'_>| read.validity().not_after.timestamp();
        let place = self.shown.iter().position(|read| match not_after {
            Some(time) => u64::try_from(ends(read)).is_ok_and(|end| end == time),
            None => ends(read) < read.validity().not_before.timestamp(),
        });
        let Some(place) = place else {
            return self
                .fault(format!("a certificate in the chain of {} has expired", self.whose()))
                .hint("tell the owner; check the clock of this machine");
        };
        let validity = self.shown[place].validity();
        let label = self.label(place);
        let cause = match not_after {
            Some(_) => format!("{label} expired on {}", date(validity.not_after)),
            None => format!(
                "{label} ends ({}) before it begins ({})",
                date(validity.not_after),
                date(validity.not_before)
            ),
        };
        self.fault(cause).hint(match (self.peer, place) {
            (ChainPeer::Server(_), 0) => "tell the server's owner; check the clock of this machine",
            (ChainPeer::Server(_), _) => {
                "tell the server's owner, who has to send a current intermediate certificate; check the clock of this machine"
            }
            (ChainPeer::Client, _) => "the client needs a current one; check the clock of this machine",
        })
    }

    fn not_yet(&self, not_before: Option<u64>) -> Fault {
        let begins = |read: &X509Certificate<'_>| read.validity().not_before.timestamp();
        let place = not_before.and_then(|time| {
            self.shown.iter().position(|read| u64::try_from(begins(read)).is_ok_and(|begin| begin == time))
        });
        let cause = match place {
            Some(place) => format!(
                "{} is not valid before {}",
                self.label(place),
                date(self.shown[place].validity().not_before)
            ),
            None => format!("a certificate in the chain of {} is not valid yet", self.whose()),
        };
        self.fault(cause).hint("check the clock of this machine")
    }

    fn unknown_issuer(&self) -> Fault {
        let top = self.top();
        let read = &self.shown[top];
        let (whose, label, option) = (self.whose(), self.label(top), self.option());
        let is_own = read.subject().as_raw() == read.issuer().as_raw();
        match (is_own, top) {
            (true, 0) => self
                .fault(format!("the certificate of {whose} is self-signed, and not trusted here"))
                .hint(self.trust("trust it")),
            (true, _) => self
                .fault(format!(
                    "the chain of {whose} ends at the root `{}`, which is not trusted here",
                    read.subject()
                ))
                .hint(self.trust("trust that root")),
            (false, _) => {
                let cause = format!("{label} was issued by `{}`, which is not trusted here", read.issuer());
                self.fault(cause).hint(match (self.peer, self.shown.len()) {
                    (ChainPeer::Server(_), 1) => "the server sent no intermediate certificate: its chain may be incomplete; trust another root with --cacert FILE".to_owned(),
                    (ChainPeer::Client, 1) => format!("the client sent no intermediate certificate: its chain may be incomplete; trust another root with {option} FILE"),
                    _ => format!("trust another root with {option} FILE, or let the chain go on to one that is trusted"),
                })
            }
        }
    }

    fn bad_signature(&self) -> Fault {
        if let Some(fault) = self.weak_key() {
            return fault;
        }
        let top = self.top();
        let read = &self.shown[top];
        if read.subject().as_raw() == read.issuer().as_raw() && top == 0 {
            return self.unknown_issuer();
        }
        let false_link = (0..self.shown.len()).find(|place| {
            let issuer = self.shown[*place].issuer().as_raw();
            let mut above = self
                .shown
                .iter()
                .zip(&self.ders)
                .skip(1)
                .filter(|(read, _)| read.subject().as_raw() == issuer);
            above.clone().next().is_some() && !above.any(|(_, der)| is_signed(&self.shown[*place], der))
        });
        if let Some(place) = false_link {
            let cause = format!(
                "{} says it was issued by `{}`, but the one shown under that name did not sign it",
                self.label(place),
                self.shown[place].issuer()
            );
            return self
                .fault(cause)
                .hint(self.ask_for("a chain in which each certificate is issued by the next one"));
        }
        let cause = format!(
            "{} says it was issued by `{}`, but the one trusted here under that name did not sign it",
            self.label(top),
            read.issuer()
        );
        self.fault(cause).hint(format!("trust the right root with {} FILE", self.option()))
    }

    fn purpose(&self) -> Fault {
        let needed = |usage: &x509_parser::extensions::ExtendedKeyUsage<'_>| match self.peer {
            ChainPeer::Server(_) => usage.server_auth,
            ChainPeer::Client => usage.client_auth,
        };
        let lacks = |read: &X509Certificate<'_>| matches!(read.extended_key_usage(), Ok(Some(usage)) if !needed(usage.value));
        let place = self.shown.iter().position(lacks);
        let role = match self.peer {
            ChainPeer::Server(_) => "servers",
            ChainPeer::Client => "clients",
        };
        let cause = match place {
            Some(place) => {
                let usage = self.shown[place].extended_key_usage().ok().flatten();
                let allows = usage.map_or_else(Vec::new, |usage| purposes(usage.value));
                let allows = if allows.is_empty() { "nothing".to_owned() } else { allows.join(", ") };
                format!(
                    "{} is not meant for {role}: its extended key usage allows {allows}",
                    self.label(place)
                )
            }
            None => format!("a certificate in the chain of {} is not meant for {role}", self.whose()),
        };
        self.fault(cause).hint(self.ask_for(match self.peer {
            ChainPeer::Server(_) => "one with the extended key usage serverAuth",
            ChainPeer::Client => "one with the extended key usage clientAuth",
        }))
    }

    fn critical(&self) -> Fault {
        let known = [
            oid::OID_X509_EXT_KEY_USAGE,
            oid::OID_X509_EXT_SUBJECT_ALT_NAME,
            oid::OID_X509_EXT_BASIC_CONSTRAINTS,
            oid::OID_X509_EXT_NAME_CONSTRAINTS,
            oid::OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
            oid::OID_X509_EXT_EXTENDED_KEY_USAGE,
        ];
        let strange = self.shown.iter().enumerate().find_map(|(place, read)| {
            let extension = read.extensions().iter().find(|one| one.critical && !known.contains(&one.oid))?;
            Some((place, extension.oid.to_id_string()))
        });
        let cause = match strange {
            Some((place, oid)) => {
                format!("{} has a critical extension that is not known here ({oid})", self.label(place))
            }
            None => format!(
                "a certificate in the chain of {} has a critical extension that is not known here",
                self.whose()
            ),
        };
        self.fault(cause).hint(self.ask_for("one without it"))
    }

    fn constraints(&self) -> Fault {
        let whose = self.whose();
        let found = self.authorities().find_map(|(label, read)| {
            let constraints = read.extensions().iter().find_map(|one| match one.parsed_extension() {
                ParsedExtension::NameConstraints(constraints) => Some(constraints),
                _ => None,
            })?;
            let list = |trees: &Option<Vec<GeneralSubtree<'_>>>| {
                let names: Vec<_> = trees.iter().flatten().map(|tree| constraint(&tree.base)).collect();
                names.join(", ")
            };
            let allowed = list(&constraints.permitted_subtrees);
            let refused = list(&constraints.excluded_subtrees);
            Some(match (allowed.as_str(), refused.as_str()) {
                ("", refused) => format!("{label} may not issue for {refused} (name constraints)"),
                (allowed, "") => format!("{label} may issue for {allowed} alone (name constraints)"),
                (allowed, refused) => {
                    format!("{label} may issue for {allowed} alone, and not for {refused} (name constraints)")
                }
            })
        });
        let cause = found.map_or_else(
            || format!("the certificate of {whose} breaks the name constraints of an authority above it"),
            |found| format!("{found}, and the certificate is for {}", names_or(&self.shown[0], &whose)),
        );
        self.fault(cause).hint(self.ask_for("one by an authority that may issue for this name"))
    }

    fn algorithm(&self) -> Fault {
        self.weak_algorithm().unwrap_or_else(|| {
            let place = self.shown.iter().position(|read| !is_supported(&read.signature_algorithm.algorithm));
            let cause = match place {
                Some(place) => format!(
                    "{} is signed with an algorithm that is not supported here ({})",
                    self.label(place),
                    self.shown[place].signature_algorithm.algorithm.to_id_string()
                ),
                None => format!(
                    "a signature in the chain of {} is of a kind that is not supported here",
                    self.whose()
                ),
            };
            self.fault(cause)
                .hint(self.ask_for("one signed with SHA-256 or better, by RSA, ECDSA or Ed25519"))
        })
    }

    fn weak_algorithm(&self) -> Option<Fault> {
        let (place, name) = self.shown.iter().enumerate().find_map(|(place, read)| {
            // A root that signs itself is trusted or not by its name, whatever it is signed with.
            let is_root = place > 0 && read.subject().as_raw() == read.issuer().as_raw();
            let name = algorithm(&read.signature_algorithm.algorithm).filter(|_| !is_root)?;
            Some((place, name))
        })?;
        let cause = format!("{} is signed with {name}, which is no longer safe", self.label(place));
        Some(self.fault(cause).hint(self.ask_for("one signed with SHA-256 or better")))
    }

    fn weak_key(&self) -> Option<Fault> {
        let (label, bits) = self
            .authorities()
            .find_map(|(label, read)| Some((label, rsa_bits(read).filter(|bits| *bits < LEAST_RSA)?)))?;
        let cause = format!("{label} has an RSA key of {bits} bits; {LEAST_RSA} is the least");
        Some(self.fault(cause).hint(self.ask_for("one by an authority with a key of 2048 bits or more")))
    }

    fn malformed(&self, what: &str) -> Fault {
        self.fault(format!("a certificate in the chain of {} {what}", self.whose()))
            .hint(self.ask_for("a certificate that keeps to RFC 5280"))
    }

    fn other(&self) -> Fault {
        self.fault(format!(
            "the certificate of {} (issued by `{}`) is not valid",
            self.whose(),
            self.shown.first().map_or_else(String::new, |leaf| leaf.issuer().to_string())
        ))
        .hint(self.ask_for("a certificate that keeps to RFC 5280"))
    }

    fn unreadable_leaf(&self) -> Fault {
        self.fault(format!("the certificate of {} cannot be read", self.expected()))
            .hint(self.ask_for("a certificate that keeps to RFC 5280"))
    }

    /// Authorities that were shown, then those that are trusted by name of a file.
    fn authorities(&self) -> impl Iterator<Item = (String, &X509Certificate<'a>)> {
        let shown = self.shown.iter().enumerate().skip(1).map(|(place, read)| (self.label(place), read));
        let top = self.shown.last().map(|top| top.issuer().as_raw());
        let own = self.own.iter().filter(move |own| Some(own.subject().as_raw()) == top);
        shown.chain(own.map(|own| (format!("the trusted root `{}`", own.subject()), own)))
    }

    /// The last certificate on the way from the leaf, as far as it was shown.
    fn top(&self) -> usize {
        let mut place = 0;
        for _ in 0..self.shown.len() {
            let issuer = self.shown[place].issuer().as_raw();
            let next = self
                .shown
                .iter()
                .enumerate()
                .find(|(other, read)| *other > 0 && *other != place && read.subject().as_raw() == issuer);
            match next {
                Some((other, _)) if self.shown[place].subject().as_raw() != issuer => place = other,
                _ => break,
            }
        }
        place
    }

    fn label(&self, place: usize) -> String {
        match place {
            0 => format!("the certificate of {}", self.whose()),
            _ => format!(
                "the intermediate certificate `{}` above {}",
                self.shown[place].subject(),
                self.whose()
            ),
        }
    }

    fn whose(&self) -> String {
        self.shown.first().map_or_else(|| self.expected(), subject)
    }

    fn expected(&self) -> String {
        match self.peer {
            ChainPeer::Server(name) => name.to_str().into_owned(),
            ChainPeer::Client => "the client".to_owned(),
        }
    }

    fn option(&self) -> &'static str {
        match self.peer {
            ChainPeer::Server(_) => "--cacert",
            ChainPeer::Client => "--client-ca",
        }
    }

    fn trust(&self, what: &str) -> String {
        match self.peer {
            ChainPeer::Server(_) => format!("{what} with --cacert FILE; -k accepts anything"),
            ChainPeer::Client => format!("{what} with --client-ca FILE"),
        }
    }

    fn ask_for(&self, what: &str) -> String {
        match self.peer {
            ChainPeer::Server(_) => format!("the server needs {what}: tell its owner; -k accepts anything"),
            ChainPeer::Client => format!("the client needs {what}"),
        }
    }

    fn fault(&self, cause: String) -> Fault {
        Fault::new(Exit::Untrusted, "tls", cause)
    }
}

#[cfg(test)]
mod tests;
