//! Holding up: what a speaker does when somebody who is to hear it has no room.
//!
//! A speaker that waits looks again whenever one of them takes something, and [`TICK`] later at the latest:
//! only so it sees that a slow one has stopped, and that the others have heard all there is. Each look tells
//! the room's [`Allowance`](super::Allowance) whether the time of the others runs.

use super::{
    Member, Pace, Seat, Slow, State, Waited,
    allowance::{ALLOWED, TICK},
};
use crate::session::SourceEnd;
use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// What a member speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// An input that nobody else depends on: it waits for one alone, and for those that take enough.
    Source,
    /// One of many.
    Member,
    /// Something that cannot be held up: what it says is lost when nobody takes it.
    Live,
}

/// How those stand who are to hear a speaker, and have no room.
#[derive(Default)]
struct Look {
    /// Somebody is waited for, whatever the time.
    waits: bool,
    /// It depends on the time how long.
    is_timed: bool,
    /// Numbers of those for whom the time of the others runs.
    causes: Vec<u64>,
    /// Those for whom it runs too, and who are not yet slow for long enough to be sent away for it.
    doubtful: Vec<u64>,
    /// Those who are waited for until it is known what they take, whatever is left of the time.
    new: Vec<u64>,
    /// Those who take enough, which excuses them only while nobody waits for more.
    takers: Vec<u64>,
    /// Those who do so, and have been behind for long: they are slow, while the others had a burst at most.
    lasting: Vec<u64>,
    /// Somebody has heard all there is.
    is_dry: bool,
    /// How many are to hear it, beside the centre.
    listeners: usize,
}

impl Member {
    /// The same member, who speaks for this.
    #[must_use]
    pub fn speaking_for(mut self, speaker: Speaker) -> Self {
        self.speak_for(speaker);
        self
    }

    /// Says what it speaks for.
    pub fn speak_for(&mut self, speaker: Speaker) {
        self.speaker = speaker;
    }

    /// Whether somebody has no room for another message, and is to be waited for.
    pub fn is_held_up(&self) -> bool {
        let state = self.room.lock();
        let held_up = state.seats.iter().filter(|seat| self.reaches(seat)).any(|seat| self.is_full(seat));
        if held_up {
            self.speaks.store(true, Ordering::Relaxed);
        }
        held_up
    }

    /// Ready when all who are to hear this member have room, or were sent away.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !*self.speaks.get_mut() {
            return Poll::Ready(());
        }
        let (room, now) = (Arc::clone(&self.room), Instant::now());
        let mut state = room.lock();
        let is_timed = loop {
            let look = self.look(cx, &mut state, now);
            let counts = ![&look.causes, &look.doubtful, &look.new].iter().all(|list| list.is_empty());
            let left = self.run_down(&mut state, counts, now);
            if counts && left > Duration::ZERO && self.speaker != Speaker::Live {
                break true;
            }
            if look.causes.is_empty() {
                // Nobody waits for the doubtful any more: what is said grows their queues a little longer.
                self.run_down(&mut state, !look.new.is_empty(), now);
                if look.waits {
                    break look.is_timed;
                }
                *self.speaks.get_mut() = false;
                return Poll::Ready(());
            }
            for seat in state.seats.iter().filter(|seat| look.causes.contains(&seat.number)) {
                seat.queue.cut(SourceEnd::SentAway { reason: away() });
            }
        };
        drop(state);
        if is_timed {
            self.patience.as_mut().reset(now + TICK);
            if self.patience.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Notes whether the time of the others runs; gives what is left of it.
    fn run_down(&mut self, state: &mut State, held_up: bool, now: Instant) -> Duration {
        // Who is not held up says nothing about those who are.
        if !held_up && !self.holding {
            return ALLOWED;
        }
        self.holding = held_up;
        state.allowance.note(held_up, now)
    }

    fn look(&self, cx: &mut Context<'_>, state: &mut State, now: Instant) -> Look {
        let (rules, mut look) = (self.room.rules, Look::default());
        for seat in state.seats.iter_mut().filter(|seat| self.reaches(seat)) {
            look.listeners += usize::from(!seat.centre);
            if !self.is_full(seat) || seat.queue.poll_room(cx, rules.queue).is_ready() {
                look.is_dry |= !seat.centre && seat.queue.is_empty();
                if seat.queue.bytes() < rules.queue / 2 {
                    seat.pace = None;
                }
                continue;
            }
            if rules.slow != Slow::Disconnect || seat.waited != Waited::ByTheRules {
                look.waits = true;
                continue;
            }
            look.is_timed = true;
            let pace = seat.pace.get_or_insert_with(|| {
                seat.queue.forget_taken();
                Pace::new(now)
            });
            // Its own task looks what the far end has taken.
            let suffices = seat.queue.ask_taken().is_some_and(|taken| pace.suffices(taken, now));
            let has_had_time = pace.unpaid(now) >= ALLOWED || seat.queue.bytes() >= 2 * rules.queue;
            match suffices {
                true if pace.is_lasting(now) => &mut look.lasting,
                true => &mut look.takers,
                false if pace.is_new(now) => &mut look.new,
                false if has_had_time => &mut look.causes,
                false => &mut look.doubtful,
            }
            .push(seat.number);
        }
        self.excuse(&mut look);
        look
    }

    /// Takes those out of the causes who may hold this speaker up, and puts those in who may not.
    fn excuse(&self, look: &mut Look) {
        match self.speaker {
            Speaker::Source if look.listeners == 1 => {
                look.waits |= look.is_timed;
                look.causes.clear();
                look.doubtful.clear();
                look.new.clear();
            }
            // While nobody has run dry, those who take hold nobody up but the speaker: that is backpressure.
            Speaker::Member if look.is_dry => {
                look.causes.append(&mut look.lasting);
                look.waits |= !look.takers.is_empty() || !look.new.is_empty();
            }
            Speaker::Source | Speaker::Member => {
                let lists = [&look.takers, &look.lasting, &look.new];
                look.waits |= lists.iter().any(|list| !list.is_empty());
            }
            Speaker::Live => {
                look.causes.append(&mut look.new);
                look.causes.append(&mut look.doubtful);
                look.causes.append(&mut look.takers);
                look.causes.append(&mut look.lasting);
            }
        }
    }

    fn is_full(&self, seat: &Seat) -> bool {
        self.waits_for(seat) && seat.queue.bytes() >= self.room.rules.queue
    }
}

fn away() -> String {
    "too slow: its queue (--queue) is full, and the others waited long enough".to_owned()
}

#[cfg(test)]
mod tests;
