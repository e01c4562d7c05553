//! A room: what one member says is heard by the others, each behind a bounded queue of its own.
//!
//! Payloads are shared, never copied for each member. A member that does not keep up is dealt with as
//! the room's rules say, so that one of them never stops the others for good. In a star, the members
//! speak with the centre alone (standard input and output); in a mesh, everybody with everybody.

mod bridge;

pub use bridge::{Bridge, Gate};

use super::Queue;
use crate::session::SourceEnd;
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// How long a member may stay behind before it is sent away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to a member that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Its full queue holds the speaker up for at most 30 s, then it is closed with 1013.
    #[default]
    Disconnect,
    /// What does not fit its queue is dropped for it, and counted.
    Drop,
    /// Everybody waits for it.
    Wait,
}

/// The rules of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes that may wait for one member. Default 1 MiB.
    pub queue: usize,
    /// What happens to one that does not keep up.
    pub slow: Slow,
    /// How many past messages one that comes later hears first.
    pub last: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { queue: 1024 * 1024, slow: Slow::default(), last: 0 }
    }
}

/// Members and what joins them; shared by its members.
pub struct Room {
    rules: Rules,
    mesh: bool,
    /// What may leave it by its bridge; `None` when it has none.
    gate: OnceLock<Gate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    seats: Vec<Seat>,
    last: VecDeque<Message>,
    last_bytes: usize,
    /// Whoever waits for company.
    waiting: Option<Waker>,
}

struct Seat {
    number: u64,
    queue: Queue,
    centre: bool,
    waited: Waited,
    /// Since when its queue was never less than half empty.
    behind_since: Option<Instant>,
}

/// What happens when a seat's queue is full.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// As the room's rules say.
    ByTheRules,
    /// All wait for it, without a limit.
    Always,
    /// Nobody waits: what does not fit is dropped, and counted.
    Never,
}

/// Rooms by name, made when first asked for.
pub struct Rooms {
    rules: Rules,
    named: Mutex<HashMap<String, Arc<Room>>>,
}

impl Rooms {
    /// No room yet; each will have these rules.
    pub fn new(rules: Rules) -> Self {
        Self { rules, named: Mutex::default() }
    }

    /// A place in the room of that name.
    pub fn join(&self, name: &str) -> Member {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.entry(name.to_owned()).or_insert_with(|| Room::mesh(self.rules)).join()
    }
}

/// One place in a room; leaving it is dropping it.
pub struct Member {
    room: Arc<Room>,
    number: u64,
    centre: bool,
    /// What it says is heard by nobody.
    mute: bool,
    incoming: Queue,
    patience: Pin<Box<Sleep>>,
}

impl Room {
    /// A room whose members all hear each other.
    pub fn mesh(rules: Rules) -> Arc<Self> {
        Arc::new(Self { rules, mesh: true, gate: OnceLock::new(), state: Mutex::default() })
    }

    /// A room whose members speak with its centre.
    pub fn star(rules: Rules) -> Arc<Self> {
        Arc::new(Self { rules, mesh: false, gate: OnceLock::new(), state: Mutex::default() })
    }

    /// One more member, who first hears the last messages.
    pub fn join(self: &Arc<Self>) -> Member {
        self.seat(false, Waited::ByTheRules)
    }

    /// The centre: standard input and output. It is waited for, however slow it is.
    pub fn centre(self: &Arc<Self>) -> Member {
        self.seat(true, Waited::Always)
    }

    fn seat(self: &Arc<Self>, centre: bool, waited: Waited) -> Member {
        let incoming = Queue::default();
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if !centre {
            state.last.iter().for_each(|message| incoming.push(message.clone()));
        }
        state.seats.push(Seat { number, queue: incoming.clone(), centre, waited, behind_since: None });
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
        let patience = Box::pin(sleep_until(Instant::now()));
        Member { room: Arc::clone(self), number, centre, mute: false, incoming, patience }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, message: &Message, rules: &Rules) {
        if rules.last == 0 {
            return;
        }
        self.last.push_back(message.clone());
        self.last_bytes += message.len();
        while self.last.len() > rules.last || self.last_bytes > rules.queue && self.last.len() > 1 {
            self.last_bytes -= self.last.pop_front().map_or(0, |message| message.len());
        }
    }
}

impl Member {
    /// What this member hears.
    pub fn incoming(&self) -> &Queue {
        &self.incoming
    }

    /// Says something to those who are to hear it.
    pub fn say(&self, message: &Message) {
        if self.mute {
            return;
        }
        let mut state = self.room.lock();
        let rules = self.room.rules;
        if self.centre || self.room.mesh {
            state.remember(message, &rules);
        }
        for seat in state.seats.iter().filter(|seat| self.reaches(seat)) {
            if !self.waits_for(seat) && seat.queue.bytes() >= rules.queue {
                seat.queue.count_dropped();
            } else {
                seat.queue.push(message.clone());
            }
        }
    }

    /// Whether somebody has no room for another message, and is to be waited for.
    pub fn is_held_up(&self) -> bool {
        let state = self.room.lock();
        state.seats.iter().filter(|seat| self.reaches(seat)).any(|seat| self.is_full(seat))
    }

    /// Ready when all who are to hear this member have room, or were sent away.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (room, now) = (Arc::clone(&self.room), Instant::now());
        let mut state = room.lock();
        let (mut held_up, mut wake_at) = (false, None::<Instant>);
        for seat in &mut state.seats {
            if !self.reaches(seat) {
                continue;
            }
            if seat.queue.bytes() < room.rules.queue / 2 {
                seat.behind_since = None;
            }
            if !self.is_full(seat) || seat.queue.poll_room(cx, room.rules.queue).is_ready() {
                continue;
            }
            held_up = true;
            if room.rules.slow == Slow::Disconnect && seat.waited == Waited::ByTheRules {
                let until = *seat.behind_since.get_or_insert(now) + PATIENCE;
                if until <= now {
                    send_away(&seat.queue);
                    held_up = false;
                } else {
                    wake_at = Some(wake_at.map_or(until, |earlier| earlier.min(until)));
                }
            }
        }
        drop(state);
        if !held_up {
            return Poll::Ready(());
        }
        if let Some(at) = wake_at {
            self.patience.as_mut().reset(at);
            if self.patience.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Ready when anybody but the centre is here.
    pub fn poll_company(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.room.lock();
        if state
            .seats
            .iter()
            .any(|seat| !seat.centre && seat.number != self.number && !seat.queue.is_finished())
        {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Speaks and hears no more; what was said to it can still be taken.
    pub fn leave(&self, end: SourceEnd) {
        self.room.lock().seats.retain(|seat| seat.number != self.number);
        self.incoming.finish(end);
    }

    fn waits_for(&self, seat: &Seat) -> bool {
        match seat.waited {
            Waited::ByTheRules => self.room.rules.slow != Slow::Drop,
            Waited::Always => true,
            Waited::Never => false,
        }
    }

    fn reaches(&self, seat: &Seat) -> bool {
        seat.number != self.number
            && !seat.queue.is_finished()
            && (self.room.mesh || self.centre || seat.centre)
    }

    fn is_full(&self, seat: &Seat) -> bool {
        self.waits_for(seat) && seat.queue.bytes() >= self.room.rules.queue
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave(SourceEnd::Absent);
    }
}

fn send_away(queue: &Queue) {
    let reason = format!("too slow: behind for {} s", PATIENCE.as_secs());
    queue.finish(SourceEnd::Close {
        code: Some(1013),
        described: format!("1013 try again later: {reason}"),
        reason,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(member: &Member) -> Vec<String> {
        let mut batch = VecDeque::new();
        let mut cx = Context::from_waker(Waker::noop());
        while member.incoming.poll_pop(&mut cx, &mut batch, 9).is_ready() && member.incoming.end().is_none() {
        }
        batch.iter().map(|message| message.to_text().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn in_a_star_members_speak_with_the_centre_alone() {
        let room = Room::star(Rules::default());
        let (centre, a, b) = (room.centre(), room.join(), room.join());
        a.say(&Message::text("up"));
        centre.say(&Message::text("down"));
        assert_eq!(
            (heard(&centre), heard(&a), heard(&b)),
            (vec!["up".into()], vec!["down".into()], vec!["down".into()])
        );
    }

    #[tokio::test]
    async fn in_a_mesh_all_but_the_speaker_hear() {
        let room = Room::mesh(Rules::default());
        let (centre, a, b) = (room.centre(), room.join(), room.join());
        a.say(&Message::text("x"));
        assert_eq!((heard(&centre), heard(&b)), (vec!["x".to_owned()], vec!["x".to_owned()]));
        assert!(heard(&a).is_empty());
    }

    #[tokio::test]
    async fn who_comes_late_hears_the_last() {
        let room = Room::star(Rules { last: 2, ..Rules::default() });
        let centre = room.centre();
        for text in ["1", "2", "3"] {
            centre.say(&Message::text(text));
        }
        let late = room.join();
        centre.say(&Message::text("4"));
        assert_eq!(heard(&late), ["2", "3", "4"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slow_are_dealt_with() {
        let mut cx = Context::from_waker(Waker::noop());
        let say = |centre: &Member| (0..3).for_each(|_| centre.say(&Message::text("12345678901234567890")));

        let room = Room::star(Rules { queue: 100, slow: Slow::Drop, last: 0 });
        let (mut centre, slow) = (room.centre(), room.join());
        say(&centre);
        assert!(!centre.is_held_up() && centre.poll_room(&mut cx).is_ready());
        assert_eq!((heard(&slow).len(), slow.incoming.dropped()), (2, 1));

        let room = Room::star(Rules { queue: 100, slow: Slow::Wait, last: 0 });
        let (mut centre, slow) = (room.centre(), room.join());
        say(&centre);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(centre.is_held_up() && centre.poll_room(&mut cx).is_pending());
        assert_eq!(heard(&slow).len(), 3);
        assert!(centre.poll_room(&mut cx).is_ready());

        let room = Room::star(Rules { queue: 100, slow: Slow::Disconnect, last: 0 });
        let (mut centre, slow, good) = (room.centre(), room.join(), room.join());
        say(&centre);
        heard(&good);
        assert!(centre.poll_room(&mut cx).is_pending());
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(centre.poll_room(&mut cx).is_pending());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(centre.poll_room(&mut cx).is_ready());
        assert!(slow.incoming.is_finished() && !good.incoming.is_finished());
    }

    #[tokio::test]
    async fn who_left_is_not_spoken_to() {
        let mut cx = Context::from_waker(Waker::noop());
        let room = Room::star(Rules::default());
        let centre = room.centre();
        assert!(centre.poll_company(&mut cx).is_pending());
        let member = room.join();
        assert!(centre.poll_company(&mut cx).is_ready());
        drop(member);
        assert!(centre.poll_company(&mut cx).is_pending());
        assert_eq!(room.lock().seats.len(), 1);
    }
}
