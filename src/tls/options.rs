//! Options of a TLS client and a TLS server, from the command line.

use super::pin::Pin;
use std::{fmt, path::PathBuf};

/// Options of a TLS client, from the command line.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Trust these roots (PEM) instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate chain (PEM), for servers that want one.
    pub cert: Option<PathBuf>,
    /// The key of `cert` (PEM: PKCS#8, PKCS#1 or SEC1); default: in the same file as `cert`.
    pub key: Option<PathBuf>,
    /// Opens an encrypted `key`.
    pub pass: Option<Passphrase>,
    /// Accept any certificate.
    pub insecure: bool,
    /// With that, note what would have been refused.
    pub explains: bool,
    /// The name sent and checked instead of the URL's host.
    pub sni: Sni,
    /// The oldest version spoken.
    pub min: Version,
    /// The only keys a server may show; empty is any.
    pub pins: Vec<Pin>,
    /// Certificates that are no longer good (PEM).
    pub crl: Option<PathBuf>,
    /// Write the secrets of every connection here, for Wireshark.
    pub key_log: Option<PathBuf>,
}

impl ClientTls {
    /// The same for another origin than the one it was given for, and the options that are missing: what
    /// permits goes, what restricts stays.
    pub fn for_strangers(&self) -> (Self, Vec<&'static str>) {
        let dropped = [
            (self.cert.is_some(), "--cert"),
            (self.insecure, "--insecure"),
            (self.sni != Sni::Host, "--sni"),
        ];
        let missing = dropped.into_iter().filter(|(given, _)| *given).map(|(_, name)| name).collect();
        let open =
            Self { cert: None, key: None, pass: None, insecure: false, sni: Sni::Host, ..self.clone() };
        (open, missing)
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.2 (RFC 5246)
    #[default]
    V1_2,
    /// 1.3 (RFC 8446)
    V1_3,
}

/// The passphrase of an encrypted key; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// A passphrase as it was given.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a passphrase")
    }
}

/// The server name a TLS client sends (RFC 6066 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sni {
    /// The host of the URL.
    #[default]
    Host,
    /// This name, sent and verified instead.
    Name(String),
    /// Nothing is sent; the URL's host is verified.
    Off,
}

/// Options of a TLS server, from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate that the server shows.
    pub identity: Identity,
    /// Clients have to show a certificate issued by one of these roots (PEM).
    pub client_ca: Option<PathBuf>,
    /// Opens an encrypted key of `identity`.
    pub pass: Option<Passphrase>,
}

impl ServerTls {
    /// True when there are files that may change while the server runs.
    pub fn has_files(&self) -> bool {
        matches!(self.identity, Identity::Files { .. }) || self.client_ca.is_some()
    }
}

/// The certificate a TLS server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A certificate chain and key from PEM files; the key may be in the certificate's file.
    Files {
        /// Chain, leaf first.
        cert: PathBuf,
        /// PKCS#8, PKCS#1 or SEC1; default: in `cert`.
        key: Option<PathBuf>,
    },
    /// A certificate made at start, for `localhost`, loopback and the named hosts.
    SelfSigned,
}
