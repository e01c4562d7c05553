//! SIGINT, SIGTERM and SIGHUP: the first closes politely, the second ends at once.
//!
//! SIGHUP has three meanings, and who sent it cannot be asked. Where it was ignored before we came
//! (nohup), it stays ignored. A server with certificate files reads them anew, as daemons do, unless its
//! terminal is gone, which is what the signal's name says. Everybody else ends.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use std::{fs, future::pending};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// The signals that a run minds.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` when it stays ignored.
    hangup: Option<Signal>,
    meaning: Meaning,
}

/// What SIGHUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    End,
    /// Reading files anew; an end when the terminal is gone that there was at the start.
    Reload {
        had_terminal: bool,
    },
}

/// What a run is told from outside.
#[derive(Clone)]
pub struct Orders {
    /// Holds the fault of the signal that asks for the end.
    pub(super) stop: watch::Receiver<Option<Fault>>,
    pub(super) reload: Reload,
}

/// The orders to read files anew.
#[derive(Clone)]
pub(super) struct Reload(watch::Receiver<()>);

impl Signals {
    /// Starts to listen; from here on the default action is off. With `reloads`, SIGHUP may ask to read
    /// files anew.
    ///
    /// # Errors
    /// Exit 70 when the system refuses handlers.
    pub fn new(reloads: bool) -> Result<Self> {
        let open = |kind| {
            signal(kind).map_err(|error| {
                Fault::new(Exit::Internal, "signals", format!("cannot handle signals: {error}"))
            })
        };
        let ignored = is_hangup_ignored();
        Ok(Self {
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
            meaning: match reloads {
                false => Meaning::End,
                // Whoever had it ignored did not want the end of the terminal to be ours.
                true => Meaning::Reload { had_terminal: !ignored && has_terminal() },
            },
            hangup: if ignored && !reloads { None } else { Some(open(SignalKind::hangup())?) },
        })
    }

    /// Announces the first signal on `stop` and returns at the second; files to be read anew are
    /// announced on `reload`.
    pub async fn second(mut self, stop: watch::Sender<Option<Fault>>, reload: watch::Sender<()>) -> Fault {
        let fault = self.next(&reload).await;
        stop.send_replace(Some(fault));
        let fault = self.next(&reload).await;
        drop(stop);
        fault
    }

    async fn next(&mut self, reload: &watch::Sender<()>) -> Fault {
        loop {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => pending().await,
                }
            };
            let (exit, name) = tokio::select! {
                _ = self.interrupt.recv() => (Exit::Interrupt, "SIGINT"),
                _ = self.terminate.recv() => (Exit::Terminate, "SIGTERM"),
                _ = hangup => (Exit::Hangup, "SIGHUP"),
            };
            if exit == Exit::Hangup && !self.meaning.is_end() {
                reload.send_replace(());
                continue;
            }
            return Fault::new(exit, "session", format!("ended by {name}"));
        }
    }
}

impl Meaning {
    fn is_end(self) -> bool {
        match self {
            Self::End => true,
            Self::Reload { had_terminal } => had_terminal && !has_terminal(),
        }
    }
}

impl Orders {
    /// Orders on these channels.
    pub fn new(stop: watch::Receiver<Option<Fault>>, reload: watch::Receiver<()>) -> Self {
        Self { stop, reload: Reload(reload) }
    }
}

impl From<watch::Receiver<Option<Fault>>> for Orders {
    /// Only ever an end.
    fn from(stop: watch::Receiver<Option<Fault>>) -> Self {
        Self::new(stop, watch::channel(()).1)
    }
}

impl Reload {
    /// Waits for the next order.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            pending().await
        }
    }
}

/// Whether there is a controlling terminal: a terminal that hangs up is none any more.
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok()
}

/// Whether SIGHUP is ignored. Only Linux tells without unsafe code; elsewhere it counts as not.
fn is_hangup_ignored() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The signal of number 1 is the lowest bit.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_seen() {
        for (mask, ignored) in [("0000000000001001", true), ("0000000000001000", false), ("", false)] {
            let status = format!("Name:\twsio\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0\n");
            assert_eq!(ignores_hangup(&status), ignored, "{mask}");
        }
        assert!(!ignores_hangup("Name:\tSigIgn: 1\n"));
    }
}
