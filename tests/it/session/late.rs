//! What is under way when a session ends: input that is delivered late, Closes that get out late, and
//! Closes that cross.

use super::{
    Robot, fault,
    robot::{World, closed},
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{CloseWith, Event, Rules, Side, SideKind, SourceEnd},
};

const SECOND: Duration = Duration::from_secs(1);
const PAIR: [SideKind; 2] = [SideKind::Standard, SideKind::WebSocket];

/// A `connect` whose input is delivered, and whose Close gets out, when the test says so.
fn held(rules: Rules, delivery: bool, close: bool, answers: bool) -> Robot {
    let mut world = World::quick(answers);
    if delivery {
        world.delivery[1] = None;
    }
    if close {
        world.close[1] = None;
    }
    Robot::with(rules, PAIR, false, world)
}

fn ended(hangup: bool) -> Event {
    Event::Ended { side: Side::A, how: Box::new(SourceEnd::Eof { empty: false, hangup }) }
}

#[test]
fn lingering_begins_when_the_input_is_delivered() {
    let mut robot = held(Rules::default(), true, false, true);
    robot.happens(ended(false));
    robot.wait(15 * SECOND);
    assert!(robot.closes[1].is_empty() && robot.notes.is_empty(), "the input is still on its way");
    robot.delivers(Side::B);
    robot.wait(SECOND - Duration::from_millis(1));
    assert!(robot.closes[1].is_empty());
    robot.ends();
    assert_eq!((robot.closed_at[1], robot.age()), (Some(16 * SECOND), 16 * SECOND));
    assert_eq!((robot.exit(), robot.notes.len()), (Exit::Ok, 1));
}

#[test]
fn a_close_behind_input_waits_for_it_and_then_for_its_answer() {
    let mut robot = held(Rules::default(), true, true, false);
    robot.happens(ended(true));
    assert_eq!(robot.closes[1], [Some(1000)]);
    robot.wait(20 * SECOND);
    assert!(!robot.is_over(), "nothing was closed yet: nobody is late with an answer");
    robot.delivers(Side::B);
    robot.wait(5 * SECOND);
    assert!(!robot.is_over());
    robot.gets_close_out(Side::B);
    robot.wait(4999 * SECOND / 1000);
    assert!(!robot.is_over(), "the answer has its time from here");
    assert_eq!((robot.ends(), robot.exit()), (SECOND / 1000, Exit::CloseUnanswered));
    assert!(!robot.session.is_complete());
}

#[test]
fn closes_that_cross_are_judged_by_what_the_peer_says_by_itself() {
    use Exit::{ClosedByPeer, Expectation, Ok};
    let with = |code, expect: &[u16]| Rules {
        close: CloseWith { code, reason: String::new() },
        expect_close: expect.iter().map(|code| *code..=*code).collect(),
        ..Rules::default()
    };
    let plain = || with(Some(1000), &[]);
    // Ours, theirs, and whether ours is on the wire when theirs comes.
    let rows = [
        (plain(), Some(1000), true, Ok),
        (plain(), Some(1000), false, Ok),
        (plain(), None, true, Ok),
        (plain(), Some(1011), true, ClosedByPeer),
        (plain(), Some(1011), false, ClosedByPeer),
        (plain(), Some(4000), true, ClosedByPeer),
        // The same code as ours: an answer, unless ours has not left.
        (with(Some(4000), &[]), Some(4000), true, Ok),
        (with(Some(4000), &[]), Some(4000), false, ClosedByPeer),
        (with(Some(4000), &[]), Some(1001), true, Ok),
        (with(None, &[]), None, true, Ok),
        (with(None, &[]), Some(1011), true, ClosedByPeer),
        // An answer meets no expectation, and breaks none that is met; another Close may do either.
        (with(Some(1000), &[1000]), Some(1000), true, Expectation),
        (with(Some(1000), &[1000]), Some(1000), false, Ok),
        (with(Some(1000), &[4000]), Some(4000), true, Ok),
        (with(Some(1000), &[4000]), Some(4001), true, Expectation),
    ];
    for (rules, theirs, is_out, exit) in rows {
        let name = format!("{:?} against {theirs:?}, out: {is_out}", rules.close.code);
        let mut robot = held(rules, false, !is_out, false);
        robot.happens(ended(true));
        robot.happens(closed(Side::B, theirs));
        assert_eq!((robot.is_over(), robot.age()), (true, Duration::ZERO), "{name}");
        assert_eq!((robot.exit(), robot.session.is_complete()), (exit, true), "{name}");
        assert_eq!(robot.closes[1].len(), 1, "{name}");
    }
}

#[test]
fn a_relay_passes_the_first_close_on_and_the_crossing_one_changes_nothing() {
    let mut world = World::quick(false);
    world.crosses = Some(Some(4002));
    let mut robot = Robot::with(Rules::default(), [SideKind::WebSocket; 2], false, world);
    robot.happens(closed(Side::A, Some(4001)));
    assert_eq!((robot.closes[0].as_slice(), robot.closes[1].as_slice()), (&[][..], &[Some(4001)][..]));
    assert_eq!((robot.is_over(), robot.exit()), (true, Exit::ClosedByPeer));
    assert!(robot.fault().unwrap().cause.contains("4001"), "{:?}", robot.fault());
    assert!(robot.session.is_complete());
}

#[test]
fn a_relay_waits_for_the_other_sides_answer_and_no_longer() {
    for (answers, took, exit) in
        [(true, Duration::ZERO, Exit::Ok), (false, 5 * SECOND, Exit::CloseUnanswered)]
    {
        let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket; 2], answers);
        robot.happens(closed(Side::B, Some(1000)));
        assert_eq!(robot.closes[0], [Some(1000)]);
        assert_eq!((robot.ends(), robot.exit(), robot.session.is_complete()), (took, exit, answers));
    }
}

#[test]
fn a_fault_of_the_peer_is_told_to_it_and_no_longer_than_it_may_take() {
    let broken = || Event::Ended {
        side: Side::B,
        how: Box::new(SourceEnd::Lost { fault: fault(Exit::Protocol), answer: Some(1002) }),
    };
    // The Close of the fault gets out, or never does; or ours was under way and never gets out.
    let mut robot = held(Rules::default(), false, false, false);
    robot.happens(broken());
    assert_eq!((robot.is_over(), robot.closes[1].as_slice()), (true, &[Some(1002)][..]));
    for close_first in [false, true] {
        let mut robot = held(Rules::default(), close_first, true, false);
        if close_first {
            robot.happens(ended(true));
            robot.wait(SECOND);
        }
        robot.happens(broken());
        assert_eq!(robot.closes[1], [Some(if close_first { 1000 } else { 1002 })]);
        assert_eq!((robot.ends(), robot.exit()), (6 * SECOND, Exit::Protocol), "{close_first}");
        let release = robot.releases[1].last().unwrap();
        assert_eq!(release.within, Some(Duration::ZERO), "it is given up");
    }
}

#[test]
fn a_loss_after_our_close_is_one_that_was_never_answered() {
    let lost = || Event::Ended {
        side: Side::B,
        how: Box::new(SourceEnd::Lost { fault: fault(Exit::Lost), answer: None }),
    };
    for (is_out, exit) in [(true, Exit::CloseUnanswered), (false, Exit::Lost)] {
        let mut robot = held(Rules::default(), false, !is_out, false);
        robot.happens(ended(true));
        robot.happens(lost());
        assert_eq!((robot.is_over(), robot.exit()), (true, exit));
        assert!(robot.session.is_complete(), "nobody is there to close");
    }
}

#[test]
fn a_peer_that_takes_nothing_keeps_nobody_who_has_what_was_wanted() {
    let mut robot = held(Rules { count: Some(1), ..Rules::default() }, false, true, true);
    robot.happens(Event::CountReached { side: Side::B });
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::CloseUnanswered));
    assert!(robot.fault().unwrap().cause.contains("does not read"));

    // Once the Close is out, its answer has a time of its own.
    let mut robot = held(Rules { count: Some(1), ..Rules::default() }, false, true, false);
    robot.happens(Event::CountReached { side: Side::B });
    robot.wait(4 * SECOND);
    robot.gets_close_out(Side::B);
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::CloseUnanswered));
    assert!(robot.fault().unwrap().cause.contains("no answer"));
}

#[test]
fn a_shut_waits_for_what_was_read() {
    let mut world = World::quick(true);
    (world.delivery[1], world.shut[1]) = (None, None);
    let mut robot = Robot::with(Rules::default(), [SideKind::Stream; 2], false, world);
    robot.happens(ended(false));
    robot.wait(SECOND);
    robot.happens(Event::Took { side: Side::B });
    robot.delivers(Side::B);
    robot.wait(SECOND);
    assert!(robot.releases[1].is_empty());
    robot.happens(Event::Shut { side: Side::B });
    assert!(robot.releases[1].is_empty(), "its own way is open");
    robot.happens(Event::Ended {
        side: Side::B,
        how: Box::new(SourceEnd::Eof { empty: false, hangup: false }),
    });
    assert_eq!((robot.is_over(), robot.exit()), (true, Exit::Ok));
}
