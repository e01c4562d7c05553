//! Brokers: one connection a server, and a room for each of its subjects.

use super::{
    NatsServer, NatsUrl, Terms,
    confirm::Probes,
    connect::{Failed, Start, connect},
    inward::{Inward, say},
    outward::Outward,
    subject::{JoinedSubject, LossCounts, Subjects, gate},
    watch::{ConnectionState, ConnectionWatch},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{
        Queue,
        room::{Member, Room, RoomRules, Speaker, Told},
    },
    observe::{Reporter, Seldom},
    session::SourceEnd,
    units::counted,
};
use async_nats::Client;
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, watch},
    time::{Instant, timeout_at},
};

/// Longest wait for a broker's answer to the first probe; without it, no others are sent.
const ANSWER: Duration = Duration::from_secs(2);
/// Longest wait for the end of a connection that is drained.
const FAREWELL: Duration = Duration::from_secs(1);

/// Every broker of this process, connected when it is first asked for.
pub struct Brokers {
    rules: RoomRules,
    open: Mutex<Vec<Broker>>,
}

struct Broker {
    server: NatsServer,
    client: Client,
    state: watch::Receiver<ConnectionState>,
    probes: Probes,
    subjects: Arc<Subjects>,
    alone: bool,
    reporter: Reporter,
}

impl Brokers {
    /// No connection yet; each room will have these rules.
    pub fn new(rules: RoomRules) -> Self {
        Self { rules, open: Mutex::default() }
    }

    /// A place in the room of that subject.
    ///
    /// Without `alone`, a broker that cannot be reached now is tried again and again in the background.
    ///
    /// # Errors
    /// Exit 6, 7, 28, 35, 60 or 111: there is no connection; exit 2 when somebody is alone in it already.
    pub async fn join(&self, url: &NatsUrl, terms: Terms) -> Result<Member> {
        let mut open = self.open.lock().await;
        // A broker whose connection broke down is connected to anew.
        open.retain(|broker| broker.alone || broker.subjects.refusal.get().is_none());
        let known = open.iter().position(|broker| broker.server == url.server);
        let broker = match known {
            Some(index) => &open[index],
            None => {
                let broker = Broker::connect(&url.server, &terms).await?;
                open.push(broker);
                &open[open.len() - 1]
            }
        };
        let member = broker.join(url, self.rules, &terms).await?;
        Ok(if terms.listen_only { member.muted() } else { member })
    }

    /// Publishes what waits, and asks whether it arrived; nothing can be said any more.
    ///
    /// # Errors
    /// Exit 55: messages are left, or (for who is alone) were lost on the way. Exit 23: some could not be
    /// delivered.
    pub async fn finish(&self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        let mut outcome = Ok(());
        for broker in self.open.lock().await.iter() {
            outcome = outcome.and(broker.finish(until).await);
        }
        outcome
    }
}

impl Broker {
    async fn connect(server: &NatsServer, terms: &Terms) -> Result<Self> {
        let name = server.to_string();
        let (told, events) = mpsc::unbounded_channel();
        let first = connect(server, terms, Start::Once, told.clone()).await;
        let connected = first.is_ok();
        let client = match first {
            Ok(client) => client,
            Err(Failed { fault, passing: true }) if !terms.alone => {
                terms.reporter.note(&format!("{}: {}; trying again", fault.phase, fault.cause));
                connect(server, terms, Start::Patient, told).await.map_err(|failed| failed.fault)?
            }
            Err(failed) => return Err(failed.fault),
        };
        if connected {
            terms.reporter.verbose(&format!("connected to {name}"));
        }
        let (state, seen) = watch::channel(ConnectionState { up: connected, ..ConnectionState::default() });
        let (subjects, probes) = (Arc::<Subjects>::default(), Probes::new());
        let watch = ConnectionWatch {
            name,
            reporter: terms.reporter.clone(),
            events,
            state,
            subjects: Arc::clone(&subjects),
            probes: probes.clone(),
            alone: terms.alone,
        };
        tokio::spawn(watch.run(connected));
        Ok(Self {
            server: server.clone(),
            client,
            state: seen,
            probes,
            subjects,
            alone: terms.alone,
            reporter: terms.reporter.clone(),
        })
    }

    async fn join(&self, url: &NatsUrl, rules: RoomRules, terms: &Terms) -> Result<Member> {
        if let Some(fault) = self.subjects.refusal.get() {
            return Err(fault.clone());
        }
        if let Some(subject) = self.subjects.lock().get(&url.subject) {
            if terms.alone {
                return Err(Fault::new(Exit::Usage, "usage", format!("{url} cannot be joined to itself")));
            }
            return Ok(subject.room.join());
        }
        let (room, member) = Room::bridged(rules, gate(self.client.clone(), url.to_string(), url.is_wild()));
        room.tell_by(Told::new(terms.reporter.clone(), &url.to_string()));
        let (bridge, under_way) = (member.as_bridge(), Arc::<AtomicU64>::default());
        let joined = room.join();
        // The bridge's member lives in there, also when nothing ever comes into the inbox.
        let inbox = Queue::default();
        // NATS sends on, whoever waits; with nobody else here, what came waits in the inbox.
        let speaker = if terms.alone { Speaker::Source } else { Speaker::Live };
        tokio::spawn(say(inbox.clone(), member.speaking_for(speaker)));
        if !terms.speak_only {
            let subscribed = self.client.subscribe(url.subject.clone()).await;
            let subscriber = subscribed.map_err(|error| {
                Fault::new(Exit::Lost, "nats", format!("cannot subscribe to {url}: {error}"))
            })?;
            let inward = Inward {
                subscriber,
                inbox,
                bridge: bridge.clone(),
                subjects: Arc::clone(&self.subjects),
                name: url.to_string(),
                kind: terms.kind,
                max_message: terms.max_message,
                alone: terms.alone,
                reporter: terms.reporter.clone(),
                unfit: Seldom::default(),
                full: Seldom::default(),
            };
            tokio::spawn(inward.run());
        }
        let outward = Outward {
            subject: url.subject.clone(),
            client: self.client.clone(),
            bridge: bridge.clone(),
            state: self.state.clone(),
            probes: self.probes.clone(),
            subjects: Arc::clone(&self.subjects),
            under_way: Arc::clone(&under_way),
            patient: terms.alone,
        };
        let carrier = Some(tokio::spawn(outward.run()));
        self.subjects.lock().insert(url.subject.clone(), JoinedSubject { room, bridge, under_way, carrier });
        if let Some(fault) = self.subjects.refusal.get() {
            // The server was faster: those it sent away then did not include this one.
            self.subjects.send_all_away(&SourceEnd::Lost { fault: fault.clone(), answer: None });
        }
        self.heard().await;
        terms.reporter.verbose(&format!("open: {url}"));
        Ok(joined)
    }

    /// Waits until the broker knows what we listen to, if it is there.
    async fn heard(&self) {
        let confirmed = self.probes.clone().confirm(self.client.clone());
        if self.state.borrow().up && timeout_at(Instant::now() + ANSWER, confirmed).await.is_err() {
            self.probes.give_up();
        }
    }

    async fn finish(&self, until: Instant) -> Result<()> {
        let carriers: Vec<_> = self
            .subjects
            .lock()
            .values_mut()
            .filter_map(|subject| {
                subject.bridge.close();
                subject.carrier.take()
            })
            .collect();
        // Without a connection, only what waits for one is waited for.
        if self.state.borrow().up || self.subjects.unsent() > 0 {
            for carrier in carriers {
                let _ = timeout_at(until, carrier).await;
            }
        }
        // The wait lets refusals by the server arrive: they are told before the end of the connection is.
        if self.state.borrow().up && self.client.drain().await.is_ok() {
            let mut state = self.state.clone();
            let _ = timeout_at(Instant::now() + FAREWELL, state.wait_for(|state| state.closed)).await;
        }
        if let Some(fault) = self.subjects.refusal.get() {
            return Err(fault.clone());
        }
        let (unsent, lost) = (self.subjects.unsent(), self.subjects.count());
        if self.alone {
            return verdict(&self.server, unsent, lost);
        }
        if lost != LossCounts::default() {
            let words = lost.words();
            self.reporter.note(&format!("nats: {}: in all{}", self.server, words.trim_start_matches(',')));
        }
        verdict(&self.server, unsent, LossCounts::default())
    }
}

fn verdict(server: &NatsServer, unsent: u64, lost: LossCounts) -> Result<()> {
    if unsent + lost.dropped + lost.unconfirmed > 0 {
        let parts = [(unsent, "left unsent"), (lost.dropped, "dropped"), (lost.unconfirmed, "perhaps lost")];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", counted(*count, "message")))
            .collect();
        return Err(Fault::new(Exit::Unsent, "nats", format!("{server}: {}", parts.join(", "))));
    }
    if lost.missed > 0 {
        let cause = format!(
            "{server}: {} from it missed, too fast for the other end",
            counted(lost.missed, "message")
        );
        return Err(Fault::new(Exit::WriteError, "nats", cause));
    }
    Ok(())
}
