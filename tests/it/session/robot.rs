//! A robot that follows a session's actions as the driver does, in a world that the test describes.
//!
//! Everything that takes time in the driver takes time here when the test says so: what was read is
//! delivered late, a Close gets out late, a send queue shrinks slowly, peers close while our Close is under
//! way. The time is the test's own, so hours pass at once, and the moment of each thing is exact.

use std::time::Duration;
use wsio::{
    exit::Exit,
    fault::Fault,
    session::{Action, Event, Instant, Rules, Session, Side, SideKind, SourceEnd, When},
};

/// How long the robot waits for a session that should end: longer than any clock of the rules.
const EVER: Duration = Duration::from_secs(24 * 3600);

/// How fast the far end's system acknowledges what stands in a send queue.
#[derive(Clone, Copy, Debug)]
pub enum Path {
    /// At once.
    Free,
    /// So many bytes a second.
    Rate(u64),
    /// Never.
    Still,
}

/// What a driver, its outputs and its peers do; a `None` happens when the test says so, or never.
#[derive(Clone, Debug)]
pub struct World {
    /// After our Close has come to a side's peer, it is echoed so much later.
    pub answers: [Option<Duration>; 2],
    /// When our Close is asked for, the peer closes with this, by itself.
    pub crosses: Option<Option<u16>>,
    /// A side's peer answers every ping of ours at once.
    pub pongs: [bool; 2],
    /// No ping gets onto the wire.
    pub swallows_pings: bool,
    /// From the end of the input for this side to its delivery.
    pub delivery: [Option<Duration>; 2],
    /// From a Close whose turn it is to its being on the wire.
    pub close: [Option<Duration>; 2],
    /// From a shut whose turn it is to its end.
    pub shut: [Option<Duration>; 2],
    /// How long a transport takes to be released, unless it has to be gone before.
    pub release: [Option<Duration>; 2],
    /// What a released side's far end has not taken.
    pub untaken: [u64; 2],
    /// The send queues.
    pub path: [Path; 2],
}

impl World {
    /// Everything happens at once; peers echo our Close, or never do.
    pub fn quick(answers: bool) -> Self {
        let at_once = [Some(Duration::ZERO); 2];
        Self {
            answers: [answers.then_some(Duration::ZERO); 2],
            crosses: None,
            pongs: [false; 2],
            swallows_pings: false,
            delivery: at_once,
            close: at_once,
            shut: at_once,
            release: at_once,
            untaken: [0; 2],
            path: [Path::Free; 2],
        }
    }
}

/// What the robot knows of one side beside its world.
#[derive(Default)]
struct State {
    source_over: bool,
    /// The last of the input for this side is under way, or delivered.
    delivering: bool,
    delivered: bool,
    /// A Close or shut was asked for and has not had its turn.
    asked: Option<Asked>,
    close_out: bool,
    released: bool,
    /// Bytes that came from here, that its transport took, and that stand in the send queue.
    heard: u64,
    sent: u64,
    queue: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Close(When),
    Shut,
}

/// A release as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// How long before the side is gone, at most.
    pub within: Option<Duration>,
    pub cut: bool,
}

/// Follows a session's actions as a driver does.
pub struct Robot {
    pub session: Session,
    pub world: World,
    now: Instant,
    start: Instant,
    pub kinds: [SideKind; 2],
    sides: [State; 2],
    /// When the send queues were looked at last.
    looked_at: [Instant; 2],
    /// What is under way, and when it comes.
    coming: Vec<(Instant, Event)>,
    /// Codes of the Closes asked for, by side; reasons, and when.
    pub closes: [Vec<Option<u16>>; 2],
    pub reasons: [Vec<String>; 2],
    pub closed_at: [Option<Duration>; 2],
    /// How each side was asked to be shut and released.
    pub shut_cut: [Option<bool>; 2],
    pub releases: [Vec<Release>; 2],
    /// How often the user was told that only this output is waited for.
    pub waits_told: [usize; 2],
    pub notes: Vec<String>,
    pub sent_away: [Option<String>; 2],
    pub pings: usize,
}

impl Robot {
    pub fn new(rules: Rules, kinds: [SideKind; 2], answers: bool) -> Self {
        Self::with(rules, kinds, false, World::quick(answers))
    }

    /// The same in a world of its own; `serving` when the WebSocket was accepted.
    pub fn with(rules: Rules, kinds: [SideKind; 2], serving: bool, world: World) -> Self {
        let now = Instant::now();
        let timeout_at = rules.timeout.map(|timeout| now + timeout);
        Self {
            session: Session::new(rules, kinds, serving, timeout_at, now),
            world,
            now,
            start: now,
            kinds,
            sides: Default::default(),
            looked_at: [now; 2],
            coming: Vec::new(),
            closes: Default::default(),
            reasons: Default::default(),
            closed_at: [None; 2],
            shut_cut: [None; 2],
            releases: Default::default(),
            waits_told: [0; 2],
            notes: Vec::new(),
            sent_away: Default::default(),
            pings: 0,
        }
    }

    /// Something happens, and everything that follows from it at once; a link that is gone tells nothing.
    pub fn happens(&mut self, event: Event) {
        if side_of(&event).is_none_or(|side| self.releases[side].is_empty()) {
            self.later(Some(Duration::ZERO), event);
            self.catch_up();
        }
    }

    /// So many bytes come from a side: of a message, of a frame that has begun.
    pub fn hears(&mut self, side: Side, bytes: u64, within: wsio::session::Within) {
        let bytes = self.sides[side].heard + bytes;
        self.happens(Event::Heard { side, bytes, within });
    }

    /// The transport of a side takes bytes of ours; they stand in its send queue.
    pub fn writes(&mut self, side: Side, bytes: u64) {
        let bytes = self.sides[side].sent + bytes;
        self.happens(Event::Wrote { side, bytes });
    }

    /// What was read for this side is delivered now.
    pub fn delivers(&mut self, side: Side) {
        assert!(self.sides[side].delivering, "its source has not ended");
        self.happens(Event::Delivered { side });
    }

    /// The Close that waits gets onto the wire.
    pub fn gets_close_out(&mut self, side: Side) {
        self.happens(Event::CloseSent { side });
    }

    /// What has a time comes so much later; the rest when the test says so.
    fn later(&mut self, delay: Option<Duration>, event: Event) {
        if let Some(delay) = delay {
            self.coming.push((self.now + delay, event));
        }
    }

    /// Everything that is due happens, in its order.
    fn catch_up(&mut self) {
        let mut steps = 0;
        while let Some(at) = self.coming.iter().position(|(at, _)| *at <= self.now) {
            let (_, event) = self.coming.remove(at);
            self.tell(event);
            steps += 1;
            assert!(steps < 10_000, "it goes round in circles");
        }
    }

    fn tell(&mut self, event: Event) {
        match &event {
            Event::Ended { side, .. } => {
                if std::mem::replace(&mut self.sides[*side].source_over, true) {
                    return;
                }
                self.deliver(side.other(), self.world.delivery[side.other()]);
            }
            Event::Delivered { side } if std::mem::replace(&mut self.sides[*side].delivered, true) => return,
            Event::CloseSent { side } => {
                if std::mem::replace(&mut self.sides[*side].close_out, true) {
                    return;
                }
                // The Close itself is a few bytes, at the end of the queue.
                let bytes = self.sides[*side].sent + 8;
                self.tell(Event::Wrote { side: *side, bytes });
            }
            Event::Released { side, .. } if self.sides[*side].released => return,
            Event::Released { side, .. } => self.sides[*side].released = true,
            Event::Heard { side, bytes, .. } => self.sides[*side].heard = *bytes,
            Event::Wrote { side, bytes } => {
                let state = &mut self.sides[*side];
                state.queue += bytes.saturating_sub(state.sent);
                state.sent = state.sent.max(*bytes);
            }
            _ => {}
        }
        self.session.on(event.clone(), self.now);
        self.follow();
        match event {
            Event::Delivered { side } => self.take_turn(side),
            Event::CloseSent { side } => self.peer_answers(side),
            _ => {}
        }
    }

    /// Time passes for the session, and its actions are done.
    fn follow(&mut self) {
        self.session.tick(self.now);
        for action in self.session.actions() {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Stop { side } => {
                self.sides[side].source_over |= self.kinds[side] != SideKind::WebSocket;
                self.deliver(side.other(), self.world.delivery[side.other()]);
            }
            Action::Abandon { side } => {
                self.sides[side].source_over |= self.kinds[side] != SideKind::WebSocket;
                self.deliver(side.other(), Some(Duration::ZERO));
            }
            Action::Renew { .. } => panic!("nobody asked to be connected again"),
            Action::Close { side, code, when, reason } => {
                assert_eq!(self.kinds[side], SideKind::WebSocket, "only a WebSocket is closed with a code");
                assert!(self.releases[side].is_empty(), "nothing is sent after the release");
                self.closes[side].push(code);
                self.reasons[side].push(reason);
                self.closed_at[side].get_or_insert(self.now - self.start);
                assert_eq!(self.closes[side].len(), 1, "one Close a side");
                self.sides[side].asked = Some(Asked::Close(when));
                self.take_turn(side);
                if let Some(code) = self.world.crosses {
                    self.later(Some(Duration::ZERO), closed(side, code));
                }
            }
            Action::Shut { side, cut } => {
                assert_ne!(self.kinds[side], SideKind::WebSocket, "a WebSocket is closed");
                assert!(self.shut_cut[side].replace(cut).is_none(), "shut once");
                self.sides[side].asked = Some(Asked::Shut);
                self.take_turn(side);
            }
            Action::Release { side, by, cut } => self.release(side, by, cut),
            Action::Measure { side } => {
                let bytes = self.acknowledged(side);
                self.later(Some(Duration::ZERO), Event::Acknowledged { side, bytes });
            }
            Action::Waiting { side } => self.waits_told[side] += 1,
            Action::Ping { side } => {
                self.pings += 1;
                if !self.world.swallows_pings {
                    self.later(Some(Duration::ZERO), Event::PingSent { side });
                    let pong = self.world.pongs[side].then_some(Duration::ZERO);
                    self.later(pong, Event::Ponged { side });
                }
            }
            Action::SendAway { side, reason } => self.sent_away[side] = Some(reason),
            Action::Note(text) => self.notes.push(text),
            Action::Discard { .. } => {}
        }
    }

    /// Nothing more comes for this side.
    fn deliver(&mut self, side: Side, delay: Option<Duration>) {
        // What is dropped does not wait for anything any more.
        if !std::mem::replace(&mut self.sides[side].delivering, true) || delay == Some(Duration::ZERO) {
            self.later(delay, Event::Delivered { side });
        }
    }

    /// A Close or shut has its turn once what was read before it is delivered.
    fn take_turn(&mut self, side: Side) {
        let delivered = self.sides[side].delivered;
        let has_turn = |asked: &mut Asked| *asked == Asked::Close(When::Now) || delivered;
        match self.sides[side].asked.take_if(has_turn) {
            Some(Asked::Close(_)) => self.later(self.world.close[side], Event::CloseSent { side }),
            Some(Asked::Shut) => {
                self.later(self.world.shut[side], Event::Shut { side });
                if self.kinds[side] == SideKind::Subject {
                    // Who leaves a subject hears no more of it.
                    let how = SourceEnd::Eof { empty: false, hangup: true };
                    self.later(self.world.shut[side], Event::Ended { side, how: Box::new(how) });
                }
            }
            None => {}
        }
    }

    /// The peer echoes our Close, once it has come through the queue.
    fn peer_answers(&mut self, side: Side) {
        let Some(code) = self.closes[side].first().copied() else { return };
        let through = match self.world.path[side] {
            Path::Free => Some(Duration::ZERO),
            Path::Rate(rate) => {
                let queue = self.sides[side].sent - self.acknowledged(side);
                Some(Duration::from_millis(queue * 1000 / rate.max(1)))
            }
            Path::Still => None,
        };
        let after = self.world.answers[side].and_then(|after| Some(after + through?));
        self.later(after, closed(side, code));
    }

    fn release(&mut self, side: Side, by: Option<Instant>, cut: bool) {
        assert!(by.is_some() || self.releases[side].is_empty(), "released once, or sooner");
        let within = by.map(|by| by.saturating_duration_since(self.now));
        // What is being released already is dropped.
        let delay = match self.releases[side].is_empty() {
            true => self.world.release[side].into_iter().chain(within).min(),
            false => Some(Duration::ZERO),
        };
        self.releases[side].push(Release { within, cut });
        // The link is gone: nothing more comes of it but that, and nothing goes there.
        self.coming.retain(|(_, event)| side_of(event) != Some(side) || *event == Event::Delivered { side });
        self.sides[side].asked = None;
        let how = SourceEnd::Absent;
        self.tell(Event::Ended { side, how: Box::new(how) });
        self.deliver(side, Some(Duration::ZERO));
        self.later(delay, Event::Released { side, untaken: self.world.untaken[side] });
    }

    /// What of a send queue is acknowledged by now.
    fn acknowledged(&mut self, side: Side) -> u64 {
        let state = &mut self.sides[side];
        let took = match self.world.path[side] {
            Path::Free => state.queue,
            Path::Rate(rate) => {
                let time = self.now - self.looked_at[side];
                state.queue.min(u64::try_from(time.as_millis()).unwrap_or(u64::MAX) * rate / 1000)
            }
            Path::Still => 0,
        };
        if took > 0 || state.queue == 0 {
            self.looked_at[side] = self.now;
        }
        state.queue -= took;
        state.sent - state.queue
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let (until, mut idle) = (self.now + time, 0);
        while !self.session.is_over() {
            let deadline = self.session.deadline();
            let coming = self.coming.iter().map(|(at, _)| *at).min();
            let Some(next) = deadline.into_iter().chain(coming).min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(next);
            self.follow();
            self.catch_up();
            let stays = self.session.deadline() == deadline && deadline.is_some_and(|at| at <= self.now);
            idle = if stays { idle + 1 } else { 0 };
            assert!(idle < 4, "a deadline that passed stays");
        }
        if !self.session.is_over() {
            self.now = until;
        }
    }

    /// Lets time pass until a Close of this side is asked for.
    pub fn wait_for_close(&mut self, side: Side) {
        let before = self.now;
        while self.closes[side].is_empty() && !self.session.is_over() {
            assert!(self.now - before < EVER, "no Close is asked for");
            self.wait(Duration::from_millis(10));
        }
    }

    /// Lets time pass in steps of a second, at most so many; something happens after each of them.
    pub fn each_second(&mut self, seconds: u64, mut happens: impl FnMut(&mut Self)) {
        for _ in 0..seconds {
            self.wait(Duration::from_secs(1));
            if self.session.is_over() {
                return;
            }
            happens(self);
        }
    }

    /// Lets time pass until the session is over; gives how long it took from its begin. Whoever held our
    /// output up takes it again: an output that stalls for ever is waited for, for ever.
    pub fn run_out(&mut self) -> Duration {
        for side in Side::BOTH {
            self.happens(Event::Blocked { side, blocked: false });
        }
        self.ends();
        self.now - self.start
    }

    /// Lets time pass until the session is over; gives how long that took from now.
    pub fn ends(&mut self) -> Duration {
        let before = self.now;
        self.wait(EVER);
        assert!(self.session.is_over(), "it waits for ever");
        self.now - before
    }

    /// Bytes that stand in the send queues.
    pub fn queues(&self) -> [u64; 2] {
        self.sides.each_ref().map(|side| side.queue)
    }

    /// How long it has lived.
    pub fn age(&self) -> Duration {
        self.now - self.start
    }

    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }

    pub fn fault(&self) -> Option<Fault> {
        self.session.verdict()
    }

    pub fn exit(&self) -> Exit {
        self.fault().map_or(Exit::Ok, |fault| fault.exit)
    }
}

/// A peer's Close.
pub fn closed(side: Side, code: Option<u16>) -> Event {
    let described = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
    Event::Ended {
        side,
        how: Box::new(SourceEnd::Close { code, reason: String::new(), described, advice: None }),
    }
}

fn side_of(event: &Event) -> Option<Side> {
    match event {
        Event::Received { side, .. }
        | Event::Heard { side, .. }
        | Event::Ponged { side }
        | Event::Wrote { side, .. }
        | Event::Acknowledged { side, .. }
        | Event::Took { side }
        | Event::Ended { side, .. }
        | Event::SinkFailed { side, .. }
        | Event::Delivered { side }
        | Event::CloseSent { side }
        | Event::Shut { side }
        | Event::Released { side, .. }
        | Event::CountReached { side }
        | Event::PingSent { side }
        | Event::Blocked { side, .. }
        | Event::Held { side, .. }
        | Event::Overflowed { side }
        | Event::Away { side, .. } => Some(*side),
        Event::Matched { .. }
        | Event::Unsent { .. }
        | Event::InDoubt { .. }
        | Event::Late { .. }
        | Event::Signal(_)
        | Event::Unmet(_)
        | Event::Panicked => None,
    }
}
