//! Signals that are ignored here, as `nohup` and a script's `&` have it, and what a child makes of them.

use std::{fs, sync::Once};
use tokio::signal::unix::{SignalKind, signal};

/// The number of SIGHUP.
pub const HUP: u32 = 1;
/// The number of SIGINT.
pub const INT: u32 = 2;

/// A set of signals, the one of number 1 in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IgnoredSignals(u64);

impl IgnoredSignals {
    /// The signal of that number is one of them.
    pub fn holds(self, signal: u32) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }

    /// Those that the text of `/proc/PID/status` says are ignored.
    fn read(status: &str) -> Option<Self> {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok().map(Self)
    }
}

/// The signals that this process ignores; `None` where the system does not tell.
pub fn signals() -> Option<IgnoredSignals> {
    IgnoredSignals::read(&fs::read_to_string("/proc/self/status").unwrap_or_default())
}

/// Lets SIGHUP act in programs that are started from here on, though it is ignored here.
///
/// A signal that is handled goes back to its default where a program is started. Nobody listens to ours, so
/// that it does here what it did before.
pub(super) fn hang_ups_act() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if signals().is_some_and(|signals| signals.holds(HUP)) {
            // A signal that cannot be handled stays ignored.
            let _ = signal(SignalKind::hangup());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_seen() {
        for (mask, interrupt, hangup) in [
            ("0000000000001001", false, true),
            ("0000000000001002", true, false),
            ("0000000000000003", true, true),
            ("fffffffffffffffc", false, false),
        ] {
            let status = format!("Name:\twsio\nSigBlk:\t0000000000000003\nSigIgn:\t{mask}\nSigCgt:\t0\n");
            let signals = IgnoredSignals::read(&status).unwrap();
            assert_eq!((signals.holds(INT), signals.holds(HUP)), (interrupt, hangup), "{mask}");
        }
        for status in ["", "Name:\tSigIgn: 1\n", "SigIgn:\t\n"] {
            assert_eq!(IgnoredSignals::read(status), None, "{status}");
        }
    }
}
