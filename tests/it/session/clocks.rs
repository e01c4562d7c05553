//! The clocks of silence and the absolute ones: each rule with its exact time, before a free path, before
//! a send queue that moves, and before one that stands still.

use super::{
    Robot, fault,
    robot::{Path, World},
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{CloseWith, Event, Rules, Side, SideKind, SourceEnd, Within},
};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const PAIR: [SideKind; 2] = [SideKind::Standard, SideKind::WebSocket];
const MESSAGE: Within = Within { message: true, frame: false };
const BETWEEN: Within = Within { message: false, frame: false };

/// A `connect` behind such a path, before so much in the send queue.
fn behind(path: Path, queue: u64, answers: bool, rules: Rules) -> Robot {
    let mut world = World::quick(answers);
    world.path[1] = path;
    let mut robot = Robot::with(rules, PAIR, false, world);
    robot.writes(Side::B, queue);
    robot
}

fn silent(rules: Rules) -> Robot {
    Robot::new(rules, PAIR, false)
}

fn ended(hangup: bool) -> Event {
    Event::Ended { side: Side::A, how: Box::new(SourceEnd::Eof { empty: false, hangup }) }
}

fn message() -> Event {
    Event::Received { side: Side::B, messages: 1 }
}

#[test]
fn a_silent_peer_costs_what_the_rules_give_it() {
    let rules = Rules::default;
    let seconds = |count| Some(count * SECOND);
    let lost = |answer| Event::Ended {
        side: Side::B,
        how: Box::new(SourceEnd::Lost { fault: fault(Exit::Lost), answer }),
    };
    let asked = |hangup| {
        let close = CloseWith { code: Some(4000), reason: "done".into() };
        Event::Ended { side: Side::A, how: Box::new(SourceEnd::Asked { close, hangup }) }
    };
    let rows: Vec<(&str, Rules, Event, Duration, Exit)> = vec![
        ("end of input", rules(), ended(false), 6 * SECOND, Exit::CloseUnanswered),
        (
            "a longer linger",
            Rules { linger: seconds(3), ..rules() },
            ended(false),
            8 * SECOND,
            Exit::CloseUnanswered,
        ),
        (
            "no linger",
            Rules { linger: Some(Duration::ZERO), ..rules() },
            ended(false),
            5 * SECOND,
            Exit::CloseUnanswered,
        ),
        ("Ctrl-D", rules(), ended(true), 5 * SECOND, Exit::CloseUnanswered),
        (
            "a shorter close-timeout",
            Rules { close_timeout: 2 * SECOND, ..rules() },
            ended(true),
            2 * SECOND,
            Exit::CloseUnanswered,
        ),
        ("asked for in the input", rules(), asked(false), 6 * SECOND, Exit::CloseUnanswered),
        ("asked for at once", rules(), asked(true), 5 * SECOND, Exit::CloseUnanswered),
        (
            "asked for without a limit to linger",
            Rules { linger: None, ..rules() },
            asked(false),
            5 * SECOND,
            Exit::CloseUnanswered,
        ),
        (
            "-n reached",
            Rules { count: Some(1), ..rules() },
            Event::CountReached { side: Side::B },
            5 * SECOND,
            Exit::CloseUnanswered,
        ),
        (
            "input failed",
            rules(),
            Event::Ended { side: Side::A, how: Box::new(SourceEnd::Failed(fault(Exit::ReadError))) },
            5 * SECOND,
            Exit::ReadError,
        ),
        (
            "input refused",
            rules(),
            Event::Ended { side: Side::A, how: Box::new(SourceEnd::Refused(fault(Exit::BadInput))) },
            5 * SECOND,
            Exit::BadInput,
        ),
        ("unmet", rules(), Event::Unmet(Box::new(fault(Exit::Expectation))), 5 * SECOND, Exit::Expectation),
        ("a signal", rules(), Event::Signal(Box::new(fault(Exit::Terminate))), 5 * SECOND, Exit::Terminate),
        ("a panic", rules(), Event::Panicked, SECOND, Exit::Internal),
        ("a loss", rules(), lost(None), Duration::ZERO, Exit::Lost),
        ("--timeout", Rules { timeout: seconds(7), ..rules() }, message(), 12 * SECOND, Exit::Deadline),
        (
            "--idle-timeout",
            Rules { idle_timeout: seconds(7), ..rules() },
            message(),
            12 * SECOND,
            Exit::Deadline,
        ),
    ];
    for (name, rules, event, expected, exit) in rows {
        let mut robot = silent(rules);
        robot.happens(event);
        let took = robot.ends();
        // What is cut off has a moment more.
        let moment = 50 * MS;
        assert!(took >= expected && took <= expected + moment, "{name} takes {took:?}, not {expected:?}");
        assert_eq!(robot.exit(), exit, "{name}");
    }
}

#[test]
fn a_peer_that_does_not_answer_pings_is_given_up() {
    let rules =
        || Rules { ping_interval: Some(3 * SECOND), ping_timeout: Some(4 * SECOND), ..Rules::default() };
    let mut robot = silent(rules());
    assert_eq!((robot.ends(), robot.exit(), robot.pings), (7 * SECOND, Exit::Lost, 1));
    assert_eq!(robot.closes[1], [Some(1011)]);
    // Also one that was accepted, and one that takes nothing, our Close neither.
    let mut world = World::quick(false);
    world.close[1] = None;
    let mut robot = Robot::with(rules(), PAIR, true, world);
    assert_eq!((robot.ends(), robot.exit()), (8 * SECOND, Exit::Lost), "a second for the last word");
    // One that pongs lives.
    let mut robot = silent(rules());
    for _ in 0..20 {
        robot.wait(3 * SECOND);
        robot.hears(Side::B, 2, BETWEEN);
        robot.happens(Event::Ponged { side: Side::B });
    }
    assert_eq!((robot.pings, robot.is_over()), (20, false));
}

#[test]
fn lingering_is_renewed_by_data_and_by_nothing_else() {
    for (renews, within) in
        [(true, MESSAGE), (false, BETWEEN), (false, Within { message: false, frame: true })]
    {
        let mut robot = silent(Rules::default());
        robot.happens(ended(false));
        robot.wait(900 * MS);
        robot.hears(Side::B, 100, within);
        robot.wait(900 * MS);
        let expected = if renews { None } else { Some(SECOND) };
        assert_eq!(robot.closed_at[1], expected, "{within:?}");
        robot.wait(100 * MS);
        assert!(robot.closed_at[1].is_some());
    }
    let mut robot = silent(Rules::default());
    robot.happens(ended(false));
    robot.wait(900 * MS);
    robot.happens(message());
    robot.wait(SECOND);
    assert_eq!(robot.closed_at[1], Some(1900 * MS));
    assert!(robot.notes.is_empty(), "a message came back");
}

#[test]
fn lingering_for_ever_is_for_ever() {
    let mut robot = Robot::new(Rules { linger: None, ping_interval: None, ..Rules::default() }, PAIR, true);
    robot.happens(ended(false));
    robot.wait(3600 * SECOND);
    assert!(!robot.is_over() && robot.closes[1].is_empty());
}

#[test]
fn lingering_begins_when_the_queue_before_it_is_acknowledged() {
    // 600 kB at 60 kB/s, then a second of silence.
    let mut robot = behind(Path::Rate(60_000), 600_000, true, Rules::default());
    robot.happens(ended(false));
    robot.wait(10_900 * MS);
    assert_eq!(robot.closed_at[1], None, "the input has only just arrived");
    robot.ends();
    let closed = robot.closed_at[1].unwrap();
    assert!(closed >= 11 * SECOND && closed <= 11_200 * MS, "{closed:?}");
    assert_eq!(robot.exit(), Exit::Ok);
    // A queue that stands still puts it off by --close-timeout, or by --linger if that is longer.
    for (linger, expected) in [(1, 5), (8, 8)] {
        let rules = Rules { linger: Some(linger * SECOND), ping_interval: None, ..Rules::default() };
        let mut robot = behind(Path::Still, 600_000, false, rules);
        robot.happens(ended(false));
        assert_eq!((robot.ends(), robot.closed_at[1]), ((expected + 5) * SECOND, Some(expected * SECOND)));
        assert_eq!(robot.exit(), Exit::CloseUnanswered);
    }
    // Every byte that comes shows that the path lives.
    let mut robot = behind(Path::Still, 600_000, false, Rules::default());
    robot.happens(ended(false));
    robot.each_second(20, |robot| robot.hears(Side::B, 1, BETWEEN));
    assert_eq!(robot.closed_at[1], None);
    robot.wait(5 * SECOND);
    assert_eq!(robot.closed_at[1], Some(25 * SECOND));
}

#[test]
fn without_lingering_the_close_goes_right_behind_the_input() {
    let rules = Rules { linger: Some(Duration::ZERO), ..Rules::default() };
    let mut robot = behind(Path::Rate(60_000), 600_000, true, rules);
    robot.happens(ended(false));
    assert_eq!(robot.closed_at[1], Some(Duration::ZERO), "an acknowledgement would tell nothing");
    let took = robot.ends();
    assert!(took >= 10 * SECOND && took <= 10_200 * MS, "{took:?}");
    assert_eq!(robot.exit(), Exit::Ok);
}

#[test]
fn the_answer_to_a_close_is_waited_for_once_the_close_has_arrived() {
    // 300 kB at 10 kB/s: the Close arrives after 30 s.
    let mut robot = behind(Path::Rate(10_000), 300_000, false, Rules::default());
    robot.happens(ended(true));
    let took = robot.ends();
    assert!(took >= 35 * SECOND && took <= 35_200 * MS, "{took:?}");
    assert_eq!(robot.exit(), Exit::CloseUnanswered);
    let mut robot = behind(Path::Rate(10_000), 300_000, true, Rules::default());
    robot.happens(ended(true));
    let took = robot.ends();
    assert!(took >= 30 * SECOND && took <= 30_200 * MS, "{took:?}");
    assert_eq!((robot.exit(), robot.session.is_complete()), (Exit::Ok, true));
    // A queue that stands still is waited for no longer than an answer, once bytes do not come either.
    let mut robot = behind(Path::Still, 300_000, false, Rules::default());
    robot.happens(ended(true));
    robot.each_second(4, |robot| robot.hears(Side::B, 1, BETWEEN));
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::CloseUnanswered));
}

#[test]
fn a_ping_behind_a_queue_is_waited_for_while_the_queue_moves() {
    // A minute and a half at 10 kB/s; the ping goes after 20 s, the pong never comes.
    let mut robot = behind(Path::Rate(10_000), 900_000, false, Rules::default());
    robot.wait(20 * SECOND);
    assert_eq!(robot.pings, 1);
    let took = robot.ends();
    // 900 kB are through after 90 s; the robot looks at the queue when the ping is sent.
    assert!(took >= 85 * SECOND && took <= 91 * SECOND, "{took:?}");
    assert_eq!(robot.exit(), Exit::Lost);
    let mut robot = behind(Path::Still, 900_000, false, Rules::default());
    assert_eq!((robot.ends(), robot.exit()), (40 * SECOND, Exit::Lost), "it stands still");
}

#[test]
fn a_peer_that_goes_on_talking_does_not_put_its_answer_off() {
    for within in [BETWEEN, MESSAGE, Within { message: true, frame: true }] {
        let mut robot = silent(Rules::default());
        robot.happens(ended(true));
        robot.each_second(60, |robot| {
            robot.hears(Side::B, 100_000, within);
            robot.happens(message());
        });
        assert_eq!((robot.is_over(), robot.age(), robot.exit()), (true, 5 * SECOND, Exit::CloseUnanswered));
    }
}

#[test]
fn after_the_last_ping_no_other_clock_keeps_a_session() {
    let rules = Rules { ping_interval: None, ..Rules::default() };
    let mut robot = silent(rules);
    robot.wait(3600 * SECOND);
    assert!(!robot.is_over() && robot.session.deadline().is_none(), "nothing is waited for");
}

#[test]
fn idleness_is_the_lack_of_data_and_of_its_movement() {
    let rules = || Rules { idle_timeout: Some(10 * SECOND), ..Rules::default() };
    let idle_after = |mut happens: Box<dyn FnMut(&mut Robot)>| {
        let mut robot = Robot::new(rules(), PAIR, true);
        robot.each_second(25, &mut *happens);
        robot.wait(60 * SECOND);
        (robot.closed_at[1], robot.exit())
    };
    let idle = |seconds| (Some(seconds * SECOND), Exit::Deadline);
    assert_eq!(idle_after(Box::new(|robot| robot.happens(message()))), idle(35));
    assert_eq!(
        idle_after(Box::new(|robot| robot.happens(Event::Received { side: Side::A, messages: 1 }))),
        idle(35)
    );
    assert_eq!(idle_after(Box::new(|robot| robot.hears(Side::B, 1, MESSAGE))), idle(35));
    assert_eq!(
        idle_after(Box::new(|robot| robot.hears(Side::B, 1, BETWEEN))),
        idle(10),
        "a ping is no message"
    );
    // What stands in the queue and crawls is one; a ping of ours is not.
    let crawl = |bytes: u64| {
        move |robot: &mut Robot| {
            let acknowledged = robot.age().as_secs() * bytes;
            robot.happens(Event::Acknowledged { side: Side::B, bytes: acknowledged });
        }
    };
    assert_eq!(idle_after(Box::new(crawl(257))), idle(35));
    assert_eq!(idle_after(Box::new(crawl(256))), idle(10));
}

#[test]
fn the_time_limit_is_absolute() {
    for path in [Path::Free, Path::Rate(1000), Path::Still] {
        for serving in [false, true] {
            let mut world = World::quick(false);
            world.path[1] = path;
            let rules = Rules { timeout: Some(30 * SECOND), ..Rules::default() };
            let mut robot = Robot::with(rules, PAIR, serving, world);
            robot.writes(Side::B, 3_000_000);
            robot.each_second(40, |robot| {
                robot.hears(Side::B, 20_000, MESSAGE);
                robot.happens(message());
            });
            let took = robot.ends() + 35 * SECOND;
            assert_eq!(robot.closed_at[1], Some(30 * SECOND), "{path:?}");
            assert_eq!(robot.closes[1], [Some(if serving { 1001 } else { 1000 })]);
            assert!(robot.age() <= 35_050 * MS, "{path:?}: {took:?}");
            assert_eq!(robot.exit(), Exit::Deadline);
        }
    }
}

#[test]
fn a_signal_gives_what_the_mode_gives() {
    for (serving, within) in [(false, 5 * SECOND), (true, 10 * SECOND)] {
        for path in [Path::Free, Path::Rate(20_000), Path::Still] {
            let mut world = World::quick(false);
            (world.path[1], world.close[1]) = (path, None);
            let mut robot = Robot::with(Rules::default(), PAIR, serving, world);
            robot.writes(Side::B, 3_000_000);
            robot.happens(Event::Signal(Box::new(fault(Exit::Terminate))));
            let took = robot.ends();
            assert!(took >= within && took <= within + 50 * MS, "{serving} {path:?}: {took:?}");
            assert_eq!((robot.exit(), robot.closes[1].as_slice()), (Exit::Terminate, &[Some(1001)][..]));
            assert!(robot.session.was_cut_off());
        }
        let mut robot = Robot::with(Rules::default(), PAIR, serving, World::quick(true));
        robot.happens(Event::Signal(Box::new(fault(Exit::Terminate))));
        assert_eq!((robot.is_over(), robot.session.was_cut_off()), (true, false));
        assert!(robot.session.is_complete());
    }
}

#[test]
fn a_clock_stands_while_we_do_not_read() {
    // The pong, the answer to a Close, the silence of the lingering: all of it may wait to be read.
    for event in [None, Some(ended(false))] {
        let mut robot = silent(Rules::default());
        robot.happens(Event::Blocked { side: Side::B, blocked: true });
        if let Some(event) = event {
            robot.happens(event);
        }
        robot.wait(3600 * SECOND);
        assert!(!robot.is_over() && robot.closes[1].is_empty());
        robot.happens(Event::Blocked { side: Side::B, blocked: false });
        let took = robot.ends();
        assert!(took <= 40 * SECOND, "{took:?}");
    }
    let mut robot = silent(Rules::default());
    robot.happens(Event::Blocked { side: Side::B, blocked: true });
    robot.happens(ended(false));
    robot.wait(60 * SECOND);
    robot.happens(Event::Blocked { side: Side::B, blocked: false });
    robot.wait(999 * MS);
    assert!(robot.closes[1].is_empty(), "the silence begins when we listen again");
    robot.wait(MS);
    assert_eq!(robot.closes[1], [Some(1000)]);
    // A person who leaves does not wait for an output.
    let mut robot = silent(Rules::default());
    robot.happens(Event::Blocked { side: Side::B, blocked: true });
    robot.happens(ended(true));
    assert_eq!((robot.ends(), robot.exit()), (5 * SECOND, Exit::CloseUnanswered));
}
