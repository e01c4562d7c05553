//! A pair: two links, two pumps, and the clerk that tells them what to do.
//!
//! The clerk is this file: it turns what the pumps and links tell into events of the pure session, and
//! the session's actions into calls. Everything of one pair is polled in one task, so the links need
//! no locks, and a stuck sink never keeps the other direction, a signal or a deadline waiting.

use super::{
    chatter::Chatter,
    closing::Closings,
    leg::{Ask, Leg},
    outcome::{Outcome, Rtt, carried},
    pump::{Pump, Told},
    setup::Setup,
};
use crate::{
    exit::Exit,
    expect::show,
    fault::Fault,
    link::{Link, Moved},
    observe::{Meter, Reporter},
    session::{Action, Event, Instant, Session, SideKind, When},
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Sleep, sleep_until};

/// Rounds of one poll before other tasks get their turn.
const ROUNDS: usize = 32;

/// Two links joined.
pub struct Pair {
    pub(super) links: [Link; 2],
    pub(super) pumps: [Pump; 2],
    pub(super) legs: [Leg; 2],
    moved: [Moved; 2],
    session: Session,
    stop: Option<Pin<Box<dyn Future<Output = Fault> + Send>>>,
    sleep: Pin<Box<Sleep>>,
    reporter: Reporter,
    pub(super) meter: Option<Arc<Meter>>,
    one_way: bool,
    closings: Closings,
    dropped: u64,
    unsent: u64,
    rtt: Option<Rtt>,
    pub(super) untaken: u64,
    panicked: bool,
}

impl Pair {
    /// Joins side A and side B.
    pub fn new(a: Link, b: Link, setup: Setup) -> Self {
        let now = Instant::now();
        let links = [a, b];
        let kinds = [links[0].kind(), links[1].kind()];
        // Messages are counted where a person receives them: from the WebSocket, B's when both are; without
        // one, from the datagrams or the subject.
        let last = |kind| kinds.iter().rposition(|other| *other == kind);
        let counted = [SideKind::WebSocket, SideKind::Datagrams, SideKind::Subject]
            .into_iter()
            .find_map(last)
            .unwrap_or(0);
        let pump = |side| {
            let filter = setup.rules.filter.clone().filter(|_| side == counted);
            Pump::new(setup.rules.count.filter(|_| side == counted), filter)
        };
        let mut pumps = [pump(0), pump(1)];
        pumps[1 - counted].preload(setup.first);
        pumps[counted].chatter = Chatter::new(&setup.chat);
        if setup.send_only {
            let unwanted = if kinds[1] == SideKind::Subject && !setup.serving { 1 } else { counted };
            pumps[unwanted].discard();
        }
        let mut session = Session::new(setup.rules, kinds, setup.serving, setup.timeout_at, now);
        (0..2).filter(|side| matches!(links[*side], Link::Renewing(_))).for_each(|side| session.renews(side));
        (0..2).filter(|side| matches!(links[*side], Link::Member(_))).for_each(|side| session.shares(side));
        let meter = setup.reporter.meter().cloned();
        if let Some(meter) = &meter {
            let far = if counted == 0 && kinds[0] == SideKind::WebSocket { 0 } else { 1 };
            meter.begin(1 - far, !setup.send_only && kinds.contains(&SideKind::Standard));
        }
        Self {
            pumps,
            legs: Default::default(),
            moved: Default::default(),
            session,
            links,
            stop: Some(setup.stop),
            sleep: Box::pin(sleep_until(now)),
            reporter: setup.reporter,
            meter,
            one_way: setup.send_only,
            closings: Closings::new(kinds.map(|kind| kind == SideKind::WebSocket)),
            dropped: 0,
            unsent: 0,
            rtt: None,
            untaken: 0,
            panicked: false,
        }
    }

    /// Runs until both sides are gone.
    pub async fn run(mut self) -> Outcome {
        let fault = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| self.poll(cx))) {
            Ok(polled) => polled,
            Err(_) if self.panicked => {
                Poll::Ready(Some(Fault::new(Exit::Internal, "session", "internal fault")))
            }
            Err(_) => {
                self.panicked = true;
                self.session.on(Event::Panicked, Instant::now());
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
        let unwanted = self.pumps.iter().flat_map(Pump::unwanted);
        let unwanted = unwanted.map(|message| format!("got {}", show::message(message)));
        let carried = carried(&self.pumps);
        if let Some(meter) = &self.meter {
            meter.finish(carried);
        }
        let closed = self.closings.finish(fault.as_ref());
        let mut unsent = self.session.left();
        unsent.messages += self.unsent;
        Outcome {
            fault: fault.map(|fault| match fault.exit {
                Exit::Expectation => fault.detail(unwanted),
                _ => fault,
            }),
            closed,
            carried,
            dropped: self.dropped,
            rtt: self.rtt,
            unsent,
            untaken: self.untaken,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Fault>> {
        let mut events = Vec::new();
        for _ in 0..ROUNDS {
            let stops = self.poll_stop(cx, &mut events);
            // Whoever has to stop reads nothing more.
            if !self.panicked && !stops {
                self.poll_pumps(cx, &mut events);
            }
            for side in 0..2 {
                self.poll_leg(cx, side, &mut events);
                self.note_progress(side, &mut events);
            }
            let now = Instant::now();
            let quiet = events.is_empty();
            for event in events.drain(..) {
                self.closings.note(&event);
                self.session.on(event, now);
            }
            self.session.tick(now);
            let actions = self.session.actions();
            let idle = quiet && actions.is_empty();
            for action in actions {
                self.apply(action, &mut events);
            }
            if self.session.is_over() {
                return Poll::Ready(self.session.verdict());
            }
            if idle && !self.poll_clock(cx) {
                self.measure();
                return Poll::Pending;
            }
        }
        self.measure();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the session has to end, since just now.
    fn poll_stop(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> bool {
        if let Some(stop) = &mut self.stop
            && let Poll::Ready(fault) = stop.as_mut().poll(cx)
        {
            self.stop = None;
            events.push(match fault.exit {
                Exit::Expectation => Event::Unmet(fault),
                _ => Event::Signal(fault),
            });
            return true;
        }
        false
    }

    fn poll_pumps(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        let mut told = Vec::new();
        for side in 0..2 {
            let [a, b] = &mut self.links;
            let (source, sink) = if side == 0 { (a, b) } else { (b, a) };
            let _ = self.pumps[side].poll(cx, source, sink, &mut told);
            for told in told.drain(..) {
                events.push(match told {
                    Told::Received(messages) => Event::Received { side, messages },
                    Told::Matched(messages) => Event::Matched { messages },
                    Told::Ended(how) => Event::Ended { side, how },
                    Told::Delivered => Event::Delivered { side: 1 - side },
                    Told::SinkFailed(how) => Event::SinkFailed { side: 1 - side, how },
                    Told::CountReached => Event::CountReached { side },
                    Told::Blocked(blocked) => Event::Blocked { side, blocked },
                    Told::Ponged => {
                        if let Some(at) = self.legs[side].pinged.take() {
                            Rtt::add(&mut self.rtt, at.elapsed());
                        }
                        continue;
                    }
                });
            }
        }
    }

    fn poll_leg(&mut self, cx: &mut Context<'_>, side: usize, events: &mut Vec<Event>) {
        if let Poll::Ready(how) = self.links[side].poll_broken(cx) {
            events.push(Event::SinkFailed { side, how });
        }
        if self.pumps[side].is_blocked()
            && let Poll::Ready(how) = self.links[side].poll_cut(cx)
        {
            events.push(Event::Ended { side, how });
        }
        if self.legs[side].ping {
            match self.links[side].poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.legs[side].ping = false;
                    // A pong that waits to be read measures us, not the way.
                    self.legs[side].pinged = (!self.pumps[side].is_blocked()).then(Instant::now);
                    events.push(Event::PingSent { side });
                }
                Poll::Ready(Err(how)) => {
                    self.legs[side].ping = false;
                    events.push(Event::SinkFailed { side, how });
                }
                Poll::Pending => {}
            }
        }
        self.poll_patience(cx, side, events);
        if let Some(ask) = self.legs[side].ask.take() {
            self.legs[side].ask = self.poll_ask(cx, side, ask, events);
        }
        if let Some(releasing) = &mut self.legs[side].releasing
            && let Poll::Ready(discarded) = releasing.as_mut().poll(cx)
        {
            self.legs[side].releasing = None;
            if discarded > 0 && self.legs[side].abandoned {
                events.push(Event::Late { side, bytes: discarded });
            }
            events.push(Event::Released { side });
        }
    }

    fn note_progress(&mut self, side: usize, events: &mut Vec<Event>) {
        let away = self.links[side].is_away();
        if std::mem::replace(&mut self.legs[side].away, away) != away {
            events.push(Event::Away { side, away });
        }
        let (now, amid) = self.links[side].progress();
        let before = std::mem::replace(&mut self.moved[side], now);
        if now.received > before.received {
            events.push(Event::Heard { side, amid });
        }
        if now.sent > before.sent {
            events.push(Event::Wrote { side });
        }
    }

    fn poll_ask(
        &mut self,
        cx: &mut Context<'_>,
        side: usize,
        ask: Ask,
        events: &mut Vec<Event>,
    ) -> Option<Ask> {
        let delivered = self.pumps[1 - side].is_delivered();
        match ask {
            Ask::Close { when: When::Delivered, .. } if !delivered => return Some(ask),
            Ask::Close { code, reason, .. } => {
                self.links[side].queue_close(code, &reason);
                return self.poll_ask(cx, side, Ask::FlushClose, events);
            }
            Ask::FlushClose => match self.links[side].poll_flush(cx) {
                Poll::Pending => return Some(ask),
                Poll::Ready(Ok(())) => events.push(Event::CloseSent { side }),
                Poll::Ready(Err(how)) => events.push(Event::SinkFailed { side, how }),
            },
            Ask::Shut if !delivered && self.waits_for(cx, side) => return Some(ask),
            Ask::Shut => match self.links[side].poll_shut(cx) {
                Poll::Pending if self.waits_for(cx, side) => return Some(ask),
                Poll::Pending => events.push(Event::Shut { side }),
                Poll::Ready(Ok(())) => events.push(Event::Shut { side }),
                Poll::Ready(Err(how)) => events.push(Event::SinkFailed { side, how }),
            },
        }
        None
    }

    /// Sets the clock to the session's next deadline; true when that is already over.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.session.deadline() else { return false };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx).is_ready()
    }

    fn apply(&mut self, action: Action, events: &mut Vec<Event>) {
        match action {
            Action::Stop { side } => self.pumps[side].stop(),
            Action::Discard { side } => self.pumps[side].discard(),
            Action::Abandon { side } => {
                self.legs[side].abandoned = true;
                // What waits in front of a source that was stopped was never taken in.
                let stopped = self.pumps[side].is_stopped();
                let dropped = self.pumps[side].abandon();
                let half_sent = self.links[1 - side].abandon();
                match &mut self.links[side] {
                    Link::Bytes(_) | Link::Datagrams(_) | Link::Prompt(_) => {
                        let unread = self.links[side].unread();
                        let messages = dropped + half_sent + if stopped { 0 } else { unread };
                        events.push(Event::Unsent { side, messages });
                    }
                    Link::Member(member) if member.incoming().was_cut() => self.dropped += dropped,
                    Link::Member(_) => self.unsent += dropped,
                    _ => {}
                }
            }
            Action::Close { side, code, reason, when } => {
                if self.links[side].is_away() {
                    // Nobody is there to close with.
                    self.links[side].queue_close(code, &reason);
                }
                self.legs[side].ask = Some(Ask::Close { code, reason, when });
            }
            Action::Shut { side } => self.legs[side].ask = Some(Ask::Shut),
            Action::Ping { side } => {
                if let Some(conn) = self.links[side].conn() {
                    conn.queue_ping();
                    self.legs[side].ping = true;
                }
            }
            Action::SendAway { side, reason } => {
                self.closings.sent_away(side, &reason);
                self.links[1 - side].cut(reason);
            }
            Action::Renew { side, cause } => self.links[side].lose(cause),
            Action::Release { side, at_once } => {
                if at_once || self.legs[side].releasing.is_none() {
                    self.dropped += self.links[side].dropped();
                    if let Link::Member(_) = self.links[side] {
                        self.unsent += self.links[side].unread();
                    }
                    if let Some(farewell) = self.links[side].farewell() {
                        self.closings.tell(side, farewell);
                    }
                    let link = std::mem::replace(&mut self.links[side], Link::null());
                    self.legs[side].ask = None;
                    self.legs[side].ping = false;
                    self.legs[side].releasing = Some(Box::pin(link.release(at_once)));
                }
            }
            // That nothing came back is no news when nothing was wanted.
            Action::Note(_) if self.one_way => {}
            Action::Note(text) => self.reporter.note(&text),
        }
    }
}
