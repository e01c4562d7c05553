//! rustls' errors as faults: exit code, cause, next step.

use super::{
    verify::Untrusted,
    words::{alert_name, certificate, incompatible, is_about_certificate, revocation_list, words},
};
use crate::{exit::Exit, fault::Fault, os_error};
use rustls::{AlertDescription, CertificateError, Error, OtherError};
use std::io;

/// The next step where a server does not speak TLS; whoever knows the URL names the other one.
pub const PLAIN: &str = "leave TLS out of the URL or endpoint";

/// Cause of an open stream's end in the middle; its error is `UnexpectedEof`, whose own text is rustls' advice to
/// programmers.
pub const NO_CLOSE_NOTIFY: &str = "TLS ended without close_notify";

/// Cause for a server's log when a client begins with something else than TLS.
pub const NO_TLS: &str = "the client does not speak TLS (a plain URL or endpoint?)";

/// Explains a failed handshake to a client, which has a certificate or none; `agreed` when the server had
/// shown its own before, so that the failure was not for want of a common cipher suite.
pub(super) fn connecting(error: &io::Error, has_certificate: bool, agreed: bool) -> Fault {
    let handshake = |cause: String| Fault::new(Exit::TlsHandshake, "tls", cause);
    match inner(error) {
        Some(Error::InvalidMessage(_)) => {
            handshake("the answer is not TLS: the server seems to speak plain text".into())
                .hint(PLAIN)
        }
        Some(Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )) if !agreed => handshake(
            "the server takes nothing that is offered here: no cipher suite, key exchange or kind of signature is common to both".into(),
        )
        .hint("let the server allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, and have a certificate with an RSA (not RSA-PSS), P-256, P-384, P-521 or Ed25519 key; suites with RSA key exchange, DHE or CBC are not spoken here"),
        Some(error) => explain(error, "tls", has_certificate),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            handshake("the server closed the connection during the TLS handshake".into())
        }
        None => handshake(format!("the connection was lost during the TLS handshake: {}", os_error::words(error))),
    }
}

/// Explains a failed handshake to a server, in words for its log.
pub(super) fn accepting(error: &io::Error) -> Fault {
    let handshake = |cause: String| Fault::new(Exit::TlsHandshake, "tls", cause);
    match inner(error) {
        Some(Error::InvalidMessage(_)) => handshake(NO_TLS.into()),
        Some(Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            handshake(format!("the client does not trust our certificate ({})", alert_name(*alert)))
        }
        Some(Error::NoCertificatesPresented) => {
            handshake("the client showed no certificate, and --client-ca wants one".into())
        }
        Some(Error::PeerIncompatible(what)) => {
            handshake(format!("the client's TLS does not fit ours: {}", incompatible(what)))
        }
        Some(error) => handshake(words(error)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            handshake("the client left during the handshake".into())
        }
        None => handshake(os_error::words(error)),
    }
}

/// The fault behind an I/O error of an open TLS stream; `None` for an error of another kind.
pub fn explain_io(error: &io::Error) -> Option<Fault> {
    inner(error).map(|error| explain(error, "session", true))
}

/// The fault behind an error of a handshake that somebody else did; `None` for one of another kind.
pub fn explain_handshake(error: &io::Error, has_certificate: bool) -> Option<Fault> {
    inner(error).map(|_| connecting(error, has_certificate, true))
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

/// Hint for a server that has no HTTP/1.1 in ALPN.
const HTTP_1: &str =
    "let the server offer http/1.1 on this port: a WebSocket over HTTP/2 (RFC 8441) is not spoken here";

fn explain(error: &Error, phase: &'static str, has_certificate: bool) -> Fault {
    let fault = |exit: Exit, cause: String| Fault::new(exit, phase, cause);
    match error {
        Error::InvalidCertificate(cause) => {
            if let CertificateError::Other(OtherError(inner)) = cause
                && let Some(Untrusted(fault)) = inner.downcast_ref()
            {
                return fault.clone();
            }
            fault(Exit::Untrusted, format!("the server's certificate is not trusted: {}", certificate(cause)))
                .hint("tell the server's owner")
        }
        Error::InvalidCertRevocationList(cause) => {
            fault(Exit::Crl, format!("a revocation list of --crl cannot be used: {}", revocation_list(cause)))
                .hint("fetch the list anew from its issuer")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            fault(Exit::ClientCertificate, "the server wants a client certificate".into())
                .hint("give one with --cert FILE and --key FILE")
        }
        Error::AlertReceived(alert) => {
            let cause = fault(Exit::TlsHandshake, words(error));
            match alert {
                AlertDescription::HandshakeFailure | AlertDescription::BadCertificate if !has_certificate => {
                    cause.detail([
                        "the server may want a client certificate (--cert FILE, --key FILE)".to_owned()
                    ])
                }
                alert if has_certificate && is_about_certificate(*alert) => cause
                    .hint("the server does not take our certificate: its log says why; give another one with --cert"),
                AlertDescription::NoApplicationProtocol => {
                    fault(Exit::TlsHandshake, "the server speaks no HTTP/1.1 on this port, perhaps HTTP/2 alone (ALPN)".into())
                        .hint(HTTP_1)
                }
                AlertDescription::ProtocolVersion => {
                    cause.detail(["the server speaks no version of TLS that is allowed here (1.3, and 1.2 without --tls-min 1.3)".to_owned()])
                }
                AlertDescription::UnrecognisedName => cause
                    .detail(["the server does not know the name it was asked for; send another with --sni"
                        .to_owned()]),
                _ => cause.hint("the log of the other side says why it ended TLS"),
            }
        }
        Error::PeerIncompatible(what) => fault(
            Exit::TlsHandshake,
            format!("the server's TLS does not fit ours: {}", incompatible(what)),
        )
        .hint("the server needs TLS 1.2 or 1.3 with a current cipher suite (--tls-min 1.2 is the least)"),
        Error::NoApplicationProtocol => fault(Exit::TlsHandshake, words(error)).hint(HTTP_1),
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            fault(Exit::TlsHandshake, words(error)).hint("check the system of this machine, and try again")
        }
        Error::InconsistentKeys(_) => fault(Exit::TlsHandshake, words(error))
            .hint("give the certificate and the key that belong together with --cert and --key"),
        other => fault(Exit::TlsHandshake, words(other))
            .hint("check host and port, and try again; a proxy on the way may break TLS"),
    }
}
