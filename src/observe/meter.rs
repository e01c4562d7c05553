//! The progress of a transfer: numbers that the pair writes and the drawing thread reads.
//!
//! Nobody waits for anybody: the pair stores a few numbers a batch, and only when it was asked to.

use crate::units::size;
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// No size is known.
const UNKNOWN: u64 = u64::MAX;

/// The progress of one pair; sides are numbered as in the session.
pub struct Meter {
    /// Bytes that standard input will give, when it is a file.
    standard_input: Option<u64>,
    /// Standard output is a terminal.
    shares_terminal: bool,
    begun: OnceLock<Instant>,
    /// The side whose bytes count as sent.
    sender: AtomicUsize,
    hidden: AtomicBool,
    expected: [AtomicU64; 2],
    passed: [AtomicU64; 2],
    end: OnceLock<(Duration, [(u64, u64); 2])>,
}

impl Meter {
    /// A meter of a transfer that has not begun.
    pub fn new(standard_input: Option<u64>, shares_terminal: bool) -> Self {
        Self {
            standard_input,
            shares_terminal,
            begun: OnceLock::new(),
            sender: AtomicUsize::new(0),
            hidden: AtomicBool::new(false),
            expected: [AtomicU64::new(UNKNOWN), AtomicU64::new(UNKNOWN)],
            passed: Default::default(),
            end: OnceLock::new(),
        }
    }

    /// The source of this side will give so many bytes.
    pub fn expect(&self, side: usize, bytes: u64) {
        self.expected[side].store(bytes, Relaxed);
    }

    /// The source of this side is standard input.
    pub fn expect_standard_input(&self, side: usize) {
        if let Some(bytes) = self.standard_input {
            self.expect(side, bytes);
        }
    }

    /// The transfer begins; what comes from `sender` counts as sent. With `to_standard_output`, messages
    /// go to the terminal that we might draw on.
    pub fn begin(&self, sender: usize, to_standard_output: bool) {
        self.sender.store(sender, Relaxed);
        self.hidden.store(to_standard_output && self.shares_terminal, Relaxed);
        let _ = self.begun.set(Instant::now());
    }

    /// So many bytes of this side have passed.
    pub fn pass(&self, side: usize, bytes: u64) {
        self.passed[side].fetch_max(bytes, Relaxed);
    }

    /// It is over; messages and bytes that each side's source gave.
    pub fn finish(&self, carried: [(u64, u64); 2]) {
        let took = self.begun.get().map(Instant::elapsed).unwrap_or_default();
        let _ = self.end.set((took, carried));
    }

    /// Time since the beginning; `None` before it and when nothing is to be drawn.
    pub(super) fn age(&self) -> Option<Duration> {
        self.begun.get().filter(|_| !self.hidden.load(Relaxed)).map(Instant::elapsed)
    }

    /// Bytes sent and bytes received.
    pub(super) fn passed(&self) -> [u64; 2] {
        self.ordered(self.passed.each_ref().map(|bytes| bytes.load(Relaxed)))
    }

    /// Bytes that will be sent and received, where their number is known.
    pub(super) fn expected(&self) -> [Option<u64>; 2] {
        let known = |bytes: &AtomicU64| Some(bytes.load(Relaxed)).filter(|bytes| *bytes != UNKNOWN);
        self.ordered(self.expected.each_ref().map(known))
    }

    /// The line at the end, once it is over.
    pub(super) fn summary(&self) -> Option<String> {
        let (took, carried) = self.end.get()?;
        let [sent, received] = self.ordered(*carried);
        let seconds = took.as_secs_f64();
        let rate = (sent.1 + received.1) as f64 / seconds.max(0.001);
        Some(format!(
            "sent {} bytes in {} messages, received {} bytes in {} messages; {seconds:.1} s, {}/s",
            sent.1,
            sent.0,
            received.1,
            received.0,
            size(rate),
        ))
    }

    fn ordered<T: Copy>(&self, [a, b]: [T; 2]) -> [T; 2] {
        if self.sender.load(Relaxed) == 0 { [a, b] } else { [b, a] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_told_as_sent_and_received() {
        for (sender, numbers) in [(0, [7, 9]), (1, [9, 7])] {
            let meter = Meter::new(Some(40), false);
            meter.expect_standard_input(0);
            meter.pass(0, 7);
            meter.pass(1, 9);
            assert_eq!(meter.age(), None);
            meter.begin(sender, true);
            assert!(meter.age().is_some());
            assert_eq!(meter.passed(), numbers);
            assert_eq!(meter.expected()[sender], Some(40));
            assert_eq!(meter.expected()[1 - sender], None);
            assert_eq!(meter.summary(), None);
            meter.finish([(1, 7), (2, 9)]);
            let (sent, received) =
                if sender == 0 { ("7 bytes in 1", "9 bytes in 2") } else { ("9 bytes in 2", "7 bytes in 1") };
            let start = format!("sent {sent} messages, received {received} messages; ");
            assert!(meter.summary().unwrap().starts_with(&start), "{:?}", meter.summary());
        }
    }

    #[test]
    fn the_rate_is_of_both_ways() {
        for carried in [[(1, 1 << 40), (0, 0)], [(0, 0), (1, 1 << 40)]] {
            let meter = Meter::new(None, false);
            meter.begin(0, false);
            meter.finish(carried);
            let summary = meter.summary().unwrap();
            assert!(summary.contains("iB/s") && !summary.ends_with(" 0 B/s"), "{summary}");
        }
    }

    #[test]
    fn it_never_goes_back_and_hides_where_messages_are_shown() {
        let meter = Meter::new(None, true);
        meter.expect_standard_input(0);
        meter.begin(0, true);
        meter.pass(0, 7);
        meter.pass(0, 5);
        assert_eq!((meter.passed(), meter.expected(), meter.age()), ([7, 0], [None, None], None));
    }
}
