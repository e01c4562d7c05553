//! The target behind a server, which every client is joined to.
//!
//! Most targets are opened before a client is answered, so that one that cannot be reached is a refusal.

use super::{hub::Hub, outcome::Outcome, redial, serve::Shared};
use crate::{
    endpoint::{EXHAUSTED, Endpoint, OpenedLink, Opening},
    fault::{Fault, Result},
    link::{Channel, room::Room},
    session::{Side, SourceEnd},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The target that every client is joined to.
pub(super) enum Behind {
    /// A fresh one for each.
    Endpoint(Arc<dyn Endpoint>),
    /// The standard streams, shared by all; the hub is made for the first client.
    Hub(Arc<Room>, OnceCell<Hub>),
}

/// The target of one client.
pub(super) enum Joining {
    Open(OpenedLink),
    /// It is opened once the client is really there.
    Late(Opening),
}

impl Behind {
    /// True when it is a WebSocket, whose subprotocol and refusals are passed on.
    pub(super) fn relays(&self) -> bool {
        matches!(self, Self::Endpoint(endpoint) if endpoint.is_web_socket())
    }
}

impl Shared {
    /// Opens the target before the client is answered; hubs and commands refuse no client, and are opened after.
    pub(super) async fn open_early(&self, opening: Opening) -> Result<Joining> {
        match &self.behind {
            Behind::Endpoint(endpoint) if !endpoint.is_command() => {
                self.open(opening).await.map(Joining::Open)
            }
            _ => Ok(Joining::Late(opening)),
        }
    }

    /// The target of a client that is there; one that fails closes the client's side with the cause.
    pub(super) async fn open_late(&self, joining: Joining) -> OpenedLink {
        let fault = match joining {
            Joining::Open(link) => return link,
            Joining::Late(opening) => match self.open(opening).await {
                Ok(link) => return link,
                Err(fault) => fault,
            },
        };
        self.fault(&fault);
        let how = match fault.exhausted {
            true => SourceEnd::SentAway { reason: EXHAUSTED.into() },
            false => SourceEnd::Failed(fault),
        };
        OpenedLink::new(Box::new(Channel::ended(how)), "-".into())
    }

    pub(super) async fn open(&self, opening: Opening) -> Result<OpenedLink> {
        match &self.behind {
            Behind::Endpoint(endpoint) => redial::open(&self.run, endpoint, opening).await,
            Behind::Hub(room, hub) => {
                let conn = opening.client.map_or(0, |client| client.conn);
                let link = self.hub(room, hub).await?.join(conn);
                Ok(OpenedLink::new(link, "-".into()))
            }
        }
    }

    /// The hub, which the first who asks makes.
    pub(super) async fn hub<'a>(&self, room: &Arc<Room>, hub: &'a OnceCell<Hub>) -> Result<&'a Hub> {
        hub.get_or_try_init(|| async { Hub::start(&self.run, Arc::clone(room), self.broken.clone()) }).await
    }

    /// With `--once`, whether this client is the one.
    pub(super) fn choose(&self) -> bool {
        !self.once || self.chosen.try_acquire().map(|permit| permit.forget()).is_ok()
    }

    /// The chosen client could not be served after all.
    pub(super) fn unchoose(&self) {
        if self.once {
            self.chosen.add_permits(1);
        }
    }

    /// Tells the target how a client's session ended.
    pub(super) async fn tell_end(&self, number: u64, outcome: &Outcome) {
        match &self.behind {
            Behind::Hub(_, hub) => {
                if let Some(hub) = hub.get() {
                    hub.tell_end(number, &outcome.tally(Side::A));
                }
            }
            Behind::Endpoint(endpoint) if endpoint.is_standard() => {
                self.run.tell_end(Some(number), &outcome.tally(Side::A)).await;
            }
            Behind::Endpoint(_) => {}
        }
    }

    /// Tells of a fault; seldom when something is used up, since every client that comes meets it.
    pub(super) fn fault(&self, fault: &Fault) {
        if !fault.exhausted {
            self.run.context.reporter.fault(fault);
        } else if let Some(count) = self.exhausted.count() {
            self.run.context.reporter.fault(fault);
            self.run.context.reporter.note(&format!("that happened {count} times since it was last said"));
        }
    }
}
