//! Outputs that are slow or take nothing: after a clean end, and when a signal or a deadline ends the
//! session.

use super::{
    Robot, fault,
    robot::{World, closed},
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{DrainTimeout, Event, Rules, Side, SideKind, SinkFailure, SourceEnd, Within},
};

const SECOND: Duration = Duration::from_secs(1);
/// What a session that is cut off may take beyond its time.
const MOMENT: Duration = Duration::from_millis(50);

/// A session whose output, side 0, takes nothing of what the peer says.
fn stalled(kind: SideKind, drain_timeout: DrainTimeout, serving: bool, answers: bool, rules: Rules) -> Robot {
    let mut world = World::quick(answers);
    world.delivery[0] = None;
    let mut robot = Robot::with(rules, [kind, SideKind::WebSocket], serving, world);
    robot.session.output(Side::A, "the target".into(), drain_timeout);
    robot
}

fn endless(rules: Rules) -> Robot {
    stalled(SideKind::Standard, DrainTimeout::Never, false, true, rules)
}

fn ended() -> Event {
    Event::Ended { side: Side::A, how: Box::new(SourceEnd::Eof { empty: false, hangup: true }) }
}

/// Ends that are clean, with the exit that they give.
fn clean_ends() -> Vec<(Rules, Event)> {
    vec![
        (Rules::default(), closed(Side::B, Some(1000))),
        (Rules::default(), closed(Side::B, None)),
        (Rules::default(), ended()),
        (Rules { count: Some(1), ..Rules::default() }, Event::CountReached { side: Side::B }),
    ]
}

#[test]
fn after_a_clean_end_an_output_with_all_the_time_has_it() {
    for (rules, end) in clean_ends() {
        let name = format!("{end:?}");
        let mut robot = endless(rules);
        robot.happens(end);
        assert_eq!(robot.releases[1].len(), 1, "{name}: the WebSocket is closed meanwhile");
        robot.wait(5 * SECOND - MOMENT);
        assert_eq!(robot.waits_told[0], 0, "{name}");
        robot.wait(MOMENT);
        assert_eq!(robot.waits_told[0], 1, "{name}: told after 5 s");
        robot.wait(3600 * SECOND);
        robot.happens(Event::Took { side: Side::A });
        robot.wait(3600 * SECOND);
        assert_eq!((robot.is_over(), robot.waits_told), (false, [1, 0]), "{name}: and once");
        robot.delivers(Side::A);
        assert_eq!((robot.is_over(), robot.exit()), (true, Exit::Ok), "{name}");
        assert_eq!(robot.shut_cut[0], Some(false), "{name}");
    }
}

#[test]
fn an_output_that_takes_something_is_not_told_of() {
    let mut robot = endless(Rules::default());
    robot.happens(closed(Side::B, Some(1000)));
    for _ in 0..20 {
        robot.wait(4 * SECOND);
        robot.happens(Event::Took { side: Side::A });
    }
    assert_eq!((robot.waits_told[0], robot.is_over()), (0, false));
    robot.wait(5 * SECOND);
    assert_eq!(robot.waits_told[0], 1);
}

#[test]
fn only_a_signal_or_the_time_limit_ends_that_wait_and_at_once() {
    for (mut rules, end) in clean_ends() {
        rules.idle_timeout = Some(20 * SECOND);
        rules.timeout = Some(100 * SECOND);
        let name = format!("{end:?}");
        let mut robot = endless(rules.clone());
        robot.happens(end.clone());
        robot.wait(60 * SECOND);
        assert!(!robot.is_over(), "{name}: no idleness where only an output is waited for");
        robot.happens(Event::Signal(Box::new(fault(Exit::Interrupt))));
        assert!(robot.ends() <= MOMENT, "{name}");
        assert_eq!((robot.exit(), robot.session.was_cut_off()), (Exit::Interrupt, true), "{name}");
        assert!(robot.releases[0].last().unwrap().cut, "{name}: it did not get all");
        let mut robot = endless(rules);
        robot.happens(end);
        robot.ends();
        assert!(robot.age() >= 100 * SECOND && robot.age() <= 100 * SECOND + MOMENT, "{name}");
        assert_eq!(robot.exit(), Exit::Deadline, "{name}");
    }
}

#[test]
fn an_output_with_bounded_time_fails_when_it_takes_nothing_for_it() {
    for kind in [SideKind::Stream, SideKind::Standard] {
        for serving in [false, true] {
            for (rules, end) in clean_ends() {
                let name = format!("{end:?}");
                let mut robot = stalled(kind, DrainTimeout::CloseTimeout, serving, true, rules);
                robot.happens(end);
                for _ in 0..10 {
                    robot.wait(4 * SECOND);
                    robot.happens(Event::Took { side: Side::A });
                }
                assert!(!robot.is_over(), "{name}: it takes something");
                assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::WriteError), "{name}");
                let cause = robot.fault().unwrap().cause;
                assert!(cause.contains("the target took nothing for 5 s"), "{cause}");
                assert_eq!(robot.waits_told[0], 0);
                let release = robot.releases[0].last().unwrap();
                assert_eq!((release.cut, release.within), (true, Some(Duration::ZERO)), "{name}");
            }
        }
    }
    // What went wrong before stays the verdict.
    let mut robot = stalled(SideKind::Stream, DrainTimeout::CloseTimeout, false, true, Rules::default());
    robot.happens(closed(Side::B, Some(1011)));
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::ClosedByPeer));
}

#[test]
fn the_time_of_an_output_is_that_of_the_rules() {
    let rules = Rules { close_timeout: 2 * SECOND, ..Rules::default() };
    let mut robot = stalled(SideKind::Stream, DrainTimeout::CloseTimeout, false, true, rules);
    robot.happens(closed(Side::B, Some(1000)));
    assert_eq!((robot.ends(), robot.exit()), (2 * SECOND, Exit::WriteError));
}

#[test]
fn a_stalled_output_keeps_no_signal_and_no_deadline_while_the_peer_talks() {
    let with = |timeout, idle_timeout| Rules { timeout, idle_timeout, ..Rules::default() };
    let ten = Some(10 * SECOND);
    for serving in [false, true] {
        for answers in [false, true] {
            for drain_timeout in [DrainTimeout::Never, DrainTimeout::CloseTimeout] {
                let rows = [
                    (
                        with(None, None),
                        Some(Event::Signal(Box::new(fault(Exit::Terminate)))),
                        Exit::Terminate,
                    ),
                    (
                        with(None, None),
                        Some(Event::Unmet(Box::new(fault(Exit::Expectation)))),
                        Exit::Expectation,
                    ),
                    (with(ten, None), None, Exit::Deadline),
                    (with(None, ten), None, Exit::Deadline),
                ];
                for (rules, event, exit) in rows {
                    let name = format!("{exit:?}, serving {serving}, answers {answers}, {drain_timeout:?}");
                    let is_signal = matches!(event, Some(Event::Signal(_)));
                    let talks = rules.idle_timeout.is_none();
                    let within = if serving && is_signal { 10 * SECOND } else { 5 * SECOND };
                    let mut robot = stalled(SideKind::Standard, drain_timeout, serving, answers, rules);
                    robot.happens(Event::Blocked { side: Side::B, blocked: true });
                    if talks {
                        robot.hears(Side::B, 100_000, Within { message: true, frame: true });
                    }
                    robot.wait(10 * SECOND);
                    if let Some(event) = event {
                        robot.happens(event);
                    }
                    for _ in 0..120 {
                        robot.wait(SECOND / 10);
                        if talks {
                            robot.hears(Side::B, 100_000, Within { message: true, frame: true });
                        }
                    }
                    let age = robot.age();
                    assert!(robot.is_over() && age <= 10 * SECOND + within + MOMENT, "{name}: {age:?}");
                    assert_eq!(robot.exit(), exit, "{name}");
                    assert!(robot.releases[0].last().unwrap().cut, "{name}");
                }
            }
        }
    }
}

#[test]
fn an_output_that_fails_while_it_is_waited_for_is_told() {
    let mut robot = endless(Rules::default());
    robot.happens(closed(Side::B, Some(1000)));
    robot.wait(60 * SECOND);
    robot.happens(Event::SinkFailed {
        side: Side::A,
        how: Box::new(SinkFailure::Failed(fault(Exit::WriteError))),
    });
    assert_eq!((robot.is_over(), robot.exit()), (true, Exit::WriteError));

    let mut robot = endless(Rules::default());
    robot.happens(closed(Side::B, Some(1000)));
    robot.wait(60 * SECOND);
    robot.happens(Event::SinkFailed {
        side: Side::A,
        how: Box::new(SinkFailure::ReaderLeft(fault(Exit::ReaderLeft))),
    });
    assert!(robot.ends() <= 3 * MOMENT);
    assert_eq!(robot.exit(), Exit::ReaderLeft);
}

#[test]
fn whoever_leaves_without_reading_ends_it_at_once_whatever_else_stalls() {
    for blocked in [false, true] {
        let mut world = World::quick(false);
        (world.close[1], world.release) = (None, [None; 2]);
        let mut robot =
            Robot::with(Rules::default(), [SideKind::Standard, SideKind::WebSocket], false, world);
        robot.happens(Event::Blocked { side: Side::B, blocked });
        robot.happens(Event::SinkFailed {
            side: Side::A,
            how: Box::new(SinkFailure::ReaderLeft(fault(Exit::ReaderLeft))),
        });
        let took = robot.ends();
        assert!(took <= 3 * MOMENT, "{took:?}");
        assert_eq!((robot.exit(), robot.closes[1].as_slice()), (Exit::ReaderLeft, &[Some(1001)][..]));
    }
}

#[test]
fn an_output_that_left_with_bytes_in_its_queue_did_not_take_them() {
    for (side, exit) in [(0, Exit::WriteError), (1, Exit::Ok)] {
        let mut world = World::quick(true);
        world.untaken[side] = 17;
        let kinds = [SideKind::Stream, SideKind::WebSocket];
        let mut robot = Robot::with(Rules::default(), kinds, false, world);
        robot.session.output(Side::A, "the target".into(), DrainTimeout::CloseTimeout);
        robot.happens(closed(Side::B, Some(1000)));
        assert_eq!((robot.is_over(), robot.exit()), (true, exit));
        let cause = robot.fault().map(|fault| fault.cause).unwrap_or_default();
        assert_eq!(cause.contains("the target left 17 bytes"), side == 0, "{cause}");
    }
}
