//! A calm session, which looks at traffic alone, and what wakes the rest of it.

use super::{
    Action, Instant, Session, Within,
    keepalive::Keepalive,
    side::{SessionSide, SinkState},
    traffic::Noted,
};

impl Session {
    /// Time at which [`tick`](Self::tick) has something to do next, or earlier.
    pub fn deadline(&mut self) -> Option<Instant> {
        if let Some(calm) = self.traffic.calm() {
            return calm.deadline;
        }
        let deadline = self.next_deadline();
        if self.is_calm() {
            self.traffic.rest(deadline);
        }
        deadline
    }

    /// Takes the actions that the driver must do now, in order.
    pub fn actions(&mut self) -> Vec<Action> {
        // It is not calm while there are any.
        if self.traffic.calm().is_some() { Vec::new() } else { std::mem::take(&mut self.actions) }
    }

    /// True when both sides are gone.
    pub fn is_over(&self) -> bool {
        self.traffic.calm().is_none() && self.sides.iter().all(|side| side.released)
    }

    /// Lets the rest of the state hear of the traffic that was noted.
    pub(super) fn settle(&mut self) {
        let Some(noted) = self.traffic.stir() else { return };
        for (state, Noted { heard, sent, received_at }) in self.sides.iter_mut().zip(noted) {
            if let Some((bytes, at)) = heard {
                (state.heard, state.heard_at) = (bytes, at);
                if let Some(clock) = &mut state.keepalive {
                    clock.heard(at);
                }
            }
            state.progress.sent = sent.unwrap_or(state.progress.sent);
            if let Some(at) = received_at {
                state.received_at = at;
                self.traffic_at = self.traffic_at.max(at);
            }
        }
    }

    /// True when what comes and goes puts deadlines off, and does nothing else; false while something is to be done.
    fn is_calm(&self) -> bool {
        let waits_for_nothing = |side: &SessionSide| {
            !side.released
                && side.within == Within::default()
                && !matches!(side.sink, SinkState::CloseSent(_))
                && side.lingering.is_none()
                && side.finishing.is_none()
                && side.taking.is_none()
                && side.keepalive.as_ref().is_none_or(Keepalive::is_calm)
        };
        self.actions.is_empty() && self.sides.iter().all(waits_for_nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Event, Rules, Side, SideKind, SourceEnd};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    /// What an event is made of, and how long after the one before it comes.
    type Step = (Duration, u8, bool, u64, bool, bool);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let delay = prop_oneof![9 => 0..500_u64, 1 => 0..20_000_u64].prop_map(Duration::from_millis);
        // Mostly traffic.
        let kind = prop_oneof![8 => 0..5_u8, 1 => 5..15_u8];
        proptest::collection::vec(
            (delay, kind, any::<bool>(), 0..1000_u64, any::<bool>(), any::<bool>()),
            1..300,
        )
    }

    /// The event of a step; bytes only ever grow.
    fn event((_, kind, is_b, more, flag, other): Step, bytes: u64) -> Event {
        let (side, bytes) = (if is_b { Side::B } else { Side::A }, bytes + more);
        match kind {
            0 | 1 => {
                Event::Heard { side, bytes, within: Within { message: flag && other, frame: flag && is_b } }
            }
            2 => Event::Wrote { side, bytes },
            3 => Event::Took { side },
            4 => Event::Received { side, messages: 1 + more % 3 },
            5 => Event::Ponged { side },
            6 | 7 => Event::PingSent { side },
            8 | 9 => Event::Acknowledged { side, bytes },
            10 => Event::Blocked { side, blocked: flag },
            11 => Event::Away { side, away: flag && other },
            12 => Event::Delivered { side },
            13 if flag => {
                Event::Ended { side, how: Box::new(SourceEnd::Eof { empty: false, hangup: other }) }
            }
            13 => Event::Held { side, held: other },
            _ if flag && other => Event::CloseSent { side },
            _ => Event::Matched { messages: 1 },
        }
    }

    /// Lets time pass for a session; tells what it wants done, and when.
    fn pass(session: &mut Session, until: Instant) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(at) = session.deadline().filter(|at| *at <= until) {
            session.tick(at);
            told.extend(session.actions().iter().map(|action| format!("{at:?} {action:?}")));
        }
        told
    }

    fn kinds() -> impl Strategy<Value = [SideKind; 2]> {
        use SideKind::{Datagrams, Standard, Stream, WebSocket};
        (
            prop_oneof![Just(WebSocket), Just(Stream)],
            prop_oneof![Just(WebSocket), Just(Stream), Just(Standard), Just(Datagrams)],
        )
            .prop_map(|(a, b)| [a, b])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_calm_session_does_what_one_does_that_hears_of_everything_at_once(
            kinds in kinds(), serving: bool, lasts: bool, idles: bool, lingers: bool, steps in steps(),
        ) {
            let rules = Rules {
                idle_timeout: idles.then_some(30 * SECOND),
                lasts: lasts.then_some(60 * SECOND),
                linger: lingers.then_some(SECOND),
                ..Rules::default()
            };
            let mut now = Instant::now();
            let [mut calm, mut whole] = [(); 2].map(|()| Session::new(rules.clone(), kinds, serving, None, now));
            let mut bytes = 0;
            for (at, step) in steps.into_iter().enumerate() {
                now += step.0;
                prop_assert_eq!(pass(&mut calm, now), pass(&mut whole, now), "step {}", at);
                // Nothing was noted since it was asked for its deadline.
                let _ = whole.traffic.stir();
                calm.on(event(step, bytes), now);
                whole.on(event(step, bytes), now);
                bytes += step.3;
                prop_assert_eq!(calm.actions(), whole.actions(), "step {}: {:?}", at, event(step, bytes));
                prop_assert_eq!(calm.traffic.received, whole.traffic.received);
            }
            prop_assert_eq!(calm.verdict(), whole.verdict());
            calm.settle();
            prop_assert_eq!(calm.next_deadline(), whole.next_deadline());
        }
    }

    #[test]
    fn a_message_that_has_begun_a_pong_that_is_waited_for_and_an_end_are_no_calm() {
        let now = Instant::now();
        let session =
            || Session::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], true, None, now);
        let is_calm = |session: &mut Session| {
            let _: Option<Instant> = session.deadline();
            session.traffic.calm().is_some()
        };
        assert!(is_calm(&mut session()));
        let within = Within { message: true, frame: false };
        let begun = Event::Heard { side: Side::A, bytes: 1, within };
        let input_ended =
            Event::Ended { side: Side::B, how: Box::new(SourceEnd::Eof { empty: false, hangup: true }) };
        let mut amid = session();
        amid.on(begun, now);
        assert!(!is_calm(&mut amid));
        let mut ending = session();
        ending.on(input_ended, now);
        assert!(!is_calm(&mut ending) && !ending.actions().is_empty(), "its Close is to be sent");
        ending.on(Event::CloseSent { side: Side::A }, now);
        assert!(!is_calm(&mut ending), "the answer is waited for");
        let mut pinged = session();
        let due = pinged.deadline().unwrap();
        pinged.tick(due);
        assert!(
            !is_calm(&mut pinged) && pinged.actions() == [crate::session::Action::Ping { side: Side::A }]
        );
        pinged.on(Event::Heard { side: Side::A, bytes: 1, within: Within::default() }, due);
        pinged.on(Event::PingSent { side: Side::A }, due);
        pinged.on(Event::Ponged { side: Side::A }, due);
        assert!(is_calm(&mut pinged), "the pong came");
    }
}
