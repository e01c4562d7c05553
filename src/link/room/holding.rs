//! Holding up: what a speaker does when somebody who is to hear it has no room.
//!
//! A speaker that waits looks again whenever one of them takes something, and [`TICK`] later at the latest:
//! only so it sees that a slow one has stopped, and that the others have heard all there is. Each look tells
//! the room's [`Allowance`](super::Allowance) whether the time of the others runs.

use super::{
    Member, Pace, RoomSeat, RoomState, Slow, Speaker, Waited,
    allowance::{ALLOWED, RESERVED, TICK},
};
use crate::session::SourceEnd;
use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// Bytes of a burst that a short queue may grow by: one that takes them at once was never slow.
const BURST: usize = 4 * 1024 * 1024;

/// The members who are to hear a speaker and have no room, as they are now.
#[derive(Default)]
struct HeldLook {
    /// Somebody is waited for, whatever the time.
    waits: bool,
    /// The state changes with the time.
    is_timed: bool,
    /// Those that can be sent away, and hold the others up while they are waited for.
    full: Vec<Full>,
    /// Somebody has heard all there is.
    is_dry: bool,
    /// Number of members who are to hear it, beside the centre.
    listeners: usize,
}

/// One whose queue is full.
struct Full {
    number: u64,
    /// It takes enough.
    suffices: bool,
    /// Too little is known yet of what it takes.
    is_new: bool,
    /// It has had its time, or its queue has grown as far as it may.
    is_late: bool,
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

    /// True when some member has no room for another message, and is to be waited for.
    pub fn is_held_up(&self) -> bool {
        let state = &mut *self.room.lock();
        if !state.may_be_full {
            return false;
        }
        let held_up = state.seats.iter().filter(|seat| self.reaches(seat)).any(|seat| self.is_full(seat));
        state.may_be_full =
            held_up || state.seats.iter().any(|seat| seat.queue.bytes() >= self.room.rules.queue);
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
        let mut look = self.look(cx, &mut state, now);
        let left = self.run_down(&mut state, !look.full.is_empty(), now);
        let is_live = self.speaker == Speaker::Live;
        let waits = |full: &Full| !is_live && left > if full.is_new { Duration::ZERO } else { RESERVED };
        let (waited, mut others): (Vec<_>, Vec<_>) = look.full.drain(..).partition(waits);
        // The others are sent away only when they are late: their queues grow a little longer before that.
        others.retain(|full| is_live || full.is_late);
        for seat in state.seats.iter().filter(|seat| others.iter().any(|full| full.number == seat.number)) {
            seat.queue.cut(SourceEnd::SentAway { reason: away() });
        }
        if waited.is_empty() {
            self.run_down(&mut state, false, now);
            if !look.waits {
                *self.speaks.get_mut() = false;
                return Poll::Ready(());
            }
        }
        drop(state);
        if look.is_timed {
            self.patience.as_mut().reset(now + TICK);
            if self.patience.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Notes whether the time of the others runs; gives what is left of it.
    fn run_down(&mut self, state: &mut RoomState, held_up: bool, now: Instant) -> Duration {
        // A speaker that was not held up must not stop the time that runs for another one.
        if !held_up && !self.holding {
            return ALLOWED;
        }
        self.holding = held_up;
        state.allowance.note(held_up, now)
    }

    fn look(&self, cx: &mut Context<'_>, state: &mut RoomState, now: Instant) -> HeldLook {
        let (rules, mut look) = (self.room.rules, HeldLook::default());
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
            look.full.push(Full {
                number: seat.number,
                suffices,
                is_new: pace.is_new(now),
                is_late: pace.unpaid(now) >= ALLOWED - RESERVED || seat.queue.bytes() >= most(rules.queue),
            });
        }
        self.excuse(&mut look);
        look
    }

    /// Takes those out who may hold this speaker up for as long as they like.
    fn excuse(&self, look: &mut HeldLook) {
        let is_excused = |full: &Full| match self.speaker {
            Speaker::Source => full.suffices || look.listeners == 1,
            // While nobody has run dry, those who take hold nobody up but the speaker: that is backpressure.
            Speaker::Member => full.suffices && !look.is_dry,
            Speaker::Live => false,
        };
        let before = look.full.len();
        look.full.retain(|full| !is_excused(full));
        look.waits |= look.full.len() < before;
    }

    fn is_full(&self, seat: &RoomSeat) -> bool {
        self.waits_for(seat) && seat.queue.bytes() >= self.room.rules.queue
    }
}

/// Bound on the queue of a member that nobody waits for until more is known of it, bytes. Payloads are
/// shared.
fn most(queue: usize) -> usize {
    queue + queue.max(BURST)
}

fn away() -> String {
    "too slow: its queue (--queue) is full, and the others waited long enough".to_owned()
}

#[cfg(test)]
mod tests;
