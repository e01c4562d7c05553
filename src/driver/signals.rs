//! SIGINT, SIGTERM and SIGHUP: the first closes politely, the second ends at once.
//!
//! SIGINT and SIGHUP that were ignored when the process was started stay ignored: `nohup` asks for that,
//! and a shell without job control for each command with `&`, which shares the keys of its terminal.
//! SIGHUP has one more meaning, and who sent it cannot be asked: a server with certificate files reads
//! them anew, as daemons do, ignored or not, unless its terminal is gone, which is what the signal's name
//! says.

use super::workers::ServerThreads;
use crate::{
    child::ignored::{self, HUP, INT},
    exit::Exit,
    fault::{Fault, Result},
    os_error,
};
use std::{
    fs,
    future::pending,
    io,
    process::{Child, Command, Stdio},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// The signals that a run minds.
pub struct Signals {
    /// `None` when it stays ignored.
    interrupt: Option<Signal>,
    terminate: Signal,
    /// `None` when it stays ignored.
    hangup: Option<Signal>,
    meaning: Meaning,
}

/// The signals that were ignored when the process was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    interrupt: bool,
    hangup: bool,
}

/// Meaning of SIGHUP for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    End,
    /// Reading files anew; an end when the terminal is gone that there was at the start.
    Reload {
        had_terminal: bool,
    },
}

/// Orders that a run gets from outside.
#[derive(Clone)]
pub struct Orders {
    /// Holds the fault of the signal that asks for the end.
    pub(super) stop: watch::Receiver<Option<Fault>>,
    pub(super) reload: Reload,
    /// The threads that a server may have.
    pub(super) workers: ServerThreads,
}

/// The orders to read files anew.
#[derive(Clone)]
pub(super) struct Reload(watch::Receiver<()>);

impl Signals {
    /// Starts to listen; from here on the default action is off, and what is `ignored` stays so. With
    /// `reloads`, SIGHUP may ask to read files anew.
    ///
    /// # Errors
    /// Exit 70 when the system refuses handlers.
    pub fn new(reloads: bool, ignored: Ignored) -> Result<Self> {
        let refused = |error: io::Error| {
            let cause = format!("cannot handle signals: {}", os_error::words(&error));
            let fault = Fault::new(Exit::Internal, "signals", cause);
            match os_error::is_exhausted(&error) {
                true => fault.hint("raise the limit on open files (ulimit -n)"),
                false => fault,
            }
        };
        let open = |kind| signal(kind).map_err(refused);
        let unless = |ignored: bool, kind| if ignored { Ok(None) } else { open(kind).map(Some) };
        Ok(Self {
            interrupt: unless(ignored.interrupt, SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
            meaning: match reloads {
                false => Meaning::End,
                // A run that was started with SIGHUP ignored is to outlive its terminal.
                true => Meaning::Reload { had_terminal: !ignored.hangup && has_terminal() },
            },
            hangup: unless(ignored.hangup && !reloads, SignalKind::hangup())?,
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
            let (exit, name) = tokio::select! {
                () = comes(&mut self.interrupt) => (Exit::Interrupt, "SIGINT"),
                _ = self.terminate.recv() => (Exit::Terminate, "SIGTERM"),
                () = comes(&mut self.hangup) => (Exit::Hangup, "SIGHUP"),
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
    /// Orders on these channels, for a run that has these threads.
    pub fn new(
        stop: watch::Receiver<Option<Fault>>,
        reload: watch::Receiver<()>,
        workers: ServerThreads,
    ) -> Self {
        Self { stop, reload: Reload(reload), workers }
    }
}

impl From<watch::Receiver<Option<Fault>>> for Orders {
    /// Only ever an end, and one thread.
    fn from(stop: watch::Receiver<Option<Fault>>) -> Self {
        Self::new(stop, watch::channel(()).1, ServerThreads::new(1))
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

/// True while there is a controlling terminal: a terminal that has hung up is none any more.
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok()
}

/// Waits for the next signal of that kind; an ignored one never comes.
async fn comes(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

impl Ignored {
    /// Reads what the process was started with; to be called before anything handles a signal.
    ///
    /// Linux tells in `/proc`. Elsewhere std has no call that asks, so a child is asked: it inherits what is
    /// ignored, and outlives its own signal then.
    pub fn read() -> Self {
        match ignored::signals() {
            Some(signals) => Self { interrupt: signals.holds(INT), hangup: signals.holds(HUP) },
            None => {
                // Both at the same time: a process takes a while to start.
                let (interrupt, hangup) = (ask("", "INT"), ask("", "HUP"));
                Self { interrupt: outlived(interrupt), hangup: outlived(hangup) }
            }
        }
    }
}

/// Exit code of a shell that its own signal did not end.
const OUTLIVED: i32 = 7;

/// Starts a shell that does what is said `before`, then sends itself the signal.
fn ask(before: &str, name: &str) -> Option<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{before}kill -{name} $$; exit {OUTLIVED}"));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

fn outlived(shell: Option<Child>) -> bool {
    let status = shell.and_then(|mut shell| shell.wait().ok());
    status.and_then(|status| status.code()) == Some(OUTLIVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_tells_it_too() {
        for name in ["INT", "HUP"] {
            assert!(outlived(ask(&format!("trap '' {name}; "), name)), "{name}");
            assert!(!outlived(ask(&format!("trap - {name}; "), "KILL")), "{name}");
        }
        assert!(!outlived(None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn both_ways_to_tell_agree() {
        let own = Ignored::read();
        assert_eq!(own.interrupt, outlived(ask("", "INT")));
        assert_eq!(own.hangup, outlived(ask("", "HUP")));
    }
}
