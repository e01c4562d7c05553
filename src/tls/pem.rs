//! Certificates and keys from PEM files, with the cause when one cannot be used.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net,
};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
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

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1.
///
/// # Errors
/// Exit 58 naming the file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let content = read(path, Exit::OwnCertificate)?;
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| {
        let fault = |cause: &str| fault(path, Exit::OwnCertificate, cause);
        let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
        if encrypted.iter().any(|mark| memchr::memmem::find(&content, mark).is_some()) {
            return fault("the key is encrypted").hint("decrypt it: openssl pkey -in FILE -out FILE.plain");
        }
        match error {
            pem::Error::NoItemsFound => {
                fault("there is no private key in it").hint("name the file of the key with --key")
            }
            error => fault(&error.to_string()),
        }
    })
}

fn read(path: &Path, exit: Exit) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| fault(path, exit, &net::words(&error)))
}

fn fault(path: &Path, exit: Exit, cause: &str) -> Fault {
    Fault::new(exit, "tls", format!("cannot use {}: {cause}", path.display()))
}
