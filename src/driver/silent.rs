//! Connections that are closed without a byte: load balancers look so whether a server is there.
//!
//! Each of them would be a line of the log, every few seconds and from each balancer, so they are counted,
//! and one line tells of all within a minute.

use crate::units::counted;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Hosts that are named at most.
const NAMED: usize = 8;

/// Time that silent connections are counted before a line tells of them.
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
    /// Time of the line that tells of them; `None` while there are none.
    due: Option<Instant>,
}

impl Silent {
    /// One more from there.
    pub(super) fn note(&self, peer: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count += 1;
        if let Some((host, _)) = peer.rsplit_once(':')
            && seen.from.len() < NAMED
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
