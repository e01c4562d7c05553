//! The bridge of a room: the one member that stands for everybody elsewhere.
//!
//! It is waited for while it can carry, however slow it is; while it is away it stops nobody, and what
//! does not fit its queue then is dropped and counted.

use super::{Member, Room, RoomRules, Slow, Waited};
use crate::{fault::Fault, link::Queue, session::SourceEnd};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

/// Tells why a message cannot leave the room by its bridge.
pub type Gate = Box<dyn Fn(&Message) -> Option<Fault> + Send + Sync>;

/// A handle to the bridge's seat, beside the member that sits in it.
#[derive(Clone)]
pub struct Bridge {
    room: Arc<Room>,
    number: u64,
    outgoing: Queue,
}

impl Room {
    /// A room whose members hear each other and everybody elsewhere; the member is the bridge's.
    pub fn bridged(rules: RoomRules, gate: Gate) -> (Arc<Self>, Member) {
        let room = Self::mesh(rules);
        let _ = room.gate.set(gate);
        let member = room.seat(false, present(rules));
        room.lock().seats.iter_mut().for_each(|seat| seat.is_bridge = true);
        (room, member)
    }
}

fn present(rules: RoomRules) -> Waited {
    if rules.slow == Slow::Drop { Waited::ByTheRules } else { Waited::Always }
}

impl Member {
    /// The handle to this member's seat, which has to be the bridge's.
    pub fn as_bridge(&self) -> Bridge {
        Bridge { room: Arc::clone(&self.room), number: self.number, outgoing: self.incoming.clone() }
    }

    /// True when its room reaches beyond this process.
    pub fn is_bridged(&self) -> bool {
        self.room.gate.get().is_some()
    }

    /// Why this message cannot leave the room by its bridge, when it cannot.
    pub fn refuses(&self, message: &Message) -> Option<Fault> {
        if self.mute { None } else { self.room.gate.get()?(message) }
    }

    /// The same member, who only listens.
    #[must_use]
    pub fn muted(mut self) -> Self {
        self.mute = true;
        self
    }
}

impl Bridge {
    /// Queue of what is to be carried out of the room.
    pub fn outgoing(&self) -> &Queue {
        &self.outgoing
    }

    /// Sets whether it is away and cannot carry; members that wait for it look again.
    pub fn set_away(&self, away: bool) {
        let waited = if away { Waited::Never } else { present(self.room.rules) };
        let mut state = self.room.lock();
        for seat in state.seats.iter_mut().filter(|seat| seat.number == self.number) {
            seat.waited = waited;
        }
        drop(state);
        self.outgoing.wake_writers();
    }

    /// Ends the session of everybody else in the room.
    pub fn send_all_away(&self, end: &SourceEnd) {
        self.room.send_away_but(self.number, end);
    }

    /// Nothing more is to be carried out; what waits still is.
    pub fn close(&self) {
        self.room.lock().seats.retain(|seat| seat.number != self.number);
        self.outgoing.finish(SourceEnd::Absent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use std::{
        collections::VecDeque,
        task::{Context, Waker},
    };

    fn room(slow: Slow) -> (Arc<Room>, Member) {
        let gate = |message: &Message| {
            (message.len() > 50).then(|| Fault::new(Exit::BadInput, "session", "too large"))
        };
        Room::bridged(RoomRules { queue: 100, slow, last: 0 }, Box::new(gate))
    }

    fn waiting(queue: &Queue) -> usize {
        let mut batch = VecDeque::new();
        let _ = queue.poll_pop(&mut Context::from_waker(Waker::noop()), &mut batch, 99);
        batch.len()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_waited_for_while_it_carries_and_stops_nobody_while_it_is_away() {
        let mut cx = Context::from_waker(Waker::noop());
        let (room, member) = room(Slow::Disconnect);
        let (bridge, mut speaker, other) = (member.as_bridge(), room.join(), room.join());
        (0..2).for_each(|_| speaker.say(&Message::text("12345")));
        assert_eq!(waiting(other.incoming()), 2);
        tokio::time::advance(std::time::Duration::from_secs(3600)).await;
        assert!(speaker.is_held_up() && speaker.poll_room(&mut cx).is_pending());
        bridge.set_away(true);
        assert!(!speaker.is_held_up() && speaker.poll_room(&mut cx).is_ready());
        (0..3).for_each(|_| speaker.say(&Message::text("lost")));
        assert_eq!((waiting(bridge.outgoing()), bridge.outgoing().dropped()), (2, 3));
        assert_eq!(waiting(other.incoming()), 3, "the others hear all of it");
        bridge.set_away(false);
        speaker.say(&Message::text("again"));
        assert_eq!(waiting(bridge.outgoing()), 1);
    }

    #[tokio::test]
    async fn it_drops_when_everybody_does() {
        let (room, member) = room(Slow::Drop);
        let speaker = room.join();
        (0..3).for_each(|_| speaker.say(&Message::text("12345")));
        assert_eq!((waiting(member.incoming()), member.incoming().dropped()), (2, 1));
    }

    #[tokio::test]
    async fn what_cannot_leave_is_refused_unless_nothing_is_said() {
        let (room, _bridge) = room(Slow::Wait);
        let large = Message::text("x".repeat(51));
        assert_eq!(room.join().refuses(&large).map(|fault| fault.exit), Some(Exit::BadInput));
        assert_eq!(room.join().refuses(&Message::text("x")), None);
        let (muted, other) = (room.join().muted(), room.join());
        assert_eq!(muted.refuses(&large), None);
        muted.say(&large);
        assert_eq!(waiting(other.incoming()), 0);
        assert!(muted.is_bridged() && !Room::mesh(RoomRules::default()).join().is_bridged());
    }

    #[tokio::test]
    async fn what_waits_is_carried_after_its_close() {
        let (room, member) = room(Slow::Wait);
        let (bridge, speaker) = (member.as_bridge(), room.join());
        speaker.say(&Message::text("in time"));
        bridge.close();
        speaker.say(&Message::text("late"));
        assert_eq!(waiting(bridge.outgoing()), 1);
        assert!(bridge.outgoing().end().is_some());
        bridge.send_all_away(&SourceEnd::Absent);
        assert!(speaker.incoming().is_finished());
    }
}
