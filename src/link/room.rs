//! A room: what one member says is heard by the others, each behind a bounded queue of its own.
//!
//! Payloads are shared, never copied for each member. What the centre says in one turn is encoded once for
//! all, and is one entry of each queue.
//!
//! A member that does not keep up is dealt with as the room's rules say, so that all of them together hold
//! the others up for no more than a second in thirty. In a star, the members speak with the centre alone
//! (standard input and output); in a mesh, everybody with everybody.

mod allowance;
mod bridge;
mod holding;
mod rules;
mod told;

pub use bridge::{Bridge, Gate};
pub use rules::{RoomRules, Slow, Speaker};
pub use told::Told;

use super::{BATCH, HIGH_WATER, Item, Link, Queue, is_control};
use crate::{
    framing::record::{Dir, Facts, Record, What},
    link::web_socket::asked,
    observe::Reporter,
    session::{SideKind, SinkFailure, SourceEnd},
    ws::encoded::Encoded,
};
use allowance::{Allowance, Pace};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Payloads below this are copied before they wait. Bytes.
const COMPACT: usize = 4 * 1024;
/// Below this bound on a queue (`--queue`) every message is looked at alone. Bytes.
const TOGETHER: usize = 1024 * 1024;

/// Members and what joins them; shared by its members.
pub struct Room {
    rules: RoomRules,
    mesh: bool,
    /// Check of what may leave it by its bridge; unset when it has none.
    gate: OnceLock<Gate>,
    /// Reporter of what it drops; unset where nobody asked for that.
    told: OnceLock<Told>,
    state: Mutex<RoomState>,
}

#[derive(Default)]
struct RoomState {
    next: u64,
    seats: Vec<RoomSeat>,
    /// Some queue may have reached the bound (`--queue`): as long as none has, nobody looks at all of them.
    may_be_full: bool,
    last: VecDeque<Message>,
    last_bytes: usize,
    /// Task that waits for company.
    waiting: Option<Waker>,
    /// Time for which the others may still be held up.
    allowance: Allowance,
}

struct RoomSeat {
    number: u64,
    queue: Queue,
    centre: bool,
    /// Its connection in records, when somebody knows it.
    conn: Option<u64>,
    /// It stands for everybody elsewhere, who count what they miss.
    is_bridge: bool,
    waited: Waited,
    /// Measure of what it takes, from when its queue was full until that is half empty.
    pace: Option<Pace>,
}

/// Treatment of a seat whose queue is full.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// As the room's rules say.
    ByTheRules,
    /// All wait for it, without a limit.
    Always,
    /// Nobody waits: what does not fit is dropped, and counted.
    Never,
}

/// Lays out what the client of a connection said, for a person who hears all of them; `None` where nobody
/// has to hear of it.
pub type Layout = Arc<dyn Fn(u64, &Message) -> Option<Message> + Send + Sync>;

/// Form in which a member speaks to the centre.
enum Voice {
    /// In its messages alone.
    Plain,
    /// In JSON records that carry the number of its connection.
    Records(u64),
    /// Laid out, with the number of its connection.
    LaidOut(u64, Layout),
}

impl Voice {
    /// Message that the centre hears in place of this one; `None` where it hears this one itself.
    fn says(&self, message: &Message) -> Option<Message> {
        match self {
            Self::Plain => None,
            Self::Records(conn) => Some(record(*conn, Some(Dir::In), What::of(message)?)),
            Self::LaidOut(conn, layout) => layout(*conn, message),
        }
    }
}

/// Rooms by name, made when first asked for.
pub struct Rooms {
    rules: RoomRules,
    reporter: Option<Reporter>,
    named: Mutex<HashMap<String, Arc<Room>>>,
}

impl Rooms {
    /// No room yet; each will have these rules.
    pub fn new(rules: RoomRules) -> Self {
        Self { rules, reporter: None, named: Mutex::default() }
    }

    /// The same, which tell what they drop.
    #[must_use]
    pub fn reported_by(self, reporter: Reporter) -> Self {
        Self { reporter: Some(reporter), ..self }
    }

    /// A place in the room of that name.
    pub fn join(&self, name: &str) -> Member {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let room = Room::mesh(self.rules);
            if let Some(reporter) = &self.reporter {
                room.tell_by(Told::new(reporter.clone(), &format!("hub:{name}")));
            }
            room
        };
        named.entry(name.to_owned()).or_insert_with(make).join()
    }
}

/// One place in a room; leaving it is dropping it.
pub struct Member {
    room: Arc<Room>,
    number: u64,
    centre: bool,
    /// Nobody hears what it says.
    mute: bool,
    incoming: Queue,
    patience: Pin<Box<Sleep>>,
    /// Form in which it speaks to the centre.
    voice: Voice,
    /// Messages of it that nobody was there to hear.
    unheard: AtomicU64,
    /// It spoke, or wants to, since all had room: who only listens need not look at everybody.
    speaks: AtomicBool,
    speaker: Speaker,
    /// It waits, and the time of the others runs for that.
    holding: bool,
}

impl Room {
    /// A room whose members all hear each other.
    pub fn mesh(rules: RoomRules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            mesh: true,
            gate: OnceLock::new(),
            told: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    /// A room whose members speak with its centre.
    pub fn star(rules: RoomRules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            mesh: false,
            gate: OnceLock::new(),
            told: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    /// Tells there what it drops, from now on.
    pub fn tell_by(&self, told: Told) {
        let _ = self.told.set(told);
    }

    /// One more member, who first hears the last messages.
    pub fn join(self: &Arc<Self>) -> Member {
        self.seat(false, Waited::ByTheRules)
    }

    /// The centre: standard input and output. It is waited for, however slow it is.
    pub fn centre(self: &Arc<Self>) -> Member {
        self.seat(true, Waited::Always)
    }

    /// Lets the centre hear this, whoever said it.
    pub fn tell_centre(&self, message: &Message) {
        let state = &mut *self.lock();
        for seat in state.seats.iter().filter(|seat| seat.centre) {
            state.may_be_full |= seat.queue.push(message.clone()) >= self.rules.queue;
        }
    }

    fn send_away_but(&self, number: u64, end: &SourceEnd) {
        let state = self.lock();
        state
            .seats
            .iter()
            .filter(|seat| seat.number != number)
            .for_each(|seat| seat.queue.finish(end.clone()));
    }

    fn seat(self: &Arc<Self>, centre: bool, waited: Waited) -> Member {
        let incoming = Queue::default();
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if !centre {
            for message in &state.last {
                incoming.push(message.clone());
            }
            state.may_be_full |= incoming.bytes() >= self.rules.queue;
        }
        state.seats.push(RoomSeat {
            number,
            queue: incoming.clone(),
            centre,
            conn: None,
            is_bridge: false,
            waited,
            pace: None,
        });
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
        let patience = Box::pin(sleep_until(Instant::now()));
        Member {
            room: Arc::clone(self),
            number,
            centre,
            mute: false,
            incoming,
            patience,
            voice: Voice::Plain,
            unheard: AtomicU64::new(0),
            speaks: AtomicBool::new(false),
            speaker: if centre { Speaker::Source } else { Speaker::Member },
            holding: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, RoomState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomState {
    /// Gives whether fewer are kept than were asked for.
    fn remember(&mut self, message: &Message, rules: &RoomRules) -> bool {
        if rules.last == 0 {
            return false;
        }
        self.last.push_back(message.clone());
        self.last_bytes += message.len();
        let mut is_trimmed = false;
        while self.last.len() > rules.last || self.last_bytes > rules.queue && self.last.len() > 1 {
            is_trimmed |= self.last.len() <= rules.last;
            self.last_bytes -= self.last.pop_front().map_or(0, |message| message.len());
        }
        is_trimmed
    }
}

impl Member {
    /// Queue of what this member hears.
    pub fn incoming(&self) -> &Queue {
        &self.incoming
    }

    /// Says something to those who are to hear it.
    pub fn say(&self, message: &Message) {
        if self.mute {
            return;
        }
        let message = &compact(message);
        self.speaks.store(true, Ordering::Relaxed);
        let told = self.voice.says(message);
        let mut locked = self.room.lock();
        let state = &mut *locked;
        let rules = self.room.rules;
        let is_trimmed = (self.centre || self.room.mesh) && state.remember(message, &rules);
        // A message that is kept is heard by later members; in a bridged room it is heard, or was said,
        // elsewhere.
        let mut is_heard = rules.last > 0 || self.is_bridged();
        let mut missed = Vec::new();
        for seat in state.seats.iter_mut().filter(|seat| self.reaches(seat)) {
            is_heard = true;
            let waits = match told.as_ref().filter(|_| seat.centre) {
                Some(told) => seat.queue.push(told.clone()),
                None => self.hand(seat, (1, |queue: &Queue| queue.push(message.clone())), &mut missed),
            };
            state.may_be_full |= waits >= rules.queue;
        }
        drop(locked);
        self.tell_missed(missed, is_trimmed, usize::from(!is_heard));
    }

    /// Says the first of these messages, as many as go together, to all who are to hear the centre; gives their
    /// payload bytes, or `None` when the first one has to be said alone.
    ///
    /// They are encoded once, and each member's queue has a handle to that.
    pub fn say_together(&self, items: &mut VecDeque<Item>) -> Option<usize> {
        let rules = self.room.rules;
        if !self.centre || self.mute || rules.queue < TOGETHER {
            return None;
        }
        let encoded = Encoded::new(items.iter().map_while(Item::data))?;
        self.speaks.store(true, Ordering::Relaxed);
        let mut locked = self.room.lock();
        let state = &mut *locked;
        let mut is_trimmed = false;
        if rules.last > 0 {
            for message in items.iter().filter_map(Item::data).take(encoded.count()) {
                is_trimmed |= state.remember(&compact(message), &rules);
            }
        }
        let mut is_heard = rules.last > 0 || self.is_bridged();
        let mut missed = Vec::new();
        for seat in state.seats.iter_mut().filter(|seat| self.reaches(seat)) {
            is_heard = true;
            let handed = (encoded.count(), |queue: &Queue| queue.push_encoded(encoded.clone()));
            state.may_be_full |= self.hand(seat, handed, &mut missed) >= rules.queue;
        }
        drop(locked);
        items.drain(..encoded.count());
        self.tell_missed(missed, is_trimmed, if is_heard { 0 } else { encoded.count() });
        Some(encoded.bytes())
    }

    /// Tells who missed something, whether less is kept than was asked for, and how much nobody heard.
    fn tell_missed(&self, missed: Vec<Option<u64>>, is_trimmed: bool, unheard: usize) {
        self.unheard.fetch_add(unheard as u64, Ordering::Relaxed);
        let Some(told) = self.room.told.get() else { return };
        missed.into_iter().for_each(|conn| told.slow(conn));
        (0..unheard).for_each(|_| told.unheard());
        if is_trimmed {
            told.trimmed(&self.room.rules);
        }
    }

    /// Messages of this member that nobody was there to hear.
    pub fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }

    /// Puts so many messages into its queue, in that way; gives what waits there then, bytes. Whoever has no
    /// room and is not waited for is put down, for each of them.
    fn hand(
        &self,
        seat: &mut RoomSeat,
        (count, push): (usize, impl FnOnce(&Queue) -> usize),
        missed: &mut Vec<Option<u64>>,
    ) -> usize {
        let most = self.room.rules.queue;
        if seat.pace.is_some() && seat.queue.bytes() < most / 2 {
            seat.pace = None;
        }
        if !self.waits_for(seat) && seat.queue.bytes() >= most {
            seat.queue.count_dropped_many(count);
            if !seat.is_bridge {
                missed.extend(std::iter::repeat_n(seat.conn, count));
            }
            return most;
        }
        push(&seat.queue)
    }

    /// Speaks to the centre in JSON records of this connection from now on.
    pub fn speak_in_records(&mut self, conn: u64) {
        self.voice = Voice::Records(conn);
    }

    /// Speaks to the centre in this layout, as this connection, from now on.
    pub fn speak_laid_out(&mut self, conn: u64, layout: Layout) {
        self.voice = Voice::LaidOut(conn, layout);
    }

    /// True when the centre is told what happens beside data messages too.
    pub fn tells(&self) -> bool {
        !matches!(self.voice, Voice::Plain)
    }

    /// Tells the centre that something happened, if it is told such things.
    pub fn tell(&self, what: What<'_>) {
        if let Voice::Records(conn) = self.voice {
            self.room.tell_centre(&record(conn, None, what));
        }
    }

    /// Tells the centre of a ping, a pong or a Close.
    pub fn tell_of(&self, message: &Message) {
        if let Some(told) = self.voice.says(message) {
            self.room.tell_centre(&told);
        }
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
        let mut state = self.room.lock();
        state.seats.retain(|seat| seat.number != self.number);
        if self.holding {
            state.allowance.note(false, Instant::now());
        }
        drop(state);
        self.incoming.finish(end);
    }

    /// Ends the session of everybody else here, behind what was said before.
    pub fn send_others_away(&self, end: &SourceEnd) {
        self.room.send_away_but(self.number, end);
    }

    fn waits_for(&self, seat: &RoomSeat) -> bool {
        match seat.waited {
            Waited::ByTheRules => self.room.rules.slow != Slow::Drop,
            Waited::Always => true,
            Waited::Never => false,
        }
    }

    fn reaches(&self, seat: &RoomSeat) -> bool {
        seat.number != self.number
            && !seat.queue.is_finished()
            && (self.room.mesh || self.centre || seat.centre)
    }
}

impl Link for Member {
    fn kind(&self) -> SideKind {
        if self.is_bridged() { SideKind::Subject } else { SideKind::Stream }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        self.incoming.poll_items(cx, batch, BATCH)
    }

    fn has_encoded(&self) -> bool {
        self.incoming.has_encoded()
    }

    fn take_encoded(&mut self) -> Option<Encoded> {
        self.incoming.take_encoded()
    }

    fn end(&self) -> Option<SourceEnd> {
        self.incoming.end()
    }

    fn queued(&self) -> usize {
        // Each member that hears it has its own bound; a full one is waited for before the next message.
        if self.is_held_up() { HIGH_WATER } else { 0 }
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        if is_control(&message) {
            self.tell_of(&message);
        } else if let Some(fault) = self.refuses(&message) {
            return Err(SinkFailure::Refused(fault));
        } else {
            self.say(&message);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.poll_room(cx).map(Ok)
    }

    fn poll_shut(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.leave(SourceEnd::Eof { empty: false, hangup: true });
        Poll::Ready(Ok(()))
    }

    fn wants_events(&self) -> bool {
        self.tells()
    }

    fn open(&mut self, _conn: Option<u64>, facts: &Facts) {
        self.tell(What::Open(facts));
    }

    fn dropped(&self) -> u64 {
        self.incoming.dropped()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave(SourceEnd::Absent);
    }
}

/// A record as a message, without the line's end.
pub fn record(conn: u64, dir: Option<Dir>, what: What<'_>) -> Message {
    Message::Binary(Record::new(Some(conn), dir, what).json().into())
}

/// A small payload in memory of its own: it may wait long, and would keep all of the buffer it was read
/// into. Made once for all who hear it.
pub fn compact(message: &Message) -> Message {
    match message {
        Message::Text(text) if text.len() < COMPACT => Message::text(text.as_str()),
        Message::Binary(payload) if payload.len() < COMPACT => {
            Message::binary(Bytes::copy_from_slice(payload))
        }
        larger => larger.clone(),
    }
}

impl Member {
    /// Gives this member the number of a connection, so that it can be spoken to.
    pub fn set_conn(&self, conn: u64) {
        let mut state = self.room.lock();
        let own = |seat: &&mut RoomSeat| seat.number == self.number;
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
        let RoomState { seats, may_be_full, .. } = &mut *state;
        let mut reached = conn.is_none();
        let meant = |conn_of: Option<u64>| conn.is_none() || conn == conn_of;
        for seat in seats.iter_mut().filter(|seat| !seat.centre && meant(seat.conn) && self.reaches(seat)) {
            reached = true;
            match message {
                Message::Close(frame) => seat.queue.finish(asked(frame.clone(), true)),
                message => {
                    let handed = (1, |queue: &Queue| queue.push(message.clone()));
                    *may_be_full |= self.hand(seat, handed, &mut missed) >= self.room.rules.queue;
                }
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
mod tests;
