//! Asking a broker whether it has everything that was sent so far.
//!
//! A probe is a request on a subject that nobody serves: a server answers it at once (503, no
//! responders), after everything that was sent before it. A server that knows no such answer, or does
//! not allow the probe, is believed once the bytes are written.

use async_nats::{Client, Request, RequestErrorKind};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::watch;

/// Whether probes are answered; shared by all subjects of a connection.
#[derive(Clone)]
pub(super) struct Probes(Arc<watch::Sender<bool>>);

impl Probes {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// The server does not allow them.
    pub(super) fn give_up(&self) {
        self.0.send_replace(false);
    }

    /// Ready when the broker has everything that was sent before; never without a connection.
    pub(super) async fn confirm(self, client: Client) {
        let mut answered = self.0.subscribe();
        while *answered.borrow_and_update() && has_headers(&client) {
            let heard = received(&client);
            let asked = client.send_request(client.new_inbox(), Request::new());
            tokio::select! {
                answer = asked => match answer.map_err(|error| error.kind()) {
                    Ok(_) | Err(RequestErrorKind::NoResponders) => return,
                    // It says other things: it does not answer this.
                    Err(RequestErrorKind::TimedOut) if received(&client) > heard => self.give_up(),
                    Err(RequestErrorKind::TimedOut) => {}
                    Err(_) => return std::future::pending().await,
                },
                _ = answered.changed() => {}
            }
        }
        if client.flush().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Servers before 2.2 have no headers, and no answer to a probe.
fn has_headers(client: &Client) -> bool {
    client.try_server_info().is_none_or(|info| info.headers)
}

fn received(client: &Client) -> u64 {
    client.statistics().in_bytes.load(Ordering::Relaxed)
}
