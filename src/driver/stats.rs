//! `--stats`: what a run carried, how fast, and how long the way was.

use super::{Outcome, Rtt};
use crate::{
    framing::record::Facts,
    session::Side,
    units::{counted, milliseconds, size},
    ws::conn::Volume,
};
use std::time::Duration;

/// The lines for one session; `side` is its WebSocket's.
pub(super) fn lines(outcome: &Outcome, side: Side, facts: &Facts, open: Duration) -> Vec<String> {
    let phases = facts.timings.phases().map(|(name, time)| format!("{name} {}", milliseconds(time)));
    let phases = phases.collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if !phases.is_empty() {
        lines.push(format!("opening: {phases}"));
    }
    lines.push(format!("open for {:.3} s", open.as_secs_f64()));
    let carried = [("in", outcome.carried[side]), ("out", outcome.carried[side.other()])];
    for ((way, (messages, bytes)), compressed) in carried.into_iter().zip(outcome.compressed[side]) {
        lines.push(format!("{way}: {}{}", flow(messages, bytes, open), ratio(compressed)));
    }
    lines.extend(outcome.dropped());
    lines.extend(outcome.left_unsent());
    lines.extend(outcome.undelivered());
    lines.extend(outcome.rtt.as_ref().map(rtt));
    lines
}

/// Sums over all sessions of a server.
#[derive(Default)]
pub(super) struct Totals {
    clients: u64,
    carried: [(u64, u64); 2],
    compressed: [Volume; 2],
    dropped: u64,
    unheard: u64,
    /// Datagrams of new peers that were not let in.
    pub turned_away: u64,
}

impl Totals {
    /// One more session is over.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.clients += 1;
        self.dropped += outcome.remains.dropped;
        self.unheard += outcome.remains.unheard;
        for (total, carried) in self.carried.iter_mut().zip(outcome.carried) {
            *total = (total.0 + carried.0, total.1 + carried.1);
        }
        for (total, compressed) in self.compressed.iter_mut().zip(outcome.compressed[0]) {
            *total += compressed;
        }
    }

    /// The lines for it.
    pub(super) fn lines(&self, open: Duration) -> Vec<String> {
        let [(messages_in, bytes_in), (messages_out, bytes_out)] = self.carried;
        let mut lines = vec![
            format!("served {} clients in {:.3} s", self.clients, open.as_secs_f64()),
            format!("in: {}{}", flow(messages_in, bytes_in, open), ratio(self.compressed[0])),
            format!("out: {}{}", flow(messages_out, bytes_out, open), ratio(self.compressed[1])),
        ];
        let lost = [
            (self.dropped, "message", "that were too fast for a side"),
            (self.unheard, "message", "that nobody was there to hear"),
            (self.turned_away, "datagram", "of new peers that were not let in"),
        ];
        let lost = lost.into_iter().filter(|(count, ..)| *count > 0);
        lines.extend(lost.map(|(count, what, why)| format!("dropped: {} {why}", counted(count, what))));
        lines
    }
}

fn flow(messages: u64, bytes: u64, open: Duration) -> String {
    let seconds = open.as_secs_f64().max(0.001);
    let (rate, speed) = (messages as f64 / seconds, bytes as f64 / seconds);
    format!("{messages} messages, {bytes} bytes, {rate:.1} messages/s, {}/s", size(speed))
}

/// The part of its size that compression left of what was carried, if anything was.
fn ratio(Volume { plain, wire }: Volume) -> String {
    match plain {
        0 => String::new(),
        _ => format!(", compressed to {:.0} %", 100.0 * wire as f64 / plain as f64),
    }
}

fn rtt(rtt: &Rtt) -> String {
    let average = rtt.total / rtt.count.max(1);
    let [min, average, max] = [rtt.min, average, rtt.max].map(milliseconds);
    format!("rtt: min {min}, avg {average}, max {max}, of {} pings", rtt.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_have_rates_in_short_units() {
        assert_eq!(
            flow(10, 5 * 1024 * 1024, Duration::from_secs(2)),
            "10 messages, 5242880 bytes, 5.0 messages/s, 2.5 MiB/s"
        );
        assert_eq!(flow(0, 0, Duration::ZERO), "0 messages, 0 bytes, 0.0 messages/s, 0.0 B/s");
    }

    #[test]
    fn compression_has_its_ratio() {
        assert_eq!(ratio(Volume { plain: 1000, wire: 333 }), ", compressed to 33 %");
        assert_eq!(ratio(Volume::default()), "");
    }

    #[test]
    fn round_trips_have_their_figures() {
        let mut all = None;
        for time in [10, 20, 60] {
            Rtt::add(&mut all, Duration::from_millis(time));
        }
        assert_eq!(rtt(&all.unwrap()), "rtt: min 10.0 ms, avg 30.0 ms, max 60.0 ms, of 3 pings");
    }
}
