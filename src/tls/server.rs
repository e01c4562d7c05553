//! The server side of TLS.
//!
//! Certificates are renewed while a server runs, so what it shows is read from its files once more when
//! it is told to, and each handshake takes what is current.

use super::{
    Identity, ServerTls,
    chain::{Chain, ChainPeer},
    client::trusting,
    encrypted_over,
    explain::accepting,
    pem,
    pin::Pin,
    provider, sha256,
    warm_up::warm_up,
    words::words,
    x509::about,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    stream::{Beneath, Stream, Transport},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use std::{
    cell::RefCell,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A configured TLS server; clones share it, and what a reload changes.
#[derive(Clone)]
pub struct Acceptor(Arc<AcceptorState>);

struct AcceptorState {
    options: ServerTls,
    /// A certificate made at start, which stays; otherwise files are read.
    made: Option<Own>,
    /// The protocol that is agreed on in ALPN.
    alpn: Option<&'static [u8]>,
    current: RwLock<Arc<ServerConfig>>,
    fingerprint: Option<String>,
    /// The key of a self-signed certificate.
    pin: Option<Pin>,
}

/// A client that did not come to speak TLS.
pub enum Unsecured {
    /// It left without a byte.
    Silent,
    /// It speaks plain text, and waits to be answered.
    Plain(Stream),
    /// The handshake failed, for this reason.
    Failed(String),
}

/// A chain, leaf first, and its key.
struct Own(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The usual verifier of clients' certificates, whose refusals reach the server's log in words.
///
/// A client has to get the alert that fits, and rustls chooses it by its own error, so the words do not
/// travel inside of it as a client's do: they are left with the task that does the handshake.
#[derive(Debug)]
pub(super) struct ExplainingClients {
    pub below: Arc<dyn ClientCertVerifier>,
    /// The roots of `--client-ca`.
    pub own: Vec<CertificateDer<'static>>,
}

impl Acceptor {
    /// A server that shows what the options say; `host` is what it listens on, for a self-signed
    /// certificate's names. Without `alpn` it takes whatever a client offers there.
    ///
    /// # Errors
    /// Exit 58 for a certificate or key that cannot be used, 77 for the roots of client certificates.
    pub fn new(options: &ServerTls, host: Option<&str>, alpn: Option<&'static [u8]>) -> Result<Self> {
        let made = match &options.identity {
            Identity::Files { .. } => None,
            Identity::SelfSigned => Some(self_signed(host)?),
        };
        let (config, _) = configure(options, made.as_ref(), alpn)?;
        // The first client does not wait for it.
        warm_up();
        Ok(Self(Arc::new(AcceptorState {
            options: options.clone(),
            fingerprint: made.as_ref().map(|own| fingerprint(&own.0)),
            pin: made.as_ref().and_then(|own| Pin::of(own.0.first()?)),
            made,
            alpn,
            current: RwLock::new(Arc::new(config)),
        })))
    }

    /// Reads the files again, for the handshakes to come; what is open is not touched.
    ///
    /// Returns whose certificate is shown from now on, and until when it is valid.
    ///
    /// # Errors
    /// As [`new`](Self::new); what was in use stays in use.
    pub fn reload(&self) -> Result<String> {
        let (config, about) = configure(&self.0.options, self.0.made.as_ref(), self.0.alpn)?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        Ok(about)
    }

    /// Does the handshake with a client.
    ///
    /// # Errors
    /// Exit 35, in words for the server's log.
    pub async fn accept(&self, stream: Stream) -> Result<Stream> {
        let config = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let refused = RefCell::default();
        REFUSED
            .scope(refused, async {
                match TlsAcceptor::from(config).accept(stream).await {
                    Ok(stream) => Ok(Box::pin(stream) as Stream),
                    Err(error) => Err(REFUSED.with(RefCell::take).unwrap_or_else(|| accepting(&error))),
                }
            })
            .await
    }

    /// The same by `until`, with a client that may speak something else.
    ///
    /// # Errors
    /// Why there is no TLS; a client that speaks plain text is given back as it came.
    pub async fn accept_until(
        &self,
        stream: Stream,
        until: Instant,
    ) -> std::result::Result<Stream, Unsecured> {
        // rustls does not tell a client that said nothing from one that left in the middle.
        let mut first = [0];
        if let Some(socket) = stream.beneath().socket
            && let Ok(Ok(0) | Err(_)) = timeout_at(until, socket.peek(&mut first)).await
        {
            return Err(Unsecured::Silent);
        }
        // A record of TLS begins with the number of its kind, plain text with a letter.
        if first[0].is_ascii_alphabetic() {
            return Err(Unsecured::Plain(stream));
        }
        match timeout_at(until, self.accept(stream)).await {
            Ok(accepted) => accepted.map_err(|fault| Unsecured::Failed(fault.cause)),
            Err(_) => Err(Unsecured::Failed("no handshake within --handshake-timeout".into())),
        }
    }

    /// Clients have to show a certificate.
    pub fn asks_for_certificate(&self) -> bool {
        self.0.options.client_ca.is_some()
    }

    /// SHA-256 of a self-signed certificate, in upper-case hexadecimal with colons as `openssl x509`
    /// shows it.
    pub fn fingerprint(&self) -> Option<&str> {
        self.0.fingerprint.as_deref()
    }

    /// The key of a self-signed certificate, as a client pins it.
    pub fn pin(&self) -> Option<&Pin> {
        self.0.pin.as_ref()
    }
}

impl Transport for TlsStream<Stream> {
    fn beneath(&self) -> Beneath<'_> {
        let (stream, session) = self.get_ref();
        encrypted_over(stream, session.wants_write())
    }
}

/// A configuration from the files as they are now, and what it shows in words.
fn configure(options: &ServerTls, made: Option<&Own>, alpn: Option<&[u8]>) -> Result<(ServerConfig, String)> {
    let Own(chain, key) = match (&options.identity, made) {
        (_, Some(Own(chain, key))) => Own(chain.clone(), key.clone_key()),
        (Identity::Files { cert, key }, None) => {
            let (chain, key) = pem::identity(cert, key.as_deref(), options.pass.as_ref())?;
            Own(chain, key)
        }
        (Identity::SelfSigned, None) => self_signed(None)?,
    };
    let about = chain.first().and_then(|leaf| about(leaf)).unwrap_or_else(|| "a certificate".to_owned());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(words(&error)))?;
    let config = match &options.client_ca {
        None => config.with_no_client_auth(),
        Some(file) => {
            let (roots, own) = trusting(file)?;
            let below = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| {
                    Fault::new(Exit::CaFile, "tls", format!("cannot use {}: {error}", file.display()))
                })?;
            config.with_client_cert_verifier(Arc::new(ExplainingClients { below, own }))
        }
    };
    let mut config = config.with_single_cert(chain, key).map_err(|error| match &options.identity {
        Identity::Files { cert, key } => {
            let key = key.as_ref().unwrap_or(cert);
            unusable(format!("cannot use {} with {}: {}", cert.display(), key.display(), words(&error)))
        }
        Identity::SelfSigned => unusable(words(&error)),
    })?;
    config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
    Ok((config, about))
}

fn self_signed(host: Option<&str>) -> Result<Own> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(host.map(str::to_owned).filter(|host| !names.contains(host)));
    let made = || {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "wsio --self-signed");
        let key = KeyPair::generate()?;
        Ok::<_, rcgen::Error>((params.self_signed(&key)?, key))
    };
    let (certificate, key) = made().map_err(|error| unusable(error.to_string()))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok(Own(vec![certificate.into()], key.into()))
}

fn fingerprint(chain: &[CertificateDer<'_>]) -> String {
    let leaf = chain.first().map_or(&[][..], |leaf| leaf);
    sha256(leaf).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn unusable(cause: String) -> Fault {
    Fault::new(Exit::OwnCertificate, "tls", cause)
}

tokio::task_local! {
    /// Why the client of this task's handshake was refused.
    pub(super) static REFUSED: RefCell<Option<Fault>>;
}

/// Leaves the words for the log; a task without a place for them does without.
fn refused(fault: Fault) {
    let fault = Fault { exit: Exit::TlsHandshake, ..fault };
    let _ = REFUSED.try_with(|refused| refused.replace(Some(fault)));
}

/// Explains a signature in the handshake by a key that is too small.
fn signed<T>(verified: Result<T, Error>, certificate: &CertificateDer<'_>) -> Result<T, Error> {
    verified.inspect_err(|_| {
        if let Some(fault) = Chain::new(certificate, &[], &[], ChainPeer::Client).weak_leaf() {
            refused(fault);
        }
    })
}

impl ClientCertVerifier for ExplainingClients {
    fn offer_client_auth(&self) -> bool {
        self.below.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.below.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        self.below.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.below.verify_client_cert(end_entity, intermediates, now).inspect_err(|error| {
            if let Error::InvalidCertificate(cause) = error {
                refused(Chain::new(end_entity, intermediates, &self.own, ChainPeer::Client).explain(cause));
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(self.below.verify_tls12_signature(message, certificate, dss), certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(self.below.verify_tls13_signature(message, certificate, dss), certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.below.supported_verify_schemes()
    }
}
