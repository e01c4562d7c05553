//! The pure session, driven by a robot: what the driver would do with its actions, without a socket.
//!
//! `endings` runs the rows of the matrix through it; here stand the rules that go beyond a row, by theme,
//! and the properties that hold for every order of events.

mod any_order;
mod clocks;
mod late;
mod outputs;
mod rates;
mod releases;
mod robot;

pub use robot::{Robot, World};

use std::time::Duration;
use wsio::{
    exit::Exit,
    fault::Fault,
    session::{DrainTimeout, Event, Instant, Rules, Session, Side, SideKind, SinkFailure, SourceEnd, Within},
};

/// Some fault of that exit.
pub fn fault(exit: Exit) -> Fault {
    Fault::new(exit, "session", "it happened")
}

fn subject_with(kind: SideKind, rules: Rules) -> Robot {
    Robot::new(rules, [kind, SideKind::Subject], true)
}

fn eof(empty: bool) -> Event {
    Event::Ended { side: Side::A, how: Box::new(SourceEnd::Eof { empty, hangup: false }) }
}

#[test]
fn nothing_to_say_on_a_subject_is_no_wish_to_leave_it() {
    for input in [eof(true), Event::Ended { side: Side::A, how: Box::new(SourceEnd::Absent) }] {
        let mut robot = subject_with(SideKind::Standard, Rules::default());
        robot.happens(input);
        robot.wait(Duration::from_secs(3600));
        assert!(!robot.session.is_over());
        robot.happens(Event::Signal(Box::new(fault(Exit::Terminate))));
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
    robot.happens(Event::Received { side: Side::B, messages: 1 });
    robot.wait(Duration::from_millis(900));
    assert!(!robot.session.is_over());
    robot.run_out();
    assert_eq!(robot.exit(), Exit::Expectation);
}

#[test]
fn what_a_subject_cannot_carry_ends_its_source_alone() {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Subject], true);
    robot.happens(Event::SinkFailed {
        side: Side::B,
        how: Box::new(SinkFailure::Refused(fault(Exit::BadInput))),
    });
    robot.run_out();
    assert_eq!((robot.exit(), robot.closes[0].as_slice()), (Exit::BadInput, &[Some(1009)][..]));

    let mut robot = subject_with(SideKind::Standard, Rules::default());
    robot.happens(Event::SinkFailed {
        side: Side::B,
        how: Box::new(SinkFailure::Refused(fault(Exit::BadInput))),
    });
    assert_eq!((robot.run_out(), robot.exit()), (Duration::ZERO, Exit::BadInput));
}

/// A peer that is gone, found by writing; its output takes nothing, and is waited for as `drain_timeout` says.
fn lost_behind(drain_timeout: DrainTimeout) -> Robot {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], true);
    robot.session.output(Side::B, "the target".into(), drain_timeout);
    robot.happens(Event::Blocked { side: Side::A, blocked: true });
    robot.wait(Duration::from_secs(3600));
    let how = SinkFailure::Failed(fault(Exit::Lost));
    robot.happens(Event::SinkFailed { side: Side::A, how: Box::new(how) });
    robot
}

#[test]
fn what_a_lost_peer_sent_is_taken_for_as_long_as_it_is_taken() {
    let mut robot = lost_behind(DrainTimeout::CloseTimeout);
    for _ in 0..20 {
        robot.wait(Duration::from_secs(4));
        robot.happens(Event::Took { side: Side::B });
    }
    assert!(!robot.session.is_over(), "it is being taken");
    robot.wait(Duration::from_secs(6));
    assert_eq!((robot.session.is_over(), robot.exit()), (true, Exit::Lost), "it takes nothing");

    let mut robot = lost_behind(DrainTimeout::Never);
    robot.wait(Duration::from_secs(3600));
    assert!(!robot.session.is_over());
    robot.happens(Event::Blocked { side: Side::A, blocked: false });
    let how = SourceEnd::Lost { fault: fault(Exit::Lost), answer: None };
    robot.happens(Event::Ended { side: Side::A, how: Box::new(how) });
    assert_eq!((robot.session.is_over(), robot.exit()), (true, Exit::Lost));
}

#[test]
fn whoever_does_not_take_what_came_is_waited_for_while_the_peer_lives() {
    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], true);
    robot.session.output(Side::B, "the target".into(), DrainTimeout::CloseTimeout);
    robot.happens(Event::Blocked { side: Side::A, blocked: true });
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
        session.on(Event::Received { side: Side::B, messages: 1 }, start + Duration::from_secs(5));
        let fault = Fault::new(Exit::Lost, "session", "the peer closed the connection without a Close");
        let how = SourceEnd::Lost { fault, answer: None };
        session
            .on(Event::Ended { side: Side::B, how: Box::new(how) }, start + Duration::from_secs(5 + after));
        session.verdict().unwrap()
    };
    assert_eq!(lost(9, None).hint, None);
    for (after, interval, option) in [
        (60, None, "--ping-interval 20"),
        (15, Some(20), "--ping-interval 7"),
        (60, Some(20), "a --ping-interval below 20 s, or messages of your own"),
    ] {
        let hint = lost(after, interval).hint.unwrap();
        assert!(hint.contains(option), "{hint}");
        assert!(hint.contains(&format!("cut after {after} s without a message")), "{hint}");
        assert!(hint.contains("idle timeout of whatever stands between"), "{hint}");
    }
}

#[test]
fn a_close_after_long_silence_is_told_where_an_idle_timeout_may_have_made_it() {
    let start = Instant::now();
    let closes = |serving: bool, after: u64, interval: Option<u64>, code: u16, reason: &str| {
        let kinds = match serving {
            false => [SideKind::Standard, SideKind::WebSocket],
            true => [SideKind::WebSocket, SideKind::Stream],
        };
        let side = if serving { Side::A } else { Side::B };
        let rules = Rules { ping_interval: interval.map(Duration::from_secs), ..Rules::default() };
        let mut session = Session::new(rules, kinds, serving, None, start);
        session.on(Event::Received { side, messages: 1 }, start + Duration::from_secs(5));
        let (code, reason) = (Some(code), reason.to_owned());
        let how = SourceEnd::Close { code, reason, described: "closed".into(), advice: None };
        session.on(Event::Ended { side, how: Box::new(how) }, start + Duration::from_secs(5 + after));
        let note = session.idle_close().map(|[why, hint]| format!("{why}: {hint}"));
        (note, session.verdict().and_then(|fault| fault.hint))
    };
    let silent = (None, None);
    assert_eq!(closes(false, 9, None, 1001, "idle"), silent, "it was no long silence");
    assert_eq!(closes(false, 60, None, 1000, ""), silent);
    assert_eq!(closes(false, 60, None, 1000, "done"), silent);
    assert_eq!(closes(true, 60, None, 1001, ""), silent, "so a page says that is left");
    for (serving, code, reason, interval, words) in [
        (false, 1001, "", None, "which may be an idle timeout's doing: --ping-interval 20"),
        (false, 1001, "Going away", Some(20), "messages of your own (--every)"),
        (false, 1000, "Idle timeout", None, "for its idle timeout: --ping-interval 20"),
        (true, 1001, "connection timed out", None, "for its idle timeout: --ping-interval 20"),
        (true, 1000, "closed for inactivity", Some(20), "messages of your own (--every)"),
    ] {
        let (note, hint) = closes(serving, 60, interval, code, reason);
        let note = note.unwrap_or_else(|| panic!("{code} {reason}"));
        assert!(note.contains(words) && note.contains("after 60 s without a message"), "{note}");
        assert_eq!(hint, None);
    }
    // Another code is a fault, which has the advice.
    let (note, hint) = closes(false, 60, None, 4000, "idle timeout");
    assert!(
        note.is_none() && hint.as_ref().is_some_and(|hint| hint.contains("--ping-interval 20")),
        "{hint:?}"
    );
}

#[test]
fn a_message_that_finds_the_path_gone_does_not_end_the_silence() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let lost = |hears: bool| {
        let rules = Rules { ping_interval: None, ..Rules::default() };
        let mut session = Session::new(rules, [SideKind::Standard, SideKind::WebSocket], false, None, start);
        session.on(Event::Received { side: Side::B, messages: 1 }, at(5));
        session.on(Event::Received { side: Side::A, messages: 1 }, at(305));
        if hears {
            session.on(Event::Heard { side: Side::B, bytes: 100, within: Within::default() }, at(306));
        }
        let fault = Fault::new(Exit::Lost, "session", "the connection was lost: reset by the peer");
        session.on(
            Event::Ended { side: Side::B, how: Box::new(SourceEnd::Lost { fault, answer: None }) },
            at(307),
        );
        session.verdict().unwrap()
    };
    let hint = lost(false).hint.unwrap();
    assert!(hint.contains("--ping-interval 20") && hint.contains("cut after 300 s"), "{hint}");
    assert_eq!(lost(true).hint, None);
}

#[test]
fn a_peer_that_never_answers_a_ping_is_told_as_that() {
    for answers in [false, true] {
        let rules = Rules { ping_interval: Some(Duration::from_secs(1)), ..Rules::default() };
        let mut robot = Robot::new(rules, [SideKind::Standard, SideKind::WebSocket], false);
        if answers {
            robot.wait(Duration::from_secs(1));
            robot.happens(Event::PingSent { side: Side::B });
            robot.happens(Event::Ponged { side: Side::B });
        }
        robot.wait(Duration::from_secs(1));
        robot.happens(Event::PingSent { side: Side::B });
        robot.wait(Duration::from_secs(60));
        let fault = robot.session.verdict().unwrap();
        assert!(fault.cause.contains("no pong within 20 s"), "{fault}");
        assert_eq!(fault.hint.is_some_and(|hint| hint.contains("--ping-interval off")), !answers);
    }
}

#[test]
fn a_peer_that_gives_up_on_an_output_of_ours_is_told_as_that() {
    let start = Instant::now();
    let kinds = [SideKind::Standard, SideKind::WebSocket];
    let ended = |after: u64, how: SourceEnd| {
        let mut session = Session::new(Rules::default(), kinds, false, None, start);
        session.output(Side::A, "standard output".to_owned(), DrainTimeout::Never);
        session.on(Event::Held { side: Side::B, held: true }, start + Duration::from_secs(5));
        session
            .on(Event::Ended { side: Side::B, how: Box::new(how) }, start + Duration::from_secs(5 + after));
        session.verdict().unwrap()
    };
    let lost = || {
        let fault = Fault::new(Exit::Lost, "session", "the peer closed the connection without a Close");
        SourceEnd::Lost { fault, answer: None }
    };
    let closed = || SourceEnd::Close {
        code: Some(1011),
        reason: String::new(),
        described: "1011".to_owned(),
        advice: None,
    };
    for how in [&lost as &dyn Fn() -> SourceEnd, &closed] {
        let hint = ended(40, how()).hint.unwrap();
        assert!(hint.contains("read standard output faster") && hint.contains("--read-ahead"), "{hint}");
        assert!(hint.contains("waited 40 s"), "{hint}");
        assert!(!ended(9, how()).hint.is_some_and(|hint| hint.contains("--read-ahead")), "a moment is none");
    }
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
        let how = SourceEnd::Close {
            code: Some(code),
            reason: String::new(),
            described: code.to_string(),
            advice: None,
        };
        session.on(Event::Ended { side: Side::B, how: Box::new(how) }, Instant::now());
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
        let mut robot =
            after([other, SideKind::Datagrams], Event::Ended { side: Side::A, how: Box::new(MORE) });
        robot.wait(Duration::from_millis(900));
        robot.happens(Event::Received { side: Side::B, messages: 1 });
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
        let mut robot = after(
            [SideKind::Standard, SideKind::Datagrams],
            Event::Ended { side: Side::A, how: Box::new(how) },
        );
        robot.wait(Duration::from_secs(3600));
        assert!(!robot.session.is_over());
    }
}

#[test]
fn a_datagram_peer_gone_quiet_closes_a_web_socket_with_1000() {
    let how = SourceEnd::Eof { empty: false, hangup: true };
    let robot =
        after([SideKind::Datagrams, SideKind::WebSocket], Event::Ended { side: Side::A, how: Box::new(how) });
    assert_eq!((robot.closes[1].clone(), robot.session.is_over()), (vec![Some(1000)], true));
    assert_eq!(robot.exit(), Exit::Ok);
}

#[test]
fn a_message_that_is_no_datagram_is_answered_with_1009() {
    let how = SinkFailure::Failed(fault(Exit::BadInput));
    let robot = after(
        [SideKind::WebSocket, SideKind::Datagrams],
        Event::SinkFailed { side: Side::B, how: Box::new(how) },
    );
    assert_eq!((robot.closes[0].clone(), robot.session.is_over()), (vec![Some(1009)], true));
    assert_eq!(robot.exit(), Exit::BadInput);
}

#[test]
fn one_that_takes_nothing_of_what_is_for_many_is_too_slow_and_not_lost() {
    for (shared, close, exit) in [(true, 1013, Exit::Unsent), (false, 1011, Exit::Lost)] {
        let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], false);
        if shared {
            robot.session.shares(Side::B);
        }
        // The ping that is due does not get out.
        robot.world.swallows_pings = true;
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
    let robot =
        after([SideKind::WebSocket, SideKind::Stream], Event::Ended { side: Side::B, how: Box::new(how()) });
    assert_eq!((robot.closes[0].as_slice(), robot.session.is_over()), (&[Some(1013)][..], true));
    assert_eq!(robot.exit(), Exit::Unsent);

    let mut robot = Robot::new(Rules::default(), [SideKind::WebSocket, SideKind::Stream], false);
    robot.happens(Event::Ended { side: Side::B, how: Box::new(how()) });
    assert!(robot.run_out() <= Duration::from_secs(6), "and no more than that");
}

#[test]
fn a_peer_that_goes_on_talking_keeps_nobody_who_has_to_leave() {
    let person = SourceEnd::Eof { empty: false, hangup: true };
    for event in [
        Event::Signal(Box::new(fault(Exit::Terminate))),
        Event::Ended { side: Side::A, how: Box::new(person) },
    ] {
        let mut robot = Robot::new(Rules::default(), [SideKind::Standard, SideKind::WebSocket], false);
        robot.happens(event);
        for _ in 0..9 {
            robot.wait(Duration::from_secs(1));
            if !robot.session.is_over() {
                robot.happens(Event::Received { side: Side::B, messages: 1 });
            }
        }
        assert!(robot.session.is_over());
    }
}
