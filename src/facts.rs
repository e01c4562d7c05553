//! Facts about a connection: gathered as they become known, and read by every output that tells of it.
//!
//! `-v`, `--json`, `--check`, recordings, HAR and reports read the same facts, so that none of them knows more
//! than another, and what was found stands also where the attempt failed.

use crate::units::in_milliseconds;
use serde::{Serialize, Serializer};
use std::time::{Duration, SystemTime};

/// Facts about one connection.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// The URL without secrets; of a server, what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The far end, `HOST:PORT`.
    pub peer: String,
    /// The subprotocol that was agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<String>,
    /// The extensions that were agreed on, as in the header field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<String>,
    /// Results of the TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Duration of each phase.
    #[serde(skip_serializing_if = "Timings::is_empty")]
    pub timings: Timings,
    /// The HTTP status of the answer to the upgrade.
    #[serde(skip)]
    pub status: Option<u16>,
    /// The head of the request.
    #[serde(skip)]
    pub request: Head,
    /// The head of the answer.
    #[serde(skip)]
    pub response: Head,
}

/// Results of a TLS handshake, and the certificates that the server showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Such as `1.3`; empty when the handshake failed.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub version: &'static str,
    /// Such as `TLS13_AES_256_GCM_SHA384`; empty when the handshake failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// The protocol that ALPN chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The server's chain, its own first.
    pub certificates: Vec<Certificate>,
    /// Why the chain would have been refused, where nothing was checked and that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The distinguished name; empty in many of today.
    pub subject: String,
    /// The issuer's.
    pub issuer: String,
    /// Subject alternative names: hosts and addresses.
    pub names: Vec<String>,
    /// Not valid before.
    #[serde(serialize_with = "rfc3339_seconds")]
    pub not_before: SystemTime,
    /// Not valid after.
    #[serde(serialize_with = "rfc3339_seconds")]
    pub not_after: SystemTime,
}

impl Tls {
    /// The facts for a person, a line each: the agreement, then the chain.
    pub fn lines(&self, now: SystemTime) -> Vec<String> {
        let alpn = self.alpn.as_ref().map_or_else(|| "no ALPN".to_owned(), |name| format!("ALPN {name}"));
        let mut lines = vec![format!("TLS {} with {}, {alpn}", self.version, self.cipher)];
        lines.extend(self.certificates.iter().enumerate().map(|(depth, certificate)| {
            format!(
                "certificate {depth}: {}; issued by {}; {}",
                certificate.who(),
                certificate.issuer,
                certificate.validity(now)
            )
        }));
        lines.extend(self.unchecked.iter().map(|cause| format!("without -k it would have failed: {cause}")));
        lines
    }
}

impl Certificate {
    /// Its names, or where it has none its subject.
    pub fn who(&self) -> String {
        match self.names.as_slice() {
            [] => self.subject.clone(),
            names => names.join(", "),
        }
    }

    /// Until when it is valid, and how many days that is.
    pub fn validity(&self, now: SystemTime) -> String {
        let until = humantime::format_rfc3339_seconds(self.not_after);
        match self.not_after.duration_since(now) {
            Ok(left) => format!("valid until {until}, {} days left", left.as_secs() / 86_400),
            Err(_) => format!("expired on {until}"),
        }
    }
}

/// The fields of one HTTP head, in order.
pub type Head = Vec<(String, String)>;

/// Durations of the phases of an opening; milliseconds in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Looking the name up.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub dns: Option<Duration>,
    /// Until the transport was connected.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub tcp: Option<Duration>,
    /// The proxy's exchange.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub proxy: Option<Duration>,
    /// The TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub tls: Option<Duration>,
    /// The opening handshake.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub upgrade: Option<Duration>,
}

impl Timings {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The phases that there were, in their order.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let phases = [
            ("dns", self.dns),
            ("tcp", self.tcp),
            ("proxy", self.proxy),
            ("tls", self.tls),
            ("upgrade", self.upgrade),
        ];
        phases.into_iter().filter_map(|(name, time)| Some((name, time?)))
    }
}

fn rfc3339_seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

/// A duration as a number of milliseconds.
pub fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_milliseconds(time.unwrap_or_default()))
}
