//! The usual verifier of clients' certificates, whose refusals reach the server's log in words.
//!
//! A client has to get the alert that fits, and rustls chooses it by its own error, so the words do not
//! travel inside of it as a client's do: they are left with the task that does the handshake.

use super::chain::{Chain, Peer};
use crate::{exit::Exit, fault::Fault};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{cell::RefCell, sync::Arc};

tokio::task_local! {
    /// Why the client of this task's handshake was refused.
    pub(super) static REFUSED: RefCell<Option<Fault>>;
}

/// webpki, explained.
#[derive(Debug)]
pub(super) struct ExplainingClients {
    pub below: Arc<dyn ClientCertVerifier>,
    /// The roots of `--client-ca`.
    pub own: Vec<CertificateDer<'static>>,
}

/// Leaves the words for the log; a task without a place for them does without.
fn refused(fault: Fault) {
    let fault = Fault { exit: Exit::TlsHandshake, ..fault };
    let _ = REFUSED.try_with(|refused| refused.replace(Some(fault)));
}

/// Explains a signature in the handshake by a key that is too small.
fn signed<T>(verified: Result<T, Error>, certificate: &CertificateDer<'_>) -> Result<T, Error> {
    verified.inspect_err(|_| {
        if let Some(fault) = Chain::new(certificate, &[], &[], Peer::Client).weak_leaf() {
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

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
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
                refused(Chain::new(end_entity, intermediates, &self.own, Peer::Client).explain(cause));
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
