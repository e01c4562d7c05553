//! The session's deadlines: what time alone brings about.

use super::{
    Action, Instant, PassedLimit, Session, Side, SourceEnd,
    ending::lost_while_sending,
    keepalive::Beat,
    machine::{GOING_AWAY, INTERNAL_ERROR, LAST_WORD},
    side::{DrainTimeout, SessionSide, SinkState, unanswered},
};
use crate::{exit::Exit, fault::Fault, units::brief};
use std::time::Duration;

/// Longest silence of a peer that cannot be written to, before it counts as lost.
const DEAF: Duration = Duration::from_secs(2);
/// After so long a wait for an output that has all the time, the user is told.
const WAITING: Duration = Duration::from_secs(5);

/// Hint about a peer that has not answered one ping.
const NO_PONGS: &str =
    "--ping-interval off, if the peer answers no pings at all: none of ours was answered yet";

impl Session {
    /// Lets time pass: deadlines at or before `now` take effect.
    pub fn tick(&mut self, now: Instant) {
        self.settle();
        self.now = now;
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if over(self.gone_by) {
            return self.force(now);
        }
        for side in Side::BOTH {
            self.tick_side(side, now);
            self.tick_progress(side, now);
            self.tick_output(side, now);
            self.tick_ping(side, now);
        }
        if let Some(end) = self.limits.over(now) {
            self.out_of_time(end);
        }
        if over(self.idle_at()) {
            self.rules.idle_timeout = None;
            self.out_of_time(PassedLimit { fault: Some("no message either way within --idle-timeout") });
        }
        if over(self.gone_by) {
            self.force(now);
        }
    }

    /// The earliest of all deadlines.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut note = |at: Option<Instant>| {
            if let Some(at) = at {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        for side in Side::BOTH {
            note(self.sides[side].gone_by.filter(|_| !self.sides[side].release_asked));
            note(self.drain_at(side));
            note(self.deaf_at(side));
            note(self.linger_at(side));
            note(self.frame_at(side));
            note(self.leaving_at(side));
            note(self.sample_at(side));
            note(self.output_at(side));
            note(self.ping_at(side));
        }
        note(self.limits.deadline());
        note(self.idle_at());
        note(self.gone_by);
        next
    }

    fn out_of_time(&mut self, end: PassedLimit) {
        match end.fault {
            Some(cause) => {
                let unmet = self.unmet(Some(cause));
                self.fail(unmet.unwrap_or_else(|| Fault::new(Exit::Deadline, "session", cause)));
            }
            None => self.asked = true,
        }
        let close = self.rules.close.clone();
        let within = self.rules.close_timeout;
        if self.serving && end.fault.is_some() {
            self.end_all(Some(GOING_AWAY), String::new(), within);
        } else {
            self.end_all(close.code, close.reason, within);
        }
    }

    /// The whole session is over by then.
    pub(super) fn leave_by(&mut self, at: Instant) {
        self.gone_by = Some(self.gone_by.map_or(at, |earlier| earlier.min(at)));
    }

    /// This side is given up by then, unless its Close gets out before.
    pub(super) fn limit(&mut self, side: Side, at: Instant) {
        let gone_by = &mut self.sides[side].gone_by;
        *gone_by = Some(gone_by.map_or(at, |earlier| earlier.min(at)));
    }

    fn tick_side(&mut self, side: Side, now: Instant) {
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if over(self.linger_at(side)) {
            self.sides[side].lingering = None;
            // A datagram without an answer is common.
            if self.traffic.received == 0 && self.sides[side].is_web_socket() {
                self.actions.push(Action::Note(
                    "no message came back before the linger time was over; wait longer with --linger 10s, or --linger inf"
                        .into(),
                ));
            }
            self.end_normally(side);
        }
        if over(self.deaf_at(side)) {
            self.sides[side].deaf_since = None;
            self.source_ended(side, SourceEnd::Lost { fault: lost_while_sending(), answer: None }, now);
        }
        if over(self.drain_at(side)) {
            self.give_up(side, unanswered("no answer within --close-timeout"), now);
        }
        if over(self.sides[side].gone_by) && !self.sides[side].release_asked {
            let fault = match self.count_met {
                true => unanswered("the peer does not read"),
                false => lost_while_sending(),
            };
            self.give_up(side, fault, now);
        }
    }

    /// Checks what has to move: a frame that has begun, and the last bytes for a peer that we leave.
    fn tick_progress(&mut self, side: Side, now: Instant) {
        if self.frame_at(side).is_some_and(|at| at <= now) {
            let silence = brief(now - self.sides[side].heard_at);
            self.sides[side].within.frame = false;
            self.dead(side, format!("a frame had begun, and no byte of it came for {silence}"), None, now);
        }
        if self.leaving_at(side).is_some_and(|at| at <= now) {
            let state = &mut self.sides[side];
            let taken = match state.sink {
                SinkState::CloseSent(_) => state.progress.acknowledged,
                _ => state.progress.sent,
            };
            if state.leaving.as_mut().is_some_and(|rate| rate.is_too_slow(taken, now)) {
                state.leaving = None;
                self.give_up(side, unanswered("the peer takes less than 16 KiB in 30 s"), now);
            }
        }
        if self.sample_at(side).is_some_and(|at| at <= now) {
            self.sides[side].progress.sample(now);
            self.actions.push(Action::Measure { side });
        }
    }

    /// An output that is waited for, since it is to get nothing more.
    fn tick_output(&mut self, side: Side, now: Instant) {
        if self.output_at(side).is_none_or(|at| at > now) {
            return;
        }
        if self.sides[side].drain_timeout == DrainTimeout::Never {
            self.sides[side].waiting_told = true;
            self.actions.push(Action::Waiting { side });
            return;
        }
        self.sides[side].taking = None;
        if self.sides[side.other()].deaf_since.take().is_some() {
            let how = SourceEnd::Lost { fault: lost_while_sending(), answer: None };
            return self.source_ended(side.other(), how, now);
        }
        let state = &mut self.sides[side];
        let waited = brief(self.rules.close_timeout);
        let cause = format!("{} took nothing for {waited} (--close-timeout)", state.output);
        (state.sink, state.ended, state.cut) = (SinkState::Done, true, true);
        state.gone_by = Some(now);
        self.fail(Fault::new(Exit::WriteError, "session", cause));
        self.actions.push(Action::Stop { side });
        self.maybe_release(side);
    }

    fn tick_ping(&mut self, side: Side, now: Instant) {
        if self.ping_at(side).is_none_or(|at| at > now) {
            return;
        }
        match self.sides[side].keepalive.as_mut().and_then(|clock| clock.tick(now)) {
            Some(Beat::Ping) => self.actions.push(Action::Ping { side }),
            Some(Beat::Dead(silence)) => {
                let answered = self.sides[side].keepalive.as_ref().is_some_and(|clock| clock.answered);
                let hint = (!answered).then_some(NO_PONGS);
                self.dead(side, format!("no pong within {} of a ping", brief(silence)), hint, now);
            }
            Some(Beat::Stuck(silence))
                if self.sides[side.other()].shared && !self.sides[side.other()].ended =>
            {
                let reason = format!("too slow: took nothing for {}", brief(silence));
                self.source_ended(side.other(), SourceEnd::SentAway { reason }, now);
            }
            Some(Beat::Stuck(silence)) => {
                self.dead(side, format!("nothing could be sent for {}", brief(silence)), None, now);
            }
            None => {}
        }
    }

    fn dead(&mut self, side: Side, cause: String, hint: Option<&str>, now: Instant) {
        if self.sides[side].renews && self.sides[side].sink == SinkState::Open {
            let cause = hint.map_or_else(|| cause.clone(), |hint| format!("{cause}; try {hint}"));
            self.actions.push(Action::Renew { side, cause });
            return self.away(side, true, now);
        }
        let mut fault = Fault::new(Exit::Lost, "session", format!("{cause}: the peer or the path is gone"));
        fault.hint = hint.map(str::to_owned);
        self.source_ended(side, SourceEnd::Lost { fault, answer: Some(INTERNAL_ERROR) }, now);
        self.limit(side, now + LAST_WORD);
    }

    fn linger_at(&self, side: Side) -> Option<Instant> {
        let wait = self.sides[side].lingering.filter(|_| !self.sides[side].is_excused())?;
        let linger = self.rules.linger?;
        // No silence at all is wanted: the Close goes right behind what was sent.
        if wait.is_behind() && !linger.is_zero() {
            // The silence has not begun; a queue that stands still must not put it off for ever.
            return Some(wait.since + linger.max(self.rules.close_timeout));
        }
        Some(wait.since.max(self.sides[side].received_at) + linger)
    }

    fn drain_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        let SinkState::CloseSent(wait) = state.sink else { return None };
        (self.hurried || !state.is_excused()).then(|| wait.since + self.rules.close_timeout)
    }

    /// Time at which a peer that cannot be written to is no longer read from, and counts as lost.
    fn deaf_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        let since = state.deaf_since.filter(|_| !state.ended && !state.is_excused())?;
        Some(since.max(state.received_at) + DEAF)
    }

    /// Time at which a frame that has begun counts as never to be completed.
    fn frame_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        let waits = state.within.frame && !state.ended && !state.is_excused() && state.deaf_since.is_none();
        Some(state.heard_at + self.rules.ping_timeout.filter(|_| waits)?)
    }

    fn leaving_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        let open = matches!(state.sink, SinkState::Ending | SinkState::CloseSent(_)) && !state.away;
        state.leaving.filter(|_| open).map(|rate| rate.deadline())
    }

    fn sample_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        (state.is_awaited() && !state.away).then(|| state.progress.next_sample())
    }

    fn output_at(&self, side: Side) -> Option<Instant> {
        let state = &self.sides[side];
        let deaf = self.sides[side.other()].deaf_since.is_some() && self.sides[side.other()].blocked;
        let since = state.taking.filter(|_| state.sink == SinkState::Ending || deaf)?;
        match state.drain_timeout {
            DrainTimeout::Never if state.waiting_told || deaf => None,
            DrainTimeout::Never => Some(since + WAITING),
            DrainTimeout::CloseTimeout => Some(since + self.rules.close_timeout),
        }
    }

    fn ping_at(&self, side: Side) -> Option<Instant> {
        let open = matches!(self.sides[side].sink, SinkState::Open | SinkState::Ending);
        self.sides[side].keepalive.as_ref().filter(|_| open && !self.sides[side].away)?.deadline()
    }

    fn idle_at(&self) -> Option<Instant> {
        // Once the peer has left, only an output is waited for.
        let talks = self.sides.iter().any(|side| side.is_remote() && !side.release_asked);
        let bytes_only = !self.sides.iter().any(SessionSide::is_remote);
        if !talks && !bytes_only {
            return None;
        }
        Some(self.traffic_at + self.rules.idle_timeout?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Event, Rules, SideKind, SinkFailure, Within};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_peer_that_cannot_be_written_to_is_heard_as_long_as_it_speaks() {
        let start = Instant::now();
        let kinds = [SideKind::WebSocket, SideKind::Stream];
        let mut session = Session::new(Rules::default(), kinds, true, None, start);
        let how = Box::new(SinkFailure::Failed(lost_while_sending()));
        session.on(Event::SinkFailed { side: Side::A, how }, start);
        assert_eq!(session.deadline(), Some(start + DEAF));
        for second in 1..5 {
            let now = start + second * SECOND;
            session.tick(now);
            session.on(Event::Received { side: Side::A, messages: 1 }, now);
            assert_eq!(session.deadline(), Some(now + DEAF));
        }
        assert!(session.verdict().is_none(), "all of it may have come");
        session.tick(start + 4 * SECOND + DEAF);
        assert!(session.verdict().is_some_and(|fault| fault.exit == Exit::Lost));
    }

    #[test]
    fn a_connection_that_is_new_owes_nothing_of_the_one_before() {
        let start = Instant::now();
        let rules = Rules { ping_timeout: Some(5 * SECOND), ..Rules::default() };
        let kinds = [SideKind::WebSocket, SideKind::Stream];
        let mut session = Session::new(rules, kinds, false, None, start);
        session.renews(Side::A);
        let within = Within { message: true, frame: true };
        session.on(Event::Heard { side: Side::A, bytes: 1, within }, start);
        assert_eq!(session.deadline(), Some(start + 5 * SECOND), "the frame has begun");
        session.on(Event::Away { side: Side::A, away: true }, start + SECOND);
        assert_eq!(session.deadline(), None);
        session.on(Event::Away { side: Side::A, away: false }, start + 10 * SECOND);
        assert_eq!(session.deadline(), Some(start + 30 * SECOND), "the next ping");
    }

    #[test]
    fn a_reader_that_left_ends_the_session_in_a_moment() {
        let start = Instant::now();
        let kinds = [SideKind::WebSocket, SideKind::Standard];
        let mut session = Session::new(Rules::default(), kinds, false, None, start);
        let how = Box::new(SinkFailure::ReaderLeft(Fault::new(Exit::ReaderLeft, "session", "nobody reads")));
        session.on(Event::SinkFailed { side: Side::B, how }, start);
        assert_eq!(session.deadline(), Some(start + Duration::from_millis(100)));
        assert!(session.actions().contains(&Action::Discard { side: Side::A }));
    }
}
