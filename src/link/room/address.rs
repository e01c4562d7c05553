//! Words for one member: what a record says that names its connection.

use super::{Member, State};
use crate::link::web_socket::asked;
use std::sync::atomic::Ordering;
use tokio_tungstenite::tungstenite::Message;

impl Member {
    /// Gives this member the number of a connection, so that it can be spoken to.
    pub fn set_conn(&self, conn: u64) {
        let mut state = self.room.lock();
        let own = |seat: &&mut super::Seat| seat.number == self.number;
        state.seats.iter_mut().filter(own).for_each(|seat| seat.conn = Some(conn));
    }

    /// Says something to the one with the number of this connection, or else to all; a Close ends
    /// their sessions behind what they were told before. False when the one is not here.
    pub fn say_to(&self, conn: Option<u64>, message: &Message) -> bool {
        if let (None, false) = (conn, message.is_close()) {
            self.say(message);
            return true;
        }
        self.speaks.store(true, Ordering::Relaxed);
        let mut state = self.room.lock();
        let mut missed = Vec::new();
        let State { seats, may_be_full, .. } = &mut *state;
        let mut reached = conn.is_none();
        let meant = |conn_of: Option<u64>| conn.is_none() || conn == conn_of;
        for seat in seats.iter_mut().filter(|seat| !seat.centre && meant(seat.conn) && self.reaches(seat)) {
            reached = true;
            match message {
                Message::Close(frame) => seat.queue.finish(asked(frame.clone(), true)),
                message => *may_be_full |= self.hand(seat, message, &mut missed) >= self.room.rules.queue,
            }
        }
        drop(state);
        if let Some(told) = self.room.told.get() {
            missed.into_iter().for_each(|conn| told.slow(conn));
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Room, Rules};
    use crate::session::{CloseWith, SourceEnd};
    use std::{
        collections::VecDeque,
        task::{Context, Waker},
    };
    use tokio_tungstenite::tungstenite::Message;

    #[tokio::test]
    async fn one_is_spoken_to_and_the_others_are_not() {
        let room = Room::star(Rules { last: 9, ..Rules::default() });
        let (centre, one, two) = (room.centre(), room.join(), room.join());
        one.set_conn(1);
        two.set_conn(2);
        assert!(centre.say_to(Some(2), &Message::text("for two")));
        assert!(!centre.say_to(Some(3), &Message::text("for nobody")));
        assert!(centre.say_to(None, &Message::text("for all")));
        assert!(centre.say_to(Some(2), &Message::Close(None)));
        assert!(!centre.say_to(Some(2), &Message::text("too late")));
        let heard = |member: &super::Member| {
            let mut batch = VecDeque::new();
            let _ = member.incoming().poll_pop(&mut Context::from_waker(Waker::noop()), &mut batch, 9);
            Vec::from(batch)
        };
        assert_eq!(heard(&one), [Message::text("for all")]);
        assert_eq!(heard(&two), [Message::text("for two"), Message::text("for all")]);
        let close = CloseWith { code: None, reason: String::new() };
        assert_eq!(two.incoming().end(), Some(SourceEnd::Asked { close, hangup: true }));
        assert_eq!(heard(&room.join()), [Message::text("for all")], "what was for one is not told later");
    }
}
