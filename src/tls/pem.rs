//! Certificates and keys from PEM files, with the cause when one cannot be used.

use super::{
    Passphrase,
    encrypted::{self, KeyEncryption, Shut},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    limited::{self, Unread},
    os_error,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use std::path::Path;
use x509_parser::prelude::{FromDer, X509Certificate};

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
        Ok(_) => Err(match Foreign::of(content) {
            Some(foreign) => foreign.fault(path, exit),
            None => fault(path, exit, "there is no certificate in it")
                .hint("it must hold `-----BEGIN CERTIFICATE-----`"),
        }),
        Err(error) => Err(fault(path, exit, &error.to_string())),
    }
}

/// A form of certificates and keys that is not PEM's, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    /// `.p12`, `.pfx`: certificate and key under a password (RFC 7292).
    Pkcs12,
    /// `.p7b`: certificates alone, in DER or under PEM's own label.
    Pkcs7 { is_der: bool },
    /// A Java keystore.
    Keystore,
    /// One certificate in DER.
    Certificate,
    /// One key in DER, or whatever else begins so.
    Key,
}

impl Foreign {
    fn of(content: &[u8]) -> Option<Self> {
        // pkcs7-data and pkcs7-signedData, 1.2.840.113549.1.7.1 and .2
        const PKCS7: [u8; 10] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7];
        let begun = &content[..content.len().min(40)];
        let content_type = begun.windows(11).find(|bytes| bytes.starts_with(&PKCS7)).map(|bytes| bytes[10]);
        Some(match (content.first()?, content_type) {
            (0x30, Some(1)) => Self::Pkcs12,
            (0x30, Some(2)) => Self::Pkcs7 { is_der: true },
            (0x30, _) if X509Certificate::from_der(content).is_ok() => Self::Certificate,
            (0x30, _) => Self::Key,
            (0xfe, _) if content.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) => Self::Keystore,
            _ if memchr::memmem::find(content, b"-----BEGIN PKCS7-----").is_some() => {
                Self::Pkcs7 { is_der: false }
            }
            _ => return None,
        })
    }

    fn fault(self, path: &Path, exit: Exit) -> Fault {
        let is_own = exit == Exit::OwnCertificate;
        let (cause, command) = match self {
            Self::Pkcs12 => (
                "it is PKCS#12 (.p12, .pfx), not PEM",
                converts("pkcs12", path, if is_own { " -nodes" } else { " -nokeys" }),
            ),
            Self::Pkcs7 { is_der: true } => {
                ("it is PKCS#7, not PEM", converts("pkcs7 -inform der -print_certs", path, ""))
            }
            Self::Pkcs7 { is_der: false } => {
                ("it is PKCS#7, not a certificate", converts("pkcs7 -print_certs", path, ""))
            }
            Self::Keystore => (
                "it is a Java keystore, not PEM",
                format!(
                    "keytool -importkeystore -srckeystore {0} -destkeystore {0}.p12 -deststoretype PKCS12, and openssl pkcs12 -in {0}.p12 -out {0}.pem -nodes",
                    quoted(path)
                ),
            ),
            Self::Certificate => {
                ("it is a certificate in DER, not PEM", converts("x509 -inform der", path, ""))
            }
            Self::Key => ("it is DER, not PEM", converts("pkey -inform der", path, "")),
        };
        fault(path, exit, cause).hint(format!("convert it: {command}, then name that file"))
    }
}

/// The command line of OpenSSL that writes the file as PEM beside it.
fn converts(command: &str, path: &Path, more: &str) -> String {
    let out = match path.extension() {
        Some(extension) if extension != "pem" => path.with_extension("pem"),
        _ => path.with_added_extension("pem"),
    };
    format!("openssl {command} -in {} -out {}{more}", quoted(path), quoted(&out))
}

fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// Hint for a key in a form that is not known here.
const ANEW: &str = "encrypt it anew: openssl pkey -aes256 -in FILE -out FILE.new";

/// The first private key: PKCS#8, PKCS#1 or SEC1; encrypted PKCS#8 with its passphrase.
fn key_in(content: &[u8], path: &Path, pass: Option<&Passphrase>) -> Result<PrivateKeyDer<'static>> {
    let fault = |cause: &str| fault(path, Exit::OwnCertificate, cause);
    match (KeyEncryption::of(content).map_err(|cause| fault(&cause))?, pass) {
        (KeyEncryption::Plain, _) => {}
        (KeyEncryption::Pkcs8(der), Some(pass)) => {
            return encrypted::decrypt(&der, pass).map_err(|shut| match shut {
                Shut::Passphrase => fault("the passphrase does not fit its key")
                    .hint("check the passphrase; openssl pkey -in FILE -noout tries it"),
                Shut::Way(why) => {
                    fault(&format!("its key is encrypted in a way that is not known here ({why})")).hint(ANEW)
                }
            });
        }
        (KeyEncryption::Pkcs8(_), None) => {
            return Err(fault("the key is encrypted")
                .hint("give its passphrase with --pass @FILE or --pass @env:NAME"));
        }
        (KeyEncryption::Traditional, _) => {
            return Err(fault("the key is encrypted in an old form of OpenSSL's, with MD5").hint(ANEW));
        }
    }
    PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        pem::Error::NoItemsFound => match Foreign::of(content) {
            Some(foreign) => foreign.fault(path, Exit::OwnCertificate),
            None => fault("there is no private key in it").hint("name the file of the key with --key"),
        },
        error => fault(&error.to_string()),
    })
}

/// True when the file holds a key that a passphrase opens; false for a pipe, which gives its content only
/// once.
pub fn asks_for_passphrase(path: &Path) -> bool {
    let encrypted = |content: Vec<u8>| matches!(KeyEncryption::of(&content), Ok(KeyEncryption::Pkcs8(_)));
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
            .hint(format!("convert it: {}, then name that file", converts("crl -inform der", path, "")))),
        Ok(_) => Err(fault(path, Exit::Crl, "there is no revocation list in it")
            .hint("it must hold `-----BEGIN X509 CRL-----`")),
        Err(error) => Err(fault(path, Exit::Crl, &error.to_string())),
    }
}

fn read(path: &Path, exit: Exit) -> Result<Vec<u8>> {
    limited::read(path, LONGEST).map(super::labels::usual).map_err(|unread| match unread {
        Unread::Io(error) => fault(path, exit, &os_error::words(&error)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_forms_are_named_with_what_converts_them() {
        let certificate = rcgen::generate_simple_self_signed(vec!["h".to_owned()]).unwrap();
        let pkcs12 =
            b"0\x82\x0a\x02\x02\x01\x030\x82\x09\xb8\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0";
        let pkcs7 = b"0\x82\x02\x02\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0";
        let key = certificate.signing_key.serialize_der();
        for (content, foreign, command) in [
            (&pkcs12[..], Foreign::Pkcs12, "openssl pkcs12 -in 'my id.p12' -out 'my id.pem' -nodes,"),
            (
                pkcs7,
                Foreign::Pkcs7 { is_der: true },
                "openssl pkcs7 -inform der -print_certs -in 'my id.p12'",
            ),
            (
                b"x\n-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n",
                Foreign::Pkcs7 { is_der: false },
                "openssl pkcs7 -print_certs -in 'my id.p12'",
            ),
            (b"\xfe\xed\xfe\xed\0", Foreign::Keystore, "keytool -importkeystore -srckeystore 'my id.p12'"),
            (certificate.cert.der(), Foreign::Certificate, "openssl x509 -inform der"),
            (&key, Foreign::Key, "openssl pkey -inform der"),
        ] {
            assert_eq!(Foreign::of(content), Some(foreign), "{foreign:?}");
            let path = Path::new("my id.p12");
            for fault in [
                certificates_in(content, path, Exit::OwnCertificate).unwrap_err(),
                key_in(content, path, None).unwrap_err(),
            ] {
                assert!(fault.hint.as_ref().is_some_and(|hint| hint.contains(command)), "{fault}");
            }
        }
        assert_eq!(Foreign::of(b"no certificate\n"), None);
        assert_eq!(converts("x509", Path::new("a.pem"), ""), "openssl x509 -in a.pem -out a.pem.pem");
    }
}
