//! Certificates made for a test: an authority, and what it signs.

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;

/// A certificate authority with a folder for its files.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    signed: AtomicUsize,
    /// Its own certificate, PEM.
    pub file: PathBuf,
}

/// A certificate and its key, as PEM files.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("The Test Authority")
    }

    pub fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = write(folder.path(), "ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { folder, issuer: Issuer::new(params, key), signed: AtomicUsize::new(0), file }
    }

    /// Signs a certificate for these names.
    pub fn signs(&self, names: &[&str]) -> Pair {
        self.signs_with(names, |_| {})
    }

    /// Signs a certificate for these names after a change.
    pub fn signs_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = params(names);
        change(&mut params);
        self.sign(names, &params, &KeyPair::generate().unwrap())
    }

    /// Signs a certificate with an RSA key.
    pub fn signs_rsa(&self, names: &[&str]) -> Pair {
        self.sign(names, &params(names), &KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
    }

    /// Signs a certificate through an intermediate authority, which is changed before; the file has both.
    pub fn signs_through(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut middle = params(&[]);
        middle.distinguished_name.push(DnType::CommonName, "The Test Intermediate");
        middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut middle);
        let (middle_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let own = middle.signed_by(&middle_key, &self.issuer).unwrap().pem();
        let leaf = params(names).signed_by(&key, &Issuer::new(middle, middle_key)).unwrap().pem();
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-through-{number}", names[0]);
        Pair {
            cert: write(self.folder.path(), &format!("{name}.pem"), &(leaf + &own)),
            key: write(self.folder.path(), &format!("{name}.key"), &key.serialize_pem()),
        }
    }

    fn sign(&self, names: &[&str], params: &CertificateParams, key: &KeyPair) -> Pair {
        let cert = params.signed_by(key, &self.issuer).unwrap().pem();
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", names[0]);
        Pair {
            cert: write(self.folder.path(), &format!("{name}.pem"), &cert),
            key: write(self.folder.path(), &format!("{name}.key"), &key.serialize_pem()),
        }
    }

    /// Makes a certificate that signs itself.
    pub fn self_signed(&self, names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let cert = params(names).self_signed(&key).unwrap().pem();
        Pair {
            cert: write(self.folder.path(), "self.pem", &cert),
            key: write(self.folder.path(), "self.key", &key.serialize_pem()),
        }
    }

    /// Makes one as `openssl req -x509` does: it signs itself, and is an authority's.
    pub fn self_signed_authority(&self, names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Pair {
            cert: write(self.folder.path(), "selfca.pem", &params.self_signed(&key).unwrap().pem()),
            key: write(self.folder.path(), "selfca.key", &key.serialize_pem()),
        }
    }

    /// A list of the certificates with these serial numbers that are no longer good.
    pub fn revokes(&self, serials: &[u64], next_update: i32) -> PathBuf {
        let date = |year| rcgen::date_time_ymd(year, 1, 1);
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date(2024),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date(2024),
            next_update: date(next_update),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        let pem = list.signed_by(&self.issuer).unwrap().pem().unwrap();
        write(self.folder.path(), &format!("{number}.crl"), &pem)
    }

    /// The key of a pair under a passphrase, as PKCS#8.
    pub fn encrypts(&self, pair: &Pair, passphrase: &str) -> PathBuf {
        use pkcs8::{PrivateKeyInfoRef, pkcs5::pbes2::Parameters};
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let info = PrivateKeyInfoRef::try_from(key.secret_der()).unwrap();
        let way = Parameters::generate_pbkdf2_sha256_aes256cbc(2048, b"salt and", [7; 16]).unwrap();
        let encrypted = info.encrypt_with_params(way, passphrase).unwrap();
        let body = BASE64_STANDARD.encode(encrypted.as_bytes());
        let label = "ENCRYPTED PRIVATE KEY";
        self.file("encrypted.key", &format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"))
    }

    /// Writes a file beside the certificates.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        write(self.folder.path(), name, content)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap()
}

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}
