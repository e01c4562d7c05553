//! The session's deadlines: what time alone brings about.

use super::{
    Action, Instant, Session, SourceEnd,
    keepalive::Beat,
    machine::{GOING_AWAY, INTERNAL_ERROR, LAST_WORD},
    side::Sink,
    verdict::unanswered,
};
use crate::{exit::Exit, fault::Fault};
use std::time::Duration;

/// How long a peer that cannot be written to may take to say its last.
const DEAF: Duration = Duration::from_secs(2);

impl Session {
    /// Lets time pass: deadlines at or before `now` take effect.
    pub fn tick(&mut self, now: Instant) {
        if self.force_at.is_some_and(|at| at <= now) {
            return self.force();
        }
        for side in 0..2 {
            self.tick_side(side, now);
        }
        if self.timeout_at.is_some_and(|at| at <= now) {
            self.timeout_at = None;
            self.out_of_time("the time limit (--timeout) is over", now);
        }
        if self.idle_at().is_some_and(|at| at <= now) {
            self.rules.idle_timeout = None;
            self.out_of_time("no message either way within --idle-timeout", now);
        }
    }

    /// When [`tick`](Self::tick) has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let sides = [0, 1]
            .map(|side| [self.drain_at(side), self.deaf_at(side), self.linger_at(side), self.ping_at(side)]);
        sides.into_iter().flatten().chain([self.timeout_at, self.idle_at(), self.force_at]).flatten().min()
    }

    fn out_of_time(&mut self, cause: &str, now: Instant) {
        let unmet = self.unmet(Some(cause));
        self.fail(unmet.unwrap_or_else(|| Fault::new(Exit::Deadline, "session", cause)));
        let close = self.rules.close.clone();
        if self.serving {
            self.end_all(Some(GOING_AWAY), String::new(), now);
        } else {
            self.end_all(close.code, close.reason, now);
        }
    }

    pub(super) fn limit(&mut self, at: Instant) {
        self.force_at = Some(self.force_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn force(&mut self) {
        self.force_at = None;
        if self.fault.is_none() {
            self.fail(if self.count_met {
                unanswered("the peer does not read")
            } else {
                lost_while_sending()
            });
        }
        for side in 0..2 {
            self.sides[side].ended = true;
            self.sides[side].sink = Sink::Done;
            self.sides[side].keepalive = None;
            if !self.sides[side].released {
                self.sides[side].release_asked = true;
                self.actions.push(Action::Release { side, at_once: true });
            }
        }
    }

    fn tick_side(&mut self, side: usize, now: Instant) {
        if self.linger_at(side).is_some_and(|at| at <= now) {
            self.sides[side].lingering = None;
            // That a datagram is not answered is common.
            if self.received == 0 && self.sides[side].is_web_socket() {
                self.actions.push(Action::Note(
                    "no message came back before the linger time was over; wait longer with --linger 10s, or --linger inf"
                        .into(),
                ));
            }
            self.end_normally(side);
        }
        if self.deaf_at(side).is_some_and(|at| at <= now) {
            self.sides[side].deaf_since = None;
            self.source_ended(side, SourceEnd::Lost { fault: lost_while_sending(), answer: None }, now);
        }
        if self.drain_at(side).is_some_and(|at| at <= now) {
            self.fail(unanswered("no answer within --close-timeout"));
            self.sides[side].sink = Sink::Done;
            self.sides[side].ended = true;
            self.sides[side].keepalive = None;
            self.end_output(1 - side, Some(INTERNAL_ERROR), "peer lost".into());
            self.abandon(1 - side);
            self.maybe_release(side);
        }
        if self.ping_at(side).is_none_or(|at| at > now) {
            return;
        }
        match self.sides[side].keepalive.as_mut().and_then(|clock| clock.tick(now)) {
            Some(Beat::Ping) => self.actions.push(Action::Ping { side }),
            Some(Beat::Dead(silence)) => {
                self.dead(side, format!("no pong within {} s of a ping", silence.as_secs()), now);
            }
            Some(Beat::Stuck(silence)) if self.sides[1 - side].shared && !self.sides[1 - side].ended => {
                let reason = format!("too slow: took nothing for {} s", silence.as_secs());
                self.source_ended(1 - side, SourceEnd::SentAway { reason }, now);
            }
            Some(Beat::Stuck(silence)) => {
                self.dead(side, format!("nothing could be sent for {} s", silence.as_secs()), now);
            }
            None => {}
        }
    }

    fn dead(&mut self, side: usize, cause: String, now: Instant) {
        if self.sides[side].renews && self.sides[side].sink == Sink::Open {
            self.actions.push(Action::Renew { side, cause });
            return self.away(side, true, now);
        }
        let fault = Fault::new(Exit::Lost, "session", format!("{cause}: the peer or the path is gone"));
        self.source_ended(side, SourceEnd::Lost { fault, answer: Some(INTERNAL_ERROR) }, now);
        self.limit(now + LAST_WORD);
    }

    fn linger_at(&self, side: usize) -> Option<Instant> {
        let since = self.sides[side].lingering.filter(|_| !self.sides[side].is_excused())?;
        Some(since.max(self.sides[side].received_at) + self.rules.linger?)
    }

    fn drain_at(&self, side: usize) -> Option<Instant> {
        let Sink::CloseSent(at) = self.sides[side].sink else { return None };
        if self.hurried {
            return Some(at + self.rules.close_timeout);
        }
        if self.sides[side].is_excused() {
            return None;
        }
        let since = if self.sides[side].discarding { at } else { at.max(self.sides[side].received_at) };
        Some(since + self.rules.close_timeout)
    }

    /// How long the source of a side that cannot be written to is listened to.
    fn deaf_at(&self, side: usize) -> Option<Instant> {
        let state = &self.sides[side];
        let since = state.deaf_since.filter(|_| !state.ended && !state.is_excused())?;
        Some(since.max(state.received_at) + DEAF)
    }

    fn ping_at(&self, side: usize) -> Option<Instant> {
        let open = matches!(self.sides[side].sink, Sink::Open | Sink::Ending);
        self.sides[side].keepalive.as_ref().filter(|_| open && !self.sides[side].away)?.deadline()
    }

    fn idle_at(&self) -> Option<Instant> {
        Some(self.traffic_at + self.rules.idle_timeout?)
    }
}

pub(super) fn lost_while_sending() -> Fault {
    Fault::new(Exit::Lost, "session", "the connection was lost while sending")
}
