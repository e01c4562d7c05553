//! The client side of TLS.

use super::{
    ALPN, ClientTls, Sni, Version,
    danger::AnyCertificate,
    encrypted_over,
    explain::connecting,
    pem,
    pin::Pinned,
    provider,
    verify::{Explaining, HANDSHAKE, HandshakeNotes},
    warm_up::WarmUp,
    words::{revocation_list, words},
    x509::{names, whole_subject},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::{Certificate, Tls},
    limited, os_error,
    stream::{Beneath, Stream, Transport},
};
use rustls::{
    ClientConfig, ClientConnection, KeyLog, ProtocolVersion, RootCertStore,
    client::{VerifierBuilderError, WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

/// A configured TLS client, made once for all connections of a run.
pub struct Connector {
    connector: TlsConnector,
    warm_up: WarmUp,
    sni: Sni,
    has_certificate: bool,
}

/// `SSLKEYLOGFILE`: the secrets of every connection, for Wireshark, appended to one file in the NSS format.
///
/// Whoever reads the file reads the connections, so it is made for its owner alone, which rustls' own
/// writer leaves to the umask.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

impl Connector {
    /// A client that trusts and shows what the options say.
    ///
    /// # Errors
    /// Exit 77 for roots, 82 for revocation lists, 58 for our own certificate and key, 23 for the file
    /// of the secrets.
    pub fn new(options: &ClientTls) -> Result<Self> {
        // It goes on while the roots are read, the name is looked up and the connection made.
        let warm_up = WarmUp::start();
        let is_pinned = !options.pins.is_empty();
        let below: Arc<dyn ServerCertVerifier> = match options.insecure {
            // Roots that cannot be read are no matter here.
            true => Arc::new(AnyCertificate::new(
                is_pinned,
                options.explains.then(|| web_pki(options).ok()).flatten(),
            )),
            false => Arc::new(web_pki(options)?),
        };
        let verifier = Pinned { pins: options.pins.clone(), below };
        let versions: &[_] = match options.min {
            Version::V1_2 => &[&TLS13, &TLS12],
            Version::V1_3 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|error| Fault::new(Exit::Internal, "tls", error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &options.cert {
            None => builder.with_no_client_auth(),
            Some(cert) => {
                let (chain, key) = pem::identity(cert, options.key.as_deref(), options.pass.as_ref())?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    let key_file = options.key.as_ref().unwrap_or(cert);
                    let files = format!("cannot use {} with {}", cert.display(), key_file.display());
                    Fault::new(Exit::OwnCertificate, "tls", format!("{files}: {}", words(&error)))
                })?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = options.sni != Sni::Off;
        if let Some(file) = &options.key_log {
            config.key_log = Arc::new(KeyLogFile::open(file)?);
        }
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            warm_up,
            sni: options.sni.clone(),
            has_certificate: options.cert.is_some(),
        })
    }

    /// The same trust and certificate for a protocol whose client does its handshakes itself.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(self.connector.config());
        config.alpn_protocols.clear();
        config
    }

    /// Does the handshake with the server of that name or address.
    ///
    /// # Errors
    /// Exit 35, 60 or 98.
    pub async fn connect(&self, stream: Stream, host: &str) -> Result<(Stream, Tls)> {
        self.connect_showing(stream, host, &mut None).await
    }

    /// The same; when it fails, the certificates that the server had shown are in `shown`.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_showing(
        &self,
        stream: Stream,
        host: &str,
        shown: &mut Option<Tls>,
    ) -> Result<(Stream, Tls)> {
        let name = match &self.sni {
            Sni::Name(name) => name,
            Sni::Host | Sni::Off => host,
        };
        let server = ServerName::try_from(name.to_owned()).map_err(|_| {
            Fault::new(Exit::TlsHandshake, "tls", format!("`{name}` cannot be the name of a TLS server"))
        })?;
        HANDSHAKE
            .scope(RefCell::default(), async {
                let shaken = self.connector.connect(server, stream).await;
                let HandshakeNotes { chain, unchecked } = HANDSHAKE.with(RefCell::take);
                match shaken {
                    Ok(stream) => {
                        let facts = Tls { unchecked, ..facts(stream.get_ref().1) };
                        Ok((Box::pin(stream) as Stream, facts))
                    }
                    Err(error) => {
                        let certificates: Vec<_> = chain.iter().filter_map(certificate).collect();
                        if !certificates.is_empty() {
                            *shown = Some(Tls { certificates, unchecked, ..Tls::default() });
                        }
                        Err(connecting(&error, self.has_certificate, !chain.is_empty()))
                    }
                }
            })
            .await
    }

    /// Waits for what the process has to do once before its first handshake: it belongs to no phase.
    pub fn finish_warm_up(&self) {
        self.warm_up.finish();
    }
}

impl Transport for TlsStream<Stream> {
    fn beneath(&self) -> Beneath<'_> {
        let (stream, session) = self.get_ref();
        encrypted_over(stream, session.wants_write())
    }
}

/// The verifier that everybody uses.
fn web_pki(options: &ClientTls) -> Result<Explaining> {
    let (roots, own) = match &options.cacert {
        Some(file) => trusting(file)?,
        None => (roots()?, Vec::new()),
    };
    let roots = Arc::new(roots);
    let mut builder = WebPkiServerVerifier::builder_with_provider(roots, provider());
    if let Some(file) = &options.crl {
        // As in curl, every issuer on the way needs a list, and one that is still good.
        builder = builder.with_crls(pem::revocation_lists(file)?).enforce_revocation_expiration();
    }
    let below = builder.build().map_err(|error| match (error, &options.crl) {
        (VerifierBuilderError::InvalidCrl(error), Some(file)) => {
            pem::fault(file, Exit::Crl, revocation_list(&error))
        }
        (error, _) => bad_roots(error.to_string()),
    })?;
    Ok(Explaining { below, own })
}

fn roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // An endless file is refused: the library reads it until a line ends.
    if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| limited::is_endless(Path::new(file)))
    {
        let file = Path::new(&file);
        return Err(
            pem::fault(file, Exit::CaFile, pem::ENDLESS).hint("let SSL_CERT_FILE name a file of roots (PEM)")
        );
    }
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        let cause = match native.errors.first() {
            Some(error) => format!("the system's root certificates cannot be read: {error}"),
            None => "the system has no root certificates".to_owned(),
        };
        return Err(
            bad_roots(cause).hint("install them (package ca-certificates), or name a file with --cacert")
        );
    }
    Ok(roots)
}

/// The roots in a file, and the certificates themselves.
///
/// # Errors
/// Exit 77 naming the file.
pub(super) fn trusting(file: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let own = pem::certificates(file, Exit::CaFile)?;
    Ok((anchors(&own, file)?, own))
}

fn anchors(certificates: &[CertificateDer<'static>], file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| bad_roots(format!("cannot use {}: {}", file.display(), words(&error))))?;
    }
    Ok(roots)
}

fn bad_roots(cause: String) -> Fault {
    Fault::new(Exit::CaFile, "tls", cause)
}

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

impl KeyLogFile {
    /// Opens the file, or makes it with mode 0600.
    ///
    /// # Errors
    /// Exit 23 naming it.
    fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self(Mutex::new(file))),
            Err(error) => {
                let cause =
                    format!("cannot write the TLS keys to {}: {}", path.display(), os_error::words(&error));
                Err(Fault::new(Exit::WriteError, "tls", cause)
                    .hint("unset SSLKEYLOGFILE, or let it name another file"))
            }
        }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex::encode(client_random), hex::encode(secret));
        // One write a line: other programs append to the same file. A full disk spoils the log, not
        // the connection.
        if let Ok(mut file) = self.0.lock() {
            let _ = file.write_all(line.as_bytes());
        }
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
