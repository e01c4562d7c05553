//! What comes before a session: a client's requests, until one is for a WebSocket.
//!
//! Files and pages are answered here and are no session: they are no client of `--once`, and a signal
//! lets the one under way go on within `--grace`.

use super::serve::Shared;
use crate::{
    endpoint::Greeting,
    net::Dialed,
    session::counted,
    ws::{
        Telling,
        server::{Asked, Handshake, Refusal},
    },
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::{Instant, sleep_until},
};

/// Connections are kept for further requests while as many more clients find room: a browser opens six
/// for files and one for its socket.
const ROOM: usize = 8;

/// How long connections that say nothing are counted before a line tells of them.
const COUNTED: Duration = Duration::from_secs(60);

/// Connections that were closed without a byte, as the checks of load balancers are: one line tells of many.
#[derive(Default)]
pub(super) struct Silent {
    seen: Mutex<Seen>,
    begun: Notify,
}

#[derive(Default)]
struct Seen {
    count: u64,
    /// Their hosts.
    from: BTreeSet<String>,
    /// When they are told; `None` while there are none.
    due: Option<Instant>,
}

impl Silent {
    fn note(&self, peer: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count += 1;
        if let Some((host, _)) = peer.rsplit_once(':')
            && seen.from.len() < ROOM
        {
            seen.from.insert(host.to_owned());
        }
        if seen.due.is_none() {
            seen.due = Some(Instant::now() + COUNTED);
            self.begun.notify_one();
        }
    }

    /// Ready when there are some to be told.
    pub(super) async fn due(&self) {
        loop {
            let due = self.seen.lock().unwrap_or_else(PoisonError::into_inner).due;
            match due {
                Some(due) => return sleep_until(due).await,
                None => self.begun.notified().await,
            }
        }
    }

    /// The line that tells of them, if there are any; they are counted anew from then on.
    pub(super) fn take(&self) -> Option<String> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let from = seen.from.into_iter().collect::<Vec<_>>().join(", ");
        let from = if from.is_empty() { from } else { format!(" from {from}") };
        (seen.count > 0).then(|| {
            format!(
                "{}{from} closed before a request, as the checks of a load balancer are",
                counted(seen.count, "connection")
            )
        })
    }
}

/// Answers a client's plain requests; gives its request for a WebSocket, if one comes.
pub(super) async fn receive(
    shared: &Shared,
    greeting: &Greeting,
    dialed: Dialed,
    name: &str,
    permit: &OwnedSemaphorePermit,
    telling: &Telling,
) -> Option<Box<Handshake>> {
    let run = &shared.run;
    let reporter = &run.reach.reporter;
    let peer = dialed.peer.clone();
    let refused = |refusal: Refusal| {
        if refusal.is_silent {
            telling.reporter.verbose(&format!("{peer} {}", refusal.cause));
            return shared.silent.note(&peer);
        }
        let status = if refusal.status == 0 { String::new() } else { format!(" {}", refusal.status) };
        let target = match refusal.target.as_str() {
            "" => String::new(),
            target => format!(" {}", run.reach.redactor.url(target)),
        };
        reporter.life(&format!("{name} refused{status}{target}: {}", refusal.cause));
    };
    let soon = || Instant::now() + greeting.options().handshake_timeout;
    let mut until = soon();
    // A server that ends does not wait for clients that are not in yet.
    let begun = tokio::select! {
        begun = greeting.begin(dialed, until, telling) => begun,
        _ = run.over("listen") => return None,
    };
    let mut visit = begun.map_err(refused).ok()?;
    loop {
        let asked = tokio::select! {
            asked = visit.asked(until) => asked,
            _ = run.over("listen") => return None,
        };
        match asked.map_err(refused).ok()? {
            Asked::Socket(handshake) => return Some(handshake),
            Asked::Nothing => return None,
            Asked::Plain(plain) => {
                let keep = permit.semaphore().available_permits() >= ROOM;
                let (line, rest) = plain.answer(keep).await;
                // METHOD TARGET and what became of it.
                let words: Vec<_> = line.splitn(3, ' ').collect();
                let shown = match words[..] {
                    [method, target, rest] => {
                        format!("{method} {} {rest}", run.reach.redactor.url(target))
                    }
                    _ => line,
                };
                reporter.life(&format!("{name} {shown}"));
                visit = rest?;
                until = soon();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silent_connections_are_one_line_a_minute() {
        let silent = Silent::default();
        assert_eq!(silent.take(), None);
        let start = Instant::now();
        let noting = async {
            sleep_until(start + Duration::from_secs(5)).await;
            for port in 0..7 {
                silent.note(&format!("192.0.2.{}:{port}", port % 2));
            }
        };
        tokio::join!(noting, silent.due());
        assert_eq!(start.elapsed(), Duration::from_secs(65), "since the first of them");
        let line = silent.take().unwrap();
        assert!(
            line.starts_with("7 connections from 192.0.2.0, 192.0.2.1 closed before a request"),
            "{line}"
        );
        assert_eq!(silent.take(), None);
        silent.note("");
        assert!(silent.take().unwrap().starts_with("1 connection closed"));
    }
}
