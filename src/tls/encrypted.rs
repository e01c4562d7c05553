//! Private keys under a passphrase: PKCS#8 with PBES2 (RFC 5958, RFC 8018), what OpenSSL 3 writes.

use super::Passphrase;
use base64::{Engine, prelude::BASE64_STANDARD};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
/// The mark of OpenSSL's older form, whose key derivation (one round of MD5) has no library here.
const TRADITIONAL: &str = "Proc-Type: 4,ENCRYPTED";

/// The form of the first private key in a PEM file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyEncryption {
    /// Not encrypted, or not there.
    Plain,
    /// PKCS#8; its DER.
    Pkcs8(Vec<u8>),
    /// OpenSSL's older form.
    Traditional,
}

impl KeyEncryption {
    /// Looks at the content of a file; the error is the cause in words.
    pub(super) fn of(content: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(content);
        let plain = text.lines().position(|line| {
            line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY") && line.trim_end() != BEGIN
        });
        let encrypted = text.lines().position(|line| line.trim_end() == BEGIN);
        match (encrypted, plain) {
            (Some(encrypted), plain) if plain.is_none_or(|plain| encrypted < plain) => {
                let body = text.lines().skip(encrypted + 1).map(str::trim).take_while(|line| *line != END);
                let der = BASE64_STANDARD.decode(body.collect::<String>());
                der.map(Self::Pkcs8).map_err(|error| format!("the encrypted key is not base64: {error}"))
            }
            (_, Some(plain))
                if text.lines().nth(plain + 1).is_some_and(|line| line.trim() == TRADITIONAL) =>
            {
                Ok(Self::Traditional)
            }
            _ => Ok(Self::Plain),
        }
    }
}

/// Why a key stays shut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// With another passphrase it might open.
    Passphrase,
    /// It is encrypted in a way that is not known here; the library's words.
    Way(String),
}

/// The key inside.
pub(super) fn decrypt(der: &[u8], passphrase: &Passphrase) -> Result<PrivateKeyDer<'static>, Shut> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|error| Shut::Way(error.to_string()))?;
    let key = info.decrypt(passphrase.as_str()).map_err(|error| match error {
        // A wrong passphrase turns a key into bytes without padding, or into no key.
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
            Shut::Passphrase
        }
        error => Shut::Way(error.to_string()),
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same Ed25519 key, encrypted by OpenSSL 3.0 with the passphrase `s3cret`.
    const AES: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgH1PXpQbLYiAICCAAw\n\
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELveT5aty4fEn88io048rNgEQCXT\n\
        H3FiJMmUcnj/abCtdIgB5BkXdXXfUcbHi+YPfI4mqFgLHKYXK/5EEc1QPyM7zvQa\n\
        xxveWryEO0PDUdDnJtA=\n\
        -----END ENCRYPTED PRIVATE KEY-----";
    const DES3_AND_SHA1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MHwwQAYJKoZIhvcNAQUNMDMwGwYJKoZIhvcNAQUMMA4ECOzsn6hFgRDpAgIIADAU\n\
        BggqhkiG9w0DBwQICaSrPg/9v2wEOJNWqGiS2YkIPlcgcUrQ2nOrfGYWpciWxUtr\n\
        D0FNlQI5sZNygGip7ZckNnABgz3AhmvkrCawquFm\n\
        -----END ENCRYPTED PRIVATE KEY-----";
    const SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgm0C7Nvoq7NwICQAAC\n\
        AQgCAQEwHQYJYIZIAWUDBAEqBBDQ51mWY+JmXdnN+qGM/CiXBEBiee4iPKnFkY0Z\n\
        3nBehGoYsYX791/3iAhvHxuql08PeI4pw06b9UtYjqXFPKFJycJfVGYl+NdfyVYp\n\
        Rubz8ybl\n\
        -----END ENCRYPTED PRIVATE KEY-----";
    const PBES1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MFgwHAYKKoZIhvcNAQwBAzAOBAjv2dRDvOT6QQICCAAEODPafM+wl9ywn3Ap+Bfw\n\
        GOTnOhlX57ZVi3rXoUf4ekB+9jbU96useE48eIcxhGlzyrxF67ivTq6I\n\
        -----END ENCRYPTED PRIVATE KEY-----";
    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEID53eSuisp+yW1ySflbFJDKoPdyXFqeWjAl1fsfxaLOu";

    fn opened(pem: &str, passphrase: &str) -> Result<String, Shut> {
        let Ok(KeyEncryption::Pkcs8(der)) = KeyEncryption::of(pem.as_bytes()) else { panic!("{pem}") };
        decrypt(&der, &Passphrase::new(passphrase.into())).map(|key| BASE64_STANDARD.encode(key.secret_der()))
    }

    #[test]
    fn what_openssl_encrypts_is_opened() {
        for pem in [AES, DES3_AND_SHA1, SCRYPT] {
            assert_eq!(opened(pem, "s3cret").as_deref(), Ok(KEY));
            for wrong in ["", "S3cret", "s3cret "] {
                assert_eq!(opened(pem, wrong), Err(Shut::Passphrase));
            }
        }
        assert!(matches!(opened(PBES1, "s3cret"), Err(Shut::Way(_))));
    }

    #[test]
    fn the_first_key_of_a_file_counts() {
        let encrypted = format!("{BEGIN}\nAAEC\r\nAwQ=\n{END}\n");
        let plain = "-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n";
        let traditional = format!("-----BEGIN RSA PRIVATE KEY-----\n{TRADITIONAL}\nDEK-Info: x\n\nAAEC\n");
        let pkcs8 = || Ok(KeyEncryption::Pkcs8(vec![0, 1, 2, 3, 4]));
        assert_eq!(KeyEncryption::of(encrypted.as_bytes()), pkcs8());
        assert_eq!(KeyEncryption::of(format!("x\n{encrypted}{plain}").as_bytes()), pkcs8());
        assert_eq!(KeyEncryption::of(format!("{plain}{encrypted}").as_bytes()), Ok(KeyEncryption::Plain));
        assert_eq!(KeyEncryption::of(traditional.as_bytes()), Ok(KeyEncryption::Traditional));
        assert_eq!(KeyEncryption::of(b"\xff nothing"), Ok(KeyEncryption::Plain));
        assert!(KeyEncryption::of(format!("{BEGIN}\n!\n{END}\n").as_bytes()).unwrap_err().contains("base64"));
        assert!(matches!(decrypt(&[0, 1, 2], &Passphrase::new("x".into())), Err(Shut::Way(_))));
    }
}
