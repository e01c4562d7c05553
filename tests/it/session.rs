//! The pure session, driven by a robot: what the driver would do with its actions, without a socket.
//!
//! `endings` runs the rows of the matrix through it; here stand the properties that hold for every
//! order of events.

use proptest::prelude::*;
use std::time::Duration;
use wsio::{
    exit::Exit,
    fault::Fault,
    session::{
        Action, Event, Instant, Patience, Rules, Session, SideKind, SinkFailure, SourceEnd, When, Within,
    },
};

/// Follows a session's actions as a driver does whose links never fail by themselves.
pub struct Robot {
    pub session: Session,
    now: Instant,
    start: Instant,
    kinds: [SideKind; 2],
    /// Peers echo our Close.
    answers: bool,
    /// No ping gets onto the wire.
    swallows_pings: bool,
    /// Codes of the Closes asked for, by side.
    pub closes: [Vec<Option<u16>>; 2],
    source_over: [bool; 2],
    pending_close: [bool; 2],
    pending_shut: [bool; 2],
    released: [bool; 2],
    /// Bytes that the transports took, and how many of them stand in the send queues.
    sent: [u64; 2],
    queue: [u64; 2],
    /// How often the user was told that only this output is waited for.
    waits_told: [usize; 2],
}

impl Robot {
    pub fn new(rules: Rules, kinds: [SideKind; 2], answers: bool) -> Self {
        let now = Instant::now();
        let timeout_at = rules.timeout.map(|timeout| now + timeout);
        Self {
            session: Session::new(rules, kinds, false, timeout_at, now),
            now,
            start: now,
            kinds,
            answers,
            swallows_pings: false,
            closes: Default::default(),
            source_over: [false; 2],
            pending_close: [false; 2],
            pending_shut: [false; 2],
            released: [false; 2],
            sent: [0; 2],
            queue: [0; 2],
            waits_told: [0; 2],
        }
    }

    /// Something happens, and everything that follows from it at once.
    pub fn happens(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            match &event {
                Event::Ended { side, .. } => {
                    if std::mem::replace(&mut self.source_over[*side], true) {
                        continue;
                    }
                    events.push(Event::Delivered { side: 1 - side });
                }
                Event::Released { side, .. } => self.released[*side] = true,
                _ => {}
            }
            self.session.on(event, self.now);
            for action in self.session.actions() {
                self.follow(action, &mut events);
            }
            self.finish_what_waits(&mut events);
        }
    }

    fn follow(&mut self, action: Action, events: &mut Vec<Event>) {
        match action {
            Action::Stop { side } | Action::Abandon { side } => {
                if !std::mem::replace(&mut self.source_over[side], self.kinds[side] != SideKind::WebSocket) {
                    events.push(Event::Delivered { side: 1 - side });
                }
            }
            Action::Renew { .. } => panic!("nobody asked to be connected again"),
            Action::Close { side, code, when, .. } => {
                assert_eq!(self.kinds[side], SideKind::WebSocket, "only a WebSocket is closed with a code");
                assert!(!self.released[side], "nothing is sent after the release");
                self.closes[side].push(code);
                assert_eq!(self.closes[side].len(), 1, "one Close a side");
                match when {
                    When::Now => self.close(side, events),
                    When::Delivered => self.pending_close[side] = true,
                }
            }
            Action::Shut { side, .. } => self.pending_shut[side] = true,
            Action::Release { side, .. } => events.push(Event::Released { side, untaken: 0 }),
            Action::Measure { side } => {
                events.push(Event::Acknowledged {
                    side,
                    bytes: self.sent[side].saturating_sub(self.queue[side]),
                });
            }
            Action::Waiting { side } => self.waits_told[side] += 1,
            Action::Ping { .. } if self.swallows_pings => {}
            Action::Ping { side } => events.push(Event::PingSent { side }),
            Action::SendAway { .. } | Action::Discard { .. } | Action::Note(_) => {}
        }
    }

    /// A Close or shut waits until what was read before it is delivered, which here is at once.
    fn finish_what_waits(&mut self, events: &mut Vec<Event>) {
        for side in 0..2 {
            if std::mem::take(&mut self.pending_close[side]) {
                self.close(side, events);
            }
            if std::mem::take(&mut self.pending_shut[side]) {
                events.push(Event::Shut { side });
                if self.kinds[side] == SideKind::Subject {
                    // Who leaves a subject hears no more of it.
                    let how = SourceEnd::Eof { empty: false, hangup: true };
                    events.push(Event::Ended { side, how });
                }
            }
        }
    }

    fn close(&mut self, side: usize, events: &mut Vec<Event>) {
        if self.answers && !self.source_over[side] {
            let code = self.closes[side][0];
            let how = SourceEnd::Close { code, reason: String::new(), described: "echo".into() };
            events.push(Event::Ended { side, how });
        }
        events.push(Event::CloseSent { side });
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let (until, mut idle) = (self.now + time, 0);
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.session.tick(self.now);
            let mut events = Vec::new();
            for action in self.session.actions() {
                self.follow(action, &mut events);
            }
            self.finish_what_waits(&mut events);
            while let Some(event) = events.pop() {
                self.happens(event);
            }
            idle = if self.session.deadline() == Some(deadline) { idle + 1 } else { 0 };
            assert!(idle < 4, "a deadline that passed stays");
            if self.session.is_over() {
                return;
            }
        }
        self.now = until;
    }

    /// Lets time pass until the session is over; gives how long that took. Whoever held our output up
    /// takes it again: an output that stalls for ever is waited for, for ever.
    pub fn run_out(&mut self) -> Duration {
        for side in 0..2 {
            self.happens(Event::Blocked { side, blocked: false });
        }
        while !self.session.is_over() {
            let deadline = self.session.deadline().expect("a session that is not over waits for something");
            self.wait(deadline.saturating_duration_since(self.now));
        }
        self.now - self.start
    }

    pub fn exit(&self) -> Exit {
        self.session.verdict().map_or(Exit::Ok, |fault| fault.exit)
    }
}

/// Some fault of that exit.
pub fn fault(exit: Exit) -> Fault {
    Fault::new(exit, "session", "it happened")
}

fn kind() -> impl Strategy<Value = SideKind> {
    prop_oneof![
        Just(SideKind::WebSocket),
        Just(SideKind::Standard),
        Just(SideKind::Subject),
        Just(SideKind::Stream),
        Just(SideKind::Datagrams)
    ]
}

fn source_end() -> impl Strategy<Value = SourceEnd> {
    let code =
        prop_oneof![Just(None), Just(Some(1000)), Just(Some(1001)), Just(Some(1011)), Just(Some(4000))];
    let exits = prop_oneof![
        Just((Exit::Lost, None)),
        Just((Exit::Protocol, Some(1002))),
        Just((Exit::TooBig, Some(1009)))
    ];
    prop_oneof![
        Just(SourceEnd::Absent),
        (any::<bool>(), any::<bool>()).prop_map(|(empty, hangup)| SourceEnd::Eof { empty, hangup }),
        code.prop_map(|code| SourceEnd::Close { code, reason: "why".into(), described: "described".into() }),
        exits.prop_map(|(exit, answer)| SourceEnd::Lost { fault: fault(exit), answer }),
        Just(SourceEnd::Failed(fault(Exit::ReadError))),
        Just(SourceEnd::Refused(fault(Exit::BadInput))),
        Just(SourceEnd::SentAway { reason: "too slow".into() }),
    ]
}

/// Whether a link of that kind can tell such a thing.
fn is_possible(event: &Event, kinds: [SideKind; 2]) -> bool {
    match event {
        Event::Ended { side, how } => match how {
            SourceEnd::Close { .. } => kinds[*side] == SideKind::WebSocket,
            SourceEnd::Lost { answer, .. } => match kinds[*side] {
                SideKind::WebSocket => true,
                SideKind::Datagrams => answer.is_none(),
                _ => false,
            },
            _ => kinds[*side] != SideKind::WebSocket,
        },
        Event::Heard { side, .. } | Event::Wrote { side, .. } => kinds[*side] == SideKind::WebSocket,
        Event::SinkFailed { side, how: SinkFailure::Refused(_) } => kinds[*side] == SideKind::Subject,
        _ => true,
    }
}

fn subject_with(kind: SideKind, rules: Rules) -> Robot {
    Robot::new(rules, [kind, SideKind::Subject], true)
}

fn eof(empty: bool) -> Event {
    Event::Ended { side: 0, how: SourceEnd::Eof { empty, hangup: false } }
}

#[test]
fn nothing_to_say_on_a_subject_is_no_wish_to_leave_it() {
    for input in [eof(true), Event::Ended { side: 0, how: SourceEnd::Absent }] {
        let mut robot = subject_with(SideKind::Standard, Rules::default());
        robot.happens(input);
        robot.wait(Duration::from_secs(3600));
        assert!(!robot.session.is_over());
        robot.happens(Event::Signal(fault(Exit::Terminate)));
        robot.run_out();
        assert_eq!(robot.exit(), Exit::Terminate);
    }
}

#[test]
fn the_end_of_input_leaves_a_subject_unless_messages_are_counted_on() {
    let mut robot = subject_with(SideKind::Standard, Rules::default());
    robot.happens(eof(false));
    assert_eq!((robot.run_out(), robot.exit()), (Duration::ZERO, Exit::Ok));

    let mut robot = subject_with(SideKind::Standard, Rules { count: Some(2), ..Rules::default() });
    robot.happens(eof(false));
    robot.happens(Event::Received { side: 1, messages: 1 });
    robot.wait(Duration::from_millis(900));
    assert!(!robot.session.is_over());
    robot.run_out();
    assert_eq!(robot.exit(), Exit::Expectation);
}

#[test]
fn what_a_subject_cannot_carry_ends_its_source_alone() {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Subject], true);
    robot.happens(Event::SinkFailed { side: 1, how: SinkFailure::Refused(fault(Exit::BadInput)) });
    robot.run_out();
    assert_eq!((robot.exit(), robot.closes[0].as_slice()), (Exit::BadInput, &[Some(1009)][..]));

    let mut robot = subject_with(SideKind::Standard, Rules::default());
    robot.happens(Event::SinkFailed { side: 1, how: SinkFailure::Refused(fault(Exit::BadInput)) });
    assert_eq!((robot.run_out(), robot.exit()), (Duration::ZERO, Exit::BadInput));
}

#[derive(Clone, Debug)]
enum Step {
    Happens(Event),
    Waits(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2usize;
    prop_oneof![
        4 => (side.clone(), 1..3u64).prop_map(|(side, messages)| Step::Happens(Event::Received { side, messages })),
        2 => (side.clone(), any::<bool>(), any::<bool>(), 0..100_000u64).prop_map(|(side, message, frame, bytes)| {
            Step::Happens(Event::Heard { side, bytes, within: Within { message, frame } })
        }),
        1 => (side.clone(), 0..100_000u64).prop_map(|(side, bytes)| Step::Happens(Event::Wrote { side, bytes })),
        2 => (side.clone(), source_end()).prop_map(|(side, how)| Step::Happens(Event::Ended { side, how })),
        1 => side.clone().prop_map(|side| {
            let how = SinkFailure::ReaderLeft(fault(Exit::ReaderLeft));
            Step::Happens(Event::SinkFailed { side, how })
        }),
        1 => side.clone().prop_map(|side| {
            let how = SinkFailure::Failed(fault(Exit::WriteError));
            Step::Happens(Event::SinkFailed { side, how })
        }),
        1 => side.clone().prop_map(|side| {
            let how = SinkFailure::Refused(fault(Exit::BadInput));
            Step::Happens(Event::SinkFailed { side, how })
        }),
        1 => side.clone().prop_map(|side| Step::Happens(Event::CountReached { side })),
        1 => (side, any::<bool>()).prop_map(|(side, blocked)| Step::Happens(Event::Blocked { side, blocked })),
        1 => (0..2usize).prop_map(|side| Step::Happens(Event::Took { side })),
        1 => (0..2usize, any::<bool>()).prop_map(|(side, held)| Step::Happens(Event::Held { side, held })),
        1 => Just(Step::Happens(Event::Panicked)),
        6 => (0..30_000u64).prop_map(Step::Waits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: one Close a side, none after the release, no deadline
    /// missed (the robot checks these), and after a signal it is over in the time the rules give.
    #[test]
    fn every_order_of_events_ends(
        kinds in [kind(), kind()],
        answers in any::<bool>(),
        steps in prop::collection::vec(step(), 0..12),
    ) {
        let mut robot = Robot::new(Rules::default(), kinds, answers);
        for step in steps {
            if robot.session.is_over() {
                break;
            }
            match step {
                Step::Happens(event) if is_possible(&event, kinds) => robot.happens(event),
                Step::Happens(_) => {}
                Step::Waits(time) => robot.wait(Duration::from_millis(time)),
            }
        }
        let before = robot.now;
        robot.happens(Event::Signal(fault(Exit::Interrupt)));
        robot.run_out();
        let took = robot.now - before;
        let rules = Rules::default();
        prop_assert!(took <= rules.close_timeout * 2 + Duration::from_secs(2), "it took {took:?}");
    }

    /// The first fault is the verdict, whatever comes after it.
    #[test]
    fn the_first_fault_wins(steps in prop::collection::vec(step(), 0..12)) {
        let mut robot = Robot::new(Rules::default(), [SideKind::Standard, SideKind::WebSocket], true);
        robot.happens(Event::Ended { side: 0, how: SourceEnd::Failed(fault(Exit::ReadError)) });
        for step in steps {
            if robot.session.is_over() {
                break;
            }
            match step {
                Step::Happens(event) if is_possible(&event, robot.kinds) => robot.happens(event),
                Step::Happens(_) => {}
                Step::Waits(time) => robot.wait(Duration::from_millis(time)),
            }
        }
        robot.happens(Event::Signal(fault(Exit::Interrupt)));
        robot.run_out();
        prop_assert_eq!(robot.exit(), Exit::ReadError);
    }
}

/// A peer that is gone, found by writing, and an output of that patience that takes nothing of what it sent.
fn lost_behind(patience: Patience) -> Robot {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], true);
    robot.session.output(1, "the target".into(), patience);
    robot.happens(Event::Blocked { side: 0, blocked: true });
    robot.wait(Duration::from_secs(3600));
    let how = SinkFailure::Failed(fault(Exit::Lost));
    robot.happens(Event::SinkFailed { side: 0, how });
    robot
}

#[test]
fn what_a_lost_peer_sent_is_taken_for_as_long_as_it_is_taken() {
    let mut robot = lost_behind(Patience::Bounded);
    for _ in 0..20 {
        robot.wait(Duration::from_secs(4));
        robot.happens(Event::Took { side: 1 });
    }
    assert!(!robot.session.is_over(), "it is being taken");
    robot.wait(Duration::from_secs(6));
    assert_eq!((robot.session.is_over(), robot.exit()), (true, Exit::Lost), "it takes nothing");

    let mut robot = lost_behind(Patience::Endless);
    robot.wait(Duration::from_secs(3600));
    assert!(!robot.session.is_over());
    robot.happens(Event::Blocked { side: 0, blocked: false });
    let how = SourceEnd::Lost { fault: fault(Exit::Lost), answer: None };
    robot.happens(Event::Ended { side: 0, how });
    assert_eq!((robot.session.is_over(), robot.exit()), (true, Exit::Lost));
}

#[test]
fn whoever_does_not_take_what_came_is_waited_for_while_the_peer_lives() {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], true);
    robot.session.output(1, "the target".into(), Patience::Bounded);
    robot.happens(Event::Blocked { side: 0, blocked: true });
    robot.wait(Duration::from_secs(3600));
    assert!(!robot.session.is_over());
}

#[test]
fn a_line_that_is_cut_after_long_silence_names_the_likely_cause() {
    let start = Instant::now();
    let kinds = [SideKind::Standard, SideKind::WebSocket];
    let lost = |after: u64, interval: Option<u64>| {
        let rules = Rules { ping_interval: interval.map(Duration::from_secs), ..Rules::default() };
        let mut session = Session::new(rules, kinds, false, None, start);
        session.on(Event::Received { side: 1, messages: 1 }, start + Duration::from_secs(5));
        let fault = Fault::new(Exit::Lost, "session", "the peer closed the connection without a Close");
        let how = SourceEnd::Lost { fault, answer: None };
        session.on(Event::Ended { side: 1, how }, start + Duration::from_secs(5 + after));
        session.verdict().unwrap()
    };
    assert_eq!(lost(9, None).hint, None);
    assert_eq!(lost(60, Some(20)).hint, None, "pings go out already");
    let hint = lost(60, None).hint.unwrap();
    assert!(hint.contains("--ping-interval 20") && hint.contains("60 s after the last message"), "{hint}");
}

#[test]
fn a_close_code_comes_with_what_usually_helps() {
    let closed = |code: u16| {
        let mut session = Session::new(
            Rules::default(),
            [SideKind::Standard, SideKind::WebSocket],
            false,
            None,
            Instant::now(),
        );
        let how = SourceEnd::Close { code: Some(code), reason: String::new(), described: code.to_string() };
        session.on(Event::Ended { side: 1, how }, Instant::now());
        session.verdict().unwrap()
    };
    assert!(closed(1008).hint.unwrap().contains("--bearer"));
    assert!(closed(1012).hint.unwrap().contains("--reconnect"));
    assert_eq!(closed(4001).hint, None);
}

/// A session between these two, past this event and what follows from it at once.
fn after(kinds: [SideKind; 2], event: Event) -> Robot {
    let mut robot = Robot::new(Rules::default(), kinds, true);
    robot.happens(event);
    robot
}

const MORE: SourceEnd = SourceEnd::Eof { empty: false, hangup: false };

#[test]
fn answers_to_the_last_datagram_are_waited_for() {
    for other in [SideKind::Standard, SideKind::Stream] {
        let mut robot = after([other, SideKind::Datagrams], Event::Ended { side: 0, how: MORE });
        robot.wait(Duration::from_millis(900));
        robot.happens(Event::Received { side: 1, messages: 1 });
        robot.wait(Duration::from_millis(900));
        assert!(!robot.session.is_over(), "silent for less than --linger");
        robot.wait(Duration::from_millis(200));
        assert!(robot.session.is_over(), "a datagram's peer tells no end, so ours is both");
        assert_eq!(robot.exit(), Exit::Ok);
    }
}

#[test]
fn nothing_to_say_is_no_end_for_datagrams() {
    for how in [SourceEnd::Absent, SourceEnd::Eof { empty: true, hangup: false }] {
        let mut robot = after([SideKind::Standard, SideKind::Datagrams], Event::Ended { side: 0, how });
        robot.wait(Duration::from_secs(3600));
        assert!(!robot.session.is_over());
    }
}

#[test]
fn a_datagram_peer_gone_quiet_closes_a_web_socket_with_1000() {
    let how = SourceEnd::Eof { empty: false, hangup: true };
    let robot = after([SideKind::Datagrams, SideKind::WebSocket], Event::Ended { side: 0, how });
    assert_eq!((robot.closes[1].clone(), robot.session.is_over()), (vec![Some(1000)], true));
    assert_eq!(robot.exit(), Exit::Ok);
}

#[test]
fn a_message_that_is_no_datagram_is_answered_with_1009() {
    let how = SinkFailure::Failed(fault(Exit::BadInput));
    let robot = after([SideKind::WebSocket, SideKind::Datagrams], Event::SinkFailed { side: 1, how });
    assert_eq!((robot.closes[0].clone(), robot.session.is_over()), (vec![Some(1009)], true));
    assert_eq!(robot.exit(), Exit::BadInput);
}

#[test]
fn one_that_takes_nothing_of_what_is_for_many_is_too_slow_and_not_lost() {
    for (shared, close, exit) in [(true, 1013, Exit::Unsent), (false, 1011, Exit::Lost)] {
        let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], false);
        if shared {
            robot.session.shares(1);
        }
        // The ping that is due does not get out.
        robot.swallows_pings = true;
        robot.wait(Duration::from_secs(39));
        assert!(robot.closes[0].is_empty());
        robot.wait(Duration::from_secs(2));
        assert_eq!(robot.closes[0], [Some(close)]);
        robot.run_out();
        assert_eq!(robot.exit(), exit);
    }
}

#[test]
fn one_that_is_sent_away_has_a_moment_to_answer() {
    let how = || SourceEnd::SentAway { reason: "too slow".into() };
    let robot = after([SideKind::WebSocket, SideKind::Stream], Event::Ended { side: 1, how: how() });
    assert_eq!((robot.closes[0].as_slice(), robot.session.is_over()), (&[Some(1013)][..], true));
    assert_eq!(robot.exit(), Exit::Unsent);

    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], false);
    robot.happens(Event::Ended { side: 1, how: how() });
    assert!(robot.run_out() <= Duration::from_secs(6), "and no more than that");
}

#[test]
fn a_peer_that_goes_on_talking_keeps_nobody_who_has_to_leave() {
    let person = SourceEnd::Eof { empty: false, hangup: true };
    for event in [Event::Signal(fault(Exit::Terminate)), Event::Ended { side: 0, how: person }] {
        let mut robot = Robot::new(Rules::default(), [SideKind::Standard, SideKind::WebSocket], false);
        robot.happens(event);
        for _ in 0..9 {
            robot.wait(Duration::from_secs(1));
            if !robot.session.is_over() {
                robot.happens(Event::Received { side: 1, messages: 1 });
            }
        }
        assert!(robot.session.is_over());
    }
}
