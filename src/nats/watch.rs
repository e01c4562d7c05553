//! The watch over a connection: tells once what happens to it, and what that cost.

use super::{
    confirm::Probes,
    subject::{LossCounts, Lost, Subjects},
};
use crate::{exit::Exit, fault::Fault, observe::Reporter, session::SourceEnd, units::brief};
use async_nats::{ClientError, ConnectErrorKind, Event, ServerError};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    time::{Instant, MissedTickBehavior, interval},
};

/// Lost while connected are said no more often.
const OFTEN: Duration = Duration::from_secs(1);

/// A connection, as the carriers see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectionState {
    pub up: bool,
    /// Counts connections: what was sent on an earlier one is not heard of again.
    pub connection: u64,
    /// It was ended by us, and nothing more comes.
    pub closed: bool,
}

/// The task that hears of a connection's events.
pub(super) struct ConnectionWatch {
    /// The server, without secrets.
    pub name: String,
    pub reporter: Reporter,
    pub events: UnboundedReceiver<Event>,
    pub state: watch::Sender<ConnectionState>,
    pub subjects: Arc<Subjects>,
    pub probes: Probes,
    /// Its sessions end with what the server refuses.
    pub alone: bool,
}

impl ConnectionWatch {
    /// Runs as long as the connection; `connected` tells whether it was open at the start.
    pub(super) async fn run(mut self, connected: bool) {
        let mut tick = interval(OFTEN);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut away_since, mut ever) = (Instant::now(), connected);
        let mut said_full = false;
        let (mut said, mut last_error) = (LossCounts::default(), None::<(String, Instant)>);
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                _ = tick.tick() => {
                    match self.state.borrow().up {
                        true => self.say_losses(&mut said),
                        false => self.say_full(said, &mut said_full),
                    }
                    continue;
                }
            };
            let up = self.state.borrow().up;
            match event {
                Some(Event::Connected) if !up => {
                    let after = brief(away_since.elapsed());
                    // The carriers count what was under way when they hear of it: that was at the loss.
                    let lost = self.subjects.count();
                    let words = lost.since(std::mem::replace(&mut said, lost)).words();
                    let again = if std::mem::replace(&mut ever, true) { " again" } else { "" };
                    self.note(&format!("connected{again} to {} after {after}{words}", self.name));
                    self.state.send_modify(|state| {
                        (state.up, state.connection) = (true, state.connection + 1);
                    });
                }
                Some(Event::Disconnected) if up => {
                    (away_since, said_full) = (Instant::now(), false);
                    let cause = last_error.take().filter(|(_, at)| at.elapsed() < OFTEN);
                    let cause = cause.map_or_else(String::new, |(cause, _)| format!(": {cause}"));
                    self.note(&format!("connection to {} lost{cause}, trying again", self.name));
                    self.state.send_modify(|state| state.up = false);
                }
                Some(Event::ServerError(error)) => {
                    let text = words(&error);
                    let is_new = last_error.as_ref().is_none_or(|(last, _)| *last != text);
                    self.refused(&text, is_new);
                    last_error = Some((text, Instant::now()));
                }
                Some(Event::SlowConsumer(_)) => Lost::add(&self.subjects.losses.missed, 1),
                Some(Event::LameDuckMode) => {
                    self.reporter.verbose(&format!("nats: {} is about to stop", self.name));
                }
                Some(Event::ClientError(ClientError::Other(text))) if !up => {
                    let is_new = last_error.as_ref().is_none_or(|(last, _)| *last != text);
                    if is_new && text == ConnectErrorKind::AuthorizationViolation.to_string() {
                        self.note(&format!("{} refused us: {text}, trying again", self.name));
                    } else {
                        self.reporter.verbose(&format!("nats: {}: {text}, trying again", self.name));
                    }
                    last_error = Some((text, Instant::now()));
                }
                Some(Event::Closed) | None => {
                    if event.is_none() && up {
                        self.broken();
                    }
                    // For the only session of a room, the fault at its end tells the losses.
                    if !self.alone {
                        self.say_losses(&mut said);
                    }
                    self.state.send_modify(|state| (state.up, state.closed) = (false, true));
                    return;
                }
                Some(_) => {}
            }
        }
    }

    /// The library's task is gone without a word: what the server sent was too much for it, such as a
    /// length next to the largest there is. There is no connection any more, and none is tried.
    fn broken(&self) {
        let cause = format!("{} sent what cannot be read: the connection is given up", self.name);
        let fault = Fault::new(Exit::Protocol, "nats", cause).hint("check that it is a NATS server");
        let _ = self.subjects.refusal.set(fault.clone());
        self.subjects.send_all_away(&SourceEnd::Lost { fault, answer: None });
    }

    /// The server does not do what it was asked; the same again is not said again.
    fn refused(&self, text: &str, is_new: bool) {
        let denied = text.to_lowercase().starts_with("permissions violation");
        if denied && Probes::is_meant(text) {
            return self.probes.give_up();
        }
        let cause = format!("{} says: {text}", self.name);
        if denied && text.to_lowercase().contains(" for publish") {
            Lost::add(&self.subjects.losses.dropped, 1);
        }
        if denied && self.alone {
            let fault = Fault::new(Exit::Refused, "nats", cause)
                .hint("check what this user may do; --send-only only publishes, --recv-only only subscribes");
            let _ = self.subjects.refusal.set(fault.clone());
            return self.subjects.send_all_away(&SourceEnd::Lost { fault, answer: None });
        }
        if is_new {
            self.note(&cause);
        }
    }

    /// While the broker is away: says once that messages are dropped; how many is said when it is back.
    fn say_full(&self, said: LossCounts, said_full: &mut bool) {
        if !*said_full && self.subjects.count().dropped > said.dropped {
            *said_full = true;
            self.note(&format!(
                "{} is away, and --queue is full: what it cannot be told is dropped, and counted",
                self.name
            ));
        }
    }

    fn say_losses(&self, said: &mut LossCounts) {
        let lost = self.subjects.count();
        let new = lost.since(*said);
        if new != LossCounts::default() {
            *said = lost;
            self.note(&format!("{}: {}", self.name, new.words().trim_start_matches(", ")));
        }
    }

    fn note(&self, text: &str) {
        self.reporter.note(&format!("nats: {text}"));
    }
}

/// The server's own words, without the prefix that the library adds.
fn words(error: &ServerError) -> String {
    let text = error.to_string();
    text.strip_prefix("nats: ").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_said_in_words_and_once() {
        let count = |dropped, unconfirmed, missed| LossCounts { dropped, unconfirmed, missed };
        assert_eq!(count(0, 0, 0).words(), "");
        assert_eq!(count(1, 0, 0).words(), ", 1 message dropped");
        assert_eq!(count(3, 2, 0).words(), ", 3 messages dropped, 2 messages perhaps lost");
        assert_eq!(
            count(9, 9, 9).since(count(9, 8, 7)).words(),
            ", 1 message perhaps lost, 2 messages from it missed"
        );
    }
}
