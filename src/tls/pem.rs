//! Certificates and keys from PEM files, with the cause when one cannot be used.

use super::{
    Passphrase,
    encrypted::{self, Kind, Shut},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    limited::{self, Unread},
    net,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use std::path::Path;

/// Bytes of a file that is read: lists of revoked certificates can be long.
const LONGEST: usize = 256 << 20;

/// Every certificate of a file, in its order; never empty.
///
/// # Errors
/// `exit` naming the file: not readable, not PEM, no certificate in it.
pub(super) fn certificates(path: &Path, exit: Exit) -> Result<Vec<CertificateDer<'static>>> {
    certificates_in(&read(path, exit)?, path, exit)
}

/// Our own chain and key; without a file for the key it stands in the one of the chain, which is read once
/// as a pipe gives its content only once.
///
/// # Errors
/// Exit 58 naming the file.
pub(super) fn identity(
    cert: &Path,
    key: Option<&Path>,
    pass: Option<&Passphrase>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let content = read(cert, Exit::OwnCertificate)?;
    let chain = certificates_in(&content, cert, Exit::OwnCertificate)?;
    let key = match key {
        Some(path) => key_in(&read(path, Exit::OwnCertificate)?, path, pass)?,
        None => key_in(&content, cert, pass)?,
    };
    Ok((chain, key))
}

fn certificates_in(content: &[u8], path: &Path, exit: Exit) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: std::result::Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(content).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => {
            let trusted: Vec<_> = certificates.iter().filter_map(super::labels::trusted).collect();
            match trusted.is_empty() {
                false => Ok(trusted),
                true => Err(fault(path, exit, "it says that its certificate is not to be trusted for TLS")
                    .hint("openssl x509 -in FILE -out FILE.pem leaves the certificate alone")),
            }
        }
        Ok(_) if content.first() == Some(&0x30) => Err(fault(path, exit, "it is DER, not PEM")
            .hint("convert it: openssl x509 -inform der -in FILE -out FILE.pem")),
        Ok(_) => Err(fault(path, exit, "there is no certificate in it")
            .hint("it must hold `-----BEGIN CERTIFICATE-----`")),
        Err(error) => Err(fault(path, exit, &error.to_string())),
    }
}

/// What to do with a key in a form that is not known here.
const ANEW: &str = "encrypt it anew: openssl pkey -aes256 -in FILE -out FILE.new";

/// The first private key: PKCS#8, PKCS#1 or SEC1; encrypted PKCS#8 with its passphrase.
fn key_in(content: &[u8], path: &Path, pass: Option<&Passphrase>) -> Result<PrivateKeyDer<'static>> {
    let fault = |cause: &str| fault(path, Exit::OwnCertificate, cause);
    match (Kind::of(content).map_err(|cause| fault(&cause))?, pass) {
        (Kind::Plain, _) => {}
        (Kind::Pkcs8(der), Some(pass)) => {
            return encrypted::decrypt(&der, pass).map_err(|shut| match shut {
                Shut::Passphrase => fault("the passphrase does not fit its key")
                    .hint("check the passphrase; openssl pkey -in FILE -noout tries it"),
                Shut::Way(why) => {
                    fault(&format!("its key is encrypted in a way that is not known here ({why})")).hint(ANEW)
                }
            });
        }
        (Kind::Pkcs8(_), None) => {
            return Err(fault("the key is encrypted")
                .hint("give its passphrase with --pass @FILE or --pass @env:NAME"));
        }
        (Kind::Traditional, _) => {
            return Err(fault("the key is encrypted in an old form of OpenSSL's, with MD5").hint(ANEW));
        }
    }
    PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            fault("there is no private key in it").hint("name the file of the key with --key")
        }
        error => fault(&error.to_string()),
    })
}

/// Whether a passphrase would open the key in that file; of a pipe it is not known, which gives its content
/// only once.
pub fn asks_for_passphrase(path: &Path) -> bool {
    let encrypted = |content: Vec<u8>| matches!(Kind::of(&content), Ok(Kind::Pkcs8(_)));
    path.is_file() && limited::read(path, LONGEST).is_ok_and(encrypted)
}

/// The revocation lists of a file; never empty.
///
/// # Errors
/// Exit 82 naming the file.
pub(super) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let content = read(path, Exit::Crl)?;
    let lists: std::result::Result<Vec<_>, pem::Error> =
        CertificateRevocationListDer::pem_slice_iter(&content).collect();
    match lists {
        Ok(lists) if !lists.is_empty() => Ok(lists),
        Ok(_) if content.first() == Some(&0x30) => Err(fault(path, Exit::Crl, "it is DER, not PEM")
            .hint("convert it: openssl crl -inform der -in FILE -out FILE.pem")),
        Ok(_) => Err(fault(path, Exit::Crl, "there is no revocation list in it")
            .hint("it must hold `-----BEGIN X509 CRL-----`")),
        Err(error) => Err(fault(path, Exit::Crl, &error.to_string())),
    }
}

fn read(path: &Path, exit: Exit) -> Result<Vec<u8>> {
    limited::read(path, LONGEST).map(super::labels::usual).map_err(|unread| match unread {
        Unread::Io(error) => fault(path, exit, &net::words(&error)),
        Unread::Endless => fault(path, exit, ENDLESS),
        Unread::TooLong => fault(path, exit, &format!("it holds more than {LONGEST} bytes"))
            .hint("name a file that holds nothing but PEM"),
    })
}

/// Why a device cannot be used.
pub(super) const ENDLESS: &str = "it is a device without an end";

pub(super) fn fault(path: &Path, exit: Exit, cause: &str) -> Fault {
    Fault::new(exit, "tls", format!("cannot use {}: {cause}", path.display()))
}
