//! SIGINT, SIGTERM and SIGHUP: the first closes politely, the second ends at once.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// The signals that end a run.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to listen; from here on the default action is off.
    ///
    /// # Errors
    /// Exit 70 when the system refuses handlers.
    pub fn new() -> Result<Self> {
        let open = |kind| {
            signal(kind).map_err(|error| {
                Fault::new(Exit::Internal, "signals", format!("cannot handle signals: {error}"))
            })
        };
        Ok(Self {
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
            hangup: open(SignalKind::hangup())?,
        })
    }

    /// Announces the first signal on `stop` and returns at the second.
    pub async fn second(mut self, stop: watch::Sender<Option<Fault>>) -> Fault {
        let fault = self.next().await;
        stop.send_replace(Some(fault));
        let fault = self.next().await;
        drop(stop);
        fault
    }

    async fn next(&mut self) -> Fault {
        let (exit, name) = tokio::select! {
            _ = self.interrupt.recv() => (Exit::Interrupt, "SIGINT"),
            _ = self.terminate.recv() => (Exit::Terminate, "SIGTERM"),
            _ = self.hangup.recv() => (Exit::Hangup, "SIGHUP"),
        };
        Fault::new(exit, "session", format!("ended by {name}"))
    }
}
