//! The verdict of `--check` and `--ping`, as a line for a person and as a JSON record.

use crate::{
    facts::{Facts, milliseconds},
    units,
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// The verdict of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// Everything was as expected.
    pub ok: bool,
    /// The HTTP status of the upgrade; 101 is an open WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Round-trip time of a ping, ms.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub rtt: Option<Duration>,
    /// The fields of the answer: each name with its values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    /// Many pings.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pings: Option<Pings>,
    /// Facts about the connection.
    #[serde(flatten)]
    pub facts: Facts,
    /// The exit code.
    pub exit: u8,
    /// Why it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Round trips; times are ms in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pings {
    /// Pings sent.
    pub sent: u64,
    /// Pings answered.
    pub received: u64,
    /// Pings without an answer, percent.
    pub loss: f64,
    /// The shortest.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub min: Option<Duration>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub avg: Option<Duration>,
    /// 95 % took no longer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub p95: Option<Duration>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub max: Option<Duration>,
}

impl Pings {
    /// The figures of these round trips and so many lost ones.
    pub fn of(mut times: Vec<Duration>, lost: u64) -> Self {
        times.sort_unstable();
        let received = times.len() as u64;
        let sent = received + lost;
        let loss = if sent == 0 { 0.0 } else { lost as f64 * 100.0 / sent as f64 };
        let total: Duration = times.iter().sum();
        // The nearest rank: the smallest time that 95 % do not exceed.
        let rank = (times.len() * 95).div_ceil(100).saturating_sub(1);
        Self {
            sent,
            received,
            loss,
            min: times.first().copied(),
            avg: u32::try_from(times.len()).ok().filter(|count| *count > 0).map(|count| total / count),
            p95: times.get(rank).copied(),
            max: times.last().copied(),
        }
    }
}

impl Verdict {
    /// Takes over the facts about the connection, as far as they may be shown.
    pub fn tell(&mut self, facts: Facts) {
        self.headers.clear();
        for (name, value) in &facts.response {
            self.headers.entry(name.to_ascii_lowercase()).or_default().push(value.clone());
        }
        self.status = facts.status;
        self.facts = facts;
    }

    /// One line: verdict, address, status, phases, TLS.
    pub fn line(&self, now: SystemTime) -> String {
        let mut parts = vec![if self.ok { "ok" } else { "failed" }.to_owned()];
        parts.extend(self.facts.url.clone());
        parts.extend(Some(self.facts.peer.clone()).filter(|peer| !peer.is_empty()));
        parts.extend(self.status.map(|status| format!("status {status}")));
        let phases = self.facts.timings.phases().chain(self.rtt.map(|rtt| ("ping", rtt)));
        parts.extend(phases.map(|(name, time)| format!("{name} {}", units::milliseconds(time))));
        if let Some(pings) = &self.pings {
            parts.push(format!("{} of {} pongs, {:.1} % lost", pings.received, pings.sent, pings.loss));
            let figures = [("min", pings.min), ("avg", pings.avg), ("p95", pings.p95), ("max", pings.max)];
            let figures = figures.into_iter().filter_map(|(name, time)| Some((name, time?)));
            parts.extend(figures.map(|(name, time)| format!("{name} {}", units::milliseconds(time))));
        }
        parts.extend(self.facts.subprotocol.as_ref().map(|name| format!("subprotocol {name}")));
        if let Some(tls) = &self.facts.tls {
            if !tls.version.is_empty() {
                parts.push(format!("TLS {} {}", tls.version, tls.cipher));
            }
            let leaf = tls.certificates.first();
            parts.extend(leaf.map(|leaf| format!("certificate of {}, {}", leaf.who(), leaf.validity(now))));
        }
        // Of an open WebSocket that is as it should be, the fields of the answer are of no interest.
        if !self.ok || self.status.is_some_and(|status| status != 101) {
            let fields = self.facts.response.iter();
            parts.extend(fields.map(|(name, value)| format!("{name}: {value}")));
        }
        parts.extend(self.cause.as_ref().map(|cause| format!("exit {}: {cause}", self.exit)));
        parts.join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::record::Timings;

    #[test]
    fn the_figures_of_round_trips() {
        let ms = Duration::from_millis;
        let pings = Pings::of((1..=20).rev().map(ms).collect(), 5);
        assert_eq!((pings.sent, pings.received, pings.loss), (25, 20, 20.0));
        assert_eq!((pings.min, pings.p95, pings.max), (Some(ms(1)), Some(ms(19)), Some(ms(20))));
        assert_eq!(pings.avg, Some(Duration::from_micros(10_500)));
        assert_eq!(Pings::of(vec![ms(3)], 0).p95, Some(ms(3)));
        let none = Pings::of(Vec::new(), 2);
        assert_eq!((none.loss, none.min, none.p95), (100.0, None, None));
    }

    #[test]
    fn one_line_says_what_was_found() {
        let timings = Timings { tcp: Some(Duration::from_micros(1250)), ..Timings::default() };
        let facts =
            Facts { url: Some("ws://h/".into()), peer: "192.0.2.1:80".into(), timings, ..Facts::default() };
        let mut verdict = Verdict { ok: true, status: Some(101), facts, ..Verdict::default() };
        verdict.rtt = Some(Duration::from_millis(2));
        assert_eq!(
            verdict.line(SystemTime::now()),
            "ok | ws://h/ | 192.0.2.1:80 | status 101 | tcp 1.2 ms | ping 2.0 ms"
        );
        let failed = Verdict { exit: 7, cause: Some("connect: refused".into()), ..Verdict::default() };
        assert_eq!(failed.line(SystemTime::now()), "failed | exit 7: connect: refused");
    }
}
