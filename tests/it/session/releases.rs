//! How the sides are let go: whether the far end has to see that something was cut off, by when a
//! transport has to be gone, and what is told of the session after that.

use super::{
    Robot, fault,
    robot::{Release, World, closed},
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{Doubt, DrainTimeout, Event, Left, Rules, Side, SideKind, SinkFailure, SourceEnd},
};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const BRIDGE: [SideKind; 2] = [SideKind::Stream, SideKind::WebSocket];

fn ended(side: Side, how: SourceEnd) -> Event {
    Event::Ended { side, how: Box::new(how) }
}

fn eof() -> Event {
    ended(Side::A, SourceEnd::Eof { empty: false, hangup: true })
}

fn lost(exit: Exit, answer: Option<u16>) -> Event {
    ended(Side::B, SourceEnd::Lost { fault: fault(exit), answer })
}

fn away() -> Event {
    ended(Side::A, SourceEnd::SentAway { reason: "too slow".into() })
}

fn broken(side: Side) -> Event {
    Event::SinkFailed { side, how: Box::new(SinkFailure::Failed(fault(Exit::Lost))) }
}

#[test]
fn a_far_end_sees_that_it_did_not_get_all_after_abnormal_ends_only() {
    let exited = || {
        let how = SourceEnd::Exited { fault: fault(Exit::Command), reason: "exit 7".into() };
        ended(Side::A, how)
    };
    let rows: Vec<(&str, Event, bool, bool)> = vec![
        // What happens, whether our Close is answered, and whether the byte side is cut.
        ("1000", closed(Side::B, Some(1000)), true, false),
        ("1001", closed(Side::B, Some(1001)), true, false),
        ("no code", closed(Side::B, None), true, false),
        ("a code of --ok-close", closed(Side::B, Some(4321)), true, false),
        ("1011", closed(Side::B, Some(1011)), true, true),
        ("a loss", lost(Exit::Lost, None), true, true),
        ("a fault of the protocol", lost(Exit::Protocol, Some(1002)), true, true),
        ("too big", lost(Exit::TooBig, Some(1009)), true, true),
        ("our end", eof(), true, false),
        ("our end, never answered", eof(), false, true),
        ("nothing can be sent", broken(Side::B), true, true),
        ("too much memory", Event::Overflowed { side: Side::B }, true, true),
        ("too slow", away(), true, true),
        ("a child's end", exited(), true, false),
        ("a signal", Event::Signal(Box::new(fault(Exit::Terminate))), true, false),
        ("a signal, never answered", Event::Signal(Box::new(fault(Exit::Terminate))), false, true),
        ("unmet", Event::Unmet(Box::new(fault(Exit::Expectation))), true, false),
    ];
    for (name, event, answers, cut) in rows {
        for kind in [SideKind::Stream, SideKind::Standard] {
            let rules = Rules { ok_close: vec![4000..=4999], ..Rules::default() };
            let mut robot = Robot::new(rules, [kind, SideKind::WebSocket], answers);
            robot.happens(event.clone());
            robot.ends();
            let [a, b] = &robot.releases;
            assert_eq!(a.last().map(|release| release.cut), Some(cut), "{name}");
            assert_eq!(robot.shut_cut[0].unwrap_or(cut), cut, "{name}");
            assert!(b.iter().all(|release| !release.cut), "{name}: a WebSocket has its Close to tell");
        }
    }
}

#[test]
fn between_two_streams_only_a_failed_source_cuts() {
    for (how, cut) in [
        (SourceEnd::Eof { empty: false, hangup: false }, false),
        (SourceEnd::Failed(fault(Exit::ReadError)), true),
    ] {
        let mut robot = Robot::new(Rules::default(), [SideKind::Stream; 2], true);
        robot.happens(ended(Side::A, how));
        robot.happens(ended(Side::B, SourceEnd::Eof { empty: false, hangup: false }));
        robot.ends();
        let cuts = robot.releases.each_ref().map(|releases| releases.last().unwrap().cut);
        assert_eq!((robot.shut_cut, cuts), ([Some(false), Some(cut)], [false, cut]));
    }
}

#[test]
fn what_a_session_is_cut_off_from_is_cut_unless_it_had_all() {
    for (shuts, cut) in [(false, true), (true, false)] {
        let mut world = World::quick(true);
        (world.release, world.delivery[0]) = ([None; 2], None);
        let mut robot = Robot::with(Rules::default(), BRIDGE, true, world);
        robot.happens(closed(Side::B, Some(1000)));
        if shuts {
            robot.delivers(Side::A);
        }
        robot.wait(SECOND);
        robot.happens(Event::Signal(Box::new(fault(Exit::Terminate))));
        assert!(robot.ends() <= 50 * MS);
        let release = *robot.releases[0].last().unwrap();
        assert_eq!(release, Release { within: Some(50 * MS), cut }, "shut {shuts}");
        assert!(robot.session.was_cut_off());
    }
}

#[test]
fn a_transport_is_gone_by_the_earliest_of_what_is_known() {
    let within = |serving, events: Vec<(Duration, Event)>| {
        let mut robot = Robot::with(Rules::default(), BRIDGE, serving, World::quick(true));
        for (wait, event) in events {
            robot.wait(wait);
            robot.happens(event);
        }
        robot.ends();
        robot.releases.map(|releases| releases.last().unwrap().within)
    };
    let now = |event| vec![(Duration::ZERO, event)];
    let signal = || Event::Signal(Box::new(fault(Exit::Interrupt)));
    assert_eq!(within(false, now(closed(Side::B, Some(1000)))), [None, None]);
    assert_eq!(within(false, now(eof())), [None, None]);
    assert_eq!(
        within(false, now(lost(Exit::Lost, None))),
        [None, Some(SECOND)],
        "a second for the last word"
    );
    assert_eq!(within(false, now(lost(Exit::Protocol, Some(1002)))), [None, None]);
    assert_eq!(within(false, now(signal())), [Some(5 * SECOND); 2]);
    assert_eq!(within(true, now(signal())), [Some(10 * SECOND); 2]);
    let reader_left =
        Event::SinkFailed { side: Side::A, how: Box::new(SinkFailure::ReaderLeft(fault(Exit::ReaderLeft))) };
    assert_eq!(within(false, now(reader_left)), [Some(50 * MS); 2]);

    let mut robot = Robot::new(Rules::default(), BRIDGE, false);
    robot.world.close[1] = None;
    robot.happens(signal());
    robot.wait(4500 * MS);
    robot.happens(lost(Exit::Lost, None));
    assert_eq!(robot.releases[1].last().unwrap().within, Some(500 * MS), "what the signal left");
    let mut robot = Robot::new(Rules::default(), BRIDGE, false);
    robot.happens(eof());
    robot.ends();
    assert_eq!(robot.releases[1].last().unwrap().within, Some(Duration::ZERO), "it was waited for already");
}

#[test]
fn a_second_end_never_puts_the_first_one_off() {
    let mut world = World::quick(false);
    world.close[1] = None;
    let mut robot = Robot::with(Rules::default(), BRIDGE, false, world);
    robot.happens(Event::Signal(Box::new(fault(Exit::Interrupt))));
    robot.wait(4 * SECOND);
    robot.happens(Event::Unmet(Box::new(fault(Exit::Expectation))));
    robot.happens(Event::Signal(Box::new(fault(Exit::Terminate))));
    let took = robot.ends();
    assert!(took <= SECOND + 50 * MS, "{took:?}");
    assert_eq!(robot.exit(), Exit::Interrupt, "the first fault");
}

#[test]
fn one_that_holds_too_much_memory_is_sent_away() {
    for (close, answers, took) in
        [(true, true, Duration::ZERO), (true, false, 5 * SECOND), (false, false, 6 * SECOND)]
    {
        let mut world = World::quick(answers);
        if !close {
            world.close[1] = None;
        }
        let mut robot = Robot::with(Rules::default(), BRIDGE, true, world);
        robot.happens(Event::Overflowed { side: Side::B });
        assert_eq!(robot.closes[1], [Some(1013)]);
        assert!(robot.reasons[1][0].contains("--max-buffer"), "{:?}", robot.reasons);
        assert!(robot.sent_away[1].as_ref().unwrap().contains("--max-buffer"));
        assert_eq!((robot.ends(), robot.exit()), (took, Exit::Unsent));
    }
}

#[test]
fn an_output_that_held_the_peer_up_is_named_where_the_peer_gave_up() {
    let hint = |held: &[(u32, bool)], end: Event| {
        let mut robot = Robot::new(Rules { ping_interval: None, ..Rules::default() }, BRIDGE, true);
        robot.session.output(Side::A, "the slow target".into(), DrainTimeout::CloseTimeout);
        for (wait, held) in held {
            robot.wait(*wait * SECOND);
            robot.happens(Event::Held { side: Side::B, held: *held });
        }
        robot.wait(4 * SECOND);
        robot.happens(Event::Received { side: Side::B, messages: 1 });
        robot.happens(end);
        robot.fault().unwrap().hint.unwrap_or_default()
    };
    for end in [closed(Side::B, Some(1011)), lost(Exit::Lost, None)] {
        let told = hint(&[(0, true), (6, true)], end.clone());
        assert!(told.contains("the slow target") && told.contains("--read-ahead"), "{told}");
        assert!(told.contains("waited 10 s"), "from its first moment: {told}");
        for held in
            [&[(0, true), (5, true)][..], &[(0, true), (30, false)], &[(0, true), (30, false), (0, true)]]
        {
            let told = hint(held, end.clone());
            assert!(!told.contains("the slow target"), "{held:?}: {told}");
        }
    }
    let told = hint(&[(0, true), (30, true)], lost(Exit::Protocol, Some(1002)));
    assert!(!told.contains("the slow target"), "that is another matter: {told}");
}

#[test]
fn complete_is_what_was_sent_and_closed() {
    let row = |answers, event: Event, then: Option<Event>| {
        let mut robot = Robot::new(Rules::default(), BRIDGE, answers);
        robot.happens(event);
        if let Some(event) = then {
            robot.happens(event);
        }
        robot.ends();
        robot.session.is_complete()
    };
    let signal = || Event::Signal(Box::new(fault(Exit::Terminate)));
    let left = |left| Some(Event::Unsent { side: Side::A, left });
    let doubt = Doubt { messages: 1, bytes: 3 };
    assert!(row(true, eof(), None));
    assert!(row(true, signal(), None), "also after a signal");
    assert!(row(true, closed(Side::B, Some(1011)), None), "also with another code");
    assert!(row(true, lost(Exit::Lost, None), None), "it has hung up");
    assert!(!row(false, eof(), None));
    assert!(!row(false, signal(), None));
    assert!(!row(false, lost(Exit::Protocol, Some(1002)), None));
    assert!(!row(true, closed(Side::B, None), left(Left { messages: 1, ..Left::default() })));
    assert!(!row(true, closed(Side::B, None), left(Left { bytes: 1, ..Left::default() })));
    assert!(!row(true, closed(Side::B, None), Some(Event::Late { side: Side::A, bytes: 1 })));
    assert!(!row(true, closed(Side::B, None), Some(Event::InDoubt { side: Side::A, doubt })));
}

#[test]
fn input_that_was_left_is_a_fault_unless_that_end_was_asked_for() {
    let left = Left { messages: 2, bytes: 3, at_least: true, late: 0 };
    let close = wsio::session::CloseWith { code: Some(1000), reason: String::new() };
    let rules = Rules::default;
    let rows: Vec<(&str, Rules, Vec<Event>, Exit)> = vec![
        ("the peer's Close", rules(), vec![closed(Side::B, Some(1000))], Exit::Unsent),
        ("another one", rules(), vec![closed(Side::B, Some(1011))], Exit::ClosedByPeer),
        (
            "one that was expected",
            Rules { expect_close: vec![1000..=1000], ..rules() },
            vec![closed(Side::B, Some(1000))],
            Exit::Ok,
        ),
        ("-n", Rules { count: Some(1), ..rules() }, vec![Event::CountReached { side: Side::B }], Exit::Ok),
        (
            "the input's wish",
            rules(),
            vec![ended(Side::A, SourceEnd::Asked { close, hangup: true })],
            Exit::Ok,
        ),
        ("a signal", rules(), vec![Event::Signal(Box::new(fault(Exit::Interrupt)))], Exit::Interrupt),
    ];
    for (name, rules, events, exit) in rows {
        let mut robot = Robot::new(rules, BRIDGE, true);
        events.into_iter().for_each(|event| robot.happens(event));
        robot.happens(Event::Unsent { side: Side::A, left });
        robot.ends();
        assert_eq!((robot.exit(), robot.session.left()), (exit, left), "{name}");
        if exit == Exit::Unsent {
            let cause = robot.fault().unwrap().cause;
            assert!(cause.contains("2 messages and at least 3 bytes more left unsent"), "{cause}");
        }
    }
    // What comes too late adds up, and is nothing to whoever has what was wanted.
    let late = || Event::Late { side: Side::A, bytes: 5 };
    let mut robot = Robot::new(rules(), BRIDGE, true);
    robot.happens(closed(Side::B, Some(1000)));
    (0..2).for_each(|_| robot.session.on(late(), wsio::session::Instant::now()));
    assert_eq!((robot.session.left().late, robot.exit()), (10, Exit::Unsent));
    let mut robot = Robot::new(Rules { count: Some(1), ..rules() }, BRIDGE, true);
    robot.happens(Event::CountReached { side: Side::B });
    robot.session.on(late(), wsio::session::Instant::now());
    assert_eq!((robot.session.left().late, robot.exit()), (0, Exit::Ok));
}

#[test]
fn an_end_whose_output_is_over_holds_nothing_up_once_it_is_stopped() {
    let ends =
        [Event::Signal(Box::new(fault(Exit::Terminate))), Event::Unmet(Box::new(fault(Exit::Expectation)))];
    for end in ends {
        for kinds in [[SideKind::Standard, SideKind::Stream], [SideKind::Stream; 2]] {
            let mut robot = Robot::new(Rules::default(), kinds, true);
            robot.happens(Event::Ended {
                side: Side::B,
                how: Box::new(SourceEnd::Eof { empty: false, hangup: false }),
            });
            assert_eq!(
                (robot.shut_cut[0], robot.is_over()),
                (Some(false), false),
                "its input may still come"
            );
            robot.happens(end.clone());
            assert!(robot.is_over(), "{kinds:?}: {end:?}");
            assert_eq!(robot.releases.each_ref().map(Vec::len), [1, 1], "{kinds:?}: {end:?}");
        }
    }
}
