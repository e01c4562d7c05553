//! A pair: two links, two pumps, and the clerk that tells them what to do.
//!
//! The clerk is this file: it turns what the pumps and links tell into events of the pure session, and
//! the session's actions into calls. Everything of one pair is polled in one task, so the links need
//! no locks, and a stuck sink never keeps the other direction, a signal or a deadline waiting.

mod leaving;
#[cfg(test)]
mod tests;

use super::{
    ahead::Ahead,
    auto_sender::AutoSender,
    outcome::{CUT_OFF, Closings, Outcome, Remains, Rtt},
    pump::Pump,
    rare_waker::RareWaker,
    setup::Setup,
    side_state::{PendingClose, SideState},
    trim,
};
use crate::{
    exit::Exit,
    expect::show,
    fault::Fault,
    link::{Link, Moved, Released, budget::Seat, room::Member},
    net::Parting,
    observe::{Meter, Reporter},
    session::{Action, Event, Instant, Left, Session, Side, SideKind, SourceEnd, When},
    units::counted,
    ws::conn::{Conn, Volume},
};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    mem::replace,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep_until};

/// Rounds of one poll before other tasks get their turn.
const ROUNDS: usize = 32;

thread_local! {
    /// Room for the events of a poll, lent to the pair that is polled: one that is silent keeps none.
    static EVENTS: Cell<Vec<Event>> = const { Cell::new(Vec::new()) };
}

/// Two links joined.
pub struct Pair {
    pub(super) links: [Box<dyn Link>; 2],
    pub(super) pumps: [Pump; 2],
    pub(super) sides: [SideState; 2],
    moved: [Moved; 2],
    session: Session,
    stop: Option<Pin<Box<dyn Future<Output = Fault> + Send>>>,
    /// The stop, the clock and the seat wait with it.
    rare: RareWaker,
    sleep: Pin<Box<Sleep>>,
    /// Time that the clock is set for, and was not over when last looked.
    clock_set: Option<Instant>,
    /// It may be over.
    is_clock_due: bool,
    reporter: Reporter,
    pub(super) meter: Option<Arc<Meter>>,
    serving: bool,
    web_socket: [bool; 2],
    one_way: bool,
    closings: Closings,
    remains: Remains,
    compressed: [[Volume; 2]; 2],
    rtt: Option<Rtt>,
    /// Time that a send queue may stand still before its transport is left anyway.
    stall: Duration,
    /// Its share of the memory for unfinished messages, in a server, and what it holds of it, bytes.
    seat: Option<Seat>,
    held: usize,
    panicked: bool,
}

impl Pair {
    /// Joins side A and side B; on the heap, since whatever awaits its run would keep room for it twice.
    pub fn new(a: Box<dyn Link>, b: Box<dyn Link>, setup: Setup) -> Box<Self> {
        let now = Instant::now();
        let links = [a, b];
        let kinds = [links[0].kind(), links[1].kind()];
        // Messages are counted where a person receives them: from the WebSocket, B's when both are; without
        // one, from the datagrams or the subject, and between two ends of bytes from B.
        let last = |kind| [Side::B, Side::A].into_iter().find(|side| kinds[*side] == kind);
        let counted = [SideKind::WebSocket, SideKind::Datagrams, SideKind::Subject]
            .into_iter()
            .find_map(last)
            .unwrap_or(Side::B);
        let pump = |side| {
            let filter = setup.rules.filter.clone().filter(|_| side == counted);
            let count = setup.rules.count.filter(|_| side == counted);
            Pump::new(side, count, filter, Ahead::new(setup.read_ahead))
        };
        let mut pumps = Side::BOTH.map(pump);
        pumps[counted.other()].preload(setup.first);
        pumps[counted].auto_sender = AutoSender::new(&setup.auto_send);
        pumps[counted.other()].is_whole = pumps[counted].auto_sender.is_some();
        if setup.send_only {
            let is_served = kinds[Side::B] == SideKind::Subject && !setup.serving;
            pumps[if is_served { Side::B } else { counted }].discard();
        }
        let stall = setup.rules.close_timeout;
        let mut session = Session::new(setup.rules, kinds, setup.serving, setup.timeout_at, now);
        let mut remains = Remains::default();
        for side in Side::BOTH {
            if links[side].renews() {
                session.renews(side);
            }
            if links[side].as_kind::<Member>().is_some() {
                session.shares(side);
            }
            let (name, drain_timeout) = links[side].output(setup.serving);
            session.output(side, name.clone(), drain_timeout);
            remains.outputs[side] = name;
        }
        let meter = setup.reporter.meter().cloned();
        if let Some(meter) = &meter {
            let far =
                if counted == Side::A && kinds[Side::A] == SideKind::WebSocket { Side::A } else { Side::B };
            meter.begin(far.other() as usize, !setup.send_only && kinds.contains(&SideKind::Standard));
        }
        Box::new(Self {
            pumps,
            sides: Default::default(),
            moved: Default::default(),
            session,
            links,
            stop: Some(setup.stop),
            rare: RareWaker::new(),
            sleep: Box::pin(sleep_until(now)),
            clock_set: None,
            is_clock_due: false,
            reporter: setup.reporter,
            meter,
            serving: setup.serving,
            web_socket: kinds.map(|kind| kind == SideKind::WebSocket),
            one_way: setup.send_only,
            closings: Closings::new(kinds.map(|kind| kind == SideKind::WebSocket)),
            remains,
            compressed: Default::default(),
            rtt: None,
            stall,
            seat: setup.seat,
            held: 0,
            panicked: false,
        })
    }

    /// Runs until both sides are gone.
    pub async fn run(mut self: Box<Self>) -> Outcome {
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
        let carried = self.carried();
        if let Some(meter) = &self.meter {
            meter.finish(carried);
        }
        // A fault that came before the signal is why it ended.
        let stopped = |fault: &Fault| fault.exit.is_signal();
        if self.serving && self.session.was_cut_off() && fault.as_ref().is_none_or(stopped) {
            self.closings.tell(self.served(), CUT_OFF.to_owned());
        }
        let closed = self.closings.finish(fault.as_ref());
        let doubt = self.session.doubt();
        let unsent = {
            let mut left = self.session.left();
            left.messages += self.remains.unsent;
            left
        };
        Outcome {
            complete: self.session.is_complete() && self.remains.is_delivered(),
            fault: fault.map(|fault| match fault.exit {
                Exit::Expectation => fault.detail(unwanted),
                _ => fault,
            }),
            closed,
            carried,
            compressed: self.compressed,
            rtt: self.rtt,
            unsent,
            doubt,
            idle_close: self.session.idle_close().cloned(),
            remains: self.remains,
        }
    }

    /// The first side that is a WebSocket, or was one: a server's client.
    fn served(&self) -> Side {
        Side::first(|side| self.web_socket[*side]).unwrap_or(Side::B)
    }

    /// Messages and payload bytes that each side gave: of an input those that were sent, with the generated
    /// ones; of a peer those that came, also where an output did not take them.
    fn carried(&self) -> [(u64, u64); 2] {
        Side::BOTH.map(|side| {
            let said =
                self.pumps[side.other()].auto_sender.as_ref().map_or((0, 0), |auto_sender| auto_sender.said);
            let (messages, bytes) = self.pumps[side].count;
            let (unsent, kept) = (self.remains.unsent_by_link[side], self.remains.kept[side]);
            (
                (messages + said.0 + kept.0).saturating_sub(unsent.messages),
                (bytes + said.1 + kept.1).saturating_sub(unsent.bytes),
            )
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Fault>> {
        let mut events = EVENTS.take();
        let polled = self.poll_rounds(cx, &mut events);
        // A session that is over hears nothing more.
        events.clear();
        EVENTS.set(events);
        polled
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Poll<Option<Fault>> {
        for _ in 0..ROUNDS {
            let rang = self.rare.rang(cx);
            self.is_clock_due |= rang;
            let (stops, given) = (rang && self.poll_stop(events), self.pumps[Side::B].count);
            // A session that has to stop reads nothing more.
            if !self.panicked && !stops {
                self.poll_pumps(cx, events);
            }
            for side in Side::BOTH {
                self.poll_side(cx, side, events);
            }
            self.poll_seat(rang, events);
            let now = Instant::now();
            let quiet = !self.may_answer(given) && !events.iter().any(|event| self.leads_on(event));
            self.tell_session(events, now);
            let mut deadline = self.session.deadline();
            if deadline.is_some_and(|at| at <= now) {
                self.session.tick(now);
                deadline = self.session.deadline();
            }
            let actions = self.session.actions();
            let idle = quiet && actions.is_empty();
            for action in actions {
                self.apply(action, events);
            }
            if self.session.is_over() {
                return Poll::Ready(self.session.verdict());
            }
            if idle && !self.poll_clock(deadline) {
                self.measure();
                return Poll::Pending;
            }
        }
        self.tell_session(events, Instant::now());
        self.measure();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn tell_session(&mut self, events: &mut Vec<Event>, now: Instant) {
        for event in events.drain(..) {
            self.closings.note(&event);
            self.session.on(event, now);
        }
    }

    /// True when a link or a pump that was polled before may go on because of the event.
    ///
    /// Bytes that a transport took change nothing for them, nor does a message that came. Bytes heard from a peer
    /// do when they have put a reply into its queue.
    fn leads_on(&self, event: &Event) -> bool {
        match event {
            Event::Wrote { .. } | Event::Took { .. } | Event::Received { .. } => false,
            Event::Heard { side, .. } => self.links[*side].queued() > 0,
            _ => true,
        }
    }

    /// True when A was given something behind its own turn, and may answer it at once, as an echo does.
    fn may_answer(&self, given: (u64, u64)) -> bool {
        let a = &self.links[Side::A];
        self.pumps[Side::B].count != given && (!a.is_web_socket() || a.renews())
    }

    /// Polls for the fault that ends the session from outside; true in the one poll that gets it.
    fn poll_stop(&mut self, events: &mut Vec<Event>) -> bool {
        if let Some(stop) = &mut self.stop
            && let Poll::Ready(fault) = stop.as_mut().poll(&mut self.rare.cx())
        {
            self.stop = None;
            events.push(match fault.exit {
                Exit::Expectation => Event::Unmet(Box::new(fault)),
                _ => Event::Signal(Box::new(fault)),
            });
            return true;
        }
        false
    }

    fn poll_pumps(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        let before = events.len();
        let may_grow = self.seat.as_ref().is_none_or(|seat| seat.poll_may_grow(cx).is_ready());
        for side in Side::BOTH {
            let (source, sink) = ends(&mut self.links, side);
            let _ = self.pumps[side].poll(cx, source, sink, may_grow, events);
        }
        for event in &events[before..] {
            if let Event::Ponged { side } = event
                && let Some(at) = self.sides[*side].pinged.take()
            {
                Rtt::add(&mut self.rtt, at.elapsed());
            }
        }
        // The progress of the transports comes first: the session's answer to an event depends on it.
        let news = events.len() - before;
        Side::BOTH.into_iter().for_each(|side| self.note_progress(side, events));
        events[before..].rotate_left(news);
    }

    /// Tells what this session holds of unfinished messages, and hears whether that is too much.
    fn poll_seat(&mut self, rang: bool, events: &mut Vec<Event>) {
        let side = self.served();
        let Some(seat) = &mut self.seat else { return };
        let unfinished = usize::try_from(self.links[side].begun()).unwrap_or(usize::MAX);
        let held = unfinished.saturating_add(self.pumps[side].held());
        if replace(&mut self.held, held) != held {
            seat.hold(held);
        }
        if rang && seat.poll_evicted(&mut self.rare.cx()).is_ready() {
            self.seat = None;
            events.push(Event::Overflowed { side });
        }
    }

    fn poll_side(&mut self, cx: &mut Context<'_>, side: Side, events: &mut Vec<Event>) {
        if let Poll::Ready(how) = self.links[side].poll_broken(cx) {
            events.push(Event::SinkFailed { side, how: Box::new(how) });
        }
        if !self.sides[side].is_at_work() && !self.pumps[side].is_blocked() && !self.panicked {
            return;
        }
        if self.pumps[side].is_blocked() {
            let (source, sink) = ends(&mut self.links, side);
            if let Some(member) = source.as_kind::<Member>() {
                member.incoming().tell_taken(|| sink.taken_by_far_end());
                if let Poll::Ready(how) = member.incoming().poll_cut(cx) {
                    events.push(Event::Ended { side, how: Box::new(how) });
                }
            }
        }
        if self.sides[side].ping {
            match self.links[side].poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.note_progress(side, events);
                    self.sides[side].ping = false;
                    // A pong that waits to be read measures us, not the way.
                    self.sides[side].pinged = (!self.pumps[side].is_blocked()).then(Instant::now);
                    events.push(Event::PingSent { side });
                }
                Poll::Ready(Err(how)) => {
                    self.sides[side].ping = false;
                    events.push(Event::SinkFailed { side, how: Box::new(how) });
                }
                Poll::Pending => {}
            }
        }
        if self.sides[side].abandoned {
            // Input that comes too late is read and dropped, so that the far end goes on taking.
            let _: Poll<_> = self.links[side].poll_late(cx);
        }
        if let Some(pending_close) = self.sides[side].pending_close.take() {
            self.sides[side].pending_close = self.poll_close(cx, side, pending_close, events);
        }
        if let Some(releasing) = &mut self.sides[side].releasing
            && let Poll::Ready(Released { late, untaken, lost, unsent }) = releasing.as_mut().poll(cx)
        {
            self.unfinished(side.other(), unsent, events);
            self.sides[side].releasing = None;
            if late > 0 && self.sides[side].abandoned {
                events.push(Event::Late { side, bytes: late });
            }
            if lost != (0, 0) {
                self.remains.did_not_take(side, lost);
            }
            if self.web_socket == [true, true] {
                // Messages that the WebSocket went on sending had nowhere to go.
                let left = Left { messages: self.pumps[side].abandon().0, ..Left::default() };
                events.push(Event::Unsent { side, left });
            }
            events.push(Event::Released { side, untaken });
        }
        self.note_progress(side, events);
    }

    fn note_progress(&mut self, side: Side, events: &mut Vec<Event>) {
        if let Some(length) = self.links[side].conn().and_then(Conn::take_long_form) {
            self.reporter
                .verbose(&format!("the peer tells a length of {length} in a longer form than it needs"));
        }
        let away = self.links[side].is_away();
        if replace(&mut self.sides[side].away, away) != away {
            events.push(Event::Away { side, away });
        }
        let (now, within) = self.links[side].progress();
        let before = replace(&mut self.moved[side], now);
        trim::after_step(self.serving, before, now);
        if now.received > before.received {
            events.push(Event::Heard { side, bytes: now.received, within });
        }
        if now.sent > before.sent {
            events.push(Event::Wrote { side, bytes: now.sent });
        }
        let written = match self.sides[side].pending_close {
            // The system takes more of ours only once much of its queue has gone; that goes byte by byte.
            Some(PendingClose::Shut { .. }) => self.links[side].taken(),
            _ => self.links[side].written(),
        };
        if replace(&mut self.sides[side].written, written) != written {
            events.push(Event::Took { side });
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        pending_close: PendingClose,
        events: &mut Vec<Event>,
    ) -> Option<PendingClose> {
        let delivered = self.pumps[side.other()].is_delivered();
        match pending_close {
            PendingClose::Close { when: When::Delivered, .. } if !delivered => return Some(pending_close),
            PendingClose::Close { code, reason, .. } => {
                self.links[side].queue_close(code, &reason);
                return self.poll_close(cx, side, PendingClose::FlushClose, events);
            }
            PendingClose::FlushClose => match self.links[side].poll_flush(cx) {
                Poll::Pending => return Some(pending_close),
                Poll::Ready(Ok(())) => {
                    self.note_progress(side, events);
                    events.push(Event::CloseSent { side });
                }
                Poll::Ready(Err(how)) => events.push(Event::SinkFailed { side, how: Box::new(how) }),
            },
            PendingClose::Shut { .. } if !delivered => return Some(pending_close),
            PendingClose::Shut { cut } => {
                let shut = match cut {
                    true => self.links[side].poll_cut_off(cx),
                    false => self.links[side].poll_shut(cx),
                };
                match shut {
                    Poll::Pending => return Some(pending_close),
                    Poll::Ready(Ok(())) => events.push(Event::Shut { side }),
                    Poll::Ready(Err(how)) => events.push(Event::SinkFailed { side, how: Box::new(how) }),
                }
            }
        }
        None
    }

    /// Sets the clock for this deadline; true when that is already over.
    ///
    /// Most deadlines move on with each message. The clock is left where it is then, and set anew when it is over.
    fn poll_clock(&mut self, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else { return false };
        loop {
            if self.clock_set.is_none_or(|set| deadline < set) {
                self.sleep.as_mut().reset(deadline);
                self.clock_set = Some(deadline);
            } else if !self.is_clock_due {
                return false;
            }
            self.is_clock_due = false;
            if self.sleep.as_mut().poll(&mut self.rare.cx()).is_pending() {
                return false;
            }
            if self.clock_set.take().is_some_and(|set| set >= deadline) {
                return true;
            }
        }
    }

    fn apply(&mut self, action: Action, events: &mut Vec<Event>) {
        match action {
            Action::Stop { side } => match self.links[side].as_kind::<Member>() {
                // The messages that it heard before were read already, and are for the other side.
                Some(member) => member.leave(SourceEnd::Absent),
                None => self.pumps[side].stop(),
            },
            Action::Discard { side } => self.pumps[side].discard(),
            Action::Abandon { side } => {
                self.sides[side].abandoned = true;
                self.settle(side, events);
            }
            Action::Close { side, code, reason, when } => {
                if self.links[side].is_away() {
                    // Nobody is there to close with.
                    self.links[side].queue_close(code, &reason);
                }
                self.sides[side].pending_close = Some(PendingClose::Close { code, reason, when });
            }
            Action::Shut { side, cut } => self.sides[side].pending_close = Some(PendingClose::Shut { cut }),
            Action::Ping { side } => {
                if let Some(conn) = self.links[side].conn() {
                    conn.queue_ping();
                    self.sides[side].ping = true;
                }
            }
            Action::SendAway { side, reason } => {
                self.closings.sent_away(side, &reason);
                if let Some(member) = self.links[side.other()].as_kind::<Member>() {
                    member.incoming().cut(SourceEnd::SentAway { reason });
                }
            }
            Action::Renew { side, cause } => self.links[side].lose(cause),
            Action::Measure { side } => {
                let bytes = self.moved[side].sent.saturating_sub(self.links[side].backlog());
                events.push(Event::Acknowledged { side, bytes });
            }
            Action::Waiting { side } => self.tell_waiting(side),
            Action::Release { side, by, cut } => {
                let parting = Parting { by, stall: self.stall, cut };
                self.release(side, parting, events);
            }
            // The note that nothing came back is no news when nothing was wanted.
            Action::Note(_) if self.one_way => {}
            Action::Note(text) => self.reporter.note(&text),
        }
    }

    /// Says that only an output is waited for.
    fn tell_waiting(&self, side: Side) {
        let ((messages, bytes), pump) = (self.links[side].undelivered(), &self.pumps[side.other()]);
        let (messages, bytes) = (messages + pump.messages(), bytes + pump.waiting());
        if (messages, bytes) == (0, 0) {
            return;
        }
        let output = &self.remains.outputs[side];
        let (messages, bytes) = (counted(messages, "message"), counted(bytes, "byte"));
        self.reporter.note(&format!(
            "the session is over, and {output} has not taken the rest: {messages}, {bytes} wait for it"
        ));
    }
}

/// Source and sink of what comes from this side.
fn ends(links: &mut [Box<dyn Link>; 2], from: Side) -> (&mut dyn Link, &mut dyn Link) {
    let [a, b] = links;
    match from {
        Side::A => (&mut **a, &mut **b),
        Side::B => (&mut **b, &mut **a),
    }
}
