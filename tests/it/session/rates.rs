//! What has to move: a message that had begun before our Close, a frame that has begun, and what is left
//! for a peer that is being left.

use super::{
    Robot, fault,
    robot::{Path, World},
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{Event, Rules, Side, SideKind, SourceEnd, Within},
};

const SECOND: Duration = Duration::from_secs(1);
const PAIR: [SideKind; 2] = [SideKind::Standard, SideKind::WebSocket];
const MESSAGE: Within = Within { message: true, frame: true };
const NOTHING: Within = Within { message: false, frame: false };
/// The least in a window of 30 s, bytes.
const LEAST: u64 = 16 * 1024;

/// No ping clock, so that only the rule under test ends it.
fn rules() -> Rules {
    Rules { ping_interval: None, ping_timeout: None, ..Rules::default() }
}

fn leaves() -> Event {
    Event::Ended { side: Side::A, how: Box::new(SourceEnd::Eof { empty: false, hangup: true }) }
}

fn message() -> Event {
    Event::Received { side: Side::B, messages: 1 }
}

/// A peer that answers nothing and was in the middle of a message when our Close came.
fn amid() -> Robot {
    let mut robot = Robot::new(rules(), PAIR, false);
    robot.hears(Side::B, 100, MESSAGE);
    robot.happens(leaves());
    robot
}

#[test]
fn a_message_that_had_begun_is_waited_for_while_it_comes() {
    let mut robot = amid();
    robot.each_second(120, |robot| robot.hears(Side::B, LEAST / 30 + 1, MESSAGE));
    assert!(!robot.is_over(), "16 KiB come in every 30 s");
    // Its end ends that, also where the peer goes on.
    robot.hears(Side::B, 10, NOTHING);
    robot.happens(message());
    robot.each_second(10, |robot| {
        robot.hears(Side::B, 100_000, MESSAGE);
        robot.happens(message());
    });
    assert_eq!((robot.is_over(), robot.age(), robot.exit()), (true, 125 * SECOND, Exit::CloseUnanswered));
}

#[test]
fn a_message_that_trickles_or_stands_still_is_not() {
    let mut robot = amid();
    robot.each_second(120, |robot| robot.hears(Side::B, LEAST / 30 - 1, MESSAGE));
    assert_eq!((robot.is_over(), robot.exit()), (true, Exit::CloseUnanswered));
    assert_eq!(robot.age(), 34 * SECOND, "from the last second of the window that was too slow");
    let mut robot = amid();
    robot.wait(3 * SECOND);
    robot.hears(Side::B, LEAST, MESSAGE);
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::CloseUnanswered));
    // A window of its own each: what was too much in the first one does not help the second.
    let mut robot = amid();
    robot.hears(Side::B, 100 * LEAST, MESSAGE);
    robot.each_second(120, |robot| robot.hears(Side::B, 1, MESSAGE));
    assert_eq!((robot.is_over(), robot.age()), (true, 64 * SECOND));
}

#[test]
fn a_message_that_begins_after_our_close_is_not() {
    let mut robot = Robot::new(rules(), PAIR, false);
    robot.happens(leaves());
    robot.each_second(60, |robot| robot.hears(Side::B, LEAST, MESSAGE));
    assert_eq!((robot.is_over(), robot.age()), (true, 5 * SECOND));
    // Begun is what has begun when the Close is acknowledged, however late that is.
    let mut world = World::quick(false);
    world.path[1] = Path::Rate(10_000);
    let mut robot = Robot::with(rules(), PAIR, false, world);
    robot.writes(Side::B, 100_000);
    robot.happens(leaves());
    robot.wait(9 * SECOND);
    robot.hears(Side::B, 100, MESSAGE);
    robot.each_second(60, |robot| robot.hears(Side::B, LEAST, MESSAGE));
    assert!(!robot.is_over());
    assert_eq!(robot.ends(), 5 * SECOND);
}

#[test]
fn a_signal_waits_for_no_message() {
    let mut robot = amid();
    robot.wait(2 * SECOND);
    robot.happens(Event::Signal(Box::new(fault(Exit::Interrupt))));
    robot.each_second(60, |robot| robot.hears(Side::B, 10 * LEAST, MESSAGE));
    assert!(robot.age() <= 7 * SECOND + SECOND / 20, "{:?}", robot.age());
    assert_eq!((robot.is_over(), robot.exit()), (true, Exit::Interrupt));
}

#[test]
fn a_frame_that_has_begun_comes_or_its_peer_is_lost() {
    let frame = Within { message: false, frame: true };
    for within in [frame, MESSAGE] {
        for interval in [None, Some(20 * SECOND)] {
            for serving in [false, true] {
                let rules =
                    Rules { ping_interval: interval, ping_timeout: Some(20 * SECOND), ..Rules::default() };
                let mut robot = Robot::with(rules, PAIR, serving, World::quick(false));
                robot.wait(SECOND);
                robot.hears(Side::B, 6, within);
                robot.wait(19 * SECOND);
                assert!(robot.closes[1].is_empty());
                robot.wait(SECOND);
                assert_eq!((robot.closes[1].as_slice(), robot.is_over()), (&[Some(1011)][..], true));
                let fault = robot.fault().unwrap();
                assert_eq!(fault.exit, Exit::Lost);
                assert!(
                    fault.cause.contains("a frame had begun, and no byte of it came for 20 s"),
                    "{fault}"
                );
                let hint = fault.hint.unwrap_or_default();
                assert_eq!(hint.contains("--ping-interval"), interval.is_none(), "not what is on: {hint}");
            }
        }
    }
}

#[test]
fn a_frame_is_waited_for_while_it_comes_and_while_we_do_not_read() {
    let rules = || Rules { ping_interval: None, ping_timeout: Some(20 * SECOND), ..Rules::default() };
    let mut robot = Robot::new(rules(), PAIR, false);
    for _ in 0..20 {
        robot.hears(Side::B, 1, MESSAGE);
        robot.wait(19 * SECOND);
    }
    assert!(!robot.is_over());
    robot.happens(Event::Blocked { side: Side::B, blocked: true });
    robot.wait(3600 * SECOND);
    assert!(!robot.is_over());
    robot.happens(Event::Blocked { side: Side::B, blocked: false });
    assert_eq!((robot.ends(), robot.exit()), (20 * SECOND, Exit::Lost), "from where we read again");
    // Between the frames of a message nothing is owed, and neither where the clock is off.
    let between = Within { message: true, frame: false };
    let off = || Rules { ping_timeout: None, ..rules() };
    for (rules, within) in [(rules(), between), (rules(), NOTHING), (off(), MESSAGE)] {
        let mut robot = Robot::new(rules, PAIR, false);
        robot.hears(Side::B, 6, within);
        robot.wait(3600 * SECOND);
        assert!(!robot.is_over(), "{within:?}");
    }
}

#[test]
fn a_frame_that_never_ends_is_lost_also_after_our_close() {
    // A message that had begun is waited for; its frame is owed, too.
    let mut robot = Robot::new(Rules { ping_timeout: Some(2 * SECOND), ..rules() }, PAIR, false);
    robot.hears(Side::B, 100, MESSAGE);
    robot.happens(leaves());
    assert_eq!((robot.ends(), robot.exit()), (2 * SECOND, Exit::CloseUnanswered));
}

/// A peer that is being left, before input that is not delivered.
fn being_left(serving: bool) -> Robot {
    let mut world = World::quick(false);
    world.delivery[1] = None;
    let mut robot = Robot::with(rules(), PAIR, serving, world);
    robot.happens(leaves());
    robot
}

#[test]
fn a_peer_that_is_being_left_takes_its_last_bytes_at_some_rate() {
    for serving in [false, true] {
        let mut robot = being_left(serving);
        assert_eq!((robot.ends(), robot.exit()), (30 * SECOND, Exit::CloseUnanswered), "it takes nothing");
        assert!(robot.fault().unwrap().cause.contains("16 KiB in 30 s"));
        let mut robot = being_left(serving);
        for _ in 0..10 {
            robot.wait(29 * SECOND);
            robot.writes(Side::B, LEAST);
            robot.wait(SECOND);
            assert!(!robot.is_over(), "as much as it has to");
        }
        robot.wait(29 * SECOND);
        robot.writes(Side::B, LEAST - 1);
        robot.wait(SECOND);
        assert_eq!((robot.is_over(), robot.exit()), (true, Exit::CloseUnanswered));
    }
}

#[test]
fn a_send_queue_that_trickles_is_left() {
    let leave = |rate| {
        let mut world = World::quick(false);
        world.path[1] = Path::Rate(rate);
        let mut robot = Robot::with(rules(), PAIR, false, world);
        robot.writes(Side::B, 100_000);
        robot.happens(leaves());
        let took = robot.ends();
        (took, robot.fault().unwrap())
    };
    let (took, fault) = leave(500);
    assert!(took >= 30 * SECOND && took <= 31 * SECOND, "{took:?}");
    assert!(fault.cause.contains("16 KiB in 30 s"), "{fault}");
    let (took, fault) = leave(600);
    // 167 s for the queue, and then the time of an answer.
    assert!(took >= 171 * SECOND && took <= 173 * SECOND, "{took:?}");
    assert!(fault.cause.contains("no answer"), "{fault}");
}

#[test]
fn what_was_acknowledged_is_no_longer_asked_about() {
    // The Close is through; the peer is amid a long message, and takes nothing since there is nothing.
    let mut robot = amid();
    robot.each_second(100, |robot| robot.hears(Side::B, LEAST, MESSAGE));
    assert!(!robot.is_over());
}
