//! Certificates and keys from PEM files, with the cause when one cannot be used.

use super::{
    Passphrase,
    encrypted::{self, Kind, Shut},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use std::{fs, path::Path};

/// Every certificate of a file, in its order; never empty.
///
/// # Errors
/// `exit` naming the file: not readable, not PEM, no certificate in it.
pub(super) fn certificates(path: &Path, exit: Exit) -> Result<Vec<CertificateDer<'static>>> {
    let content = read(path, exit)?;
    let certificates: std::result::Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(&content).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) if content.first() == Some(&0x30) => Err(fault(path, exit, "it is DER, not PEM")
            .hint("convert it: openssl x509 -inform der -in FILE -out FILE.pem")),
        Ok(_) => Err(fault(path, exit, "there is no certificate in it")
            .hint("it must hold `-----BEGIN CERTIFICATE-----`")),
        Err(error) => Err(fault(path, exit, &error.to_string())),
    }
}

/// What to do with a key in a form that is not known here.
const ANEW: &str = "encrypt it anew: openssl pkey -aes256 -in FILE -out FILE.new";

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1; encrypted PKCS#8 with its passphrase.
///
/// # Errors
/// Exit 58 naming the file.
pub(super) fn key(path: &Path, pass: Option<&Passphrase>) -> Result<PrivateKeyDer<'static>> {
    let content = read(path, Exit::OwnCertificate)?;
    let fault = |cause: &str| fault(path, Exit::OwnCertificate, cause);
    match (Kind::of(&content).map_err(|cause| fault(&cause))?, pass) {
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
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            fault("there is no private key in it").hint("name the file of the key with --key")
        }
        error => fault(&error.to_string()),
    })
}

/// Whether a passphrase would open the key in that file.
pub fn asks_for_passphrase(path: &Path) -> bool {
    fs::read(path).is_ok_and(|content| matches!(Kind::of(&content), Ok(Kind::Pkcs8(_))))
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
    fs::read(path).map_err(|error| fault(path, exit, &net::words(&error)))
}

pub(super) fn fault(path: &Path, exit: Exit, cause: &str) -> Fault {
    Fault::new(exit, "tls", format!("cannot use {}: {cause}", path.display()))
}
