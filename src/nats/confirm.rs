//! Asking a broker whether it has everything that was sent so far.
//!
//! A probe is a request on the subject under which servers tell a user about itself: its answer comes
//! after everything that was sent before it was taken. Servers before 2.10 do not serve it, and say at
//! once that nobody does (503), unless somebody listens to everything. A server that answers neither
//! way, or does not allow the probe, is believed once the bytes are written.

use async_nats::{Client, Request, RequestErrorKind};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::watch;

/// Served by every server from 2.10 on, whatever account and user.
const SUBJECT: &str = "$SYS.REQ.USER.INFO";
/// Prefix of the subjects on which answers come: a refusal of one can be told from that of a user's subject.
pub(super) const INBOX: &str = "_INBOX.wsio";

/// Flag that is true while probes are answered; shared by all subjects of a connection.
#[derive(Clone)]
pub(super) struct Probes(Arc<watch::Sender<bool>>);

impl Probes {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// The server does not allow them, or does not answer.
    pub(super) fn give_up(&self) {
        self.0.send_replace(false);
    }

    /// True for the subject of a probe or of the answer to one: a subscription to everything gets these too.
    pub(super) fn is_one(subject: &str) -> bool {
        subject == SUBJECT || subject.starts_with(INBOX)
    }

    /// True when a server's complaint is about a probe.
    pub(super) fn is_meant(complaint: &str) -> bool {
        complaint.contains(SUBJECT) || complaint.contains(INBOX)
    }

    /// Ready when the broker has everything that was sent before; never without a connection.
    pub(super) async fn confirm(self, client: Client) {
        let mut answered = self.0.subscribe();
        while *answered.borrow_and_update() && has_headers(&client) {
            let heard = received(&client);
            tokio::select! {
                answer = client.send_request(SUBJECT, Request::new()) => {
                    match answer.map_err(|error| error.kind()) {
                        Ok(_) | Err(RequestErrorKind::NoResponders) => return,
                        // It says other things: it does not answer this.
                        Err(RequestErrorKind::TimedOut) if received(&client) > heard => self.give_up(),
                        Err(RequestErrorKind::TimedOut) => {}
                        Err(_) => return std::future::pending().await,
                    }
                }
                _ = answered.changed() => {}
            }
        }
        if client.flush().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Servers before 2.2 have no headers, and no way to say that nobody serves a request.
fn has_headers(client: &Client) -> bool {
    client.try_server_info().is_none_or(|info| info.headers)
}

fn received(client: &Client) -> u64 {
    client.statistics().in_bytes.load(Ordering::Relaxed)
}
